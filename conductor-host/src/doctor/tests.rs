//! Each finding, on a host on which nothing else is wrong.

use std::path::Path;
use std::time::Duration;

use conductor_core::error::Problem;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Engine;

use super::*;

const LONGEST: u64 = 524_288;

/// Returns the facts of a host on which nothing is wrong, with these definitions.
fn host(definitions: &[&str]) -> Facts {
    let parse = |text: &&str| Service::parse(Path::new("a.yaml"), text).unwrap();
    let controllers = ["cpu", "cpuset", "io", "memory", "pids"];
    Facts {
        scope: Scope::System,
        services: definitions.iter().map(parse).collect(),
        engines: [].into(),
        unread: Vec::new(),
        manager: Ok(manager("257.13-1~deb13u1", (1024, LONGEST))),
        controllers: Some(controllers.map(str::to_owned).into()),
        swap: Swap { is_on: true, is_counted: Some(true) },
        lingers: None,
        probe: FoundProbe::Version(env!("CARGO_PKG_VERSION").to_owned()),
        probe_is_static: Some(true),
        proxies: Vec::new(),
        needrestart: None,
        docker: Some(Ok(Docker { live_restore: true, swarm: false, journald: true })),
        podman: Some(Podman::default()),
        firewalls: Firewalls::default(),
        journald: Ok(Journald::parse("", true)),
        unknown_zones: Vec::new(),
        local_zone: None,
    }
}

fn manager(version: &str, open_files: (u64, u64)) -> Manager {
    Manager { version: version.to_owned(), open_files: Some(open_files) }
}

/// Asserts that there is one finding, and returns its message and its remedy.
#[track_caller]
fn one(facts: &Facts, check: Check, severity: Severity) -> (String, String) {
    let diagnosis = Diagnosis::of(facts);
    let [finding] = diagnosis.findings.as_slice() else { panic!("{diagnosis:?}") };
    assert_eq!((finding.check, finding.severity), (check, severity), "{finding:?}");
    assert_eq!(diagnosis.has_errors(), severity == Severity::Error);
    assert!(!finding.message.ends_with('.') && !finding.remedy.ends_with('.'), "{finding:?}");
    (finding.message.clone(), finding.remedy.clone())
}

#[track_caller]
fn nothing(facts: &Facts) {
    assert_eq!(Diagnosis::of(facts), Diagnosis::default());
}

const NATIVE: &str = "id: web\ncommand: [/bin/x]\n";
const DOCKER: &str = "id: shop\nruntime: docker\nimage: registry.example/shop:v1\n";
const PODMAN: &str = "id: blog\nruntime: podman\nimage: registry.example/blog:v1\n";
const JOB: &str =
    "id: web\ncommand: [/bin/x]\ncron: {a: {schedule: '@daily', command: [/bin/a]}}\n";

#[test]
fn a_good_host_has_no_finding() {
    let mut facts = host(&[NATIVE, DOCKER, PODMAN]);
    facts.engines = [Engine::Docker, Engine::Podman].into();
    facts.journald = Ok(Journald {
        docker: Some(RateLimit { interval: Duration::from_secs(30), burst: 1_000_000 }),
        ..Journald::parse("", true)
    });
    nothing(&facts);
}

#[test]
fn systemd_has_to_answer_and_to_be_new_enough() {
    let mut facts = host(&[JOB]);
    facts.manager = Err(Unseeable::Broken("cannot reach systemd".to_owned()));
    one(&facts, Check::Systemd, Severity::Error);
    facts.manager = Ok(manager("249.11-0ubuntu3", (1024, LONGEST)));
    assert!(one(&facts, Check::Systemd, Severity::Error).0.starts_with("systemd 249 is too old"));
    facts.manager = Ok(manager("252.39-1~deb12u1", (1024, LONGEST)));
    let (message, remedy) = one(&facts, Check::Systemd, Severity::Warning);
    assert!(message.ends_with("jobs of web") && remedy.contains("overlap: queue"), "{message}");
    for (version, definition) in [("252", NATIVE), ("my own build", JOB), ("257", JOB)] {
        facts = host(&[definition]);
        facts.manager = Ok(manager(version, (1024, LONGEST)));
        nothing(&facts);
    }
    let queues = JOB.replace("command: [/bin/a]", "command: [/bin/a], overlap: queue");
    facts = host(&[&queues]);
    facts.manager = Ok(manager("252", (1024, LONGEST)));
    nothing(&facts);
}

