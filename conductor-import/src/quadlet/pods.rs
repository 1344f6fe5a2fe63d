//! Translates `.pod` files. Most keys of `[Pod]` mean what they mean for a container, so a pod is first converted as one,
//! and then each of its containers gets the result.

use std::collections::{BTreeMap, BTreeSet};

use conductor_core::definition::Runtime;

use super::container::{Container, Translation};
use super::sections;
use super::unit::{Line, specifiers};
use super::variables::Variables;
use super::{Units, keys};
use crate::Surroundings;
use crate::draft::{Draft, Item, Val};
use crate::report::{Origin, Report};

/// The keys that mean the same for a container.
const AS_OF_A_CONTAINER: [&str; 19] = [
    "AddHost",
    "ContainersConfModule",
    "DNS",
    "DNSOption",
    "DNSSearch",
    "GIDMap",
    "GlobalArgs",
    "HostName",
    "IP",
    "IP6",
    "Network",
    "NetworkAlias",
    "PodmanArgs",
    "PublishPort",
    "ShmSize",
    "SubGIDMap",
    "SubUIDMap",
    "UIDMap",
    "UserNS",
];

/// The keys of a definition that a pod has, too.
const KEPT: [&str; 9] = [
    "ports",
    "networks",
    "hostname",
    "extra_hosts",
    "dns",
    "dns_search",
    "userns",
    "shm_size",
    "options",
];

/// The keys that every container gets, and no pod has.
const OF_EVERY_CONTAINER: [&str; 2] = ["runtime", "container_name"];

/// The pods of the files.
#[derive(Debug, Default)]
pub(super) struct Pods(BTreeMap<String, Pod>);

/// A pod.
#[derive(Debug)]
struct Pod {
    /// Under which it is converted as a container.
    key: String,
    name: String,
    origin: Origin,
    /// Whether a target starts it at boot.
    starts_at_boot: bool,
    /// The units under which systemd knows it.
    units: BTreeSet<String>,
    /// What its containers say of it.
    value: Option<Val>,
}

impl Pods {
    /// Translates all `.pod` files, and adds each as a container.
    pub(super) fn translate(
        units: &Units,
        containers: &mut BTreeMap<String, Container>,
        surroundings: &Surroundings<'_>,
        report: &mut Report,
    ) -> Self {
        let mut pods = Self::default();
        for (name, file, lines) in units.of_kind(".pod") {
            let variables = Variables::read(lines, name, surroundings, report);
            let mut translated = Vec::new();
            let mut given = format!("systemd-{name}");
            let mut known = BTreeSet::from([format!("{name}.pod"), format!("{name}-pod.service")]);
            for line in lines {
                let origin = Origin::new(line.at, format!("{}.{}", line.section, line.key));
                let value = specifiers(&line.value, name).unwrap_or_else(|_| line.value.clone());
                match (line.section.as_str(), line.key.as_str()) {
                    ("Pod", "PodName") => given = variables.replace(&value, false).text,
                    ("Pod", "ServiceName") => known.extend([format!("{value}.service")]),
                    ("Pod", key) if AS_OF_A_CONTAINER.contains(&key) => {
                        translated.push(Line { section: "Container".to_owned(), ..line.clone() });
                    }
                    _ if is_needless(line) => {}
                    ("Pod", "Volume") => report.leave_out(
                        &origin,
                        "left out: it mounts a volume into all containers of the pod",
                        "write it into volumes of each",
                    ),
                    ("Pod", key) => {
                        report.leave_out(
                            &origin,
                            format!("left out: it sets {key} of the pod"),
                            "",
                        );
                    }
                    (section, key) => report.leave_out(
                        &origin,
                        format!("left out: it sets {key} in [{section}] of the unit of the pod"),
                        "",
                    ),
                }
            }
            let starts_at_boot = lines.iter().any(|line| {
                line.section == "Install" && ["WantedBy", "RequiredBy"].contains(&line.key.as_str())
            });
            let mut key = format!("{name}-pod");
            while containers.contains_key(&key) {
                key.push_str("-pod");
            }
            let container =
                Translation::new(units, name, &variables, report).translate(&translated);
            containers.insert(key.clone(), Container { file, ..container });
            let origin = Origin::new(crate::node::Place { file, line: 1, column: 1 }, "");
            let pod = Pod { key, name: given, origin, starts_at_boot, units: known, value: None };
            pods.0.insert(format!("{name}.pod"), pod);
        }
        pods
    }

    /// Returns whether what was converted is one of the pods.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.values().any(|pod| pod.key == key)
    }

    /// Moves what a draft says of a pod, which was converted as a container, into the pod.
    pub(super) fn take(&mut self, key: &str, draft: &Draft, report: &mut Report) {
        let Some(pod) = self.0.values_mut().find(|pod| pod.key == key) else { return };
        let mut items = Vec::new();
        for field in draft.fields() {
            match field.key.as_str() {
                key if KEPT.contains(&key) => items.push(field.clone()),
                key if OF_EVERY_CONTAINER.contains(&key) => {}
                key => {
                    let message = format!("left out: it sets {key} of the pod");
                    report.leave_out(&field.origin, message, "");
                }
            }
        }
        items.sort_by_key(|item| KEPT.iter().position(|key| *key == item.key));
        let name = Val::Text(pod.name.clone());
        pod.value = Some(if items.is_empty() {
            name
        } else {
            let origin = pod.origin.clone();
            let name = Item { key: "name".to_owned(), value: name, origin };
            Val::Map(std::iter::once(name).chain(items).collect())
        });
    }

    /// Puts a container into its pod. Returns the lines of the file of the pod about other units, and whether a target
    /// starts it at boot.
    pub(super) fn join<'u>(
        &self,
        draft: &mut Draft,
        (file, origin): &(String, Origin),
        runtime: Runtime,
        units: &'u Units,
        report: &mut Report,
    ) -> (Vec<&'u Line>, bool) {
        let Some(pod) = self.0.get(file) else {
            let message = format!("left out: there is no {file} among the files");
            report.leave_out(origin, message, "import it together with this file");
            return (Vec::new(), false);
        };
        if runtime == Runtime::Podman {
            draft.set("pod", pod.value.clone().unwrap_or(Val::Text(pod.name.clone())), origin);
        } else {
            let (does, instead) = keys::WITHOUT_PODS;
            report.leave_out(origin, format!("left out: {does}"), instead);
        }
        let lines = units.0.get(file).map_or(&[][..], |(_, lines)| lines);
        let relations = lines.iter().filter(|line| {
            line.section == "Unit" && sections::RELATIONS.contains(&line.key.as_str())
        });
        (relations.collect(), pod.starts_at_boot)
    }

    /// Returns whether a unit is that of a pod.
    pub(super) fn has_unit(&self, unit: &str) -> bool {
        self.0.values().any(|pod| pod.units.contains(unit))
    }
}

/// Returns whether a line of a pod needs no counterpart: conductor does so anyway, or each container gets it.
fn is_needless(line: &Line) -> bool {
    match (line.section.as_str(), line.key.as_str()) {
        // conductor's pod stays until its last user is removed, and what holds its address ends at once.
        // Its containers start it at boot.
        ("Pod", "ExitPolicy" | "StopTimeout") | ("Install", _) => true,
        ("Unit", key) => key == "Description" || sections::RELATIONS.contains(&key),
        // It is started again whenever it ends.
        ("Service", key) => {
            ["Restart", "RestartSec", "Environment", "EnvironmentFile"].contains(&key)
        }
        _ => false,
    }
}
