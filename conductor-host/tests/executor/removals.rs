//! Removals that fail: what others still need stays, and the report says what still serves.

use std::time::Duration;

use conductor_core::name::UnitName;
use conductor_core::plan::{ActiveState, Plan, converge, remove};
use conductor_core::release::{retry_service, retry_timer};
use conductor_core::value::Span;
use conductor_host::fake::{FakeHost, Fault, Program};
use conductor_host::{Action, CauseKind, Event, ServiceReport, StepObject, Watcher};

use crate::fleet::{self, Fleet};
use crate::services::{Found, INSTANCES, Kind, RELEASES, Settings, Start};
use crate::{change, plain};

/// A chain: `web` depends on `api`, and that on `db`.
const CHAIN: [(&str, &str); 3] = [
    ("db", "revision: v1\n"),
    ("api", "revision: v1\ndepends_on: [db]\n"),
    ("web", "revision: v1\ndepends_on: [api]\n"),
];

/// Returns a host on which the chain runs. The programs for which this is true cannot be stopped.
fn chain(outlives: impl Fn(&UnitName) -> bool + Send + 'static) -> FakeHost {
    let host = FakeHost::default().with_programs(move |unit| Program {
        outlives: unit.kind() == "service" && outlives(unit),
        ..Program::default()
    });
    let observed = host.state().observed(host.now());
    let plans = CHAIN.map(|(id, text)| converge(&fleet::one_of(id, text), &observed).unwrap());
    let plan = Plan::new(plans.into(), &observed);
    let reports = host.carry_out(plan.services, &mut |_: Event| {}).unwrap().unwrap();
    assert!(reports.iter().all(|report| report.failure.is_none()));
    host
}

/// Removes the chain with a fault; `None` if that ends the process, or an error does.
fn remove_chain(host: &FakeHost, fault: Option<(usize, Fault)>) -> Option<Vec<ServiceReport>> {
    let observed = host.state().observed(host.now());
    let ids = CHAIN.map(|(id, _)| id.parse().unwrap());
    let plans = ids.iter().map(|id| remove(id, Span::from_secs(1), &[], &observed)).collect();
    host.inject(fault);
    let plan = Plan::new(plans, &observed);
    host.carry_out(plan.services, &mut |_: Event| {})?.ok()
}

/// Returns which services of the chain have an instance that is up.
fn up(host: &FakeHost) -> [bool; 3] {
    let states = host.state().states(host.now());
    CHAIN.map(|(id, _)| {
        let is_own = |unit: &UnitName| {
            unit.kind() == "service" && unit.as_str().starts_with(&format!("conductor-{id}-v1"))
        };
        states.iter().any(|(unit, state)| is_own(unit) && state.is_up())
    })
}

/// Returns the kind of each failure, and whether the service still serves.
fn failures(reports: &[ServiceReport]) -> Vec<(&str, Option<(CauseKind, bool)>)> {
    fn one(report: &ServiceReport) -> Option<(CauseKind, bool)> {
        let failure = report.failure.as_ref()?;
        Some((failure.cause.kind(), failure.old_serves))
    }
    reports.iter().map(|report| (report.id.as_str(), one(report))).collect()
}

#[test]
fn what_cannot_be_stopped_keeps_what_it_needs() {
    let host = chain(|unit| unit.as_str().starts_with("conductor-web-"));
    let reports = remove_chain(&host, None).unwrap();
    let kept = Some((CauseKind::Dependent, true));
    let failed = Some((CauseKind::JobFailed, true));
    assert_eq!(failures(&reports), [("db", kept.clone()), ("api", kept), ("web", failed)]);
    assert_eq!(up(&host), [true; 3]);
    let api = reports[1].failure.as_ref().unwrap();
    assert_eq!(api.reason(), "web depends on it, and still runs");
    assert!(api.hint.as_ref().is_some_and(|hint| hint.contains("web still needs it")), "{api:?}");
    assert!(!reports[1].changed && !api.undone && !api.retried, "{api:?}");

    // Its own name removes it nevertheless.
    let observed = host.state().observed(host.now());
    let plan = remove(&"db".parse().unwrap(), Span::from_secs(1), &[], &observed);
    let plan = Plan::new(vec![plan], &observed);
    assert_eq!(plan.services[0].dependencies.notes, ["api depends on it"]);
    host.carry_out(plan.services, &mut |_: Event| {}).unwrap().unwrap();
    assert_eq!(up(&host), [false, true, true]);
}

