//! Converts one service to `.container` files.

use std::time::Duration;

use conductor_core::definition::{NetworkMode, PullPolicy};
use conductor_core::name::{ContainerName, NetworkAlias, NetworkName};
use conductor_core::service::{
    Connection, Health, HealthCheck, Limits, NetworkSettings, Pod, Process,
    ServiceFields as Definition,
};
use conductor_core::unit::escape::{description, percent, quote};
use conductor_core::unit::start_timeout;
use conductor_core::value::{Argument, HostPath, Span, User, Volume, VolumeSource};

use super::unit::{Unit, dollar};
use super::{Conversion, names};
use crate::given::{Given, start_period};
use crate::text::seconds;

/// What systemd waits for by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(90);
/// How long podman may take beyond the program's deadline.
const SLACK: Duration = Duration::from_secs(10);

/// A command that runs in a container.
pub(super) struct Command<'c> {
    /// The name of its unit.
    pub(super) name: String,
    /// The name of the container, if that is another one.
    pub(super) container_name: Option<&'c ContainerName>,
    pub(super) instance: String,
    pub(super) command: &'c [Argument],
    pub(super) entrypoint: Option<&'c [Argument]>,
    pub(super) user: Option<&'c User>,
    pub(super) limits: Limits,
    pub(super) is_job: bool,
}