#[test]
fn units_may_have_many_open_files_and_not_too_many() {
    let mut facts = host(&[]);
    for (limits, says) in [((1024, 4096), "at most 4096"), ((1 << 30, 1 << 30), "1073741824")] {
        facts.manager = Ok(manager("257", limits));
        let (message, _) = one(&facts, Check::OpenFiles, Severity::Warning);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_user_without_lingering_is_warned() {
    let mut facts = host(&[]);
    facts.lingers = Some(("eve".to_owned(), false));
    let (_, remedy) = one(&facts, Check::Linger, Severity::Warning);
    assert_eq!(remedy, "loginctl enable-linger eve");
    facts.lingers = Some(("eve".to_owned(), true));
    nothing(&facts);
}

#[test]
fn controllers_are_missed_by_the_limits_that_need_them() {
    let limited = format!("{NATIVE}limits: {{memory: 1G, io_weight: 50}}\n");
    let mut facts = host(&[&limited]);
    facts.controllers = None;
    one(&facts, Check::Cgroups, Severity::Error);
    facts.controllers = Some(["cpu", "pids", "io"].map(str::to_owned).into());
    let (message, remedy) = one(&facts, Check::Controllers, Severity::Error);
    assert!(
        message.ends_with("controller memory: limits.memory of web is not enforced"),
        "{message}"
    );
    assert!(remedy.contains("cgroup_enable=memory"), "{remedy}");
    facts.controllers = Some(["cpu", "memory", "pids"].map(str::to_owned).into());
    assert!(one(&facts, Check::Controllers, Severity::Error).0.contains("limits.io_weight of web"));
    // Nothing needs cpuset and io.
    facts = host(&[NATIVE]);
    facts.controllers = Some(["cpu", "memory"].map(str::to_owned).into());
    assert!(one(&facts, Check::Controllers, Severity::Warning).0.contains("limits.pids would"));
    facts.scope = Scope::User;
    assert!(one(&facts, Check::Controllers, Severity::Warning).1.contains("Delegate="));
    // Limits of jobs count, too.
    facts = host(&[&JOB.replace("command: [/bin/a]", "command: [/bin/a], limits: {cpuset: '0'}")]);
    facts.controllers = Some(["cpu", "memory", "pids"].map(str::to_owned).into());
    assert!(one(&facts, Check::Controllers, Severity::Error).0.contains("limits.cpuset of web"));
}

#[test]
fn swap_is_counted_and_there_if_it_is_given() {
    let mut facts = host(&[&format!("{NATIVE}limits: {{memory: 1G}}\n")]);
    facts.swap = Swap { is_on: true, is_counted: Some(false) };
    assert!(one(&facts, Check::Swap, Severity::Warning).0.contains("limits.memory of web"));
    for swap in
        [Swap { is_on: false, is_counted: Some(false) }, Swap { is_on: true, is_counted: None }]
    {
        facts.swap = swap;
        nothing(&facts);
    }
    facts = host(&[&format!("{NATIVE}limits: {{memory: 1G, memory_swap: 1G}}\n")]);
    facts.swap = Swap { is_on: false, is_counted: Some(true) };
    assert!(one(&facts, Check::Swap, Severity::Warning).0.contains("limits.memory_swap of web"));
}

#[test]
fn the_probe_is_there_and_not_older() {
    let mut facts = host(&[]);
    for (probe, severity, says) in [
        (FoundProbe::Missing, Severity::Error, "there is no /usr/bin/conductor-probe"),
        (FoundProbe::Version("0.0.9".to_owned()), Severity::Error, "version 0.0.9, older than"),
        (FoundProbe::Version("99.0.0".to_owned()), Severity::Warning, "version 99.0.0, newer than"),
        (
            FoundProbe::Other(Unseeable::Broken("it hangs".to_owned())),
            Severity::Error,
            "is no working probe: it hangs",
        ),
    ] {
        facts.probe = probe;
        let (message, _) = one(&facts, Check::Probe, severity);
        assert!(message.contains(says), "{message}");
    }
    facts.probe = FoundProbe::Version(env!("CARGO_PKG_VERSION").to_owned());
    facts.probe_is_static = Some(false);
    assert!(one(&facts, Check::Probe, Severity::Warning).0.contains("needs a C library"));
    facts.probe_is_static = None;
    nothing(&facts);
    let problem = Problem::of_file("/usr/bin", "everybody can write to it").hint("chmod go-w");
    facts.probe = FoundProbe::Unsafe(problem);
    let (message, remedy) = one(&facts, Check::Probe, Severity::Error);
    assert!(message.ends_with("runs as root, and /usr/bin: everybody can write to it"));
    assert_eq!(remedy, "chmod go-w");
    facts.probe = FoundProbe::Other(Unseeable::Denied("you may not".to_owned()));
    let diagnosis = Diagnosis::of(&facts);
    assert_eq!((diagnosis.findings.len(), diagnosis.unseen[0].check), (0, Check::Probe));
}

#[test]
fn needrestart_needs_the_override() {
    let mut facts = host(&[]);
    facts.needrestart = Some(vec!["$nrconf{restart} = 'a';\n".to_owned()]);
    let (_, remedy) = one(&facts, Check::Needrestart, Severity::Warning);
    let line = remedy.strip_prefix("write ").and_then(|it| it.split(" into ").next()).unwrap();
    facts.needrestart = Some(vec![String::new(), format!("{line}\n")]);
    nothing(&facts);
}

fn nginx(version: &str, configuration: &str) -> FoundProxy {
    let version = format!("nginx version: nginx/{version}\n");
    FoundProxy {
        name: "nginx".parse().unwrap(),
        trial: Ok(()),
        nginx: Some(Ok(Nginx { version, configuration: configuration.to_owned() })),
    }
}

#[test]
fn nginx_reads_the_files_and_keeps_connections() {
    const GOOD: &str = "worker_shutdown_timeout 60s;\nhttp { keepalive_min_timeout 5s; }\n";
    let behind =
        format!("{NATIVE}port: 80\nproxy: {{nginx: {{upstream: a}}}}\ndeploy: {{drain: 60s}}\n");
    let mut facts = host(&[&behind]);
    facts.proxies = vec![nginx("1.28.0", GOOD)];
    nothing(&facts);
    for (version, configuration, check, says) in [
        (
            "1.28.0",
            "http { keepalive_min_timeout 5s; }",
            Check::NginxShutdown,
            "has no worker_shutdown",
        ),
        (
            "1.28.0",
            "worker_shutdown_timeout 10s; keepalive_min_timeout 5s;",
            Check::NginxShutdown,
            "worker_shutdown_timeout 10s of nginx is shorter than deploy.drain of web, 1min",
        ),
        ("1.26.3", GOOD, Check::NginxKeepalive, "nginx 1.26.3 closes"),
        (
            "1.27.4",
            "worker_shutdown_timeout 1h;",
            Check::NginxKeepalive,
            "keepalive_min_timeout is not",
        ),
    ] {
        facts.proxies = vec![nginx(version, configuration)];
        let (message, _) = one(&facts, check, Severity::Warning);
        assert!(message.contains(says), "{message}");
    }
    let trial =
        Err((Unseeable::Broken("nginx does not read it".to_owned()), Some("add it".to_owned())));
    facts.proxies = vec![FoundProxy { trial, ..nginx("1.28.0", GOOD) }];
    let (message, remedy) = one(&facts, Check::Proxy, Severity::Error);
    assert_eq!((message.as_str(), remedy.as_str()), ("nginx does not read it", "add it"));
    let unseen = || Unseeable::Denied("only root".to_owned());
    let proxy = nginx("1.28.0", GOOD);
    facts.proxies =
        vec![FoundProxy { trial: Err((unseen(), None)), nginx: Some(Err(unseen())), ..proxy }];
    let Diagnosis { findings, unseen } = Diagnosis::of(&facts);
    let unseen: Vec<_> = unseen.iter().map(|unseen| unseen.check).collect();
    assert_eq!(unseen, [Check::Proxy, Check::NginxShutdown, Check::NginxKeepalive]);
    assert!(findings.is_empty());
}

#[test]
fn docker_is_looked_at_only_if_it_is_used() {
    let mut facts = host(&[NATIVE]);
    facts.docker = None;
    nothing(&facts);
    facts.journald = Ok(Journald {
        docker: Some(RateLimit { interval: Duration::from_secs(30), burst: 1_000_000 }),
        ..Journald::parse("", true)
    });
    facts.engines = [Engine::Docker].into();
    one(&facts, Check::Docker, Severity::Error);
    facts.docker = Some(Err(Unseeable::Broken("it is down".to_owned())));
    assert!(one(&facts, Check::Docker, Severity::Error).0.ends_with("it is down"));
    facts.docker = Some(Err(Unseeable::Denied("permission denied".to_owned())));
    assert_eq!(Diagnosis::of(&facts).unseen.len(), 3);
    let docker = Docker { live_restore: true, swarm: false, journald: true };
    facts.docker = Some(Ok(Docker { journald: false, ..docker.clone() }));
    one(&facts, Check::DockerLogDriver, Severity::Error);
    facts.docker = Some(Ok(Docker { live_restore: false, ..docker.clone() }));
    assert!(one(&facts, Check::DockerLiveRestore, Severity::Warning).1.contains("live-restore"));
    facts.docker = Some(Ok(Docker { live_restore: false, swarm: true, ..docker }));
    assert!(one(&facts, Check::DockerLiveRestore, Severity::Warning).1.contains("leave the swarm"));
}

#[test]
fn podman_has_to_know_the_registry() {
    let short = PODMAN.replace("registry.example/blog", "blog");
    let mut facts = host(&[&short]);
    facts.engines = [Engine::Podman].into();
    let (message, remedy) = one(&facts, Check::PodmanShortNames, Severity::Error);
    assert!(message.contains("registry blog comes: images of blog"), "{message}");
    assert!(remedy.contains("docker.io/library/blog"), "{remedy}");
    let podman = |text: &str| {
        let mut podman = Podman::default();
        podman.read("registries.conf", text);
        Some(podman)
    };
    for good in
        ["unqualified-search-registries = ['docker.io']", "[aliases]\nblog = 'a.example/blog'"]
    {
        facts.podman = podman(good);
        nothing(&facts);
    }
    let two = "unqualified-search-registries = ['docker.io', 'quay.io']\n";
    facts.podman = podman(two);
    one(&facts, Check::PodmanShortNames, Severity::Warning);
    facts.podman = podman(&format!("{two}short-name-mode = 'enforcing'\n"));
    one(&facts, Check::PodmanShortNames, Severity::Error);
    facts.podman = podman("short");
    one(&facts, Check::PodmanShortNames, Severity::Error);
    facts.podman = None;
    one(&facts, Check::Podman, Severity::Error);
    // It is never pulled.
    facts = host(&[&format!("{short}pull: never\n")]);
    facts.engines = [Engine::Podman].into();
    nothing(&facts);
}

#[test]
fn a_firewall_that_flushes_is_named_if_containers_have_a_network() {
    let active = |units: &[&str], nftables: &str| Firewalls {
        active: units.iter().map(|unit| (*unit).to_owned()).collect(),
        nftables: nftables.to_owned(),
        has_netavark: false,
    };
    let mut facts = host(&[DOCKER, PODMAN]);
    for (firewalls, says) in [
        (
            active(&["nftables.service"], "#!/usr/sbin/nft -f\nflush ruleset\n"),
            "reloaded or restarted",
        ),
        (active(&["nftables.service"], "# flush ruleset\n"), "restarted or stopped"),
        (active(&["netfilter-persistent.service"], ""), "netfilter-persistent.service replaces"),
    ] {
        facts.firewalls = firewalls;
        let (message, remedy) = one(&facts, Check::Firewall, Severity::Warning);
        assert!(
            message.contains(says) && message.ends_with("containers of blog, shop"),
            "{message}"
        );
        assert!(remedy.contains("podman network reload --all"), "{remedy}");
    }
    // docker makes its own again; and a unit that the host does not have cannot be enabled.
    facts.firewalls = active(&["firewalld.service"], "");
    let (message, remedy) = one(&facts, Check::Firewall, Severity::Warning);
    assert!(message.contains("containers of blog, or they"), "{message}");
    assert_eq!(remedy, "after each reload podman network reload --all");
    facts.firewalls.has_netavark = true;
    let (_, remedy) = one(&facts, Check::Firewall, Severity::Warning);
    assert!(remedy.starts_with("systemctl enable --now netavark-firewalld-reload"), "{remedy}");
    facts.firewalls = active(&["firewalld.service", "netavark-firewalld-reload.service"], "");
    nothing(&facts);
    let on_host = format!("{DOCKER}network_mode: host\n");
    for definition in [NATIVE, &on_host] {
        facts = host(&[definition]);
        facts.firewalls = active(&["nftables.service"], "flush ruleset\n");
        nothing(&facts);
    }
}

#[test]
fn journald_drops_nothing_and_keeps_all() {
    let mut facts = host(&[NATIVE]);
    facts.journald = Ok(Journald::parse("[Journal]\nRateLimitBurst=10\n", true));
    assert!(
        one(&facts, Check::JournaldRateLimit, Severity::Warning)
            .0
            .contains("beyond 10 lines in 30 s")
    );
    facts.engines = [Engine::Docker].into();
    facts.journald = Ok(Journald::parse("", true));
    assert!(
        one(&facts, Check::JournaldRateLimit, Severity::Warning).0.contains("containers of docker")
    );
    facts.engines.clear();
    for (text, has_directory, severity) in [
        ("[Journal]\nStorage=none\n", true, Severity::Error),
        ("[Journal]\nStorage=volatile\n", true, Severity::Warning),
        ("", false, Severity::Warning),
    ] {
        facts.journald = Ok(Journald::parse(text, has_directory));
        one(&facts, Check::JournalPersistence, severity);
    }
    facts.journald = Err(Unseeable::Broken("no".to_owned()));
    assert_eq!(Diagnosis::of(&facts).unseen.len(), 2);
}

#[test]
fn the_host_knows_the_zones_of_jobs() {
    let mut facts = host(&[JOB]);
    let (service, job) = ("web".parse().unwrap(), "a".parse().unwrap());
    facts.unknown_zones = vec![UnknownZone { service, job, zone: "Moon/Sea".to_owned() }];
    assert!(
        one(&facts, Check::TimeZones, Severity::Error).0.contains("Moon/Sea of the job a of web")
    );
    facts.unknown_zones.clear();
    facts.local_zone = Some("/etc/localtime: not a zone".to_owned());
    one(&facts, Check::TimeZones, Severity::Warning);
    facts = host(&[NATIVE]);
    facts.local_zone = Some("/etc/localtime: not a zone".to_owned());
    nothing(&facts);
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut facts = host(&[]);
    facts.unread = vec!["a.yaml: not UTF-8".to_owned()];
    let Diagnosis { findings, unseen } = Diagnosis::of(&facts);
    assert_eq!((findings.len(), unseen[0].check), (0, Check::Definitions));
}

#[test]
fn errors_come_first_and_names_are_stable() {
    let mut facts = host(&[]);
    facts.manager = Ok(manager("257", (1024, 1024)));
    facts.probe = FoundProbe::Missing;
    let found = Diagnosis::of(&facts).findings;
    let found: Vec<_> = found.iter().map(|it| format!("{} {}", it.severity, it.check)).collect();
    assert_eq!(found, ["error probe", "warning open_files"]);
    assert_eq!(list(["b", "a", "b", "d", "c"]), "a, b, c and 1 more");
}
