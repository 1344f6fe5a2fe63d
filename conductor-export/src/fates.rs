//! The table of the keys of a definition: what becomes of each for every engine, and what one does that is left out.

use std::collections::BTreeMap;

use conductor_core::definition::{Method, Order};
use conductor_core::name::ServiceId;
use conductor_core::service::{HealthCheck, Service};

use crate::Target;
use crate::kubernetes::fates as kubernetes;
use crate::report::Report;

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It becomes this.
    Kept(&'static str),
    /// It is left out; what to do instead.
    Lost(&'static str),
    /// Some of its values are left out; what becomes of the others.
    Partly(&'static str),
    /// Such a service is refused; why.
    Refused(&'static str),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The key, with the keys around it; `*` for any name.
    pub key: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What becomes of it for Compose.
    pub compose: Fate,
    /// What becomes of it for a swarm.
    pub swarm: Fate,
    /// What becomes of it for Quadlet.
    pub quadlet: Fate,
}

impl Row {
    /// Returns what becomes of the key.
    pub fn fate(&self, target: Target) -> Fate {
        match target {
            Target::Compose => self.compose,
            Target::Swarm => self.swarm,
            Target::Quadlet => self.quadlet,
            Target::Kubernetes => self.in_kubernetes().map_or(Fate::Lost(""), |of| of.fate),
        }
    }

    /// Returns what the key does, for an engine that has no counterpart.
    pub fn does(&self, target: Target) -> &'static str {
        let own =
            self.in_kubernetes().filter(|of| target == Target::Kubernetes && !of.does.is_empty());
        own.map_or(self.does, |of| of.does)
    }

    fn in_kubernetes(&self) -> Option<&'static kubernetes::Of> {
        kubernetes::KEYS.iter().find(|of| of.key == self.key)
    }
}

/// Says which of the keys of a service are left out.
pub(crate) fn report(target: Target, service: &Service, report: &mut Report) {
    for row in ROWS {
        let Fate::Lost(instead) = row.fate(target) else { continue };
        let paths: Vec<String> = match row.key.split_once('*') {
            None => vec![row.key.to_owned()],
            Some((before, after)) => {
                service.jobs.keys().map(|name| format!("{before}{name}{after}")).collect()
            }
        };
        for path in paths {
            if service.origin.keys.of(&path).is_some() && !is_default(row.key, service) {
                report.leave_out(service, &path, row.does(target), instead);
            }
        }
    }
}

/// Says of each application that an engine changes its processes one by one.
pub(crate) fn separate<'s>(
    target: Target,
    services: impl Iterator<Item = &'s Service>,
    report: &mut Report,
) {
    let mut applications: BTreeMap<&ServiceId, Vec<&Service>> = BTreeMap::new();
    for service in services {
        if let Some(application) = &service.application {
            applications.entry(application).or_default().push(service);
        }
    }
    let instead = match target {
        Target::Compose | Target::Quadlet => "if one fails, start all with the old revision again",
        Target::Swarm => "if one fails, docker service rollback the others",
        Target::Kubernetes => "if one fails, kubectl rollout undo deployment/ID for the others",
    };
    for (application, processes) in applications {
        if let [first, _, ..] = processes.as_slice() {
            let does = format!("the processes of {application} change together, all or none");
            report.leave_out_at(first, "processes", &does, instead);
        }
    }
}

/// Returns whether a key says only what an engine without it does, too.
fn is_default(key: &str, service: &Service) -> bool {
    let http = service.health.as_ref().and_then(|health| match &health.check {
        HealthCheck::Http(http) => Some(http),
        HealthCheck::Tcp | HealthCheck::Command(_) => None,
    });
    match key {
        "deploy.order" => service.deploy.order == Order::StopFirst,
        "deploy.min_healthy_time" => service.deploy.min_healthy_time.duration().is_zero(),
        "health.method" => http.is_some_and(|http| http.method == Method::Get),
        "health.follow_redirects" => http.is_some_and(|http| !http.follow_redirects),
        "health.success_threshold" => {
            service.health.as_ref().is_some_and(|health| health.success_threshold == 1)
        }
        _ => false,
    }
}

use Fate::{Kept, Lost, Partly, Refused};

