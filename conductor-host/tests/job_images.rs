//! The images of scheduled jobs, on a host that is not there.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_core::definition::PullPolicy;
use conductor_core::service::Service;
use conductor_core::unit::{Engine, EngineImage, LocalImage, Pin};
use conductor_host::fake::FakeHost;
use conductor_host::system::Paths;
use conductor_host::{
    Apply, Change, Conductor, Deploy, ErrorKind, Event, Pull, Remove, Report, Rollback,
};

struct World {
    host: Arc<Mutex<FakeHost>>,
    conductor: Conductor,
}

impl World {
    /// Makes a host whose registry has the image 1.
    fn new() -> Self {
        let host = Arc::new(Mutex::new(FakeHost::default()));
        let paths = Paths::system(Path::new("/nonexistent"));
        let conductor = Conductor::new(paths, None).unwrap().with_fake(Arc::clone(&host));
        let world = Self { host, conductor };
        world.push("1");
        world
    }

    /// Lets the tag mean this image in the registry.
    fn push(&self, digit: &str) {
        let id = format!("sha256:{}", digit.repeat(64)).parse().unwrap();
        let from = Some(source(digit));
        let local = LocalImage { id, volumes: vec!["/data".parse().unwrap()], source: from };
        let host = self.host.lock().unwrap();
        let exact = EngineImage { engine: Engine::Docker, reference: source(digit) };
        host.state_mut().registry.extend([(image(), local.clone()), (exact, local)]);
    }

    fn change(&self, change: &Change) -> Report {
        let report = self.conductor.carry_out(change, &mut |_: Event| {}).unwrap();
        assert!(report.failures().next().is_none(), "{change}: {report:?}");
        report
    }

    /// Returns the reference that the job starts, the first digit of its image, and from where that comes again.
    fn job(&self) -> (String, String, Option<String>) {
        let host = self.host.lock().unwrap();
        let state = host.state();
        let unit = &state.units.units[&"conductor-web-tidy.service".parse().unwrap()];
        let pin = unit.metadata.kind.job().unwrap().pin.as_ref();
        let start = unit.values("ExecStart").next().unwrap();
        let mut words = start.split("\" \"").skip_while(|word| *word != "--").skip(1);
        let started = words.next().unwrap().to_owned();
        let id = pin.and_then(Pin::id).map_or("-", |id| &id.as_str()["sha256:".len()..][..1]);
        (started, id.to_owned(), pin.and_then(Pin::source).map(str::to_owned))
    }

    fn has(&self, reference: &str) -> bool {
        let (engine, reference) = (Engine::Docker, reference.to_owned());
        let host = self.host.lock().unwrap();
        host.state().images.contains_key(&EngineImage { engine, reference })
    }
}

fn image() -> EngineImage {
    EngineImage { engine: Engine::Docker, reference: "registry.example/web:v1".into() }
}

fn source(digit: &str) -> String {
    format!("registry.example/web@sha256:{}", digit.repeat(64))
}

fn web(rest: &str) -> Service {
    let text =
        format!("id: web\nruntime: docker\nimage: registry.example/web\nrevision: v1\n{rest}");
    Service::parse(Path::new("web.yaml"), &text).unwrap()
}

fn tidy(schedule: &str) -> String {
    format!("cron: {{tidy: {{command: [/bin/tidy], schedule: '{schedule}'}}}}\n")
}

fn jobs() -> Service {
    web(&format!("instances: 0\n{}", tidy("@daily")))
}

fn apply(service: Service) -> Change {
    Change::Apply(Apply { services: vec![service], ..Apply::default() })
}

fn pulling(service: Service) -> Change {
    Change::Apply(Apply { services: vec![service], pull: Pull::Always, ..Apply::default() })
}

#[test]
fn the_image_of_jobs_alone_is_kept_until_it_is_pulled() {
    let world = World::new();
    world.change(&apply(jobs()));
    let (first, id, from) = world.job();
    assert_eq!((id.as_str(), from), ("1", Some(source("1"))));
    assert!(first.starts_with("localhost/conductor:web.v1.") && world.has(&first), "{first}");
    let status = world.conductor.status(None).unwrap();
    let shown = status.services[0].releases[0].image_id.clone().unwrap_or_default();
    assert!(shown.starts_with("sha256:1111"), "{shown}");
    assert!(!world.change(&apply(jobs())).changed);

    // The tag moves. A changed job is no reason to run another image, and none to ask the registry.
    world.push("2");
    let other = || tidy("0 12 * * *").replace("/bin/tidy", "/bin/more");
    let noon = || web(&format!("instances: 0\n{}", other()));
    let planned = world.conductor.plan(&apply(noon())).unwrap();
    assert!(!planned.plan.services[0].pulls(), "{}", planned.plan);
    assert!(world.change(&apply(noon())).changed);
    assert_eq!(world.job().0, first);
    // If it was pruned, just that image comes again.
    world.host.lock().unwrap().state_mut().images.clear();
    world.change(&apply(jobs()));
    assert!(
        world.has(&first) && !world.has(&image().reference),
        "{:?}",
        world.host.lock().unwrap().state().images
    );
    world.change(&apply(noon()));

    // A pull is one.
    let mut notes = Vec::new();
    let mut tell = |event: Event| {
        if let Event::Note { text, .. } = event {
            notes.push(text);
        }
    };
    assert!(world.conductor.carry_out(&pulling(noon()), &mut tell).unwrap().changed);
    assert!(
        notes.iter().any(|note| note.contains("is another image now: sha256:2222")),
        "{notes:?}"
    );
    let (second, id, from) = world.job();
    assert_eq!((id.as_str(), from), ("2", Some(source("2"))));
    assert!(second != first && world.has(&second) && !world.has(&first), "{second}");
    assert!(!world.change(&pulling(noon())).changed);

    let remove = Change::Remove(Remove { service: "web".parse().unwrap(), volumes: false });
    world.change(&remove);
    assert!(!world.has(&second));
}

