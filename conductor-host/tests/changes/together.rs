//! Services that wait for each other, or that move an upstream.

use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_core::proxy::UpstreamFile;
use conductor_core::service::Service;
use conductor_host::fake::{Call, Fault};
use conductor_host::system::JobType;
use conductor_host::{Apply, CauseKind, Change, Prune, Remove};

use crate::images::{images, pulling, push};
use crate::{World, apply};

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
