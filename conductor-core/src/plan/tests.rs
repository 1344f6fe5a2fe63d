//! Plans from written observations.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::release::{Release, VERSION, shared_units, slice_unit, start_link};
use crate::runtime::Scope;
use crate::service::Service;
use crate::unit::{Kind, Link, Metadata, Templates, Unit};
use crate::value::Span;

fn service(text: &str) -> Service {
    let text = format!("id: web\ncommand: [/bin/web]\n{text}");
    Service::parse(Path::new("web.yaml"), &text).unwrap()
}

/// Returns the desired state of a service; it leaks the service.
pub(super) fn desired(text: &str) -> Desired<'static> {
    let service: &Service = Box::leak(Box::new(service(text)));
    let templates = Templates::new(&[]).unwrap();
    let revision = service.own_revision().or_else(|| service.default_revision()).unwrap();
    let release = Release::new(service, revision, &templates);
    let ports = allocate(
        std::slice::from_ref(&release),
        &UnitSet::default(),
        &BTreeMap::new(),
        &[].into(),
        crate::value::PortRange::default(),
        None,
    );
    let units = release.compile(&ports.unwrap()[0], None, Scope::System, &templates).unwrap();
    let jobs =
        release.compile_jobs(&release.name(), None, None, Scope::System, &templates).unwrap();
    let shared = shared_units(Scope::System, &templates).unwrap();
    Desired {
        service,
        shared: Box::leak(Box::new(shared)),
        release: release.name(),
        revision: release.revision,
        units,
        upstream: None,
        jobs,
        before: None,
        twins: BTreeSet::new(),
    }
}

/// Returns a host on which a service is as desired, and up.
pub(super) fn running(desired: &Desired<'_>) -> Observed {
    let mut states = BTreeMap::new();
    let mut set = desired.units.clone();
    set.units.extend(desired.jobs.units.clone());
    set.links.extend(desired.jobs.links.clone());
    for (name, unit) in &set.units {
        let state = match &unit.metadata.kind {
            Kind::Job(_) => continue,
            Kind::Timer(_) if !set.links.iter().any(|link| link.unit == *name) => continue,
            _ => ActiveState::Active,
        };
        states.insert(name.clone(), state);
    }
    states.insert(slice_unit(&desired.service.id), ActiveState::Active);
    set.units.extend(desired.shared.units.clone());
    Observed { states: Some(states), ..Observed::new(set, BTreeMap::new()) }
}

/// Returns the same host as an older version wrote it, with files that this one does not write.
fn written_by_an_older_version(desired: &Desired<'_>) -> Observed {
    let running = running(desired);
    let mut set = running.set;
    set.units.retain(|name, _| !desired.shared.units.contains_key(name));
    set.links.remove(&start_link(&id(), Scope::System));
    let boot: UnitName = "conductor-web-boot.service".parse().unwrap();
    for (name, kind) in [(slice_unit(&id()), Kind::Slice), (boot.clone(), Kind::Boot)] {
        let (version, service) = (VERSION.to_owned(), Some(id()));
        let metadata = Metadata { version, rendered: None, service, application: None, kind };
        let text = format!("[Unit]\nDescription=x\n\n{metadata}");
        set.units.insert(name, Unit { metadata, text });
    }
    set.links.insert(Link { by: "multi-user.target".parse().unwrap(), unit: boot });
    Observed { states: running.states, ..Observed::new(set, BTreeMap::new()) }
}

pub(super) fn id() -> ServiceId {
    "web".parse().unwrap()
}

pub(super) fn empty() -> Observed {
    Observed { states: Some(BTreeMap::new()), ..Observed::default() }
}

/// Returns a plan's steps in words, without the digests.
pub(super) fn words(plan: &ServicePlan) -> Vec<String> {
    shown(plan.all_steps())
}

/// Returns the steps of the undo in words.
fn undone(plan: &ServicePlan) -> Vec<String> {
    shown(plan.undo.iter())
}

fn shown<'s>(steps: impl Iterator<Item = &'s Step>) -> Vec<String> {
    let digit = |c: char| c.is_ascii_hexdigit();
    steps
        .map(|step| {
            let text = step.to_string();
            match text.split_once("host.") {
                Some((before, after)) => format!("{before}{}", after.trim_start_matches(digit)),
                None => text,
            }
        })
        .collect()
}

