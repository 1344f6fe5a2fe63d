//! Images that are pulled, that are gone, or that have data.

use std::path::Path;

use conductor_core::plan::Step;
use conductor_core::service::Service;
use conductor_core::unit::{Engine, EngineImage, LocalImage};
use conductor_host::{Action, Apply, Change, Pull, Remove, Restart, Rollback};

use crate::{World, apply, deploy, web};

/// Lets the registry have another image for the name of `web` at v1.
pub(crate) fn push(world: &World, image: &str, volumes: &[&str]) {
    let name = EngineImage { engine: Engine::Docker, reference: "registry.example/web:v1".into() };
    let volumes = volumes.iter().map(|path| path.parse().unwrap()).collect();
    let id = format!("sha256:{}", image.repeat(64)).parse().unwrap();
    let host = world.host.lock().unwrap();
    host.state_mut().registry.insert(name, LocalImage { id, volumes, source: None });
}

/// Returns the digits with which the ids of the images begin that instances of `web` run.
pub(crate) fn images(world: &World) -> Vec<String> {
    let status = world.conductor.status(Some(&"web".parse().unwrap())).unwrap();
    let instances = status.services.iter().flat_map(|service| &service.instances);
    let healthy = instances.filter(|instance| instance.healthy);
    let ids = healthy.map(|instance| instance.image_id.clone().unwrap_or_default());
    ids.map(|id| id.chars().nth("sha256:".len()).unwrap_or('-').to_string()).collect()
}

pub(crate) fn pulling(services: Vec<Service>) -> Change {
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
