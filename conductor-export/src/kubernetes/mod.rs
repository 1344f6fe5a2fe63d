//! Writes objects of Kubernetes.

mod container;
pub(crate) mod fates;
mod jobs;
mod model;
mod pod;
mod probes;

use std::collections::BTreeMap;

use conductor_core::definition::Order;
use conductor_core::name::slug;
use conductor_core::service::ServiceFields as Definition;
use conductor_core::value::VolumeSource;

use crate::File;
use crate::given::Given;
use crate::model::yaml;
use crate::report::Report;
use crate::text::seconds;

use model::{
    IntOrText, Map, Metadata, Object, Resources, RollingUpdate, Selector, ServicePort, Spec,
    Strategy,
};

/// The longest name of an object that is part of the name of its pods.
const LONGEST: usize = 52;

/// The conversion of all services.
struct Conversion<'c> {
    report: &'c mut Report,
    objects: Vec<Object>,
    /// Jobs that end before the objects of a new version are applied.
    before: Vec<Object>,
    claims: BTreeMap<String, Object>,
}

pub(crate) fn export(all: &[Given<'_>], report: &mut Report) -> Vec<File> {
    let (objects, before, claims) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut conversion = Conversion { report, objects, before, claims };
    for given in all {
        conversion.service(given);
    }
    let Conversion { mut objects, before, claims, .. } = conversion;
    objects.splice(0..0, claims.into_values());
    let file = |name: &str, objects: &[Object]| {
        let texts: Vec<_> = objects.iter().map(yaml).collect();
        File { name: name.to_owned(), text: texts.join("---\n") }
    };
    let files = [file("before.yaml", &before), file("services.yaml", &objects)];
    files.into_iter().filter(|file| !file.text.is_empty()).collect()
}

/// Returns the name of the objects of a service, or of anything else: a label of DNS (RFC 1123).
fn name(text: &str) -> String {
    text.replace(['_', '.'], "-").trim_matches('-').to_lowercase()
}

fn metadata(given: &Given<'_>, name: String) -> Metadata {
    Metadata { name, labels: labels(given), annotations: Map::new() }
}

/// The labels by which objects find the pods of a service.
fn labels(given: &Given<'_>) -> Map<String> {
    let own = name(given.service.id.as_str());
    [("app.kubernetes.io/name".to_owned(), own)].into()
}

impl Conversion<'_> {
    fn service(&mut self, given: &Given<'_>) {
        let Definition { id, instances, deploy, .. } = &**given.service;
        let own = name(id.as_str());
        if own.len() > LONGEST || own.starts_with(|c: char| c.is_ascii_digit()) {
            let does = "the whole service is left out: Kubernetes has no such names";
            let instead = "begin with a letter, and write at most 52 characters";
            return self.report.leave_out(given.service, "id", does, instead);
        }
        self.claims(given);
        self.jobs(given);
        if given.service.is_oneshot() {
            self.oneshot(given);
            return;
        }
        let (spec, annotations) = self.pod(given);
        let rolling = RollingUpdate {
            max_surge: Some(match deploy.batch {
                Some(batch) => IntOrText::Int(u32::from(batch)),
                None => IntOrText::Text("100%"),
            }),
            max_unavailable: Some(IntOrText::Int(0)),
        };
        let strategy = match deploy.order {
            Order::StartFirst => {
                Strategy { r#type: "RollingUpdate", rolling_update: Some(rolling) }
            }
            Order::StopFirst => Strategy { r#type: "Recreate", rolling_update: None },
        };
        let healthy = seconds(deploy.min_healthy_time.duration());
        let start =
            given.service.health.as_ref().map_or(0, |it| seconds(it.start_period.duration()));
        let of_pods = Metadata { labels: labels(given), annotations, ..Metadata::default() };
        self.objects.push(Object {
            api_version: "apps/v1",
            kind: "Deployment",
            metadata: metadata(given, own),
            spec: Some(Spec {
                replicas: Some(*instances),
                revision_history_limit: Some(deploy.keep),
                min_ready_seconds: Some(healthy).filter(|time| *time > 0),
                // By default ten minutes, in which a slow start and a stable time must fit.
                progress_deadline_seconds: Some(start + healthy + 60).filter(|time| *time > 600),
                strategy: Some(strategy),
                selector: Some(Selector::Labels { match_labels: labels(given) }),
                template: Some(model::PodTemplate { metadata: of_pods, spec }),
                ..Spec::default()
            }),
        });
        self.found_by(given);
    }

    /// Adds the Service by which others find the instances, and one for each more name.
    fn found_by(&mut self, given: &Given<'_>) {
        let Definition { id, port, ports, networks, network_mode, .. } = &**given.service;
        let of_service = |number: u16, inside: u16, protocol: &'static str| ServicePort {
            name: format!("{}-{number}", protocol.to_lowercase()),
            port: number,
            target_port: inside,
            protocol,
        };
        let own_port = port.map(|port| of_service(port.number(), port.number(), "TCP"));
        let mut all: Vec<_> = own_port.into_iter().collect();
        let mut public = Vec::new();
        for fixed in ports {
            let protocol = if fixed.protocol.as_str() == "udp" { "UDP" } else { "TCP" };
            let host = fixed.host.unwrap_or(fixed.inside).number();
            let is_local = fixed.address.is_some_and(|it| std::net::IpAddr::from(it).is_loopback());
            for offset in 0..fixed.count {
                let port = of_service(host + offset, fixed.inside.number() + offset, protocol);
                if !is_local && network_mode.is_none() {
                    public.push(port.clone());
                }
                all.push(port);
            }
        }
        for (network, connection) in networks {
            let path = format!("networks.{network}");
            if connection.addresses().next().is_some() {
                let does = "it gives the container a fixed address";
                let instead = "name the service in place of its address";
                self.report.leave_out(given.service, &path, does, instead);
            }
            if connection.settings.internal {
                let does = "containers reach nothing outside of the network";
                self.report.leave_out(given.service, &path, does, "write a NetworkPolicy");
            }
        }
        if all.is_empty() && networks.is_empty() {
            return;
        }
        let own = name(id.as_str());
        let aliases =
            networks.values().flat_map(|it| &it.aliases).map(|alias| name(alias.as_str()));
        let names: std::collections::BTreeSet<_> =
            std::iter::once(own.clone()).chain(aliases).collect();
        // In a network of conductor others reach all ports; a Service without ports has no address of its own.
        let cluster_ip = all.is_empty().then_some("None");
        for own in names {
            self.objects.push(of_pods(
                given,
                own,
                Spec { cluster_ip, ports: all.clone(), ..Spec::default() },
            ));
        }
        if !public.is_empty() {
            let note = "these have an address outside of the cluster, from its load balancer";
            self.report.note(given.service, "ports", note);
            let spec = Spec { r#type: Some("LoadBalancer"), ports: public, ..Spec::default() };
            self.objects.push(of_pods(given, format!("{own}-public"), spec));
        }
    }

    /// Adds a claim for each volume.
    fn claims(&mut self, given: &Given<'_>) {
        for (index, volume) in given.service.volumes.iter().enumerate() {
            let VolumeSource::Named(volume) = &volume.source else { continue };
            let own = claim(given, volume);
            self.report.note(
                given.service,
                &format!("volumes[{index}]"),
                format!(
                    "the claim {own} asks for 1Gi: write how much the data needs, and copy it there"
                ),
            );
            let object = Object {
                api_version: "v1",
                kind: "PersistentVolumeClaim",
                metadata: Metadata { name: own.clone(), ..Metadata::default() },
                spec: Some(Spec {
                    access_modes: vec!["ReadWriteOnce"],
                    resources: Some(Resources {
                        requests: [("storage".to_owned(), "1Gi".to_owned())].into(),
                        ..Resources::default()
                    }),
                    ..Spec::default()
                }),
            };
            self.claims.insert(own, object);
        }
    }
}

/// Returns a Service that leads to the pods of a service.
fn of_pods(given: &Given<'_>, name: String, spec: Spec) -> Object {
    let selector = Some(Selector::Plain(labels(given)));
    Object {
        api_version: "v1",
        kind: "Service",
        metadata: metadata(given, name),
        spec: Some(Spec { selector, ..spec }),
    }
}

/// Returns the name of the claim for a volume.
fn claim(given: &Given<'_>, volume: &conductor_core::name::VolumeName) -> String {
    match given.service.process.volume_names.get(volume) {
        Some(engine) => name(engine.as_str()),
        None => name(&format!("{}-{volume}", given.service.id)),
    }
}

/// Returns a revision as a part of a name.
fn of_revision(given: &Given<'_>) -> String {
    let text = given.revision.strip_prefix("sha256:").unwrap_or(&given.revision);
    slug(&text.chars().take(12).collect::<String>()).replace('_', "-")
}