#[test]
fn one_instance_with_data_of_its_own_stops_first() {
    const DATA: &str = "volumes: ['/srv/db:/db']\n";
    let planned = |text: &str| {
        let old = desired(&format!("{text}env: {{A: a}}\n"));
        let observed = running(&old);
        let plan = converge(&desired(text), &observed).unwrap();
        let steps: Vec<_> = plan.all_steps().map(Step::action).collect();
        let place = |action| steps.iter().position(|step| *step == action).unwrap();
        let stops_first = place(Action::Stop) < place(Action::Start);
        assert_eq!(stops_first, plan.downtime);
        (stops_first, Plan::new(vec![plan], &observed).to_string())
    };
    let (stops_first, text) = planned(DATA);
    assert!(stops_first && text.contains("no two use the volume /srv/db"), "{text}");
    let (stops_first, text) = planned("systemd: {Service: {StateDirectory: web}}\n");
    assert!(stops_first && text.contains("no two use StateDirectory=web"), "{text}");
    for made_for_two in
        ["instances: 2\n", "port: 80\nhealth: {tcp: true}\nproxy: {nginx: {upstream: web}}\n"]
    {
        let (stops_first, text) = planned(&format!("{DATA}{made_for_two}"));
        assert!(!stops_first && text.contains("both use the volume /srv/db"), "{text}");
    }
    let container = "runtime: docker\nimage: app:v1\ncontainer_name: shop-db\n";
    let (stops_first, text) = planned(container);
    assert!(stops_first && text.contains("no two use the container name shop-db"), "{text}");
    let (stops_first, text) = planned("ports: [9100]\n");
    assert!(stops_first && text.contains("no two use port 9100 of the host"), "{text}");
    let (stops_first, text) = planned(&format!("{DATA}deploy: {{order: start-first}}\n"));
    assert!(!stops_first && !text.contains("/srv/db"), "{text}");
    for without in
        ["", "volumes: ['/srv/db:/db:ro']\n", "systemd: {Service: {CacheDirectory: a}}\n"]
    {
        assert!(!planned(without).0, "{without}");
    }
}

#[test]
fn a_new_service_is_written_then_enabled_then_started() {
    let plan = converge(&desired("instances: 2\n"), &empty()).unwrap();
    assert_eq!(
        words(&plan),
        [
            "write conductor-retry@.service",
            "write conductor-start@.service",
            "write conductor-start@.timer",
            "write conductor-web--1.service",
            "write conductor-web--2.service",
            "write conductor-web.target",
            "enable conductor-web--1.service in conductor-web.target",
            "enable conductor-web--2.service in conductor-web.target",
            "enable conductor-start@web.service in multi-user.target",
            "start conductor-web--1.service",
            "start conductor-web--2.service",
            "start conductor-web.target",
        ]
    );
    assert!(!plan.replaces);
    // Its slice has no file, and did not exist before.
    assert_eq!(
        undone(&plan),
        [
            "stop conductor-web--1.service",
            "stop conductor-web--2.service",
            "stop conductor-web.target",
            "stop conductor-web.slice",
            "disable conductor-web--1.service in conductor-web.target",
            "disable conductor-web--2.service in conductor-web.target",
            "disable conductor-start@web.service in multi-user.target",
            "remove conductor-retry@.service",
            "remove conductor-start@.service",
            "remove conductor-start@.timer",
            "remove conductor-web--1.service",
            "remove conductor-web--2.service",
            "remove conductor-web.target",
        ]
    );
    let mut observed = empty();
    observed.states.as_mut().unwrap().insert(slice_unit(&id()), ActiveState::Active);
    let plan = converge(&desired("instances: 2\n"), &observed).unwrap();
    assert!(
        !undone(&plan).contains(&"stop conductor-web.slice".to_owned()),
        "a command runs in it"
    );
}

