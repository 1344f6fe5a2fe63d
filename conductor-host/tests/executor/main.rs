//! For any initial state, and wherever a change fails, is interrupted or is killed: requests are still answered, no
//! service waits for another while it is down, and the same change, run again, finishes.
//!
//! The executor is the real one and the host is a fake, so that thousands of runs take seconds.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fleet;
mod removals;
mod services;
mod watch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conductor_core::plan::{converge, remove};
use conductor_core::value::Span;
use conductor_host::fake::{Call, FakeHost, Fault, Program};
use conductor_host::system::JobType;
use conductor_host::{Action, Cause, CauseKind, Event, ServiceReport, Watcher};
use fleet::Fleet;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use services::{
    Found, Goal, INSTANCES, Kind, RELEASES, SERVICES, Settings, Start, dependent, processes,
    settings,
};

/// The fault that is injected, if any, and the number of the call.
type Accident = Option<(usize, Fault)>;

fn accident() -> impl Strategy<Value = Accident> {
    let fault = prop_oneof![
        Just(Fault::Fails),
        Just(Fault::IsInterrupted),
        Just(Fault::DiesBefore),
        Just(Fault::DiesAfter),
    ];
    prop::option::weighted(0.9, (0_usize..90, fault))
}

/// Interrupts the change when the fake host injects an interruption.
struct Operator<'h>(&'h FakeHost, Duration);

impl Watcher for Operator<'_> {
    fn tell(&mut self, event: Event) {
        if let Event::Done { usec, step, .. } = event {
            // The longest that one of these programs and a proxy take.
            let longest = Duration::from_millis(26_500);
            assert!(Duration::from_micros(usec) < longest, "{step} took {usec} us");
        }
    }

    fn is_interrupted(&self) -> bool {
        let took = self.0.now().saturating_sub(self.1);
        assert!(took < Duration::from_hours(1), "services wait for each other");
        self.0.is_interrupted()
    }
}

/// Carries out a change; `None` if the process is killed, or stops with an error.
fn change(
    fleet: &Fleet,
    targets: &[Option<Goal>],
    accident: Accident,
) -> Option<Vec<ServiceReport>> {
    let undoes = |(_, fault)| matches!(fault, Fault::Fails | Fault::IsInterrupted);
    let plans = fleet.plan(targets, !accident.is_some_and(undoes));
    fleet.host.inject(accident);
    let began = fleet.host.now();
    let result = fleet.host.carry_out(plans, &mut Operator(&fleet.host, began));
    if accident == Some((0, Fault::IsInterrupted)) && fleet.stops_soon() {
        let took = fleet.host.now().saturating_sub(began);
        assert!(took < Duration::from_secs(20), "it went on for {took:?}");
    }
    fleet.host.let_systemd_finish();
    result?.ok()
}

fn targets(services: usize) -> impl Strategy<Value = Targets> {
    let releases = prop::collection::vec(prop::option::weighted(0.9, 0..RELEASES), services);
    // The upstreams move from service to service.
    let by = prop_oneof![2 => Just(0), 1 => 1..SERVICES];
    (releases, by).prop_map(|(releases, by)| {
        let goal = |(number, release): (usize, Option<usize>)| {
            let name = (number + by) % SERVICES;
            release.map(|release| Goal { release, name })
        };
        releases.into_iter().enumerate().map(goal).collect()
    })
}

/// The target of each service: a release, or its removal.
type Targets = Vec<Option<Goal>>;
/// The services of a host, the changes with their faults, and a last change without a fault.
type Story = (Vec<(Settings, Start)>, Vec<(Targets, Accident)>, Targets);

fn story(of: impl Strategy<Value = Settings> + Clone) -> impl Strategy<Value = Story> {
    let story = (1_usize..=3).prop_flat_map(move |services| {
        let fleet = prop::collection::vec((of.clone(), any::<Start>()), services);
        let changes = prop::collection::vec((targets(services), accident()), 1..4);
        (fleet, changes, prop::option::of(targets(services)))
    });
    // Half of the time the last change is the one before it, run again: nothing else repairs what it left.
    story.prop_map(|(fleet, changes, last)| {
        let last = last.or_else(|| Some(changes.last()?.0.clone())).unwrap_or_default();
        (fleet, changes, last)
    })
}

