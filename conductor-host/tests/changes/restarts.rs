//! Instances that are replaced by others of the same release.

use conductor_core::definition::ChangedFiles;
use conductor_core::service::Service;
use conductor_core::unit::ContentKey;
use conductor_core::value::HostPath;
use conductor_host::fake::Fault;
use conductor_host::{Change, ErrorKind, Restart, Rollback};

use crate::{World, apply, deploy, web};

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
