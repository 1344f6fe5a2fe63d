//! Changes through the facade, on a host that is not there: as the tests of a program that links this crate do it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conductor_core::definition::ChangedFiles;
use conductor_core::plan::Step;
use conductor_core::proxy::UpstreamFile;
use conductor_core::service::Service;
use conductor_core::unit::{ContentKey, Engine, EngineImage, LocalImage};
use conductor_core::value::HostPath;
use conductor_host::fake::{Call, FakeHost, Fault, Program};
use conductor_host::system::{JobType, Paths};
use conductor_host::{
    Action, Apply, CauseKind, Change, Conductor, Deploy, Error, ErrorKind, Event, Pause, Prune,
    Pull, Remove, Report, Restart, Resume, Rollback,
};

/// A host, and what works on it.
struct World {
    host: Arc<Mutex<FakeHost>>,
    conductor: Conductor,
}

impl World {
    /// Makes a host on which the instances of the revision `bad` do not start.
    fn new() -> Self {
        let host = FakeHost::default().with_programs(|unit| Program {
            fails: unit.as_str().contains("-bad."),
            ..Program::default()
        });
        let host = Arc::new(Mutex::new(host));
        let paths = Paths::system(Path::new("/nonexistent"));
        let conductor = Conductor::new(paths, None).unwrap().with_fake(Arc::clone(&host));
        Self { host, conductor }
    }

    fn try_to(&self, change: &Change) -> Result<Report, Error> {
        self.conductor.carry_out(change, &mut |_: Event| {})
    }

    /// Carries out a change, which was planned with the same steps.
    fn change(&self, change: &Change) -> Report {
        let planned = self.conductor.plan(change).unwrap();
        let report = self.try_to(change).unwrap();
        assert_eq!(report.changed, planned.plan.changes(), "{change}");
        report
    }

    /// Returns the revisions that instances of `web` run.
    fn runs(&self) -> Vec<String> {
        let status = self.conductor.status(Some(&"web".parse().unwrap())).unwrap();
        let instances = status.services.iter().flat_map(|service| &service.instances);
        instances
            .filter(|instance| instance.healthy)
            .map(|instance| instance.revision.to_string())
            .collect()
    }
}

fn web() -> Service {
    let text = "id: web\nruntime: docker\nimage: registry.example/web\nport: 8080\nrevision: v1\n\
                cron: {tidy: {command: [/bin/tidy], schedule: '@daily'}}\n";
    Service::parse(Path::new("web.yaml"), text).unwrap()
}

fn apply(services: Vec<Service>) -> Change {
    Change::Apply(Apply { services, prune: Prune::Report, ..Apply::default() })
}

fn deploy(revision: &str) -> Change {
    Change::Deploy(Deploy::new(&web(), &revision.parse().unwrap()).unwrap())
}

#[test]
fn each_change_does_what_it_says() {
    let world = World::new();
    assert!(world.change(&apply(vec![web()])).healthy);
    assert_eq!(world.runs(), ["v1"]);
    assert!(!world.change(&apply(vec![web()])).changed);
    assert!(world.change(&deploy("v2")).healthy);
    assert_eq!(world.runs(), ["v2"]);
    world.change(&Change::Rollback(Rollback { services: vec![web()], to: None }));
    assert_eq!(world.runs(), ["v1"]);
    let (service, job) = ("web".parse().unwrap(), "tidy".parse().unwrap());
    let waits = |world: &World| {
        let status = world.conductor.status(Some(&service)).unwrap();
        status.services[0].jobs[0].paused.is_none()
    };
    world.change(&Change::Pause(Pause { service: service.clone(), job }));
    assert!(!waits(&world));
    let job = "tidy".parse().unwrap();
    world.change(&Change::Resume(Resume { service: service.clone(), job }));
    assert!(waits(&world));
    let others = world.change(&apply(Vec::new())).orphans;
    assert_eq!(others, std::slice::from_ref(&service));
    let remove = Change::Remove(Remove { service, volumes: false });
    world.change(&remove);
    assert!(world.host.lock().unwrap().state().units.units.is_empty());
    assert_eq!(world.try_to(&remove).unwrap_err().kind(), ErrorKind::UnknownService);
}