#[test]
fn a_deploy_of_jobs_alone_keeps_the_image_of_the_new_revision() {
    let world = World::new();
    world.change(&apply(jobs()));
    let (first, ..) = world.job();
    let deploy = Deploy::new(&jobs(), &"v2".parse().unwrap()).unwrap();
    world.change(&Change::Deploy(deploy));
    let (second, ..) = world.job();
    assert!(second.starts_with("localhost/conductor:web.v2."), "{second}");
    assert!(world.has(&second) && !world.has(&first));
    // The units of jobs change in place, so there is nothing to go back to.
    let back = Change::Rollback(Rollback { services: vec![jobs()], to: None });
    let refused = world.conductor.carry_out(&back, &mut |_: Event| {}).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NoRollback);
}

#[test]
fn an_image_that_no_registry_has_does_not_come_again() {
    let world = World::new();
    let id = format!("sha256:{}", "3".repeat(64)).parse().unwrap();
    let local = LocalImage { id, volumes: Vec::new(), source: None };
    world.host.lock().unwrap().state_mut().images.insert(image(), local);
    world.change(&apply(jobs()));
    let (tag, id, from) = world.job();
    assert_eq!((id.as_str(), from), ("3", None));
    assert!(world.has(&tag));
    let host = world.host.lock().unwrap();
    let state = host.state();
    let unit = &state.units.units[&"conductor-web-tidy.service".parse().unwrap()];
    assert!(!unit.values("ExecStartPre").any(|line| line.contains("pull")), "{}", unit.text);
}

/// Only what a definition says of its jobs changes, and the tag has moved.
#[test]
fn a_changed_job_replaces_no_instance() {
    let world = World::new();
    world.change(&apply(web(&tidy("@daily"))));
    let (first, ..) = world.job();
    world.push("2");
    let changed = || {
        web(&format!(
            "{}deploy: {{drain: 5s}}\n",
            tidy("0 12 * * *").replace("/bin/tidy", "/bin/more")
        ))
    };
    let planned = world.conductor.plan(&apply(changed())).unwrap();
    assert!(!planned.plan.services[0].pulls(), "{}", planned.plan);
    assert!(world.change(&apply(changed())).changed);
    let (now, id, from) = world.job();
    assert_eq!((now, id.as_str(), from), (first, "1", None));
}

/// What has no instances gets some, and the other way round: it stays the same image, and instances keep its data.
#[test]
fn scaling_from_and_to_nothing_keeps_the_image() {
    let world = World::new();
    world.change(&apply(jobs()));
    world.push("2");
    let running = || web(&tidy("@daily"));
    world.change(&apply(running()));
    let (_, id, from) = world.job();
    assert_eq!((id.as_str(), from), ("1", None));
    {
        let host = world.host.lock().unwrap();
        let state = host.state();
        let mut units = state.units.units.values();
        let pin = units.find_map(|unit| unit.metadata.kind.instance()?.pin.as_ref());
        let pin = pin.unwrap();
        assert!(pin.id().unwrap().as_str().starts_with("sha256:1111"), "{pin:?}");
        assert_eq!(pin.volumes().len(), 1, "{pin:?}");
    }
    world.change(&apply(jobs()));
    let (tag, id, _) = world.job();
    assert_eq!(id, "1");
    assert!(world.has(&tag));
    assert!(!world.change(&apply(jobs())).changed);
}

#[test]
fn what_is_never_pulled_is_not_pulled_by_a_job() {
    let world = World::new();
    let never = || jobs().unchecked(|jobs| jobs.pull = PullPolicy::Never);
    let refused = world.conductor.carry_out(&apply(never()), &mut |_: Event| {}).unwrap_err();
    assert!(refused.to_string().contains("never pulled"), "{refused}");
    {
        let host = world.host.lock().unwrap();
        let mut state = host.state_mut();
        let local = state.registry[&image()].clone();
        state.images.insert(image(), local);
    }
    world.change(&apply(never()));
    let host = world.host.lock().unwrap();
    let state = host.state();
    let unit = &state.units.units[&"conductor-web-tidy.service".parse().unwrap()];
    assert!(!unit.values("ExecStartPre").any(|line| line.contains("pull")), "{}", unit.text);
}