#[test]
fn what_is_not_needed_goes_although_another_one_fails() {
    let host = chain(|unit| unit.as_str().starts_with("conductor-api-"));
    let reports = remove_chain(&host, None).unwrap();
    let expected = [
        ("db", Some((CauseKind::Dependent, true))),
        ("api", Some((CauseKind::JobFailed, true))),
        ("web", None),
    ];
    assert_eq!(failures(&reports), expected);
    assert_eq!(up(&host), [true, true, false]);
}

/// Fails, interrupts or kills the removal at each call.
#[test]
fn nothing_outlives_what_it_depends_on() {
    let mut kept = 0;
    for fault in [Fault::Fails, Fault::IsInterrupted, Fault::DiesAfter] {
        for call in 0.. {
            let host = chain(|_| false);
            let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let all = std::sync::Arc::clone(&seen);
            host.on_call(move |_, state, now| {
                let is_up = |id| {
                    let start = format!("conductor-{id}-v1");
                    let states = state.states(now);
                    let mut own =
                        states.iter().filter(|(unit, _)| unit.as_str().starts_with(&start));
                    own.any(|(_, state)| state.is_up())
                };
                all.lock().unwrap().push(CHAIN.map(|(id, _)| is_up(id)));
            });
            let reports = remove_chain(&host, Some((call, fault)));
            let was_reached = host.calls() > call;
            for [db, api, web] in seen.lock().unwrap().iter().copied() {
                assert!((!web || api) && (!api || db), "{fault:?} at {call}: {db} {api} {web}");
            }
            let failed = |report: &&ServiceReport| {
                report
                    .failure
                    .as_ref()
                    .is_some_and(|failure| failure.cause.kind() == CauseKind::Dependent)
            };
            kept += reports.iter().flatten().filter(failed).count();
            host.let_systemd_finish();
            let again = remove_chain(&host, None).unwrap();
            assert!(again.iter().all(|report| report.failure.is_none()), "{again:?}");
            assert!(host.state().units.units.is_empty());
            if !was_reached {
                assert!(call > 10, "{call} calls");
                break;
            }
        }
    }
    assert!(kept > 2, "{kept} were kept");
}