/// Runs the same thousand cases each time, so that a failure can be reproduced. To try others:
/// `PROPTEST_CASES=100000 PROPTEST_RNG_SEED=$RANDOM cargo test --package conductor-host --test executor`
fn config() -> ProptestConfig {
    let ProptestConfig { cases, rng_seed, .. } = ProptestConfig::default();
    let rng_seed = match rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let cases = cases.max(1000);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// Carries out the changes of a story, and asserts that the last one does all that is left to do.
fn come_to_the_end((services, changes, last): Story) -> Result<(), TestCaseError> {
    let fleet = Fleet::new(&services);
    for (targets, accident) in changes {
        change(&fleet, &targets, accident);
    }
    let reports = change(&fleet, &last, None).unwrap();
    for report in &reports {
        prop_assert!(report.failure.is_none(), "{:?}", report.failure);
    }
    fleet.is(&last);
    let again = fleet.plan(&last, true);
    let steps = again.iter().flat_map(|plan| plan.all_steps().map(ToString::to_string));
    let steps: Vec<_> = steps.collect();
    prop_assert!(steps.is_empty(), "there is more to do: {steps:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 3, ..config() })]

    #[test]
    fn what_depends_on_a_service_starts_after_it_and_stops_before_it(
        story in story(dependent()),
    ) {
        come_to_the_end(story)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 6, ..config() })]

    #[test]
    fn the_processes_of_an_application_come_to_the_end(story in story(processes())) {
        come_to_the_end(story)?;
    }

    #[test]
    fn the_processes_of_an_application_change_all_or_none(
        services in prop::collection::vec(processes(), 2..=3),
        release in 1..RELEASES,
        at in 0_usize..90,
        interrupted in any::<bool>(),
    ) {
        let services: Vec<_> =
            services.into_iter().map(|settings| (settings, Start::default())).collect();
        let fleet = Fleet::new(&services);
        let all = |release| -> Targets {
            (0..services.len()).map(|name| Some(Goal { release, name })).collect()
        };
        change(&fleet, &all(0), None).unwrap();
        let before = fleet.serves();
        let fault = if interrupted { Fault::IsInterrupted } else { Fault::Fails };
        let Some(reports) = change(&fleet, &all(release), Some((at, fault))) else { return Ok(()) };
        let is_undone = |report: &ServiceReport| {
            report.failure.as_ref().is_some_and(|failure| failure.old_serves)
        };
        if reports.iter().any(is_undone) {
            for report in &reports {
                prop_assert!(!report.changed && report.failure.is_some(), "{:?}", report);
            }
            prop_assert_eq!(fleet.serves(), before);
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn requests_are_answered_all_the_time_and_the_end_is_reached(
        story in story(settings()),
    ) {
        come_to_the_end(story)?;
    }

    #[test]
    fn what_fails_leaves_the_old_release_as_it_was(
        services in prop::collection::vec(settings(), 1..=3),
        old in targets(3),
        new in targets(3),
        at in 0_usize..90,
        interrupted in any::<bool>(),
    ) {
        let services: Vec<_> =
            services.into_iter().map(|settings| (settings, Start::default())).collect();
        let fleet = Fleet::new(&services);
        let all = |targets: Targets| -> Targets {
            let release = |(number, target): (usize, Option<Goal>)| {
                Some(target.unwrap_or(Goal { release: 0, name: number }))
            };
            // A service that is not removed keeps its own upstream.
            let moves = targets.iter().all(Option::is_some);
            let own = targets.into_iter().enumerate().map(|(number, target)| {
                let name = |goal: Goal| if moves { goal } else { Goal { name: number, ..goal } };
                (number, target.map(name))
            });
            own.map(release).take(services.len()).collect()
        };
        let (old, new) = (all(old), all(new));
        change(&fleet, &old, None).unwrap();
        let before = fleet.serves();
        let fault = if interrupted { Fault::IsInterrupted } else { Fault::Fails };
        let Some(reports) = change(&fleet, &new, Some((at, fault))) else { return Ok(()) };
        let undone = |report: &ServiceReport| {
            report.left.is_empty() && report.failure.as_ref().is_some_and(|failure| failure.old_serves)
        };
        if reports.iter().all(|report| !report.changed && (report.steps.is_empty() || undone(report))) {
            prop_assert_eq!(fleet.serves(), before);
        }
    }
}

/// Deploys a release with each fault at each call, and then once more: only the same change, run again, shows that
/// nothing was forgotten that another change would repair.
#[test]
fn the_same_change_run_again_finishes_what_a_fault_left() {
    let target = [Some(Goal::of(1))];
    for kind in [Kind::Port, Kind::Socket, Kind::Container, Kind::Pod] {
        for fault in [Fault::Fails, Fault::IsInterrupted, Fault::DiesBefore, Fault::DiesAfter] {
            for call in 0.. {
                let settings = Settings::with_everything(kind);
                let fleet = Fleet::new(&[(settings, Start::default())]);
                change(&fleet, &[Some(Goal::of(0))], None).unwrap();
                change(&fleet, &target, Some((call, fault)));
                let was_reached = fleet.host.calls() > call;
                let report = change(&fleet, &target, None).unwrap().remove(0);
                assert!(report.failure.is_none(), "{fault:?} at {call}: {:?}", report.failure);
                fleet.is(&target);
                // An engine that refuses to remove a network keeps it, with a note.
                if fault != Fault::Fails {
                    fleet.has_the_networks_of_its_units();
                }
                if !was_reached {
                    assert!(call > 20, "{call} calls");
                    break;
                }
            }
        }
    }
}

/// Deploys the second release of a service with one instance, whose program ends by itself after a while.
fn second_release_that_ends(
    text: &str,
    watched: bool,
    stays: Duration,
) -> (FakeHost, ServiceReport) {
    let host = FakeHost::default().with_programs(move |unit| Program {
        watched,
        stays: unit.as_str().contains("-v2.").then_some(stays),
        ..Program::default()
    });
    let release = |revision: &str| fleet::one(&format!("revision: {revision}\n{text}"));
    let reports = ["v1", "v2"].map(|revision| {
        let desired = release(revision);
        let observed = host.state().observed(host.now());
        let plan = converge(&desired, &observed).unwrap();
        host.carry_out(vec![plan], &mut |_: Event| {}).unwrap().unwrap().remove(0)
    });
    let [first, second] = reports;
    assert!(first.failure.is_none(), "{:?}", first.failure);
    (host, second)
}

#[test]
fn what_ends_after_its_start_is_undone() {
    const MOMENT: Duration = Duration::from_millis(300);
    const WHILE: Duration = Duration::from_secs(3);
    let stays_well = "deploy: {min_healthy_time: 5s}\n";
    for (text, watched, stays, kind) in [
        // Without a health check, a program has to stay up for half a second.
        ("", false, MOMENT, Some(CauseKind::Ended)),
        ("", false, WHILE, None),
        ("", true, WHILE, None),
        (stays_well, true, WHILE, Some(CauseKind::NotUp)),
        (stays_well, false, WHILE, Some(CauseKind::NotUp)),
    ] {
        let (host, report) = second_release_that_ends(text, watched, stays);
        let failure = report.failure.as_ref();
        assert_eq!(
            failure.map(|failure| failure.cause.kind()),
            kind,
            "{text:?} {watched} {stays:?}"
        );
        let up = host.state().states(host.now());
        let old_is_up =
            up.iter().any(|(unit, state)| unit.as_str().contains("-v1.") && state.is_up());
        assert_eq!(old_is_up, failure.is_some_and(|failure| failure.old_serves), "{up:?}");
        assert_eq!(old_is_up, kind.is_some());
    }
}

#[test]
fn a_service_that_failed_before_can_start_again() {
    let host = FakeHost::default().with_programs(|unit| Program {
        fails: unit.as_str().contains("-v1."),
        ..Program::default()
    });
    let run = |revision: &str| {
        let desired = fleet::one(&format!("revision: {revision}\n"));
        let observed = host.state().observed(host.now());
        let plan = converge(&desired, &observed).unwrap();
        host.carry_out(vec![plan], &mut |_: Event| {}).unwrap().unwrap().remove(0)
    };
    assert!(run("v1").failure.is_some());
    assert!(run("v2").failure.is_none());
}

/// Returns a host on which services with these ids run; each program takes a time to stop.
fn running(ids: &[&str], stop: Duration) -> FakeHost {
    let host = FakeHost::default().with_programs(move |_| Program { stop, ..Program::default() });
    let plans = ids.iter().map(|id| {
        let desired = fleet::one_of(id, "revision: v1\n");
        converge(&desired, &host.state().observed(host.now())).unwrap()
    });
    let reports = host.carry_out(plans.collect(), &mut |_: Event| {}).unwrap().unwrap();
    assert!(reports.iter().all(|report| report.failure.is_none()));
    host
}

#[test]
fn what_goes_away_has_stopped_before_something_else_starts() {
    let host = running(&["old"], Duration::from_secs(7));
    let observed = host.state().observed(host.now());
    let desired = fleet::one_of("new", "revision: v1\n");
    let plans = vec![
        converge(&desired, &observed).unwrap(),
        remove(&"old".parse().unwrap(), Span::from_secs(1), &[], &observed),
    ];
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    host.on_call(move |call, _, _| {
        if let Call::RunJob(job, unit) = call
            && unit.kind() == "service"
        {
            seen.lock().unwrap().push((*job, unit.as_str().contains("-new-")));
        }
    });
    host.carry_out(plans, &mut |_: Event| {}).unwrap().unwrap();
    assert_eq!(*order.lock().unwrap(), [(JobType::Stop, false), (JobType::Start, true)]);
}

#[test]
fn files_that_nothing_waits_for_are_removed_together() {
    let host = running(&["a", "b", "c"], Duration::from_millis(100));
    let observed = host.state().observed(host.now());
    let ids = ["a", "b", "c"].map(|id| id.parse().unwrap());
    let plans = ids.iter().map(|id| remove(id, Span::from_secs(1), &[], &observed)).collect();
    let changes = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&changes);
    host.on_call(move |call, _, _| {
        seen.fetch_add(usize::from(matches!(call, Call::ChangeFiles(_))), Ordering::Relaxed);
    });
    host.carry_out(plans, &mut |_: Event| {}).unwrap().unwrap();
    assert_eq!(changes.load(Ordering::Relaxed), 1);
    assert!(host.state().units.units.is_empty());
}

/// Deploys a second release with one fault at each call in turn, and insists that a proxy that was not told of it
/// is not told of the first one again, and that a failure before anything was changed undoes nothing.
#[test]
fn what_was_not_changed_is_not_undone() {
    const TEXT: &str = "runtime: podman\nimage: app\nlisten: socket\nhealth: {http: /}\nproxy: {nginx: {upstream: web}}\n";
    let (mut unchanged, mut unrouted) = (0, 0);
    for call in 0..60 {
        let host = FakeHost::default();
        let deploy = |revision: &str| {
            let desired = fleet::one(&format!("revision: {revision}\n{TEXT}"));
            let plan = converge(&desired, &host.state().observed(host.now())).unwrap();
            host.carry_out(vec![plan], &mut |_: Event| {}).unwrap()
        };
        assert!(deploy("v1").unwrap().remove(0).failure.is_none());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        host.on_call(move |call, _, _| seen.lock().unwrap().push(call.clone()));
        host.inject(Some((call, Fault::Fails)));
        let Ok(mut reports) = deploy("v2") else { continue };
        let Some(failure) = reports.remove(0).failure else { continue };
        let calls = calls.lock().unwrap();
        let wrote = |call: &Call| matches!(call, Call::ChangeFiles(_));
        let routed = |call: &Call| matches!(call, Call::WriteUpstream(_) | Call::Switch(_));
        match failure.step.action {
            Action::Pull | Action::TestProxy => {
                assert!(!failure.undone && !calls.iter().any(wrote), "{calls:?}");
                unchanged += 1;
            }
            Action::Start => {
                assert!(failure.undone && !calls.iter().any(routed), "{calls:?}");
                unrouted += 1;
            }
            _ => {}
        }
    }
    assert!(
        unchanged > 0 && unrouted > 0,
        "{unchanged} before a change, {unrouted} before the proxy"
    );
}

#[test]
fn a_full_disk_is_named() {
    let desired = fleet::one("revision: v1\nlisten: socket\nhealth: {http: /}\n");
    let mut named = 0;
    for call in 0..30 {
        let host = FakeHost::default();
        let plan = converge(&desired, &host.state().observed(host.now())).unwrap();
        host.inject(Some((call, Fault::Fails)));
        let result = host.carry_out(vec![plan], &mut |_: Event| {}).unwrap();
        for report in result.into_iter().flatten() {
            let Some(failure) = report.failure else { continue };
            if let Cause::Path(_) = failure.cause {
                assert_eq!(failure.reason(), "cannot write /a/file: no storage space");
                named += 1;
            }
        }
    }
    assert!(named > 0, "nothing was written at a time when its failure is undone");
}

/// Returns a service whose second release has one instance, which runs, gets the requests, and was found like that.
fn found(settings: Settings, enabled: bool) -> Fleet {
    let mut found = vec![Found::default(); 2 * usize::from(INSTANCES)];
    found[usize::from(INSTANCES)] = Found { file: true, enabled, up: true, named: true };
    Fleet::new(&[(settings, Start { found, ..Start::default() })])
}

/// One instance behind a proxy, and no feature that adds steps.
fn plain() -> Settings {
    let all = Settings::with_everything(Kind::Port);
    Settings { instances: 1, jobs: false, before: false, ..all }
}

/// An interruption may reach systemd when the start of an instance has just ended. The proxy already names this one,
/// because it was up before.
#[test]
fn a_start_that_ends_with_an_interruption_is_taken_back() {
    for start in 30..60 {
        let fleet = found(Settings { start, ..plain() }, true);
        let instance = fleet.instances().remove(0);
        fleet.host.state_mut().stop_at_once(&instance);
        change(&fleet, &[Some(Goal::of(1))], Some((0, Fault::IsInterrupted)));
    }
}

/// Kills a removal at each call, and then interrupts a deploy at each call: after it, the service may be as the removal
/// left it.
#[test]
fn a_deploy_after_a_killed_removal_can_be_interrupted() {
    for killed in 0..12 {
        for interrupted in 0..20 {
            let fleet = found(plain(), true);
            change(&fleet, &[None], Some((killed, Fault::DiesAfter)));
            let goal = [Some(Goal::of(0))];
            change(&fleet, &goal, Some((interrupted, Fault::IsInterrupted)));
            change(&fleet, &goal, None).unwrap();
            fleet.is(&goal);
        }
    }
}

/// A service with a socket takes the upstream of one that is removed, and goes back at each call: until the proxy has
/// its old files again, the socket is that of the new instance, because the old one would not start at boot.
#[test]
fn an_upstream_that_moves_back_is_answered_all_the_time() {
    let instance = |release: usize, enabled| {
        let mut found = vec![Found::default(); RELEASES * usize::from(INSTANCES)];
        found[release * usize::from(INSTANCES)] =
            Found { file: true, enabled, up: true, named: true };
        Start { found, ..Start::default() }
    };
    for fault in [Fault::Fails, Fault::IsInterrupted] {
        for call in 0.. {
            let takes = Settings { kind: Kind::Socket, ..plain() };
            let fleet = Fleet::new(&[(plain(), instance(0, true)), (takes, instance(2, false))]);
            let goal = [None, Some(Goal { release: 0, name: 0 })];
            change(&fleet, &goal, Some((call, fault)));
            if fleet.host.calls() <= call {
                assert!(call > 20, "{call} calls");
                break;
            }
        }
    }
}

/// Somebody removed the link of an instance that runs, so a start alone would not bring it back.
#[test]
fn what_was_stopped_first_serves_again_although_it_was_not_enabled() {
    let mut undone = 0;
    for call in 0.. {
        let fleet = found(Settings { stop_first: true, ..plain() }, false);
        let old = fleet.instances();
        let reports = change(&fleet, &[Some(Goal::of(2))], Some((call, Fault::Fails)));
        if fleet.host.calls() <= call {
            break;
        }
        let failures = reports.iter().flatten().filter_map(|report| report.failure.as_ref());
        for failure in failures.filter(|failure| failure.undone) {
            assert_eq!((failure.old_serves, fleet.instances()), (true, old.clone()), "{failure:?}");
            undone += 1;
        }
    }
    assert!(undone > 3, "{undone} changes were undone");
}

/// Members go back while another one still writes the files of all: they are put back after that.
#[test]
fn files_are_put_back_after_they_were_written() {
    let at = |number: Option<usize>| {
        let mut found = vec![Found::default(); RELEASES * usize::from(INSTANCES)];
        if let Some(number) = number {
            found[number] = Found { file: true, enabled: false, up: true, named: true };
        }
        Start { found, ..Start::default() }
    };
    let of = |kind, instances, batch, stop_first, start, depends| Settings {
        kind,
        instances,
        batch,
        stop_first,
        start,
        depends,
        is_process: true,
        min_healthy: false,
        watched: false,
        ..plain()
    };
    let services = [
        (of(Kind::Port, 3, 2, false, 400, false), at(None)),
        (of(Kind::Container, 3, 2, true, 25000, true), at(Some(8))),
        (of(Kind::Port, 1, 1, false, 10, false), at(None)),
    ];
    let fleet = Fleet::new(&services);
    let goal = |r, n| Some(Goal { release: r, name: n });
    change(&fleet, &[None, goal(0, 1), goal(1, 2)], Some((33, Fault::DiesAfter)));
    change(&fleet, &[goal(0, 0), goal(2, 1), goal(1, 2)], Some((32, Fault::IsInterrupted)));
    change(&fleet, &[None, goal(2, 1), goal(1, 2)], None);
}
