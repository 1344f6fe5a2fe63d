//! Converts one service.

use conductor_core::definition::{Condition, NetworkMode, Order, PullPolicy};
use conductor_core::name::NetworkName;
use conductor_core::service::{
    Connection, Dependency, Health, HealthCheck, NetworkSettings, ServiceFields as Definition,
};
use conductor_core::value::{EngineOption, FixedPort, Tokenized as _};

use super::Conversion;
use super::model::{
    Attachment, DependsOn, Deploy, Gpus, Healthcheck, Ipam, Network, Range, Restart, Service, Text,
    Texts, Update,
};
use crate::given::{Given, start_period};
use crate::text::go_time;

/// The condition of a dependency that has to end.
const COMPLETED: &str = "service_completed_successfully";

impl Conversion<'_> {
    /// Adds a service to the file, and the one that runs before its deploys.
    pub(super) fn service(&mut self, given: &Given<'_>, all: &[Given<'_>]) {
        let id = given.service.id.to_string();
        let mut service = self.container(given);
        self.starts(given, all, &mut service);
        self.ports(given, &mut service);
        self.deploy(given, &mut service);
        if let Some(health) = &given.service.health {
            service.healthcheck = self.healthcheck(given, health);
        }
        if let Some(before) = given.service.deploy.before.as_ref().filter(|_| !self.is_swarm()) {
            let name = format!("{id}-before");
            let mut task = self.container(given);
            task.depends_on.clone_from(&service.depends_on);
            task.command = texts(given.words(before, "1"));
            if let Some(entrypoint) = &given.service.deploy.before_entrypoint {
                task.entrypoint = Some(texts(given.words(entrypoint, "1")));
            }
            task.restart = "no";
            for attachment in task.networks.values_mut() {
                // Only the instance is found by names, and only one container has an address.
                *attachment = Attachment::default();
            }
            self.file.services.insert(name.clone(), task);
            service.depends_on.insert(name, DependsOn { condition: COMPLETED });
        }
        self.file.services.insert(id, service);
    }

    /// Returns what a service has in common with the command that runs before it.
    fn container(&mut self, given: &Given<'_>) -> Service {
        // Without `..`: for each new field it must be decided here what becomes of it.
        let Definition {
            user,
            cap_add,
            cap_drop,
            env_files,
            command,
            entrypoint,
            process,
            pull,
            // In functions of their own.
            networks: _,
            network_mode: _,
            env: _,
            volumes: _,
            secrets: _,
            limits: _,
            service_type: _,
            depends_on: _,
            instances: _,
            port: _,
            ports: _,
            listen: _,
            health: _,
            deploy: _,
            // Part of what is given, or reported by the table.
            id: _,
            application: _,
            description: _,
            image: _,
            revision: _,
            runtime: _,
            timeout: _,
            sandbox: _,
            proxy: _,
            mail_to: _,
            hooks: _,
            max_parallel: _,
            jobs: _,
            settings: _,
            origin: _,
            // In the table of what is left out.
            pod: _,
            advice: _,
        } = &**given.service;
        self.numbers(given);
        let instance = "1".to_owned();
        // The swarm replaces it, only in the environment and in mounts.
        let number = if self.is_swarm() { SLOT } else { "1" };
        let mut service = Service {
            image: given.image.as_str().into(),
            command: texts(given.words(command, &instance)),
            entrypoint: entrypoint.as_ref().map(|words| texts(given.words(words, &instance))),
            user: user.as_ref().map(Into::into),
            cap_add: cap_add.iter().map(Into::into).collect(),
            cap_drop: cap_drop.iter().map(Into::into).collect(),
            env_file: env_files.iter().map(Into::into).collect(),
            ..Service::default()
        };
        if !self.is_swarm() {
            service.pull_policy = match pull {
                PullPolicy::Missing => "",
                PullPolicy::Always => "always",
                PullPolicy::Never => "never",
            };
        }
        for (name, value) in given.env(number) {
            service.environment.insert(name, self.template(&value).into());
        }
        for file in 0..env_files.len() {
            if !self.is_swarm() {
                self.report.note(
                    given.service,
                    &format!("env_files[{file}]"),
                    "Compose replaces variables and removes quotes in the file, which conductor does not",
                );
            }
        }
        self.process(given, process, &instance, &mut service);
        self.networks(given, &mut service);
        self.secrets(given, &mut service);
        self.mounts(given, number, &mut service);
        self.limits(given, &mut service);
        service
    }

    /// Says if the instances need their numbers, and cannot have them.
    fn numbers(&mut self, given: &Given<'_>) {
        let Definition { command, entrypoint, env, .. } = &**given.service;
        let words = command
            .iter()
            .chain(entrypoint.iter().flatten())
            .map(conductor_core::value::Argument::as_str);
        let env =
            env.values().map(conductor_core::value::EnvValue::as_str).filter(|_| !self.is_swarm());
        if given.service.instances > 1 && words.chain(env).any(|text| text.uses("instance")) {
            self.report.leave_out(
                given.service,
                "instances",
                "{instance} is the number of each instance; here it is 1 in all of them",
                "write one service for each",
            );
        }
    }

    /// Returns a text in which a swarm finds no template but that of the instance.
    pub(super) fn template(&self, text: &str) -> String {
        if !self.is_swarm() {
            return text.to_owned();
        }
        let parts: Vec<_> = text.split(SLOT).map(|part| part.replace("{{", "{{\"{{\"}}")).collect();
        parts.join(SLOT)
    }

    fn process(
        &mut self,
        given: &Given<'_>,
        process: &conductor_core::service::Process,
        instance: &str,
        service: &mut Service,
    ) {
        use conductor_core::service::Process;
        let Process {
            group_add,
            working_dir,
            hostname,
            container_name,
            init,
            stop_signal,
            ulimits,
            extra_hosts,
            dns,
            dns_search,
            // With the volumes.
            volume_names: _,
            tmpfs: _,
            shm_size: _,
            read_only,
            security_opt,
            devices,
            privileged,
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
        } = process;
        let on_host = pid.is_some();
        service.working_dir =
            working_dir.as_ref().map(|path| given.text(path.as_str(), instance).into());
        service.hostname = hostname.as_ref().map(Into::into);
        let container_name = container_name.as_ref().filter(|_| !self.is_swarm());
        service.container_name = container_name.map(Into::into);
        service.init = Some(init.unwrap_or(!on_host));
        service.stop_signal = stop_signal.as_ref().map(Into::into);
        service.ulimits =
            ulimits.iter().map(|(name, ulimit)| (name.to_string(), bounds(ulimit))).collect();
        service.extra_hosts = extra_hosts.iter().map(Into::into).collect();
        service.dns = dns.iter().map(Into::into).collect();
        service.dns_search = dns_search.iter().map(Into::into).collect();
        service.read_only = *read_only == Some(true);
        service.sysctls = pairs(sysctls.iter());
        service.tty = *tty == Some(true);
        service.labels = labels
            .iter()
            .map(|(name, value)| (name.to_string(), given.text(value.as_str(), instance).into()))
            .collect();
        if self.is_swarm() {
            return;
        }
        service.group_add = group_add.iter().map(Into::into).collect();
        service.security_opt = security_opt.iter().map(Into::into).collect();
        service.devices = devices.iter().map(Into::into).collect();
        service.privileged = *privileged == Some(true);
        service.pid = pid.as_ref().map(Into::into);
        service.ipc = ipc.as_ref().map(Into::into);
        service.userns_mode = userns.as_ref().map(Into::into);
        service.platform = platform.as_ref().map(Into::into);
        for (index, option) in options.iter().enumerate() {
            if !add_option(option, service) {
                self.report.leave_out(
                    given.service,
                    &format!("options[{index}]"),
                    "it is an option of the engine",
                    "Compose has no key for it",
                );
            }
        }
        service.gpus = gpus.as_ref().map(|gpus| match gpus.as_str() {
            "all" => Gpus::All,
            text => match text.strip_prefix("device=") {
                Some(ids) => Gpus::Some {
                    count: None,
                    device_ids: ids.split(',').map(str::to_owned).collect(),
                },
                None => Gpus::Some { count: text.parse().ok(), device_ids: Vec::new() },
            },
        });
    }

    fn starts(&mut self, given: &Given<'_>, all: &[Given<'_>], service: &mut Service) {
        let is_oneshot = given.service.is_oneshot();
        if self.is_swarm() {
            return;
        }
        service.restart = if is_oneshot { "no" } else { "always" };
        service.scale = Some(given.service.instances).filter(|count| *count != 1);
        for (id, Dependency { condition, .. }) in &given.service.depends_on {
            let Some(other) = all.iter().find(|other| other.service.id == *id) else {
                let path = format!("depends_on.{id}");
                let does = format!("it waits for {id}, which is not exported");
                self.report.leave_out(given.service, &path, &does, "");
                continue;
            };
            let up = match &**other.service {
                _ if other.service.is_oneshot() => COMPLETED,
                Definition { health: Some(health), .. } if health.check != HealthCheck::Tcp => {
                    "service_healthy"
                }
                _ => "service_started",
            };
            let condition = match condition {
                Some(Condition::Started) => "service_started",
                Some(Condition::Completed) => COMPLETED,
                // A check that is left out is never healthy.
                None | Some(Condition::Healthy) => up,
            };
            service.depends_on.insert(id.to_string(), DependsOn { condition });
        }
    }

    fn networks(&mut self, given: &Given<'_>, service: &mut Service) {
        let is_swarm = self.is_swarm();
        match given.service.network_mode {
            Some(NetworkMode::Host) if is_swarm => {
                let host =
                    Network { name: Some("host".into()), external: true, ..Network::default() };
                self.file.networks.insert("host".to_owned(), host);
                service.networks.insert("host".to_owned(), Attachment::default());
            }
            Some(NetworkMode::None) if is_swarm => {
                let does = "it has no network";
                self.report.leave_out(
                    given.service,
                    "network_mode",
                    does,
                    "run such a service with Compose",
                );
            }
            Some(NetworkMode::Host) => service.network_mode = Some("host"),
            Some(NetworkMode::None) => service.network_mode = Some("none"),
            // Otherwise Compose puts it into a network with all others.
            None if given.is_alone() && !is_swarm => service.network_mode = Some("bridge"),
            None => {}
        }
        for (name, connection) in &given.service.networks {
            let Connection { aliases, ipv4_address, ipv6_address, settings } = connection;
            let NetworkSettings { internal, enable_ipv6, subnets, gateways: _, driver_opts } =
                settings;
            let has_ipv6 = *enable_ipv6 || subnets.iter().any(|subnet| subnet.is_ipv6());
            let config = settings.ranges().into_iter();
            let config: Vec<_> = config
                .map(|(subnet, gateway)| Range {
                    subnet: subnet.to_string(),
                    gateway: gateway.map(|gateway| gateway.to_string()),
                })
                .collect();
            let mut network = Network {
                internal: *internal,
                enable_ipv6: has_ipv6,
                ipam: (!config.is_empty()).then_some(Ipam { config }),
                ..Network::default()
            };
            let mut attachment = Attachment {
                aliases: aliases.iter().map(Into::into).collect(),
                ..Attachment::default()
            };
            if is_swarm {
                network.driver = Some("overlay");
                self.lost_in_swarm(given, name, connection);
            } else {
                network.name = Some(name.into());
                let options = driver_opts.iter();
                network.driver_opts = options
                    .map(|(option, value)| (option.as_str().to_owned(), value.as_str().into()))
                    .collect();
                attachment.ipv4_address = ipv4_address.map(|address| address.to_string());
                attachment.ipv6_address = ipv6_address.map(|address| address.to_string());
            }
            self.file.networks.insert(name.to_string(), network);
            service.networks.insert(name.to_string(), attachment);
        }
    }

    /// Says what a service has in a network of one host only.
    fn lost_in_swarm(&mut self, given: &Given<'_>, name: &NetworkName, connection: &Connection) {
        let path = format!("networks.{name}");
        if connection.addresses().next().is_some() {
            let does = "it gives the container a fixed address";
            let instead = "name the service in place of its address";
            self.report.leave_out(given.service, &path, does, instead);
        }
        if !connection.settings.driver_opts.is_empty() {
            let does = "these are options of a bridge on one host";
            self.report.leave_out(given.service, &path, does, "");
        }
    }

    fn ports(&mut self, given: &Given<'_>, service: &mut Service) {
        if given.is_in_host_network() {
            return;
        }
        // A swarm would publish it at all addresses of every node.
        if let Some(port) = given.published().filter(|_| !self.is_swarm()) {
            service.ports.push(Text(port));
        }
        for (index, port) in given.service.ports.iter().enumerate() {
            if port.address.is_some() && self.is_swarm() {
                self.report.leave_out(
                    given.service,
                    &format!("ports[{index}]"),
                    "the port is published at one address; a swarm publishes it at all addresses of every node",
                    "close it to others in the firewall of the nodes",
                );
            }
            let address = port.address.filter(|_| !self.is_swarm());
            service.ports.push(FixedPort { address, ..*port }.into());
        }
    }

    fn deploy(&mut self, given: &Given<'_>, service: &mut Service) {
        let Definition { deploy, instances, .. } = &**given.service;
        service.stop_grace_period = Some(go_time(deploy.stop_timeout.duration()));
        let order = match deploy.order {
            Order::StartFirst => "start-first",
            Order::StopFirst => "stop-first",
        };
        if !self.is_swarm() {
            let update = Update {
                order: deploy.order_is_given.then_some(order),
                parallelism: deploy.batch,
                ..Update::default()
            };
            if update != Update::default() {
                self.report.note(
                    given.service,
                    "deploy",
                    "docker compose up stops the old containers first; only a swarm follows order and batch",
                );
                service.deploy = Some(Deploy { update_config: Some(update), ..Deploy::default() });
            }
            return;
        }
        let resources = service.deploy.take().and_then(|deploy| deploy.resources);
        if given.service.is_oneshot() {
            service.deploy = Some(Deploy {
                mode: Some("replicated-job"),
                replicas: Some(1),
                restart_policy: Some(Restart { condition: "on-failure" }),
                resources,
                ..Deploy::default()
            });
            return;
        }
        let healthy = deploy.min_healthy_time.duration();
        let update = Update {
            order: Some(order),
            parallelism: Some(deploy.batch.unwrap_or(0)),
            failure_action: Some("rollback"),
            monitor: (!healthy.is_zero()).then(|| go_time(healthy)),
        };
        let back = Update { failure_action: None, monitor: None, ..update.clone() };
        service.deploy = Some(Deploy {
            replicas: Some(*instances),
            update_config: Some(update),
            rollback_config: Some(back),
            restart_policy: Some(Restart { condition: "any" }),
            resources,
            ..Deploy::default()
        });
    }

    fn healthcheck(&mut self, given: &Given<'_>, health: &Health) -> Option<Healthcheck> {
        let words = given.check_command()?;
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
        let test = std::iter::once("CMD".to_owned()).chain(words);
        Some(Healthcheck {
            test: texts(test),
            interval: Some(go_time(health.interval.duration())),
            timeout: Some(go_time(health.timeout.duration())),
            retries: Some(health.retries),
            start_period: Some(go_time(start_period(health))),
        })
    }
}