/// Definitions by id, and whether they are on the host before a change, or after it.
type Change<'c> = &'c [(&'c str, Option<&'c str>, Option<&'c str>)];

/// Returns a host on which the services run that are there before a change.
fn before(change: Change<'_>) -> FakeHost {
    let host = FakeHost::default();
    let observed = host.state().observed(host.now());
    let old = change.iter().filter_map(|(id, old, _)| Some(fleet::one_of(id, (*old)?)));
    let plans = old.map(|desired| converge(&desired, &observed).unwrap()).collect();
    let plan = Plan::new(plans, &observed);
    let reports = host.carry_out(plan.services, &mut |_: Event| {}).unwrap().unwrap();
    assert!(reports.iter().all(|report| report.failure.is_none()));
    host
}

fn plan(change: Change<'_>, host: &FakeHost) -> Plan {
    let observed = host.state().observed(host.now());
    let plans = change.iter().map(|(id, _, new)| match new {
        Some(text) => converge(&fleet::one_of(id, text), &observed).unwrap(),
        None => remove(&id.parse().unwrap(), Span::from_secs(1), &[], &observed),
    });
    Plan::new(plans.collect(), &observed)
}

/// Carries out a change with a fault at each call, and then once more. Asserts after each call that whatever one unit
/// needs is up, too: both are given as the beginnings of their names.
fn each_fault(change: Change<'_>, needs: &'static [(&str, &str)]) {
    for fault in [Fault::Fails, Fault::IsInterrupted, Fault::DiesAfter] {
        for call in 0.. {
            let host = before(change);
            let outlived = std::sync::Arc::new(std::sync::Mutex::new(None));
            let seen = std::sync::Arc::clone(&outlived);
            host.on_call(move |call, state, now| {
                let states = state.states(now);
                let is_up = |start: &str| {
                    let mut own =
                        states.iter().filter(|(unit, _)| unit.as_str().starts_with(start));
                    own.any(|(unit, state)| unit.kind() == "service" && state.is_up())
                };
                let bad = needs.iter().find(|(unit, other)| is_up(unit) && !is_up(other));
                if let Some((unit, other)) = bad {
                    seen.lock().unwrap().get_or_insert(format!("{unit} without {other}: {call:?}"));
                }
            });
            host.inject(Some((call, fault)));
            let plan_of = |host: &FakeHost| plan(change, host).services;
            let began = host.now();
            let reports = host.carry_out(plan_of(&host), &mut |_: Event| {
                let took = host.now().saturating_sub(began);
                assert!(took < Duration::from_mins(10), "services wait for each other");
            });
            let was_reached = host.calls() > call;
            let bad = outlived.lock().unwrap().take();
            assert_eq!(bad, None, "{fault:?} at {call}: {reports:?}");
            host.let_systemd_finish();
            host.inject(None);
            let again = host.carry_out(plan_of(&host), &mut |_: Event| {}).unwrap().unwrap();
            assert!(again.iter().all(|report| report.failure.is_none()), "{again:?}");
            assert_eq!(*outlived.lock().unwrap(), None, "{fault:?} at {call}, again");
            assert!(!plan(change, &host).changes());
            if !was_reached {
                assert!(call > 10, "{call} calls");
                break;
            }
        }
    }
}

/// Two services lose a dependency each, which are removed in the same change; one of them gets another one instead.
const LOSE: Change<'_> = &[
    ("db", Some("revision: v1\n"), None),
    ("cache", Some("revision: v1\n"), None),
    ("other", None, Some("revision: v1\n")),
    ("web", Some("revision: v1\ndepends_on: [db]\n"), Some("revision: v2\ndepends_on: [other]\n")),
    ("api", Some("revision: v1\ndepends_on: [cache]\n"), Some("revision: v2\n")),
];

#[test]
fn what_a_new_release_does_not_need_any_more_outlives_the_old_one() {
    let host = before(LOSE);
    let text = plan(LOSE, &host).to_string();
    assert!(text.contains("db is removed\n  waits until web has stopped\n"), "{text}");
    each_fault(
        LOSE,
        &[
            ("conductor-web-v1", "conductor-db-v1"),
            ("conductor-api-v1", "conductor-cache-v1"),
            ("conductor-web-v2", "conductor-other-v1"),
        ],
    );
}

#[test]
fn what_is_needed_stays_if_the_new_release_fails() {
    let host = before(LOSE).with_programs(|unit| Program {
        fails: unit.as_str().starts_with("conductor-web-v2"),
        ..Program::default()
    });
    let reports = host.carry_out(plan(LOSE, &host).services, &mut |_: Event| {});
    let reports = reports.unwrap().unwrap();
    let kept = reports[0].failure.as_ref().unwrap();
    assert_eq!((kept.cause.kind(), kept.old_serves), (CauseKind::Dependent, true));
    assert_eq!(kept.reason(), "web depends on it, and still runs");
    let others = [&reports[1], &reports[2], &reports[4]];
    assert!(others.iter().all(|report| report.failure.is_none()), "{reports:?}");
}

/// A service gets another name, and keeps its port: both cannot run at the same time.
#[test]
fn what_has_a_port_that_another_one_takes_stops_first() {
    const RENAMED: Change<'_> = &[
        ("db", Some("revision: v1\nports: [5432]\n"), None),
        ("database", None, Some("revision: v1\nports: [5432]\n")),
        (
            "web",
            Some("revision: v1\ndepends_on: [db]\n"),
            Some("revision: v1\ndepends_on: [database]\n"),
        ),
    ];
    let host = before(RENAMED);
    let plan = plan(RENAMED, &host);
    let note = "it stops before web, which needs it, because database takes a port or data of db";
    assert_eq!(plan.services[0].dependencies.notes, [note]);
    host.on_call(|_, state, now| {
        let states = state.states(now);
        let is_up =
            |id| states.iter().any(|(unit, state)| unit.as_str().starts_with(id) && state.is_up());
        assert!(!is_up("conductor-db-v1") || !is_up("conductor-database-v1"));
    });
    let reports = host.carry_out(plan.services, &mut |_: Event| {}).unwrap().unwrap();
    assert!(reports.iter().all(|report| report.failure.is_none()), "{reports:?}");
}

/// Returns a fleet of one service whose two instances run.
fn two_instances(proxy: bool) -> Fleet {
    let mut found = vec![Found::default(); RELEASES * usize::from(INSTANCES)];
    found[..2].fill(Found { file: true, enabled: true, up: true, named: proxy });
    let settings = Settings { instances: 2, kind: Kind::Port, proxy, ..plain() };
    Fleet::new(&[(settings, Start { found, ..Start::default() })])
}