impl Conversion<'_> {
    /// Adds the files of a service.
    pub(super) fn service(&mut self, given: &Given<'_>, all: &[Given<'_>]) {
        let service = given.service;
        let before = service.deploy.before.as_ref().map(|command| {
            let name = format!("{}-before", service.id);
            let task = Command {
                name: name.clone(),
                container_name: None,
                instance: "1".to_owned(),
                command,
                entrypoint: service
                    .deploy
                    .before_entrypoint
                    .as_deref()
                    .or(service.entrypoint.as_deref()),
                user: service.user.as_ref(),
                limits: service.limits.clone(),
                is_job: false,
            };
            let mut unit = self.container(given, &task);
            Self::joins(given, &mut unit);
            Self::once(&mut unit, Some(service.deploy.before_timeout.duration()));
            unit.line("Service", "RemainAfterExit", "yes");
            self.depends(given, all, &mut unit);
            self.add(given, "deploy.before", format!("{name}.container"), unit);
            self.report.note(
                service,
                "deploy.before",
                format!(
                    "it runs once after each boot; before you update: systemctl restart {name}"
                ),
            );
            format!("{name}.service")
        });
        for (number, name) in names(given).into_iter().enumerate() {
            let task = Command {
                name: name.clone(),
                container_name: service.process.container_name.as_ref(),
                instance: (number + 1).to_string(),
                command: &service.command,
                entrypoint: service.entrypoint.as_deref(),
                user: service.user.as_ref(),
                limits: service.limits.clone(),
                is_job: false,
            };
            let mut unit = self.container(given, &task);
            if let Some(before) = &before {
                for key in ["Requires", "After"] {
                    unit.line("Unit", key, before);
                }
            }
            self.depends(given, all, &mut unit);
            Self::found_by(given, &name, &mut unit);
            Self::ports(given, &mut unit);
            self.runs(given, &mut unit);
            Self::settings(given, &mut unit);
            self.add(given, "id", format!("{name}.container"), unit);
        }
    }

    /// Returns the unit of a command, with what all commands of a service have.
    pub(super) fn container(&mut self, given: &Given<'_>, task: &Command<'_>) -> Unit {
        let service = given.service;
        let mut unit = Unit::default();
        if let Some(text) = &service.description {
            unit.line("Unit", "Description", &description(text.as_str()));
        }
        unit.value("Image", &given.image);
        let pull = match service.pull {
            PullPolicy::Missing => None,
            // As with conductor, a job runs what is there.
            PullPolicy::Always => (!task.is_job).then_some("always"),
            PullPolicy::Never => Some("never"),
        };
        if let Some(pull) = pull {
            unit.value("Pull", pull);
        }
        match task.container_name {
            Some(name) => unit.value("ContainerName", name),
            None => unit.value("ContainerName", &task.name),
        }
        match task.entrypoint.map(|words| given.words(words, &task.instance)).as_deref() {
            None => {}
            Some([]) => unit.words("PodmanArgs", ["--entrypoint="]),
            Some(words) => unit.value("Entrypoint", list(words)),
        }
        if !task.command.is_empty() {
            unit.words("Exec", given.words(task.command, &task.instance));
        }
        if let Some(user) = task.user {
            unit.value("User", user.name());
            if let Some(group) = user.group() {
                unit.value("Group", group);
            }
        }
        for (name, value) in given.env(&task.instance) {
            unit.words("Environment", [format!("{name}={value}")]);
        }
        for file in &service.env_files {
            unit.value("EnvironmentFile", file);
        }
        let capabilities =
            [("AddCapability", &service.cap_add), ("DropCapability", &service.cap_drop)];
        for (key, capabilities) in capabilities {
            for capability in capabilities {
                unit.value(key, capability);
            }
        }
        Self::process(given, task, &mut unit);
        self.networks(given, &mut unit);
        self.mounts(given, &task.instance, &mut unit);
        limits(&task.limits, &mut unit);
        unit
    }

    #[expect(clippy::too_many_lines, reason = "a few lines for each key")]
    fn process(given: &Given<'_>, task: &Command<'_>, unit: &mut Unit) {
        // Without `..`: for each new key it must be decided here what becomes of it.
        let Process {
            group_add,
            working_dir,
            hostname,
            // With the name of the unit.
            container_name: _,
            init,
            stop_signal,
            ulimits,
            extra_hosts,
            dns,
            dns_search,
            // With the volumes.
            volume_names: _,
            tmpfs,
            read_only,
            security_opt,
            devices,
            privileged,
            shm_size,
            sysctls,
            pid,
            ipc,
            userns,
            tty,
            gpus,
            platform,
            labels,
            options,
            // Only native services have it.
            runtime_directory: _,
        } = &given.service.process;
        let text = |text: &str| given.text(text, &task.instance);
        for group in group_add {
            unit.value("GroupAdd", group);
        }
        if let Some(path) = working_dir {
            unit.value("WorkingDir", text(path.as_str()));
        }
        if let Some(name) = hostname {
            unit.value("HostName", name);
        }
        unit.value("RunInit", init.unwrap_or(pid.is_none()));
        if let Some(signal) = stop_signal {
            unit.value("StopSignal", signal);
        }
        for (name, limit) in ulimits {
            unit.value("Ulimit", format!("{name}={limit}"));
        }
        for host in extra_hosts {
            unit.value("AddHost", host);
        }
        for address in dns {
            unit.value("DNS", address);
        }
        for domain in dns_search {
            unit.value("DNSSearch", domain);
        }
        for tmpfs in tmpfs {
            let target = text(tmpfs.target.as_str());
            let options = tmpfs.options.iter().map(|options| format!(":{options}"));
            unit.value("Tmpfs", target + &options.collect::<String>());
        }
        if *read_only == Some(true) {
            unit.value("ReadOnly", true);
            // As with docker, and with conductor.
            unit.value("ReadOnlyTmpfs", false);
        }
        for option in security_opt {
            match option.as_str() {
                "no-new-privileges" | "no-new-privileges:true" => {
                    unit.value("NoNewPrivileges", true);
                }
                "label=disable" => unit.value("SecurityLabelDisable", true),
                other => unit.words("PodmanArgs", [format!("--security-opt={other}")]),
            }
        }
        for device in devices {
            unit.value("AddDevice", device);
        }
        if let Some(size) = shm_size {
            unit.value("ShmSize", size.bytes());
        }
        for (name, value) in sysctls {
            unit.words("Sysctl", [format!("{name}={value}")]);
        }
        if let Some(users) = userns {
            unit.value("UserNS", users);
        }
        for (name, value) in labels {
            unit.words("Label", [format!("{name}={}", text(value.as_str()))]);
        }
        let mut option = |name: &str, value: Option<String>| {
            unit.words("PodmanArgs", value.map(|value| format!("--{name}={value}")).as_slice());
        };
        let flags = [("privileged", privileged), ("tty", tty)];
        for (name, flag) in flags.into_iter().filter(|(_, flag)| **flag == Some(true)) {
            option(name, flag.map(|flag| flag.to_string()));
        }
        for (name, value) in [
            ("pid", pid.as_ref().map(ToString::to_string)),
            ("ipc", ipc.as_ref().map(ToString::to_string)),
            ("gpus", gpus.as_ref().map(ToString::to_string)),
            ("platform", platform.as_ref().map(ToString::to_string)),
        ] {
            if value.is_some() {
                option(name, value);
            }
        }
        for option in options {
            unit.words("PodmanArgs", [option.as_str()]);
        }
    }

    fn networks(&mut self, given: &Given<'_>, unit: &mut Unit) {
        if let Some(pod) = &given.service.pod {
            unit.value("Pod", format!("{}.pod", pod.name));
            self.files.insert(format!("{}.pod", pod.name), pod_file(pod));
        }
        match given.service.network_mode {
            Some(NetworkMode::Host) => unit.value("Network", "host"),
            Some(NetworkMode::None) => unit.value("Network", "none"),
            None => {}
        }
        let of_pod = given.service.pod.iter().flat_map(|pod| &pod.networks);
        for (name, connection) in given.service.networks.iter().chain(of_pod) {
            let NetworkSettings { internal, enable_ipv6, subnets, gateways: _, driver_opts } =
                &connection.settings;
            let mut network = Unit::default();
            network.line("Network", "NetworkName", &percent(name.as_str()));
            if *internal {
                network.line("Network", "Internal", "true");
            }
            if *enable_ipv6 || subnets.iter().any(|subnet| subnet.is_ipv6()) {
                network.line("Network", "IPv6", "true");
            }
            for (subnet, gateway) in connection.settings.ranges() {
                network.line("Network", "Subnet", &subnet.to_string());
                if let Some(gateway) = gateway {
                    network.line("Network", "Gateway", &gateway.to_string());
                }
            }
            for (option, value) in driver_opts {
                let (option, value) = (option.as_str(), value.as_str());
                let (key, word) = if option == "com.docker.network.bridge.name" {
                    // podman has another option for it.
                    ("PodmanArgs", format!("--interface-name={value}"))
                } else {
                    ("Options", format!("{option}={value}"))
                };
                network.line("Network", key, &dollar(&quote(&word)));
            }
            self.files.insert(format!("{name}.network"), network);
        }
    }

    /// Adds the networks, with the names that lead to an instance.
    fn found_by(given: &Given<'_>, name: &str, unit: &mut Unit) {
        let id = given.service.id.as_str();
        for (network, connection) in &given.service.networks {
            let own = (name != id).then_some(id);
            unit.value("Network", connected(network, own, connection));
        }
    }

    /// Adds the networks without names, for a command that nobody asks.
    pub(super) fn joins(given: &Given<'_>, unit: &mut Unit) {
        for network in given.service.networks.keys() {
            unit.value("Network", format!("{network}.network"));
        }
    }

    fn ports(given: &Given<'_>, unit: &mut Unit) {
        if given.is_in_host_network() {
            return;
        }
        if let Some(port) = &given.published() {
            unit.value("PublishPort", port);
        }
        for port in &given.service.ports {
            unit.value("PublishPort", port);
        }
    }

    fn mounts(&mut self, given: &Given<'_>, instance: &str, unit: &mut Unit) {
        for Volume { source, target, read_only, options } in &given.service.volumes {
            let source = match source {
                VolumeSource::Path(path) => given.text(path.as_str(), instance),
                VolumeSource::Named(name) => {
                    let key = &self.volumes[&(given.service.id.clone(), name.clone())];
                    let mut volume = Unit::default();
                    let (engine, _) = given.engine_volume(name);
                    volume.line("Volume", "VolumeName", &percent(&engine));
                    let file = format!("{key}.volume");
                    self.files.insert(file.clone(), volume);
                    file
                }
            };
            let mode = read_only.then_some("ro");
            let words: Vec<_> =
                mode.into_iter().chain(options.iter().map(|option| option.as_str())).collect();
            let colon = if words.is_empty() { "" } else { ":" };
            let target = given.text(target.as_str(), instance);
            unit.value("Volume", format!("{source}:{target}{colon}{}", words.join(",")));
        }
        for (name, path) in &given.service.secrets {
            let secret = format!("{}-{name}", given.service.id);
            unit.value("Secret", format!("{secret},type=mount,target={name},mode=0444"));
            self.report.note(
                given.service,
                &format!("secrets.{name}"),
                format!("podman keeps it; before the start: podman secret create {secret} {path}"),
            );
        }
    }

    /// Adds the services on which it depends.
    pub(super) fn depends(&mut self, given: &Given<'_>, all: &[Given<'_>], unit: &mut Unit) {
        for id in given.service.depends_on.keys() {
            let Some(other) = all.iter().find(|other| other.service.id == *id) else {
                let does = format!("it waits for {id}, which is not exported");
                self.report.leave_out(given.service, &format!("depends_on.{id}"), &does, "");
                continue;
            };
            for name in names(other) {
                for key in ["Wants", "After"] {
                    unit.line("Unit", key, &format!("{name}.service"));
                }
            }
        }
    }

    /// Adds the directives of systemd. Those of a service count in place of what is computed from its other keys.
    fn settings(given: &Given<'_>, unit: &mut Unit) {
        for (section, directives) in &given.service.settings {
            let section = if section.as_str() == "Unit" { "Unit" } else { "Service" };
            for (name, setting) in directives {
                if section == "Service" {
                    unit.forget(section, name.as_str());
                }
                for value in setting.values() {
                    unit.line(section, name.as_str(), value);
                }
            }
        }
    }

    /// Makes a unit run its command to the end.
    pub(super) fn once(unit: &mut Unit, timeout: Option<Duration>) {
        unit.line("Service", "Type", "oneshot");
        let timeout = timeout.map_or("infinity".to_owned(), |timeout| seconds(timeout).to_string());
        unit.line("Service", "TimeoutStartSec", &timeout);
    }

    /// Adds health, and when it is started again.
    fn runs(&mut self, given: &Given<'_>, unit: &mut Unit) {
        let Definition { health, deploy, timeout, .. } = &**given.service;
        unit.line("Install", "WantedBy", "multi-user.target default.target");
        let stop = deploy.stop_timeout.duration();
        unit.value("StopTimeout", seconds(stop));
        if stop + SLACK > DEFAULT_TIMEOUT {
            unit.line("Service", "TimeoutStopSec", &seconds(stop + SLACK).to_string());
        }
        if given.service.is_oneshot() {
            Self::once(unit, timeout.map(Span::duration));
            unit.line("Service", "RemainAfterExit", "yes");
            return;
        }
        unit.line("Service", "Restart", "always");
        let checked = health.as_ref().is_some_and(|health| self.health(given, health, unit));
        let timeout = health.as_ref().filter(|_| checked).and_then(|health| {
            let [period, interval] = [health.start_period, health.interval].map(Span::duration);
            start_timeout(period, interval, health.retries)
        });
        if let Some(timeout) = timeout {
            unit.line("Service", "TimeoutStartSec", &timeout.to_string());
        }
    }

    /// Adds the health check. Returns whether there is one.
    fn health(&mut self, given: &Given<'_>, health: &Health, unit: &mut Unit) -> bool {
        let Some(words) = given.check_command() else { return false };
        if let HealthCheck::Http(http) = &health.check {
            let path = "health.http";
            self.report.note(
                given.service,
                path,
                "the check runs in the container: its image needs curl",
            );
            if http.status.as_ref().is_some_and(|status| status.as_str() != "100-599") {
                self.report.leave_out(
                    given.service,
                    "health.status",
                    "it says which answers are healthy; here those below 400 are",
                    "write a command as health: {command: [...]}",
                );
            }
        }
        match words.as_slice() {
            // podman starts this shell itself. It would read a text that begins so as a list.
            [shell, option, text]
                if shell == "/bin/sh"
                    && option == "-c"
                    && !text.contains('\n')
                    && text.trim() == text
                    && !text.starts_with(['[', '"'])
                    && text != "none" =>
            {
                unit.value("HealthCmd", text);
            }
            [word] => unit.value("HealthCmd", list(&["/usr/bin/env".to_owned(), word.clone()])),
            words => unit.value("HealthCmd", list(words)),
        }
        unit.value("HealthInterval", crate::text::go_time(health.interval.duration()));
        unit.value("HealthTimeout", crate::text::go_time(health.timeout.duration()));
        unit.value("HealthRetries", health.retries);
        unit.value("HealthStartPeriod", crate::text::go_time(start_period(health)));
        // systemd starts it again.
        unit.value("HealthOnFailure", "kill");
        unit.value("Notify", "healthy");
        true
    }
}