#[test]
fn files_of_an_older_version_are_replaced_and_nothing_that_runs_is_touched() {
    let desired = desired("instances: 2\nport: 80\n");
    let older = written_by_an_older_version(&desired);
    let plan = converge(&desired, &older).unwrap();
    assert_eq!(
        words(&plan),
        [
            "write conductor-retry@.service",
            "write conductor-start@.service",
            "write conductor-start@.timer",
            "enable conductor-start@web.service in multi-user.target",
            "disable conductor-web-boot.service in multi-user.target",
            "remove conductor-web-boot.service",
            "remove conductor-web.slice",
        ]
    );
    assert!(!plan.replaces && !plan.downtime);
    assert_eq!(
        undone(&plan),
        [
            "disable conductor-start@web.service in multi-user.target",
            "remove conductor-retry@.service",
            "remove conductor-start@.service",
            "remove conductor-start@.timer",
        ]
    );
    // Half of it was done when the process was killed.
    let mut half = older.set.clone();
    half.units.extend(desired.shared.units.clone());
    half.links.insert(start_link(&id(), Scope::System));
    let half = Observed { states: older.states.clone(), ..Observed::new(half, BTreeMap::new()) };
    assert_eq!(
        words(&converge(&desired, &half).unwrap()),
        [
            "disable conductor-web-boot.service in multi-user.target",
            "remove conductor-web-boot.service",
            "remove conductor-web.slice",
        ]
    );
    // A deploy stops what it replaces, and not the slice.
    let plan = converge(&self::desired("instances: 1\nport: 80\n"), &older).unwrap();
    let stopped: Vec<_> = plan.all_steps().filter(|step| matches!(step, Step::Stop(_))).collect();
    assert_eq!(stopped.len(), 1, "{:?}", words(&plan));
    // The slice is stopped when the service is removed, once.
    let stopped = words(&remove(&id(), Span::from_secs(30), &[], &older));
    assert_eq!(stopped.iter().filter(|step| *step == "stop conductor-web.slice").count(), 1);
    assert!(stopped.contains(&"remove conductor-web.slice".to_owned()));
}

#[test]
fn what_is_as_desired_needs_no_step() {
    let desired = desired("instances: 2\nport: 80\n");
    let plan = converge(&desired, &running(&desired)).unwrap();
    assert!(!plan.changes(), "{:?}", words(&plan));
}

#[test]
fn old_instances_stop_after_the_new_ones_start_unless_told_otherwise() {
    let observed = running(&desired(""));
    let order = |text: &str| {
        let plan = converge(&desired(text), &observed).unwrap();
        assert!(plan.replaces);
        let jobs = plan.all_steps().filter(|step| !step.is_file());
        let jobs: Vec<_> = jobs.map(|step| step.to_string()[..5].trim().to_owned()).collect();
        let undone: Vec<_> =
            plan.undo.iter().map(|step| step.to_string()[..5].trim().to_owned()).collect();
        (jobs, undone)
    };
    let (jobs, undone) = order("env: {A: b}\n");
    assert_eq!(jobs, ["start", "confi", "stop"]);
    assert_eq!(undone, ["stop", "disab", "remov"]);
    let (jobs, undone) = order("env: {A: b}\ndeploy: {order: stop-first}\n");
    assert_eq!(jobs, ["stop", "start", "confi"]);
    assert_eq!(undone, ["stop", "start", "disab", "remov"]);
}

#[test]
fn scaling_touches_the_difference_only() {
    let two = desired("instances: 2\n");
    let three = desired("instances: 3\n");
    assert_eq!(
        words(&converge(&three, &running(&two)).unwrap()),
        [
            "write conductor-web--3.service",
            "enable conductor-web--3.service in conductor-web.target",
            "start conductor-web--3.service",
        ]
    );
    assert_eq!(
        words(&converge(&two, &running(&three)).unwrap()),
        [
            "stop conductor-web--3.service",
            "disable conductor-web--3.service in conductor-web.target",
            "remove conductor-web--3.service",
        ]
    );
}

#[test]
fn an_instance_that_is_down_is_started_and_left_if_that_fails() {
    let desired = desired("");
    let mut observed = running(&desired);
    let name = desired.units.units.keys().find(|name| name.as_str().contains("host.")).unwrap();
    observed.states.as_mut().unwrap().insert(name.clone(), ActiveState::Failed);
    let plan = converge(&desired, &observed).unwrap();
    assert_eq!(words(&plan), ["start conductor-web--1.service"]);
    assert!(plan.undo.is_empty());
}