const fn row(key: &'static str, does: &'static str, fates: [Fate; 3]) -> Row {
    let [compose, swarm, quadlet] = fates;
    Row { key, does, compose, swarm, quadlet }
}

/// The same for a key with one name in Compose's formats.
const fn alike(key: &'static str, compose: &'static str, quadlet: &'static str) -> Row {
    row(key, "", [Kept(compose), Kept(compose), Kept(quadlet)])
}

/// A key that no engine has, with what to do instead.
const fn lost(key: &'static str, does: &'static str, instead: [&'static str; 3]) -> Row {
    let [compose, swarm, quadlet] = instead;
    row(key, does, [Lost(compose), Lost(swarm), Lost(quadlet)])
}

/// What becomes of the processes of an application.
pub(crate) const PROCESSES: &str =
    "a service for each, `ID-NAME`; that all change together, or none, is left out";
const NOWHERE: [&str; 3] = [""; 3];
const CRON: [&str; 3] = [
    "keep it in conductor, or run docker compose run --rm from a timer of systemd or cron",
    "keep it in conductor, or run the command from a timer of a manager",
    "",
];

/// A key of a scheduled job, which only Quadlet has.
const fn of_job(key: &'static str, quadlet: &'static str) -> Row {
    // The whole job is left out, and reported once.
    row(key, "", [Kept("nothing, with its job"), Kept("nothing, with its job"), Kept(quadlet)])
}

/// The rows, in the order of the reference.
pub const ROWS: &[Row] = &[
    alike("id", "the name of the service", "the name of the file, `ContainerName=`"),
    row(
        "description",
        "it says what the service is",
        [Lost("write a comment"), Lost("write a comment"), Kept("`Description=`")],
    ),
    alike("image", "`image`, with the revision", "`Image=`, with the revision"),
    alike("revision", "part of `image`", "part of `Image=`"),
    row(
        "pull",
        "it says whether the image is pulled",
        [
            Kept("`pull_policy`"),
            Lost("docker stack deploy --resolve-image always, which is its default, or never"),
            Kept("`Pull=`, which podman follows at each start; a job has only `never`"),
        ],
    ),
    row(
        "runtime",
        "it says what runs the service",
        [
            Partly("nothing; `native` is refused"),
            Partly("nothing; `native` is refused"),
            Partly("nothing; `native` is refused"),
        ],
    ),
    row(
        "type",
        "the command runs to its end",
        [
            Kept("`restart: \"no\"`"),
            Kept("`deploy.mode: replicated-job`"),
            Kept("`Type=oneshot`, `RemainAfterExit=yes`"),
        ],
    ),
    row(
        "timeout",
        "the command is ended after this time",
        [
            Lost("command: [timeout, SECONDS, ...]"),
            Lost("command: [timeout, SECONDS, ...]"),
            Kept("`TimeoutStartSec=`"),
        ],
    ),
    row(
        "depends_on",
        "it starts when the others are up",
        [
            Kept("`depends_on`, with the condition"),
            Lost(
                "a swarm starts everything at once: let the program wait, or end and be started again",
            ),
            Kept("`Wants=` and `After=`"),
        ],
    ),
    alike("command", "`command`", "`Exec=`"),
    alike("entrypoint", "`entrypoint`", "`Entrypoint=`"),
    row(
        "instances",
        "",
        [Kept("`scale`"), Kept("`deploy.replicas`"), Kept("a file for each: `ID-1.container`")],
    ),
    row(
        "port",
        "",
        [
            Kept("`ports`, at a port of the host that the engine chooses; `PORT`"),
            Kept("`PORT`: it is reached in its networks"),
            Kept("`PublishPort=`, at a port of the host that the engine chooses; `PORT`"),
        ],
    ),
    row(
        "ports",
        "",
        [
            Kept("`ports`"),
            Partly("`ports`, of every node; an address is left out"),
            Kept("`PublishPort=`"),
        ],
    ),
    row(
        "listen",
        "",
        [
            Partly("the address of `port`; `socket` is refused"),
            Partly("nothing; `socket` is refused"),
            Partly("the address of `port`; `socket` is refused"),
        ],
    ),
    row(
        "networks",
        "",
        [
            Kept(
                "`networks`, with aliases, addresses and how they are made; without it `network_mode: bridge`",
            ),
            Partly(
                "`networks`, with `aliases`, as overlay networks of the stack; fixed addresses and options of drivers are left out",
            ),
            Kept("`Network=`, and a `.network` file for each"),
        ],
    ),
    row(
        "network_mode",
        "it has the network of the host, or none",
        [
            Kept("`network_mode`"),
            Partly("`networks: [host]` for `host`; `none` is left out"),
            Kept("`Network=`"),
        ],
    ),
    row(
        "pod",
        "its containers share the address of other services, and reach them at 127.0.0.1",
        [
            Lost("write networks, and the ids of the services in place of 127.0.0.1"),
            Lost("write networks, and the ids of the services in place of 127.0.0.1"),
            Kept("`Pod=`, and a `.pod` file"),
        ],
    ),
    alike("env", "`environment`", "`Environment=`"),
    row(
        "env_files",
        "",
        [
            Kept("`env_file`; Compose replaces variables and removes quotes in it"),
            Kept("`env_file`, read by `docker stack deploy`"),
            Kept("`EnvironmentFile=`"),
        ],
    ),
    row(
        "secrets",
        "",
        [
            Kept("`secrets`, with the file"),
            Kept("`secrets`, with the file, which the swarm keeps"),
            Kept("`Secret=`, of podman"),
        ],
    ),
    row(
        "volumes",
        "",
        [
            Kept("`volumes`, with the volume that conductor's service has"),
            Partly("`volumes`, of each node; the options `z` and `Z` are left out"),
            Kept("`Volume=`, and a `.volume` file for each"),
        ],
    ),
    alike("user", "`user`", "`User=` and `Group=`"),
    alike("cap_add", "`cap_add`", "`AddCapability=`"),
    alike("cap_drop", "`cap_drop`", "`DropCapability=`"),
    row(
        "group_add",
        "the program is in more groups",
        [
            Kept("`group_add`"),
            Lost("make the groups part of the image's user"),
            Kept("`GroupAdd=`"),
        ],
    ),
    alike("working_dir", "`working_dir`", "`WorkingDir=`"),
    alike("hostname", "`hostname`", "`HostName=`"),
    row(
        "container_name",
        "the container has this name",
        [
            Kept("`container_name`"),
            Lost("find it by the name of its service"),
            Kept("`ContainerName=`"),
        ],
    ),
    alike(
        "init",
        "`init`, which is `true` unless given",
        "`RunInit=`, which is `true` unless given",
    ),
    alike("stop_signal", "`stop_signal`", "`StopSignal=`"),
    alike("ulimits", "`ulimits`", "`Ulimit=`"),
    alike("extra_hosts", "`extra_hosts`", "`AddHost=`"),
    alike("dns", "`dns`", "`DNS=`"),
    alike("dns_search", "`dns_search`", "`DNSSearch=`"),
    row(
        "volume_names",
        "",
        [
            Kept("`volumes`, as external ones"),
            Kept("`volumes`, as external ones"),
            Kept("`VolumeName=`"),
        ],
    ),
    row(
        "tmpfs",
        "",
        [Kept("`tmpfs`"), Partly("`volumes` of `type: tmpfs`; only `size`"), Kept("`Tmpfs=`")],
    ),
    alike("read_only", "`read_only`", "`ReadOnly=`"),
    row(
        "security_opt",
        "it sets options of the container's security",
        [
            Kept("`security_opt`"),
            Lost("set them for every container, in daemon.json of each node"),
            Partly("`NoNewPrivileges=`, or `PodmanArgs=`"),
        ],
    ),
    row(
        "devices",
        "the program may use devices of the host",
        [
            Kept("`devices`"),
            Lost("a swarm gives no devices: run such a service with Compose"),
            Kept("`AddDevice=`"),
        ],
    ),
    row(
        "privileged",
        "the container has every capability and device",
        [
            Kept("`privileged`"),
            Lost("a swarm runs no privileged containers: run such a service with Compose"),
            Kept("`PodmanArgs=`"),
        ],
    ),
    row(
        "shm_size",
        "",
        [Kept("`shm_size`"), Kept("`volumes` of `type: tmpfs`, at `/dev/shm`"), Kept("`ShmSize=`")],
    ),
    alike("sysctls", "`sysctls`", "`Sysctl=`"),
    row(
        "pid",
        "the container sees the processes of the host",
        [Kept("`pid`"), Lost("run such a service with Compose"), Kept("`PodmanArgs=`")],
    ),
    row(
        "ipc",
        "it shares memory with others",
        [Kept("`ipc`"), Lost("run such a service with Compose"), Kept("`PodmanArgs=`")],
    ),
    row(
        "userns",
        "it has the users of the host, or others",
        [Kept("`userns_mode`"), Lost("run such a service with Compose"), Kept("`UserNS=`")],
    ),
    row("tty", "", [Kept("`tty`"), Kept("`tty`"), Kept("`PodmanArgs=`")]),
    row(
        "gpus",
        "it has graphics processors",
        [
            Kept("`gpus`; docker compose 2.30 or later"),
            Lost("make them generic resources of the nodes"),
            Kept("`PodmanArgs=`"),
        ],
    ),
    row(
        "platform",
        "it chooses the platform of the image",
        [
            Kept("`platform`"),
            Lost("deploy: {placement: {constraints: [node.platform.arch == ...]}}"),
            Kept("`PodmanArgs=`"),
        ],
    ),
    alike("labels", "`labels`", "`Label=`"),
    row(
        "options",
        "it is an option of the engine",
        [
            Partly("the key of Compose, if it has one: `cgroup`, `dns_opt`, `uts` and others"),
            Lost("a swarm has only the keys of Compose"),
            Kept("`PodmanArgs=`"),
        ],
    ),
    row(
        "limits.memory",
        "",
        [
            Kept("`mem_limit` and `memswap_limit`"),
            Kept("`deploy.resources.limits.memory`"),
            Kept("`PodmanArgs=--memory`, `--memory-swap`"),
        ],
    ),
    row(
        "limits.memory_high",
        "an instance with more memory is slowed down",
        [
            Lost("use mem_reservation"),
            Lost("use deploy.resources.reservations.memory"),
            Kept("`MemoryHigh=`"),
        ],
    ),
    row(
        "limits.memory_swap",
        "an instance may use swap",
        [
            Kept("part of `memswap_limit`"),
            Lost("a swarm does not limit swap"),
            Kept("`PodmanArgs=--memory-swap`"),
        ],
    ),
    row(
        "limits.cpu",
        "",
        [Kept("`cpus`"), Kept("`deploy.resources.limits.cpus`"), Kept("`PodmanArgs=--cpus`")],
    ),
    row(
        "limits.cpu_weight",
        "it gives a share of the processors",
        [
            Kept("`cpu_shares`"),
            Lost("deploy: {resources: {reservations: {cpus: ...}}}"),
            Kept("`CPUWeight=`"),
        ],
    ),
    row(
        "limits.cpuset",
        "an instance runs on these processors",
        [Kept("`cpuset`"), Lost("a swarm does not choose processors"), Kept("`AllowedCPUs=`")],
    ),
    row(
        "limits.pids",
        "",
        [Kept("`pids_limit`"), Kept("`deploy.resources.limits.pids`"), Kept("`PidsLimit=`")],
    ),
    row(
        "limits.io_weight",
        "it gives a share of the disks",
        [Kept("`blkio_config.weight`"), Lost("a swarm does not limit disks"), Kept("`IOWeight=`")],
    ),
    row(
        "limits.io_read_bps",
        "it limits what is read from a disk",
        [
            Kept("`blkio_config.device_read_bps`"),
            Lost("a swarm does not limit disks"),
            Kept("`IOReadBandwidthMax=`"),
        ],
    ),
    row(
        "limits.io_write_bps",
        "it limits what is written to a disk",
        [
            Kept("`blkio_config.device_write_bps`"),
            Lost("a swarm does not limit disks"),
            Kept("`IOWriteBandwidthMax=`"),
        ],
    ),
    row(
        "limits.io_read_iops",
        "it limits the reads from a disk",
        [
            Kept("`blkio_config.device_read_iops`"),
            Lost("a swarm does not limit disks"),
            Kept("`IOReadIOPSMax=`"),
        ],
    ),
    row(
        "limits.io_write_iops",
        "it limits the writes to a disk",
        [
            Kept("`blkio_config.device_write_iops`"),
            Lost("a swarm does not limit disks"),
            Kept("`IOWriteIOPSMax=`"),
        ],
    ),
    row(
        "limits.oom_score_adjust",
        "it says how early the kernel kills an instance for want of memory",
        [
            Kept("`oom_score_adj`"),
            Lost("run such a service with Compose"),
            Kept("`PodmanArgs=--oom-score-adj`"),
        ],
    ),
    row(
        "runtime_directory",
        "",
        [
            Refused("only native services have it"),
            Refused("only native services have it"),
            Refused("only native services have it"),
        ],
    ),
    row(
        "sandbox",
        "",
        [
            Refused("only native services have it"),
            Refused("only native services have it"),
            Refused("only native services have it"),
        ],
    ),
    row(
        "health.http",
        "",
        [
            Kept("`healthcheck` with `curl`, which the image must have"),
            Kept("`healthcheck` with `curl`, which the image must have"),
            Kept("`HealthCmd=` with `curl`, which the image must have"),
        ],
    ),
    lost(
        "health.tcp",
        "an instance is healthy if its port accepts connections",
        ["check with a program of the image, by health: {command: [...]}"; 3],
    ),
    alike("health.command", "`healthcheck.test`", "`HealthCmd=`"),
    row(
        "health.socket",
        "",
        [
            Refused("it is a socket of this host"),
            Refused("it is a socket of this host"),
            Refused("it is a socket of this host"),
        ],
    ),
    alike("health.port", "the port in the URL", "the port in the URL"),
    lost(
        "health.method",
        "the check asks only for the head of the answer",
        ["the check asks by GET; write curl --head as health: {command: [...]}"; 3],
    ),
    alike("health.headers", "options of `curl`", "options of `curl`"),
    row(
        "health.status",
        "it says which answers are healthy",
        [
            Partly("any, or those below 400"),
            Partly("any, or those below 400"),
            Partly("any, or those below 400"),
        ],
    ),
    lost(
        "health.contains",
        "the answer of a healthy instance contains a text",
        ["write a command that looks for it as health: {command: [...]}"; 3],
    ),
    lost(
        "health.follow_redirects",
        "the check follows redirects",
        ["check the path to which they lead"; 3],
    ),
    alike("health.interval", "`healthcheck.interval`", "`HealthInterval=`"),
    alike("health.timeout", "`healthcheck.timeout`", "`HealthTimeout=`"),
    alike("health.retries", "`healthcheck.retries`", "`HealthRetries=`"),
    lost(
        "health.success_threshold",
        "an instance is ready after several successes in a row",
        ["one success is enough for the engine"; 3],
    ),
    row(
        "health.start_period",
        "",
        [
            Kept(
                "`healthcheck.start_period`, less `interval` times `retries`, which count after it",
            ),
            Kept(
                "`healthcheck.start_period`, less `interval` times `retries`, which count after it",
            ),
            Kept("`HealthStartPeriod=`, less `interval` times `retries`, which count after it"),
        ],
    ),
    row(
        "deploy.before",
        "a command runs once before the new instances start",
        [
            Kept("the service `ID-before`, in `depends_on`"),
            Lost("run it before docker stack deploy: docker run --rm IMAGE COMMAND"),
            Kept("`ID-before.container`, in `Requires=`"),
        ],
    ),
    row(
        "deploy.before_entrypoint",
        "",
        [
            Kept("`entrypoint` of that service"),
            Kept("nothing, with `deploy.before`"),
            Kept("`Entrypoint=` of that file"),
        ],
    ),
    row(
        "deploy.before_timeout",
        "the command before a deploy is ended after this time",
        [
            Lost("command: [timeout, SECONDS, ...]"),
            Kept("nothing, with `deploy.before`"),
            Kept("`TimeoutStartSec=` of that file"),
        ],
    ),
    row(
        "deploy.order",
        "it says whether new instances start first",
        [
            Kept("`deploy.update_config.order`, which only a swarm follows"),
            Kept("`deploy.update_config.order`"),
            Lost("systemctl restart always stops the old container first"),
        ],
    ),
    row(
        "deploy.batch",
        "it says how many instances start at a time",
        [
            Kept("`deploy.update_config.parallelism`, which only a swarm follows"),
            Kept("`deploy.update_config.parallelism`, 0 unless given"),
            Lost("restart the units one after the other"),
        ],
    ),
    lost(
        "deploy.drain",
        "the old instances wait for the proxy's connections to end",
        ["let the program finish its requests when it gets the stop signal"; 3],
    ),
    alike("deploy.stop_timeout", "`stop_grace_period`", "`StopTimeout=`"),
    lost(
        "deploy.keep",
        "old releases are kept for a rollback",
        [
            "write the old revision, and start it",
            "docker service rollback knows one release",
            "write the old revision, and start it",
        ],
    ),
    row(
        "deploy.min_healthy_time",
        "new instances have to stay healthy before they take over",
        [Lost(""), Kept("`deploy.update_config.monitor`"), Lost("")],
    ),
    lost(
        "deploy.changed_files",
        "it says whether instances are replaced when a file in env_files or secrets changed",
        [
            "docker compose up --force-recreate",
            "a secret of a swarm never changes: give the new one another name",
            "podman secret create --replace, and systemctl restart",
        ],
    ),
    lost(
        "proxy",
        "a proxy on this host is told of the instances",
        [
            "publish a port, or let a proxy find the containers by labels",
            "publish a port, for which the swarm balances, in a second file: docker stack deploy -c compose.yaml -c FILE",
            "publish a port of each instance, and list them in the proxy's configuration",
        ],
    ),
    lost(
        "on",
        "somebody is told when something happens to the service",
        ["watch the engine's events", "watch the engine's events", "write OnFailure="],
    ),
    lost("mail_to", "the output of jobs is mailed", NOWHERE),
    row(
        "max_parallel",
        "only so many jobs run at the same time",
        [
            Kept("nothing, with the jobs"),
            Kept("nothing, with the jobs"),
            Lost("write After= between the jobs"),
        ],
    ),
    row(
        "cron.*",
        "it runs a command at its times",
        [Lost(CRON[0]), Lost(CRON[1]), Kept("`ID-JOB.container` and `ID-JOB.timer`")],
    ),
    of_job("cron.*.schedule", "`OnCalendar=`; `@reboot` is `OnBootSec=0`"),
    of_job("cron.*.calendar", "`OnCalendar=`"),
    of_job("cron.*.every", "`OnActiveSec=` and `OnUnitInactiveSec=`"),
    of_job("cron.*.command", "`Exec=`"),
    of_job("cron.*.entrypoint", "`Entrypoint=`"),
    of_job("cron.*.timezone", "the zone in `OnCalendar=`"),
    of_job("cron.*.jitter", "`RandomizedDelaySec=`"),
    of_job("cron.*.catch_up", "`Persistent=`"),
    of_job("cron.*.timeout", "`TimeoutStartSec=`"),
    of_job("cron.*.on_failure", "`OnFailure=`"),
    of_job("cron.*.on_success", "`OnSuccess=`"),
    row(
        "cron.*.mail_to",
        "the output of the job is mailed",
        [
            Kept("nothing, with its job"),
            Kept("nothing, with its job"),
            Lost("systemctl edit, with OnFailure= and OnSuccess="),
        ],
    ),
    row(
        "cron.*.overlap",
        "",
        [
            Kept("nothing, with its job"),
            Kept("nothing, with its job"),
            Kept("`DeferReactivation=` if it is `skip`; systemd 257 or later"),
        ],
    ),
    of_job("cron.*.children", "nothing: it is for native services"),
    of_job("cron.*.enabled", "no `[Install]` if it is `false`"),
    of_job("cron.*.env", "`Environment=`"),
    of_job("cron.*.limits", "as those of the service"),
    of_job("cron.*.user", "`User=`"),
    row(
        "cron.*.stdin",
        "the command reads this on its standard input",
        [
            Kept("nothing, with its job"),
            Kept("nothing, with its job"),
            Lost("command: [sh, -c, \"printf ... | PROGRAM\"]"),
        ],
    ),
    row("processes", "", [Partly(PROCESSES), Partly(PROCESSES), Partly(PROCESSES)]),
    row(
        "systemd",
        "it sets directives of the unit",
        [Lost("there is no unit"), Lost("there is no unit"), Kept("the same directives")],
    ),
];