/// Returns how a container or a pod is connected to a network.
fn connected(network: &NetworkName, own: Option<&str>, connection: &Connection) -> String {
    let aliases = own.into_iter().chain(connection.aliases.iter().map(NetworkAlias::as_str));
    let mut words: Vec<_> = aliases.map(|alias| format!("alias={alias}")).collect();
    words.extend(connection.ipv4_address.map(|address| format!("ip={address}")));
    words.extend(connection.ipv6_address.map(|address| format!("ip6={address}")));
    let colon = if words.is_empty() { "" } else { ":" };
    format!("{network}.network{colon}{}", words.join(","))
}

/// Returns the file of a pod. What podman 5.4 has no key for is an option.
fn pod_file(pod: &Pod) -> Unit {
    // Without `..`: for each new key it must be decided here what becomes of it.
    let Pod {
        name,
        ports,
        networks,
        hostname,
        extra_hosts,
        dns,
        dns_search,
        userns,
        shm_size,
        options,
    } = pod;
    let mut unit = Unit::default();
    let mut value = |key: &str, text: String| unit.line("Pod", key, &dollar(&percent(&text)));
    value("PodName", name.to_string());
    for (network, connection) in networks {
        value("Network", connected(network, None, connection));
    }
    let lists: [(&str, Vec<String>); 5] = [
        ("PublishPort", ports.iter().map(ToString::to_string).collect()),
        ("AddHost", extra_hosts.iter().map(ToString::to_string).collect()),
        ("DNS", dns.iter().map(ToString::to_string).collect()),
        ("DNSSearch", dns_search.iter().map(ToString::to_string).collect()),
        ("UserNS", userns.iter().map(ToString::to_string).collect()),
    ];
    for (key, values) in lists {
        for text in values {
            value(key, text);
        }
    }
    let hostname = hostname.iter().map(|name| format!("--hostname={name}"));
    let shm_size = shm_size.iter().map(|size| format!("--shm-size={size}"));
    for word in hostname.chain(shm_size).chain(options.iter().map(ToString::to_string)) {
        unit.line("Pod", "PodmanArgs", &dollar(&quote(&word)));
    }
    unit
}