#[test]
fn what_replaces_is_looked_at_again_before_the_old_one_stops() {
    let confirms = |old: &str, new: &str| {
        let plan = converge(&desired(new), &running(&desired(old))).unwrap();
        let words = words(&plan);
        words.into_iter().filter(|step| step.starts_with("confirm")).collect::<Vec<_>>().join("; ")
    };
    let checked = "port: 80\nhealth: {tcp: true}\n";
    let healthy = "confirm that the new instance stays healthy for 500ms";
    assert_eq!(confirms(checked, &format!("env: {{A: b}}\n{checked}")), healthy);
    assert_eq!(confirms("", "env: {A: b}\n"), "confirm that the new instance is still up");
    let longer = format!("{checked}deploy: {{min_healthy_time: 2s}}\n");
    let longer_healthy = "confirm that the new instance stays healthy for 2s";
    assert_eq!(confirms(checked, &format!("env: {{A: b}}\n{longer}")), longer_healthy);
    // Nothing is replaced.
    assert_eq!(confirms(checked, &format!("instances: 2\n{checked}")), "");
}

#[test]
fn without_systemd_there_are_files_only() {
    let plan = converge(&desired(""), &Observed::default()).unwrap();
    assert!(plan.all_steps().all(Step::is_file));
    assert!(plan.undo.iter().all(Step::is_file));
}

#[test]
fn something_foreign_in_the_way_is_an_error_and_elsewhere_is_not() {
    let desired = desired("");
    for path in [
        "conductor-web.target",
        "conductor-web.target.wants",
        "conductor-start@.service",
        "multi-user.target.wants/conductor-start@web.service",
    ] {
        let foreign = BTreeMap::from([(path.to_owned(), "a symbolic link")]);
        let error = converge(&desired, &Observed { foreign, ..empty() }).unwrap_err();
        assert_eq!(error.path, path);
    }
    let foreign = BTreeMap::from([("conductor-other.target".to_owned(), "a symbolic link")]);
    assert!(converge(&desired, &Observed { foreign, ..empty() }).is_ok());
}

#[test]
fn ports_stay_and_new_ones_avoid_what_is_held_and_what_listens() {
    let service = service("instances: 3\nport: 80\n");
    let templates = Templates::new(&[]).unwrap();
    let release = || Release::new(&service, service.default_revision().unwrap(), &templates);
    let range = "20000-20004".parse().unwrap();
    let give_after = |on_host: &UnitSet, listening: &[u16], after: Option<u16>| {
        let listening = listening.iter().copied().collect();
        let after = after.map(|after| after.to_string().parse().unwrap());
        allocate(&[release()], on_host, &BTreeMap::new(), &listening, range, after)
            .map(|ports| ports[0].values().map(|port| port.number()).collect::<Vec<_>>())
    };
    let give = |on_host: &UnitSet, listening: &[u16]| give_after(on_host, listening, None);
    assert_eq!(give(&UnitSet::default(), &[20001]).unwrap(), [20000, 20002, 20003]);
    let none = UnitSet::default();
    assert_eq!(give_after(&none, &[20001], Some(20000)).unwrap(), [20002, 20003, 20004]);
    // After the end of the range comes its beginning.
    assert_eq!(give_after(&none, &[20001], Some(20003)).unwrap(), [20004, 20000, 20002]);
    assert_eq!(give_after(&none, &[], Some(30000)).unwrap(), [20000, 20001, 20002]);
    let ports =
        allocate(&[release()], &none, &BTreeMap::new(), &[20001].into(), range, None).unwrap();
    let on_host = release().compile(&ports[0], None, Scope::System, &templates).unwrap();
    assert_eq!(give(&on_host, &[20000, 20002, 20003]).unwrap(), [20000, 20002, 20003]);
    let error = give(&UnitSet::default(), &[20000, 20001, 20002]).unwrap_err();
    assert!(error.to_string().starts_with("no port of 20000-20004 is left"), "{error}");
}