/// Kills a removal at each call, then fails or interrupts the next one at each call.
#[test]
fn a_removal_that_fails_says_whether_the_service_still_serves() {
    let mut said = [0; 2];
    let faults = [Fault::Fails, Fault::IsInterrupted];
    let all = [false, true].into_iter().flat_map(|proxy| (0..8).map(move |killed| (proxy, killed)));
    for (proxy, killed) in all {
        for (fault, call) in
            faults.into_iter().flat_map(|fault| (0..12).map(move |call| (fault, call)))
        {
            let fleet = two_instances(proxy);
            change(&fleet, &[None], Some((killed, Fault::DiesAfter)));
            let reports = change(&fleet, &[None], Some((call, fault)));
            for failure in reports.iter().flatten().filter_map(|report| report.failure.as_ref()) {
                let is_up = !fleet.instances().is_empty();
                assert_eq!(failure.old_serves, is_up, "{killed} {fault:?} {call}: {failure:?}");
                said[usize::from(is_up)] += 1;
            }
        }
    }
    assert!(said.iter().all(|count| *count > 0), "{said:?}");
}

/// One of two instances cannot be stopped.
#[test]
fn a_service_of_which_an_instance_stays_up_still_serves() {
    let host = FakeHost::default().with_programs(|unit| Program {
        outlives: unit.as_str().ends_with("-2.service"),
        ..Program::default()
    });
    let carry_out = |plan| host.carry_out(vec![plan], &mut |_: Event| {}).unwrap().unwrap();
    let desired = fleet::one("revision: v1\ninstances: 2\n");
    let observed = host.state().observed(host.now());
    assert!(carry_out(converge(&desired, &observed).unwrap())[0].failure.is_none());
    let observed = host.state().observed(host.now());
    let reports = carry_out(remove(&"web".parse().unwrap(), Span::from_secs(1), &[], &observed));
    assert_eq!(failures(&reports), [("web", Some((CauseKind::JobFailed, true)))]);
    assert!(!reports[0].left.is_empty());
    assert!(host.now() < Duration::from_mins(1));
}

/// `conductor-retry@ID.service` may see that an instance has failed, and start it after conductor has stopped it.
#[test]
fn what_is_started_again_before_its_removal_is_stopped() {
    let mut failed = 0;
    for stays in (0..2000).step_by(5).map(Duration::from_millis).map(Some).chain([None]) {
        failed += usize::from(!started_again(stays));
    }
    assert!(failed > 0, "it was never up when its files went");
}

/// Deploys a release that fails and is started again for some time. Returns whether the retry was over by itself.
fn started_again(stays: Option<Duration>) -> bool {
    let is_new = |unit: &UnitName| unit.as_str().starts_with("conductor-web-v2");
    let host = FakeHost::default().with_programs(move |unit| Program {
        fails: unit.kind() == "service" && is_new(unit),
        ..Program::default()
    });
    let deploy = |text: &str, watcher: &mut dyn Watcher| {
        let observed = host.state().observed(host.now());
        let plan = converge(&fleet::one_of("web", text), &observed).unwrap();
        let plan = Plan::new(vec![plan], &observed);
        host.carry_out(plan.services, watcher).unwrap().unwrap().remove(0)
    };
    let report = deploy("revision: v1\n", &mut |_: Event| {});
    assert!(report.failure.is_none(), "{report:?}");

    let id = "web".parse().unwrap();
    let (retry, timer) = (retry_service(&id), retry_timer(&id));
    let mut again = Vec::new();
    let report = deploy("revision: v2\n", &mut |event: Event| {
        let Event::Done { step: StepObject { action: Action::Stop, unit: Some(unit), .. }, .. } =
            event
        else {
            return;
        };
        if is_new(&unit) {
            again.push(unit.clone());
            host.state_mut().set_active_for(&unit, host.now(), stays);
            host.state_mut().set_active_for(&retry, host.now(), stays);
        }
    });
    assert!(report.failure.is_some_and(|failure| failure.undone));
    assert!(!again.is_empty(), "no failed instance was stopped");
    let state = |unit: &UnitName| host.state().state(unit, host.now());
    for unit in &again {
        assert_eq!(state(unit), ActiveState::Inactive, "{unit} after {stays:?}");
    }
    assert!(!state(&retry).is_up(), "{stays:?}");
    // What else it had to start waits for the timer.
    state(&timer).is_up()
}