/// Returns words as a list in JSON.
fn list(words: &[String]) -> String {
    serde_json::to_string(words).expect("text is JSON")
}

fn limits(limits: &Limits, unit: &mut Unit) {
    // Without `..`: for each new limit it must be decided here what becomes of it.
    let Limits {
        memory,
        memory_high,
        memory_swap,
        cpu,
        cpu_weight,
        cpuset,
        pids,
        io_weight,
        io_read_bps,
        io_write_bps,
        io_read_iops,
        io_write_iops,
        oom_score_adjust,
    } = limits;
    let mut option = |name: &str, value: String| {
        unit.words("PodmanArgs", [format!("--{name}={value}")]);
    };
    if let Some(memory) = memory {
        let swap = memory_swap.map_or(0, conductor_core::value::Memory::bytes);
        option("memory", memory.bytes().to_string());
        option("memory-swap", memory.bytes().saturating_add(swap).to_string());
    }
    if let Some(cpu) = cpu {
        option("cpus", cpu.to_string());
    }
    if let Some(score) = oom_score_adjust {
        option("oom-score-adj", score.to_string());
    }
    if let Some(pids) = pids {
        unit.value("PidsLimit", pids.number());
    }
    let mut directive = |name: &str, value: String| unit.line("Service", name, &value);
    // podman runs in the unit's own control group.
    if let Some(it) = memory_high {
        directive("MemoryHigh", it.to_string());
    }
    if let Some(it) = cpu_weight {
        directive("CPUWeight", it.to_string());
    }
    if let Some(it) = cpuset {
        directive("AllowedCPUs", it.to_string());
    }
    if let Some(it) = io_weight {
        directive("IOWeight", it.to_string());
    }
    let rate = |disk: &HostPath, most: u64| format!("{} {most}", percent(disk.as_str()));
    for (disk, it) in io_read_bps {
        directive("IOReadBandwidthMax", rate(disk, it.bytes()));
    }
    for (disk, it) in io_write_bps {
        directive("IOWriteBandwidthMax", rate(disk, it.bytes()));
    }
    for (disk, it) in io_read_iops {
        directive("IOReadIOPSMax", rate(disk, u64::from(it.number())));
    }
    for (disk, it) in io_write_iops {
        directive("IOWriteIOPSMax", rate(disk, u64::from(it.number())));
    }
}
