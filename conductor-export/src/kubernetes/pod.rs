//! Converts what a pod has beside its container.

use conductor_core::definition::NetworkMode;
use conductor_core::service::Process;
use conductor_core::value::{VolumeOption, VolumeSource};

use super::model::{
    Claim, Container, Dns, EmptyDir, HostAlias, HostPath, Map, Mount, Pair, Pod, PodSecurity,
    SecretVolume, Text, Volume,
};
use super::{Conversion, claim, name};
use crate::given::Given;
use crate::text::seconds;

impl Conversion<'_> {
    /// Returns the pod of an instance, and its annotations.
    pub(super) fn pod(&mut self, given: &Given<'_>) -> (Pod, Map<String>) {
        let service = given.service;
        let mut container = self.container(given, &service.command, service.entrypoint.as_deref());
        self.limits(given, &service.limits, &mut container);
        if let Some(port) = service.port.filter(|_| !given.is_in_host_network()) {
            container.ports.push(super::model::ContainerPort {
                container_port: port.number(),
                protocol: "TCP",
            });
        }
        Self::probes(given, &mut container);
        let pod = self.around(given, container);
        let annotations = service.process.labels.iter();
        let annotations = annotations
            .map(|(label, value)| (label.to_string(), given.text(value.as_str(), "1")))
            .collect();
        (pod, annotations)
    }

    /// Returns a pod around a container.
    #[expect(clippy::too_many_lines, reason = "a few lines for each key")]
    pub(super) fn around(&mut self, given: &Given<'_>, mut container: Container) -> Pod {
        let service = given.service;
        // Without `..`: for each new key it must be decided here what becomes of it.
        let Process {
            group_add,
            hostname,
            extra_hosts,
            dns,
            dns_search,
            tmpfs,
            shm_size,
            sysctls,
            pid,
            ipc,
            platform,
            // Of the container.
            working_dir: _,
            read_only: _,
            security_opt: _,
            privileged: _,
            tty: _,
            gpus: _,
            // Of the claims, and of the pod's annotations.
            volume_names: _,
            labels: _,
            // Reported by the table.
            container_name: _,
            init: _,
            stop_signal: _,
            ulimits: _,
            devices: _,
            userns: _,
            options: _,
            runtime_directory: _,
        } = &service.process;
        let mut pod = Pod {
            termination_grace_period_seconds: Some(seconds(service.deploy.stop_timeout.duration())),
            host_network: given.is_in_host_network(),
            dns_policy: given.is_in_host_network().then_some("ClusterFirstWithHostNet"),
            host_pid: pid.is_some(),
            ..Pod::default()
        };
        if service.network_mode == Some(NetworkMode::None) {
            let does = "it has no network";
            self.report.leave_out(service, "network_mode", does, "write a NetworkPolicy");
        }
        match ipc.as_ref().map(ToString::to_string).as_deref() {
            None => {}
            Some("host") => pod.host_ipc = true,
            Some(_) => {
                let does = "it says whose shared memory the container has";
                self.report.leave_out(service, "ipc", does, "put both into one pod");
            }
        }
        if let Some(hostname) = hostname {
            let text = hostname.to_string();
            match text.contains(['.', '_']) || text.to_lowercase() != text {
                true => {
                    let does = "it is the name that the container has for itself";
                    let instead = "write a name without dots and capital letters";
                    self.report.leave_out(service, "hostname", does, instead);
                }
                false => pod.hostname = Some(text),
            }
        }
        for (index, host) in extra_hosts.iter().enumerate() {
            let text = host.to_string();
            match text.split_once(':') {
                Some((host, address))
                    if address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() =>
                {
                    let ip = address.trim_matches(['[', ']']).to_owned();
                    pod.host_aliases.push(HostAlias { ip, hostnames: vec![host.to_owned()] });
                }
                _ => {
                    let does = "it is a name of the host on which the container runs";
                    self.report.leave_out(service, &format!("extra_hosts[{index}]"), does, "");
                }
            }
        }
        if !dns.is_empty() || !dns_search.is_empty() {
            let nameservers = dns.iter().map(ToString::to_string).collect();
            let searches = dns_search.iter().map(ToString::to_string).collect();
            pod.dns_config = Some(Dns { nameservers, searches });
        }
        let mut security = PodSecurity::default();
        for (index, group) in group_add.iter().enumerate() {
            match group.as_str().parse() {
                Ok(number) => security.supplemental_groups.push(number),
                Err(_) => self.report.leave_out(
                    service,
                    &format!("group_add[{index}]"),
                    "it is the name of a group in the image",
                    "write its number",
                ),
            }
        }
        security.sysctls = sysctls
            .iter()
            .map(|(name, value)| Pair { name: name.to_string(), value: Text(value.to_string()) })
            .collect();
        pod.security_context = Some(security).filter(|it| *it != PodSecurity::default());
        if let Some(platform) = platform.as_ref().map(ToString::to_string) {
            let mut parts = platform.split('/');
            for label in ["kubernetes.io/os", "kubernetes.io/arch"] {
                if let Some(part) = parts.next() {
                    pod.node_selector.insert(label.to_owned(), part.to_owned());
                }
            }
        }
        let mut in_memory = |pod: &mut Pod, target: String, size: Option<String>| {
            let own = format!("memory-{}", pod.volumes.len());
            let directory = EmptyDir { medium: "Memory", size_limit: size };
            container.volume_mounts.push(mount(&own, target, false));
            pod.volumes.push(Volume { name: own, empty_dir: Some(directory), ..Volume::default() });
        };
        for (index, tmpfs) in tmpfs.iter().enumerate() {
            let options = tmpfs.options.as_ref().map_or("", |options| options.as_str());
            let mut size = None;
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.strip_prefix("size=") {
                    Some(text) => size = Some(binary(text)),
                    None => self.report.leave_out(
                        service,
                        &format!("tmpfs[{index}]"),
                        &format!("{option} is an option of the directory in memory"),
                        "",
                    ),
                }
            }
            in_memory(&mut pod, given.text(tmpfs.target.as_str(), "1"), size);
        }
        if let Some(size) = shm_size {
            in_memory(&mut pod, "/dev/shm".to_owned(), Some(size.bytes().to_string()));
        }
        self.mounts(given, &mut pod, &mut container);
        pod.containers = vec![container];
        pod
    }

    fn mounts(&mut self, given: &Given<'_>, pod: &mut Pod, container: &mut Container) {
        let service = given.service;
        for (index, volume) in service.volumes.iter().enumerate() {
            let path = format!("volumes[{index}]");
            for option in &volume.options {
                if *option != VolumeOption::Private {
                    let does = format!("{} is an option of the mount", option.as_str());
                    self.report.leave_out(service, &path, &does, "");
                }
            }
            let own = format!("volume-{index}");
            let target = given.text(volume.target.as_str(), "1");
            container.volume_mounts.push(mount(&own, target, volume.read_only));
            let mut of_pod = Volume { name: own, ..Volume::default() };
            match &volume.source {
                VolumeSource::Path(source) => {
                    self.report.note(service, &path, "the directory has to be on each node");
                    let path = given.text(source.as_str(), "1");
                    of_pod.host_path = Some(HostPath { path });
                }
                VolumeSource::Named(volume) => {
                    of_pod.persistent_volume_claim =
                        Some(Claim { claim_name: claim(given, volume) });
                }
            }
            pod.volumes.push(of_pod);
        }
        if service.secrets.is_empty() {
            return;
        }
        let secret = format!("{}-secrets", name(service.id.as_str()));
        let mut files = String::new();
        for (secret, path) in &service.secrets {
            files.extend([" --from-file=", secret.as_str(), "=", path.as_str()]);
        }
        let make = format!("make it before: kubectl create secret generic {secret}{files}");
        self.report.note(service, "secrets", make);
        for secret in service.secrets.keys() {
            let target = format!("/run/secrets/{secret}");
            let sub_path = Some(secret.to_string());
            container.volume_mounts.push(Mount { sub_path, ..mount("secrets", target, true) });
        }
        let of_pod = SecretVolume { secret_name: secret, default_mode: Some(0o444) };
        pod.volumes.push(Volume {
            name: "secrets".to_owned(),
            secret: Some(of_pod),
            ..Volume::default()
        });
    }
}

fn mount(name: &str, mount_path: String, read_only: bool) -> Mount {
    Mount { name: name.to_owned(), mount_path, sub_path: None, read_only }
}

/// Returns a size of tmpfs(5), in the words of Kubernetes: `64Mi`.
fn binary(text: &str) -> String {
    match text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
        Some(number) => {
            let unit = text[number.len()..].to_uppercase();
            format!("{number}{unit}i")
        }
        None => text.to_owned(),
    }
}
