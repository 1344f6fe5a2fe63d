//! Applications of several processes through the facade, on a host that is not there.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_core::service::Service;
use conductor_host::fake::{Call, FakeHost, Fault, Program};
use conductor_host::system::{JobType, Paths};
use conductor_host::{
    Apply, CauseKind, Change, Conductor, Deploy, Error, ErrorKind, Event, Prune, Remove, Report,
    Restart, Rollback,
};

const TEXT: &str = "id: shop
image: registry.example/shop
runtime: docker
env: {MODE: production}
processes:
  web: {port: 8080, instances: 2, depends_on: [migrate]}
  worker: {command: [work]}
  migrate: {type: oneshot, command: [migrate]}
";

struct World {
    host: Arc<Mutex<FakeHost>>,
    conductor: Conductor,
}

impl World {
    /// Makes a host on which the worker does not start at the revision `bad`.
    fn new() -> Self {
        let host = FakeHost::default().with_programs(|unit| Program {
            fails: unit.as_str().contains("-worker-bad."),
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

    fn change(&self, change: &Change) -> Report {
        let planned = self.conductor.plan(change).unwrap();
        let report = self.try_to(change).unwrap();
        assert!(report.failures().next().is_none(), "{change}: {report:?}");
        assert_eq!(report.changed, planned.plan.changes(), "{change}");
        report
    }

    fn refused(&self, change: &Change) -> (ErrorKind, String, String) {
        let error = self.try_to(change).unwrap_err();
        (error.kind(), error.to_string(), error.hint().unwrap_or_default())
    }

    /// Returns the revisions of the instances that are up, by service.
    fn runs(&self) -> BTreeMap<String, BTreeSet<String>> {
        let Ok(status) = self.conductor.status(Some(&"shop".parse().unwrap())) else {
            return BTreeMap::new();
        };
        let service = |service: &conductor_host::ServiceStatus| {
            let up = service.instances.iter().filter(|instance| instance.healthy);
            let up = up.map(|instance| instance.revision.to_string()).collect();
            (service.id.to_string(), up)
        };
        status.services.iter().map(service).collect()
    }

    fn all_run(&self, revision: &str) {
        let all = ["shop-migrate", "shop-web", "shop-worker"];
        let all = all.map(|id| (id.to_owned(), BTreeSet::from([revision.to_owned()])));
        assert_eq!(self.runs(), BTreeMap::from(all));
    }
}

fn processes() -> Vec<Service> {
    Service::parse_all(Path::new("shop.yaml"), TEXT).unwrap()
}

fn one(id: &str) -> Vec<Service> {
    processes().into_iter().filter(|service| service.id.as_str() == id).collect()
}

fn apply() -> Change {
    Change::Apply(Apply { services: processes(), prune: Prune::Report, ..Apply::default() })
}

fn deploy(revision: &str) -> Change {
    Change::Deploy(Deploy::all(&processes(), &revision.parse().unwrap()).unwrap())
}

fn back(to: Option<&str>) -> Change {
    let to = to.map(|to| to.parse().unwrap());
    Change::Rollback(Rollback { services: processes(), to })
}

#[test]
fn all_processes_are_deployed_or_none() {
    let world = World::new();
    world.change(&deploy("v1"));
    world.all_run("v1");
    assert!(!world.change(&apply()).changed);
    let planned = world.conductor.plan(&deploy("bad")).unwrap().plan;
    assert!(
        planned
            .to_string()
            .contains("together with shop-migrate, shop-worker: all of them or none")
    );
    let report = world.try_to(&deploy("bad")).unwrap();
    world.all_run("v1");
    assert!(!report.changed);
    let failures: BTreeMap<_, _> =
        report.failures().map(|(service, it)| (service.id.as_str(), it)).collect();
    assert_eq!(failures.len(), 3);
    let (web, worker) = (failures["shop-web"], failures["shop-worker"]);
    assert_eq!(web.reason(), "shop-worker failed, and the processes of shop change together");
    assert_eq!((web.cause.kind(), web.old_serves, web.undone), (CauseKind::Together, true, true));
    assert!(worker.unit.is_some() && worker.undone, "{worker:?}");
    // What runs to its end serves nobody; but its application does.
    assert!(failures["shop-migrate"].old_serves);
    world.change(&deploy("v2"));
    world.all_run("v2");
}

#[test]
fn a_first_deploy_that_fails_leaves_nothing() {
    let world = World::new();
    let report = world.try_to(&deploy("bad")).unwrap();
    assert!(report.failures().all(|(_, failure)| !failure.old_serves), "{report:?}");
    assert!(world.host.lock().unwrap().state().units.units.is_empty());
}

#[test]
fn what_another_process_needs_runs_before_it() {
    let world = World::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    world.host.lock().unwrap().on_call(move |call, _, _| {
        if let Call::RunJob(JobType::Start, unit) = call
            && unit.kind() == "service"
        {
            seen.lock().unwrap().push(unit.to_string());
        }
    });
    world.change(&deploy("v1"));
    let order = order.lock().unwrap();
    let place = |of: &str| order.iter().position(|unit| unit.contains(of)).unwrap();
    assert!(place("shop-migrate") < place("shop-web"), "{order:?}");
}

#[test]
fn a_process_that_died_is_finished_by_the_same_change_and_by_apply() {
    for again in [deploy("v2"), apply()] {
        for call in 0.. {
            let world = World::new();
            world.change(&deploy("v1"));
            world.host.lock().unwrap().inject(Some((call, Fault::DiesAfter)));
            let ended = world.try_to(&deploy("v2")).is_ok();
            let runs = world.runs();
            assert!(!runs["shop-web"].is_empty(), "nothing serves after call {call}");
            {
                let host = world.host.lock().unwrap();
                host.inject(None);
                host.let_systemd_finish();
            }
            let report = world.try_to(&again).unwrap();
            assert!(report.failures().next().is_none(), "{again} after call {call}: {report:?}");
            let runs: BTreeSet<_> = world.runs().into_values().flatten().collect();
            assert_eq!(runs.len(), 1, "{again} after call {call}: {:?}", world.runs());
            if matches!(again, Change::Deploy(_)) {
                world.all_run("v2");
            }
            if ended {
                assert!(call > 15, "it is over after {call} calls");
                break;
            }
        }
    }
}

#[test]
fn a_process_that_is_added_runs_at_the_revision_of_the_others() {
    let world = World::new();
    let without: Vec<_> =
        processes().into_iter().filter(|service| service.id.as_str() != "shop-worker").collect();
    world.change(&Change::Deploy(Deploy::all(&without, &"v1".parse().unwrap()).unwrap()));
    assert_eq!(world.runs().len(), 2);
    world.change(&apply());
    world.all_run("v1");
}

#[test]
fn an_application_goes_back_at_one_revision() {
    let world = World::new();
    for revision in ["v1", "v2"] {
        world.change(&deploy(revision));
    }
    let alone = Change::Rollback(Rollback { services: one("shop-web"), to: None });
    let (kind, said, hint) = world.refused(&alone);
    assert_eq!(kind, ErrorKind::Application);
    assert!(said.starts_with("shop-web is a process of shop, and all processes"), "{said}");
    assert_eq!(hint, "name shop, for all of them");
    world.change(&back(None));
    world.all_run("v1");
    world.change(&back(Some("v2")));
    world.all_run("v2");
    let (kind, said, _) = world.refused(&back(Some("v2.012345")));
    assert_eq!(kind, ErrorKind::Application);
    assert_eq!(said, "v2.012345 is a release of one process, and not of all processes of shop");
    let (kind, ..) = world.refused(&back(Some("v3")));
    assert_eq!(kind, ErrorKind::NoRollback);
    // One process got another configuration at the same revision, and goes back alone.
    let text = TEXT.replace("command: [work]", "command: [work, more]");
    let services = Service::parse_all(Path::new("shop.yaml"), &text).unwrap();
    world.change(&Change::Apply(Apply { services, ..Apply::default() }));
    let (kind, said, hint) = world.refused(&back(None));
    assert_eq!(kind, ErrorKind::Application);
    assert!(said.contains("different revisions: shop-web to v1, shop-worker to v2"), "{said}");
    assert_eq!(hint, "name the revision; or roll back one process");
    world.change(&Change::Rollback(Rollback { services: one("shop-worker"), to: None }));
    world.all_run("v2");
}

#[test]
fn an_application_is_restarted_and_removed_as_one() {
    let world = World::new();
    let remove = |id: &str| Change::Remove(Remove { service: id.parse().unwrap(), volumes: false });
    let restart = Change::Restart(Restart { services: processes() });
    assert_eq!(world.refused(&restart).1, "there is no service shop on this host");
    assert_eq!(world.refused(&remove("shop")).1, "there is no service shop on this host");
    world.change(&deploy("v1"));
    let report = world.change(&restart);
    assert!(report.services.iter().all(|service| service.changed), "{report:?}");
    world.all_run("v1");
    world.change(&remove("shop-worker"));
    assert_eq!(world.runs().len(), 2);
    world.change(&remove("shop"));
    assert!(world.host.lock().unwrap().state().units.units.is_empty());
}
