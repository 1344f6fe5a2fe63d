//! Changes through the facade, on a host that is not there: as the tests of a program that links this crate do it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod images;
mod resources;
mod restarts;
mod together;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conductor_core::service::Service;
use conductor_host::fake::{FakeHost, Fault, Program};
use conductor_host::system::Paths;
use conductor_host::{
    Apply, Change, Conductor, Deploy, Error, ErrorKind, Event, Pause, Prune, Remove, Report,
    Resume, Rollback,
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