#[test]
fn everything_is_removed_at_once() {
    let world = World::new();
    assert!(!world.change(&Change::RemoveAll).changed);
    let other =
        "id: other\ncommand: [/bin/other]\ncron: {a: {command: [/bin/a], schedule: '@daily'}}\n";
    let other = Service::parse(Path::new("other.yaml"), other).unwrap();
    world.change(&apply(vec![web(), other]));
    let report = world.change(&Change::RemoveAll);
    assert!(report.services.iter().all(|service| service.failure.is_none()));
    let host = world.host.lock().unwrap();
    let left = &host.state().units;
    assert!(left.units.is_empty() && left.links.is_empty(), "{left:?}");
}

/// Returns a service in a container at a revision, with networks.
fn connected(id: &str, revision: &str, networks: &str) -> Service {
    let text = format!(
        "id: {id}\nruntime: podman\nimage: {id}\nrevision: {revision}\nnetworks: [{networks}]\ndeploy: {{keep: 0}}\n"
    );
    Service::parse(Path::new("x.yaml"), &text).unwrap()
}

#[test]
fn a_network_is_there_as_long_as_it_has_a_user() {
    let world = World::new();
    let networks = || {
        let host = world.host.lock().unwrap();
        let names: Vec<_> =
            host.state().networks.iter().map(|network| network.name.to_string()).collect();
        names.join(" ")
    };
    let (a, b) =
        (|networks| connected("a", "v1", networks), |networks| connected("b", "v1", networks));
    world.change(&apply(vec![a("x, y"), b("y")]));
    assert_eq!(networks(), "x y");
    assert!(!world.change(&apply(vec![a("x, y"), b("y")])).changed);
    // One takes what the other leaves.
    world.change(&apply(vec![a("y"), b("x, y")]));
    assert_eq!(networks(), "x y");
    world.change(&apply(vec![a("z"), b("y")]));
    assert_eq!(networks(), "y z");
    // A service that does not start leaves no network, and takes none from another one.
    let report = world.try_to(&apply(vec![connected("c", "bad", "y, q"), b("y, q")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(networks(), "q y z");
    let report = world.try_to(&apply(vec![connected("c", "bad", "y, r")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(networks(), "q y z");
    world.change(&Change::Remove(Remove { service: "a".parse().unwrap(), volumes: false }));
    assert_eq!(networks(), "q y");
    world.change(&apply(vec![a("y"), b("y")]));
    assert_eq!(networks(), "y");
    // The last users leave it together.
    world.change(&Change::RemoveAll);
    assert_eq!(networks(), "");
}

#[test]
fn a_pod_is_there_as_long_as_it_has_a_user() {
    let world = World::new();
    let held = || {
        let host = world.host.lock().unwrap();
        let state = host.state();
        let pods = state.pods.iter().map(ToString::to_string);
        let networks = state.networks.iter().map(|network| network.name.to_string());
        pods.chain(networks).collect::<Vec<_>>().join(" ")
    };
    let member = |id: &str, revision: &str, pod: &str| {
        let text = format!(
            "id: {id}\nruntime: podman\nimage: {id}\nrevision: {revision}\n\
             pod: {{name: {pod}, networks: [net]}}\ndeploy: {{keep: 0}}\n"
        );
        Service::parse(Path::new("x.yaml"), &text).unwrap()
    };
    world.change(&apply(vec![member("a", "v1", "shop"), member("b", "v1", "shop")]));
    assert_eq!(held(), "shop net");
    assert!(
        !world.change(&apply(vec![member("a", "v1", "shop"), member("b", "v1", "shop")])).changed
    );
    // What does not start leaves no pod.
    let report = world.try_to(&apply(vec![member("c", "bad", "till")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(held(), "shop net");
    // One of two moves on.
    world.change(&apply(vec![member("a", "v1", "till")]));
    assert_eq!(held(), "shop till net");
    world.change(&apply(vec![member("b", "v2", "till")]));
    assert_eq!(held(), "till net");
    let status = world.conductor.status(Some(&"a".parse().unwrap())).unwrap();
    assert_eq!(status.services[0].pods[0].as_str(), "till");
    world.change(&Change::RemoveAll);
    assert_eq!(held(), "");
}

#[test]
fn a_fixed_port_is_nobody_elses() {
    let world = World::new();
    let native = |id: &str, more: &str| {
        let text = format!("id: {id}\ncommand: [/bin/x]\n{more}\n");
        Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
    };
    let port = |id: &str| {
        let status = world.conductor.status(Some(&id.parse().unwrap())).unwrap();
        status.services[0].instances[0].port.unwrap()
    };
    let said = |services: Vec<Service>| {
        let error = world.try_to(&apply(services)).unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    // It is not given to an instance of another service.
    let a = native("a", "ports: ['20000']");
    let b = native("b", "port: 80");
    world.change(&apply(vec![b.clone(), a.clone()]));
    assert_eq!(port("b"), 20001);
    assert!(!world.change(&apply(vec![b.clone(), a.clone()])).changed);
    world.change(&apply(vec![b.clone(), native("a", "ports: ['20000']\nenv: {A: b}")]));
    assert_eq!(
        said(vec![native("c", "ports: [20001]")]),
        "/etc/x.yaml:3:9: ports[0]: b has port 20001/tcp of the host\n  hint: write another port, or give it up in b \
         (defined in /etc/x.yaml) and apply that first; nothing was changed"
    );
    // What is removed has stopped before.
    let swap = Change::Apply(Apply {
        services: vec![native("c", "ports: [20001]")],
        prune: Prune::Remove,
        ..Apply::default()
    });
    assert!(world.change(&swap).healthy);
    // Something listens that is not conductor's.
    world.host.lock().unwrap().state_mut().listeners = vec!["127.0.0.1:53:53/udp".parse().unwrap()];
    let dns = |ports: &str| native("dns", ports);
    assert!(
        said(vec![dns("ports: [53/udp]")]).contains("something else has port 53/udp of the host")
    );
    world.change(&apply(vec![dns("ports: [53]")]));
    assert!(said(vec![dns("ports: [53, 53/udp]")]).contains(":3:13: ports[1]: something else has"));
    // The release before has another port, which is taken now.
    world.change(&apply(vec![native("old", "ports: [81]")]));
    world.change(&apply(vec![native("old", "ports: [82]")]));
    world.host.lock().unwrap().state_mut().listeners.push("81:81".parse().unwrap());
    let back =
        Change::Rollback(Rollback { services: vec![native("old", "ports: [82]")], to: None });
    let error = world.try_to(&back).unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "/etc/x.yaml: something else has port 81/tcp of the host, which the release before has to have\n  hint: \
          ss -ltnp 'sport = 81' shows what it is: stop that; nothing was changed"
        ]
    );
    world.host.lock().unwrap().state_mut().listeners.pop();
    assert!(world.change(&back).healthy);
    // What ran without the key may be what listens.
    world.change(&apply(vec![dns("")]));
    world.change(&apply(vec![dns("ports: [53/udp]")]));
}

#[test]
fn a_volume_of_somebody_else_has_to_be_there() {
    let world = World::new();
    let db = |more: &str| {
        let text = format!(
            "id: db\nruntime: docker\nimage: localhost/app:v1\nvolumes: ['data:/data']\n\
             volume_names: {{data: shop_data}}\n{more}"
        );
        Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
    };
    let said = |services: Vec<Service>| {
        let error = world.try_to(&apply(services)).unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        said(vec![db("")]),
        "/etc/x.yaml:5:22: volume_names.data: docker has no volume shop_data\n  hint: docker volume ls lists those \
         that it has; docker volume create shop_data makes an empty one; nothing was changed"
    );
    assert!(world.conductor.status(None).unwrap().services.is_empty());
    let volumes = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        world.host.lock().unwrap().state_mut().volumes = names;
    };
    volumes(&["shop_data"]);
    assert!(world.change(&apply(vec![db("")])).healthy);
    // Nothing changes, so nothing fails.
    volumes(&[]);
    assert!(!world.change(&apply(vec![db("")])).changed);
    assert!(said(vec![db("env: {A: b}")]).contains("docker has no volume shop_data"));
}

#[test]
fn what_does_not_start_is_undone() {
    let world = World::new();
    world.change(&apply(vec![web()]));
    let report = world.try_to(&deploy("bad")).unwrap();
    let (_, failure) = report.failures().next().unwrap();
    assert!(failure.old_serves && failure.undone, "{failure:?}");
    assert_eq!(world.runs(), ["v1"]);
}

#[test]
fn the_same_change_finishes_what_a_process_that_died_began() {
    for call in 0.. {
        let world = World::new();
        world.change(&apply(vec![web()]));
        world.host.lock().unwrap().inject(Some((call, Fault::DiesAfter)));
        match world.try_to(&deploy("v2")) {
            Ok(_) => {
                assert!(call > 5, "it is over after {call} calls");
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Systemd),
        }
        assert!(!world.runs().is_empty(), "nothing serves after call {call}");
        {
            let host = world.host.lock().unwrap();
            host.inject(None);
            host.let_systemd_finish();
        }
        assert!(world.try_to(&deploy("v2")).unwrap().healthy);
        assert_eq!(world.runs(), ["v2"], "after call {call}");
        assert!(world.host.lock().unwrap().now() < Duration::from_mins(5));
    }
}

fn restart(service: Service) -> Change {
    Change::Restart(Restart { services: vec![service] })
}

/// Returns the units of the instances of `web`.
fn instances(world: &World) -> Vec<String> {
    let status = world.conductor.status(Some(&"web".parse().unwrap())).unwrap();
    let instances = status.services.iter().flat_map(|service| &service.instances);
    instances.map(|instance| instance.unit.to_string()).collect()
}

#[test]
fn a_restart_starts_the_same_release_under_another_name() {
    let world = World::new();
    assert_eq!(world.try_to(&restart(web())).unwrap_err().kind(), ErrorKind::UnknownService);
    world.change(&apply(vec![web()]));
    world.change(&deploy("v2"));
    let mut before = instances(&world);
    for _ in 0..2 {
        let planned = world.conductor.plan(&restart(web())).unwrap().plan;
        assert!(planned.services[0].replaces && !planned.services[0].downtime, "{planned}");
        world.change(&restart(web()));
        assert_eq!(world.runs(), ["v2"]);
        let after = instances(&world);
        assert_ne!(after, before);
        assert!(!world.change(&deploy("v2")).changed);
        before = after;
    }
    // It is the same release: the one before it is still the one before it.
    world.change(&Change::Rollback(Rollback { services: vec![web()], to: None }));
    assert_eq!(world.runs(), ["v1"]);

    let other = web().unchecked(|other| {
        other.env.insert("A".parse().unwrap(), "b".parse().unwrap());
    });
    let error = world.try_to(&restart(other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RedefinedService);
    assert!(error.hint().unwrap().contains("systemctl restart conductor-web.target"));
}

#[test]
fn an_apply_finishes_a_restart_that_was_killed() {
    let defined = || web().unchecked(|web| web.deploy.keep = 0);
    for call in 0.. {
        let world = World::new();
        world.change(&apply(vec![defined()]));
        world.host.lock().unwrap().inject(Some((call, Fault::DiesAfter)));
        if world.try_to(&restart(defined())).is_ok() {
            assert!(call > 5, "it is over after {call} calls");
            break;
        }
        assert!(!world.runs().is_empty(), "nothing serves after call {call}");
        {
            let host = world.host.lock().unwrap();
            host.inject(None);
            host.let_systemd_finish();
        }
        assert!(world.try_to(&apply(vec![defined()])).unwrap().healthy);
        assert_eq!(instances(&world).len(), 1, "after call {call}");
        assert!(!world.change(&apply(vec![defined()])).changed);
    }
}

#[test]
fn changed_contents_replace_the_instances_and_are_no_other_release() {
    let world = World::new();
    let key = ContentKey::new([1; 32]);
    let file: HostPath = "/etc/web.env".parse().unwrap();
    let write = |text: &str| {
        let hash = key.hash(text.as_bytes());
        world.host.lock().unwrap().state_mut().contents.insert(file.clone(), hash);
    };
    let defined = || web().unchecked(|web| web.env_files.push(file.clone()));
    world.change(&apply(vec![defined()]));
    // What was deployed without a hash gets one, and is not replaced.
    let first = instances(&world);
    write("A=1");
    assert!(world.change(&apply(vec![defined()])).changed);
    assert_eq!(instances(&world), first);
    assert!(!world.change(&apply(vec![defined()])).changed);

    write("A=2");
    let plan = world.conductor.plan(&apply(vec![defined()])).unwrap().plan;
    assert!(plan.services[0].replaces && !plan.services[0].downtime, "{plan}");
    assert!(plan.to_string().contains("because the contents of /etc/web.env changed"), "{plan}");
    let advises = |service: Service| {
        let advice = world.conductor.advice(&[service], &[]).unwrap();
        advice.iter().any(|it| it.message.contains("the contents of /etc/web.env changed since"))
    };
    assert!(advises(defined()));
    let ignores =
        || defined().unchecked(|ignores| ignores.deploy.changed_files = ChangedFiles::Ignore);
    assert!(!advises(ignores()));
    let rendered = world.conductor.render(&[defined()]).unwrap().units;
    assert!(rendered.values().all(|unit| !unit.text.contains("Content=")));
    world.change(&apply(vec![defined()]));
    let second = instances(&world);
    assert_ne!(second, first);
    assert!(!world.change(&apply(vec![defined()])).changed);
    // It is the same release, to which nobody goes back.
    let back = Change::Rollback(Rollback { services: vec![defined()], to: None });
    assert_eq!(world.try_to(&back).unwrap_err().kind(), ErrorKind::NoRollback);

    // A release that was rolled back to has read the files as they are now.
    let other = || defined().at_revision(&"v2".parse().unwrap()).unwrap();
    world.change(&apply(vec![other()]));
    write("A=3");
    world.change(&back);
    assert_eq!(instances(&world), second);
    assert!(!world.change(&apply(vec![defined()])).changed);

    write("A=4");
    let ignores = ignores();
    world.change(&apply(vec![ignores.clone()]));
    write("A=5");
    assert!(!world.change(&apply(vec![ignores])).changed);
    assert_eq!(instances(&world), second);
}

#[test]
fn a_deploy_of_another_revision_than_the_defined_one_is_noted() {
    let world = World::new();
    let mut notes = Vec::new();
    for revision in ["v1", "v2"] {
        let mut watcher = |event: Event| {
            if let Event::Note { text, .. } = event {
                notes.push(text);
            }
        };
        world.conductor.carry_out(&deploy(revision), &mut watcher).unwrap();
    }
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(note.starts_with("the definition names revision v1"), "{note}");
}

/// Lets the registry have another image for the name of `web` at v1.
fn push(world: &World, image: &str, volumes: &[&str]) {
    let name = EngineImage { engine: Engine::Docker, reference: "registry.example/web:v1".into() };
    let volumes = volumes.iter().map(|path| path.parse().unwrap()).collect();
    let id = format!("sha256:{}", image.repeat(64)).parse().unwrap();
    let host = world.host.lock().unwrap();
    host.state_mut().registry.insert(name, LocalImage { id, volumes, source: None });
}

/// Returns the digits with which the ids of the images begin that instances of `web` run.
fn images(world: &World) -> Vec<String> {
    let status = world.conductor.status(Some(&"web".parse().unwrap())).unwrap();
    let instances = status.services.iter().flat_map(|service| &service.instances);
    let healthy = instances.filter(|instance| instance.healthy);
    let ids = healthy.map(|instance| instance.image_id.clone().unwrap_or_default());
    ids.map(|id| id.chars().nth("sha256:".len()).unwrap_or('-').to_string()).collect()
}

fn pulling(services: Vec<Service>) -> Change {
    Change::Apply(Apply { services, pull: Pull::Always, ..Apply::default() })
}

#[test]
fn a_pull_that_brings_another_image_replaces_the_instances() {
    let world = World::new();
    push(&world, "1", &[]);
    assert!(world.change(&apply(vec![web()])).healthy);
    assert_eq!(images(&world), ["1"]);
    let ports = || {
        let status = world.conductor.status(None).unwrap();
        let instances = status.services.iter().flat_map(|service| &service.instances);
        instances.filter_map(|instance| instance.port).collect::<Vec<_>>()
    };
    // The same image is no change, and what was pulled by hand is none either.
    assert!(!world.try_to(&pulling(vec![web()])).unwrap().changed);
    push(&world, "2", &[]);
    assert!(!world.change(&apply(vec![web()])).changed);
    assert!(world.conductor.plan(&pulling(vec![web()])).unwrap().plan.services[0].pulls());
    // A new service is planned with it, and each instance has a port of its own.
    let text = "id: web2\nruntime: docker\nimage: registry.example/web:v1\nport: 8080\n";
    let other = Service::parse(Path::new("web2.yaml"), text).unwrap();
    let before = ports();
    let report = world.try_to(&pulling(vec![web(), other])).unwrap();
    assert!(report.changed && report.healthy, "{report:?}");
    assert_eq!(images(&world), ["2"]);
    let after: std::collections::BTreeSet<_> = ports().into_iter().chain(before).collect();
    assert_eq!(after.len(), 3, "{after:?}");
    assert!(!world.change(&apply(vec![web()])).changed);

    // A restart and a rollback have the image of their release.
    push(&world, "3", &[]);
    world.change(&Change::Restart(Restart { services: vec![web()] }));
    assert_eq!(images(&world), ["2"]);
    world.change(&Change::Rollback(Rollback { services: vec![web()], to: None }));
    assert_eq!(images(&world), ["1"]);
    // So has another configuration, if nothing is pulled; with a pull it has the new one.
    let changed = web().unchecked(|web| web.command = vec!["x".parse().unwrap()]);
    let report = world.try_to(&pulling(vec![changed])).unwrap();
    assert!(report.healthy, "{report:?}");
    assert_eq!(images(&world), ["3"]);
    for id in ["web", "web2"] {
        world.change(&Change::Remove(Remove { service: id.parse().unwrap(), volumes: false }));
    }
    let host = world.host.lock().unwrap();
    let left = host.state().images.keys().map(|image| image.reference.clone()).collect::<Vec<_>>();
    assert_eq!(left, ["registry.example/web:v1"]);
}

#[test]
fn an_image_that_is_gone_comes_back_or_is_replaced() {
    let world = World::new();
    push(&world, "1", &[]);
    world.change(&apply(vec![web()]));
    let prune = || {
        let host = world.host.lock().unwrap();
        let mut state = host.state_mut();
        state.images.clear();
        let instance = state.units.units.iter().find(|(_, unit)| unit.metadata.kind.is_instance());
        let instance = instance.unwrap().0.clone();
        state.stop_at_once(&instance);
    };
    prune();
    assert!(world.try_to(&apply(vec![web()])).unwrap().healthy);
    assert_eq!(images(&world), ["1"]);
    // The name means another image by now.
    prune();
    push(&world, "2", &[]);
    assert!(world.try_to(&apply(vec![web()])).unwrap().healthy);
    assert_eq!(images(&world), ["2"]);
}

#[test]
fn nothing_is_left_of_a_deploy_with_an_image_that_does_not_start() {
    let world = World::new();
    world.change(&apply(vec![web()]));
    let names = || {
        let host = world.host.lock().unwrap();
        let names: Vec<_> = host.state().images.keys().cloned().collect();
        names
    };
    let before = names();
    assert!(!world.try_to(&deploy("bad")).unwrap().healthy);
    let new: Vec<_> = names().into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!(new[0].reference, "registry.example/web:bad");
}

#[test]
fn two_processes_are_not_on_the_data_of_an_image() {
    for (more, order) in [
        ("", [Action::Stop, Action::Start]),
        ("instances: 2\n", [Action::Start, Action::Stop]),
        ("deploy: {order: start-first}\n", [Action::Start, Action::Stop]),
        ("volumes: ['/srv:/data']\ndeploy: {order: start-first}\n", [Action::Start, Action::Stop]),
    ] {
        let world = World::new();
        push(&world, "1", &["/data"]);
        let text = |env: &str| {
            let text =
                format!("id: web\nruntime: docker\nimage: registry.example/web:v1\n{more}{env}");
            Service::parse(Path::new("web.yaml"), &text).unwrap()
        };
        world.change(&apply(vec![text("")]));
        let plan = world.conductor.plan(&apply(vec![text("env: {A: b}\n")])).unwrap().plan;
        let [plan] = plan.services.as_slice() else { panic!() };
        let mut actions: Vec<_> = plan.all_steps().map(Step::action).collect();
        actions.retain(|action| order.contains(action));
        actions.dedup();
        assert_eq!(actions, order, "{more}");
        let covered = more.contains("volumes");
        assert_eq!(plan.notes.is_empty(), covered, "{:?}", plan.notes);
        let image = plan.data.as_ref().is_some_and(|data| data.contains("the image's volume"));
        assert_eq!(image, !more.contains("order"), "{:?}", plan.data);
    }
}

#[test]
fn what_an_older_version_deployed_stays_until_its_next_release() {
    let world = World::new();
    push(&world, "1", &["/data"]);
    // Units that start what the tag means have no tag of conductor's own.
    let older = world.conductor.render(&[web()]).unwrap();
    assert!(older.units.values().all(|unit| unit.metadata.kind.pinned().is_none()));
    {
        let host = world.host.lock().unwrap();
        let mut state = host.state_mut();
        state.units = older.clone();
        for (name, unit) in &older.units {
            if unit.metadata.kind.job().is_none() {
                state.set_active(name, host.now());
            }
        }
    }
    assert!(!world.change(&apply(vec![web()])).changed);
    let renew = Apply { services: vec![web()], renew: true, ..Apply::default() };
    assert!(!world.change(&Change::Apply(renew)).changed);
    // Another instance is like those that are there.
    let more = web().unchecked(|web| web.instances = 2);
    assert!(world.try_to(&apply(vec![more])).unwrap().healthy);
    assert_eq!(images(&world), ["-", "-"]);
    assert!(world.change(&apply(vec![web()])).changed);

    let changed = web().unchecked(|web| web.command = vec!["x".parse().unwrap()]);
    let plan = world.conductor.plan(&apply(vec![changed.clone()])).unwrap().plan;
    let notes = plan.services[0].notes.join("\n");
    assert!(notes.contains("wrote to /data is in a volume without a name"), "{notes}");
    assert!(world.try_to(&apply(vec![changed])).unwrap().healthy);
    assert_eq!(images(&world), ["1"]);
    // Back to what the tag means.
    world.change(&Change::Rollback(Rollback { services: vec![web()], to: None }));
    assert_eq!(images(&world), ["-"]);
    assert!(world.try_to(&pulling(vec![web()])).unwrap().healthy);
    assert_eq!(images(&world), ["1"]);
}

/// Returns two services whose upstreams are x and y, or the other way round.
fn with_upstreams(x: &str, y: &str) -> Vec<Service> {
    let service = |(id, upstream): (&str, &str)| {
        let text = format!(
            "id: {id}\nruntime: docker\nimage: registry.example/web:v1\nport: 8080\nhealth: {{http: /}}\n\
             proxy: {{nginx: {{upstream: {upstream}}}}}\n"
        );
        Service::parse(Path::new("web.yaml"), &text).unwrap()
    };
    [("web", x), ("other", y)].map(service).to_vec()
}

/// Both services are planned again after the pull, and still switch together, wherever the process is killed.
#[test]
fn services_that_are_planned_again_switch_together() {
    for call in 0.. {
        let world = World::new();
        push(&world, "1", &[]);
        assert!(world.change(&apply(with_upstreams("x", "y"))).healthy);
        push(&world, "2", &[]);
        let swap = pulling(with_upstreams("y", "x"));
        {
            let host = world.host.lock().unwrap();
            host.on_call(|call, state, _| {
                for files in state.upstreams.values() {
                    let mut names: Vec<_> = files.values().flat_map(UpstreamFile::names).collect();
                    names.sort_unstable();
                    assert_eq!(names, ["x", "y"], "after {call:?}");
                }
            });
            host.inject(Some((call, Fault::DiesAfter)));
        }
        let died = world.try_to(&swap).is_err();
        {
            let host = world.host.lock().unwrap();
            host.inject(None);
            host.let_systemd_finish();
        }
        let report = world.try_to(&swap).unwrap();
        assert!(report.healthy, "after call {call}: {report:?}");
        assert_eq!(images(&world), ["2"], "after call {call}");
        let host = world.host.lock().unwrap();
        let state = host.state();
        let loaded = state.workers.values().filter_map(|workers| workers.last());
        for files in state.upstreams.values().chain(loaded.map(|workers| &workers.files)) {
            let names = files.iter().map(|(id, file)| (id.as_str(), file.names().next()));
            assert_eq!(names.collect::<Vec<_>>(), [("other", Some("x")), ("web", Some("y"))]);
        }
        if !died {
            assert!(call > 10, "it is over after {call} calls");
            break;
        }
    }
}

/// Returns three services, each of which depends on the one before, at a revision each.
fn chain([db, migrate, web]: [&str; 3]) -> Vec<Service> {
    let service = |id: &str, revision: &str, more: &str| {
        let text = format!("id: {id}\nrevision: {revision}\n{more}");
        Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
    };
    let docker = "runtime: docker\nimage: app\n";
    vec![
        service(
            "web",
            web,
            &format!("{docker}depends_on: {{migrate: {{condition: completed}}}}\n"),
        ),
        service("migrate", migrate, &format!("{docker}type: oneshot\ndepends_on: [db]\n")),
        service("db", db, "command: [/bin/db]\nhealth: {command: [/bin/true]}\n"),
    ]
}

/// Notes the starts of instances from now on.
fn starts(world: &World) -> Arc<Mutex<Vec<String>>> {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&starts);
    world.host.lock().unwrap().on_call(move |call, _, _| {
        if let Call::RunJob(JobType::Start, unit) = call
            && unit.kind() == "service"
        {
            let name = unit.as_str().trim_start_matches("conductor-");
            let release = name.split_once('.').map_or(name, |(release, _)| release);
            seen.lock().unwrap().push(release.to_owned());
        }
    });
    starts
}

#[test]
fn what_depends_on_others_starts_after_them_and_is_kept_if_they_fail() {
    let world = World::new();
    let seen = starts(&world);
    let started = || std::mem::take(&mut *seen.lock().unwrap());
    // Each is planned again after its pull, and waits nevertheless.
    assert!(world.change(&apply(chain(["v1"; 3]))).healthy);
    assert_eq!(started(), ["db-v1", "migrate-v1", "web-v1"]);
    assert!(!world.change(&apply(chain(["v1"; 3]))).changed);

    for (revisions, tried) in [
        (["bad", "v2", "v2"], &["db-bad"][..]),
        // Its undo does not run the old command again.
        (["v1", "bad", "v2"], &["migrate-bad"]),
    ] {
        let report = world.try_to(&apply(chain(revisions))).unwrap();
        assert_eq!(started(), tried);
        let kinds: Vec<_> = report.failures().map(|(_, failure)| failure.cause.kind()).collect();
        let (last, others) = kinds.split_last().unwrap();
        assert_eq!(*last, CauseKind::JobFailed);
        assert!(others.iter().all(|kind| *kind == CauseKind::Dependency), "{kinds:?}");
        let (web, failure) = report.failures().next().unwrap();
        assert!(!web.changed && failure.old_serves, "{failure:?}");
        assert_eq!(world.runs(), ["v1"]);
    }
    // A change of one alone waits for nothing, and another one's change restarts nothing.
    assert!(world.change(&apply(chain(["v2", "v1", "v1"]))).healthy);
    assert_eq!(started(), ["db-v2"]);
    assert!(world.change(&apply(chain(["v2", "v2", "v2"]))).healthy);
    assert_eq!(started(), ["migrate-v2", "web-v2"]);
}

#[test]
fn a_dependency_has_to_be_there() {
    let world = World::new();
    let web = || chain(["v1"; 3]).into_iter().take(1).collect::<Vec<_>>();
    let error = world.try_to(&apply(web())).unwrap_err();
    assert!(error.problems()[0].message.contains("there is no service migrate"), "{error:?}");
    world.change(&apply(chain(["v1"; 3])));
    assert!(!world.change(&apply(web())).changed);
    let prune = Apply { services: web(), prune: Prune::Remove, ..Apply::default() };
    assert!(world.try_to(&Change::Apply(prune)).is_err());

    let removal = Change::Remove(Remove { service: "migrate".parse().unwrap(), volumes: false });
    let plan = world.conductor.plan(&removal).unwrap().plan.to_string();
    assert!(plan.contains("note: web depends on it"), "{plan}");
    world.change(&removal);
    // It is gone, and its target may be held by the other one's order.
    assert_eq!(world.runs(), ["v1"]);
    assert!(world.change(&Change::RemoveAll).changed);
}

#[test]
fn a_definition_says_when_its_image_is_pulled() {
    let world = World::new();
    let web = |pull: &str| {
        let text = format!("id: web\nruntime: docker\nimage: web:v1\npull: {pull}\n");
        Service::parse(Path::new("/etc/web.yaml"), &text).unwrap()
    };
    let pulls = |change: &Change| {
        let planned = world.conductor.plan(change).unwrap().plan;
        planned.services.iter().any(conductor_core::plan::ServicePlan::pulls)
    };
    let with = |pull: &str, option: Pull| {
        Change::Apply(Apply { services: vec![web(pull)], pull: option, ..Apply::default() })
    };
    // What is missing is an error before anything is changed.
    let error = world.try_to(&with("never", Pull::Defined)).unwrap_err();
    assert_eq!(
        error.problems()[0].to_string(),
        "/etc/web.yaml:1:5: pull: web: docker does not have web:v1, and it is never pulled\n  \
         hint: build it, or load it: docker load; or write pull: missing"
    );
    assert!(world.host.lock().unwrap().state().units.units.is_empty());
    assert!(world.try_to(&with("always", Pull::Never)).is_err());
    assert!(pulls(&with("never", Pull::Missing)));
    world.change(&with("missing", Pull::Defined));
    for (pull, option, expected) in [
        ("missing", Pull::Defined, false),
        ("never", Pull::Defined, false),
        ("always", Pull::Defined, true),
        ("always", Pull::Missing, false),
        ("always", Pull::Never, false),
        ("missing", Pull::Always, true),
        ("never", Pull::Always, true),
    ] {
        assert_eq!(pulls(&with(pull, option)), expected, "{pull} {option:?}");
    }
    // The image of a release is that of its restarts.
    assert!(!pulls(&Change::Restart(Restart { services: vec![web("always")] })));
    assert!(!world.change(&with("never", Pull::Defined)).changed);
}