/// What a swarm replaces by the number of an instance.
const SLOT: &str = "{{.Task.Slot}}";

pub(super) fn texts(words: impl IntoIterator<Item = String>) -> Texts {
    words.into_iter().map(Text).collect()
}

fn pairs<'p, K: ToString + 'p, V: ToString + 'p>(
    entries: impl Iterator<Item = (&'p K, &'p V)>,
) -> super::model::Map<Text> {
    entries.map(|(name, value)| (name.to_string(), Text(value.to_string()))).collect()
}

fn bounds(ulimit: &conductor_core::value::Ulimit) -> super::model::Ulimit {
    let text = ulimit.to_string();
    let (soft, hard) = text.split_once(':').unwrap_or((&text, &text));
    super::model::Ulimit { soft: soft.parse().ok(), hard: hard.parse().ok() }
}

/// Adds an option of the engine that has a key of Compose. Returns whether it has.
fn add_option(option: &EngineOption, service: &mut Service) -> bool {
    let Some((name, value)) = option.as_str().split_once('=') else { return false };
    let (key, text) = value.split_once('=').unwrap_or((value, ""));
    match name {
        "--annotation" => drop(service.annotations.insert(key.to_owned(), text.into())),
        "--storage-opt" => drop(service.storage_opt.insert(key.to_owned(), text.into())),
        "--cgroupns" => service.cgroup = Some(value.into()),
        "--device-cgroup-rule" => service.device_cgroup_rules.push(value.into()),
        "--dns-option" => service.dns_opt.push(value.into()),
        "--domainname" => service.domainname = Some(value.into()),
        "--mac-address" => service.mac_address = Some(value.into()),
        "--memory-swappiness" => service.mem_swappiness = Some(value.into()),
        "--runtime" => service.runtime = Some(value.into()),
        "--uts" => service.uts = Some(value.into()),
        _ => return false,
    }
    true
}
