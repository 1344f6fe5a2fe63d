//! Plans for services with jobs.

use super::tests::{desired, empty, running, words};
use super::*;
use crate::unit::{Engine, EngineImage};
use crate::value::Span;

const RUNNER: &str = "conductor-web-tidy.service";
const TIMER: &str = "conductor-web-tidy.timer";

fn job(more: &str) -> String {
    format!("cron: {{tidy: {{schedule: \"*/30 * * * *\", command: [tidy]{more}}}}}\n")
}

fn contained(text: &str) -> Desired<'static> {
    desired(&format!("runtime: docker\nimage: app\n{text}{}", job("")))
}

/// Returns a host on which a service is as desired, and its job runs.
fn at_work(desired: &Desired<'_>) -> Observed {
    let mut observed = running(desired);
    let states = observed.states.as_mut().unwrap();
    states.insert(RUNNER.parse().unwrap(), ActiveState::Activating);
    observed
}

/// Returns the host after a plan's changes of files and timers.
fn after(plan: &ServicePlan, observed: &Observed) -> Observed {
    let (mut set, mut states) = (observed.set.clone(), observed.states.clone().unwrap());
    for step in plan.all_steps() {
        match step {
            Step::Write { name, unit, .. } => drop(set.units.insert(name.clone(), *unit.clone())),
            Step::Enable(link) => drop(set.links.insert(link.clone())),
            Step::Disable(link) => drop(set.links.remove(link)),
            Step::Start(unit) => drop(states.insert(unit.clone(), ActiveState::Active)),
            Step::Forget(_) => {}
            Step::Stop(unit) => drop(states.remove(unit)),
            step => panic!("{step}"),
        }
    }
    Observed { states: Some(states), ..Observed::new(set, BTreeMap::new()) }
}

#[test]
fn jobs_move_when_the_new_release_serves_and_before_anything_is_removed() {
    let old = contained("revision: v1\ndeploy: {keep: 0}\n");
    let new = contained("revision: v2\ndeploy: {keep: 0}\n");
    let plan = converge(&new, &at_work(&old)).unwrap();
    assert!(plan.steps.iter().all(|step| step.unit().is_none_or(|unit| unit.as_str() != RUNNER)));
    let finish: Vec<_> = plan.finish.iter().map(ToString::to_string).collect();
    let place = |what: &str| finish.iter().position(|step| step.starts_with(what)).unwrap();
    assert!(place("stop conductor-web-v1.") < place(&format!("rewrite {RUNNER}")));
    assert!(place(&format!("rewrite {RUNNER}")) < place("remove conductor-web-v1."));
    assert!(finish.last().unwrap().contains("remove the image app:v1"), "{finish:?}");
    // The running job is not stopped, and the timer does not change.
    for what in [format!("stop {RUNNER}"), format!("restart {TIMER}"), format!("rewrite {TIMER}")] {
        assert!(!finish.contains(&what), "{finish:?}");
    }
}

#[test]
fn another_schedule_starts_the_timer_anew_and_the_job_not() {
    let (old, new) = (desired(&job("")), desired(&job(", jitter: 10s")));
    let plan = converge(&new, &at_work(&old)).unwrap();
    assert_eq!(
        words(&plan),
        [
            // A reload would apply the schedule to a timer that is up, from its last run on.
            format!("stop {TIMER}"),
            format!("rewrite {TIMER}"),
            format!("disable {TIMER} in timers.target"),
            format!("forget past times of {TIMER}"),
            format!("enable {TIMER} in timers.target"),
            format!("start {TIMER}"),
        ]
    );
    assert!(plan.undo.is_empty());
    assert!(!converge(&new, &after(&plan, &at_work(&old))).unwrap().changes());
}

/// systemd would count an interval from the end of the job's last run, too.
#[test]
fn a_timer_with_an_interval_is_planned_as_others() {
    let every = |interval: &str| {
        desired(&job("").replace("schedule: \"*/30 * * * *\"", &format!("every: {interval}")))
    };
    let (old, new) = (every("10min"), every("20min"));
    let timer = |desired: &Desired<'_>| desired.jobs.units[&TIMER.parse().unwrap()].clone();
    assert!(!is_at_boot(&timer(&old)));
    assert_eq!(interval(&timer(&old)), Some("10min".parse().unwrap()));
    assert_eq!(interval(&timer(&desired(&job("")))), None);
    let plan = converge(&new, &at_work(&old)).unwrap();
    assert_eq!(words(&plan)[0], format!("stop {TIMER}"));
    assert_eq!(words(&plan)[3], format!("forget past times of {TIMER}"));
    assert!(!converge(&new, &after(&plan, &at_work(&old))).unwrap().changes());
    let before = running(&desired(&job("")));
    assert_eq!(words(&converge(&new, &before).unwrap()), words(&plan));
}

/// Also after a process was killed between two steps.
#[test]
fn a_timer_that_does_not_run_counts_its_times_anew() {
    let wanted = desired(&job(""));
    let mut observed = running(&wanted);
    let timer: UnitName = TIMER.parse().unwrap();
    let states = observed.states.as_mut().unwrap();
    states.insert(timer.clone(), ActiveState::Inactive);
    let plan = converge(&wanted, &observed).unwrap();
    assert_eq!(
        words(&plan),
        [
            format!("disable {TIMER} in timers.target"),
            format!("forget past times of {TIMER}"),
            format!("enable {TIMER} in timers.target"),
            format!("start {TIMER}"),
        ]
    );
    let set = &mut observed.set;
    set.links.retain(|link| link.unit != timer);
    let observed =
        Observed { states: observed.states, ..Observed::new(set.clone(), BTreeMap::new()) };
    let plan = converge(&wanted, &observed).unwrap();
    let first = format!("forget past times of {TIMER}");
    assert_eq!(words(&plan)[0], first);
    let off = converge(&desired(&job(", enabled: false")), &observed).unwrap();
    assert!(!off.changes());
}

#[test]
fn a_job_that_is_changed_to_run_at_boot_does_not_run_now() {
    let (old, new) = (desired(&job("")), desired(&job("").replace("*/30 * * * *", "@reboot")));
    let plan = converge(&new, &running(&old)).unwrap();
    assert_eq!(words(&plan), [format!("stop {TIMER}"), format!("rewrite {TIMER}")]);
    let plan = converge(&old, &running(&new)).unwrap();
    assert_eq!(words(&plan)[..2], [format!("stop {TIMER}"), format!("rewrite {TIMER}")]);
    assert_eq!(words(&plan).last(), Some(&format!("start {TIMER}")));
    // One that ran when the host booted is not stopped, which changes nothing.
    let later = desired(&job(", jitter: 10s").replace("*/30 * * * *", "@reboot"));
    assert_eq!(words(&converge(&later, &running(&new)).unwrap()), [format!("rewrite {TIMER}")]);
}

#[test]
fn a_job_that_goes_takes_its_timer_along_and_comes_to_its_end() {
    let observed = at_work(&desired(&job("")));
    assert_eq!(
        words(&converge(&desired(""), &observed).unwrap()),
        [
            format!("stop {TIMER}"),
            format!("disable {TIMER} in timers.target"),
            format!("remove {RUNNER}"),
            format!("remove {TIMER}"),
        ]
    );
    let all = words(&remove(&"web".parse().unwrap(), Span::from_secs(0), &[], &observed));
    assert!(all.contains(&format!("stop {RUNNER}")), "{all:?}");
}

#[test]
fn a_job_that_is_not_enabled_has_units_and_no_timer_that_is_up() {
    let off = desired(&job(", enabled: false"));
    let steps = words(&converge(&off, &empty()).unwrap());
    assert!(steps.contains(&format!("write {TIMER}")), "{steps:?}");
    assert!(!steps.contains(&format!("start {TIMER}")), "{steps:?}");
    let plan = converge(&off, &running(&desired(&job("")))).unwrap();
    assert_eq!(
        words(&plan),
        [format!("stop {TIMER}"), format!("disable {TIMER} in timers.target")]
    );
}

#[test]
fn a_job_that_runs_at_boot_is_not_started_by_a_deploy() {
    let job = "cron: {tidy: {schedule: \"@reboot\", command: [tidy]}}\n";
    let steps = words(&converge(&desired(job), &empty()).unwrap());
    assert!(steps.contains(&format!("enable {TIMER} in timers.target")), "{steps:?}");
    assert!(!steps.contains(&format!("start {TIMER}")), "{steps:?}");
    let other = desired(&job.replace("[tidy]", "[other]"));
    let plan = converge(&other, &running(&desired(job))).unwrap();
    assert_eq!(words(&plan), [format!("rewrite {RUNNER}")]);
}

#[test]
fn what_an_operator_paused_stays_paused_until_it_is_resumed() {
    let (web, timer) = ("web".parse().unwrap(), TIMER.parse().unwrap());
    let wanted = desired(&job(""));
    let before = running(&wanted);
    let since = "2026-11-25T01:02:03Z".parse().unwrap();
    let plan = pause(&web, &timer, since, &before);
    assert_eq!(
        words(&plan),
        [
            format!("record in {TIMER}"),
            format!("disable {TIMER} in timers.target"),
            format!("stop {TIMER}"),
        ]
    );
    // The service itself does not change.
    assert_eq!(plan.revision.as_ref(), Some(&wanted.revision));
    let paused = after(&plan, &before);
    assert!(!pause(&web, &timer, since, &paused).changes());
    assert!(!converge(&wanted, &paused).unwrap().changes());
    // Another schedule does not change that.
    let other = converge(&desired(&job(", jitter: 10s")), &paused).unwrap();
    assert_eq!(words(&other), [format!("rewrite {TIMER}")]);
    let plan = resume(&web, &timer, &after(&other, &paused));
    assert_eq!(
        words(&plan),
        [
            format!("record in {TIMER}"),
            format!("forget past times of {TIMER}"),
            format!("enable {TIMER} in timers.target"),
            format!("start {TIMER}"),
        ]
    );
    let resumed = after(&resume(&web, &timer, &paused), &paused);
    assert_eq!(resumed.set, before.set);
    assert!(!resume(&web, &timer, &resumed).changes());
}

#[test]
fn a_job_that_is_run_now_is_started_and_nothing_else() {
    let (web, runner) = ("web".parse().unwrap(), RUNNER.parse().unwrap());
    let wanted = desired(&job(""));
    let plan = run_now(&web, &runner, &running(&wanted));
    assert_eq!(words(&plan), [format!("start {RUNNER}")]);
    assert_eq!((plan.revision.as_ref(), plan.downtime), (Some(&wanted.revision), false));
}

#[test]
fn the_jobs_of_a_service_without_instances_say_which_release_is_current() {
    let image = |reference: &str| {
        let reference = reference.to_owned();
        EngineImage { engine: Engine::Docker, reference }
    };
    let old = contained("instances: 0\nrevision: v1\n");
    let plan = converge(&old, &empty()).unwrap();
    let pull = Step::Pull { image: image("app:v1"), always: false };
    assert!(plan.steps.iter().any(|step| *step == pull), "{:?}", words(&plan));
    let observed = running(&old);
    let found = releases(&old.service.id, &observed);
    assert_eq!(found.iter().map(|release| &release.name).collect::<Vec<_>>(), [&old.release]);
    let plan = converge(&contained("instances: 0\nrevision: v2\n"), &observed).unwrap();
    assert!(plan.finish.iter().any(|step| *step == Step::RemoveImage(image("app:v1"))));
}

#[test]
fn a_unit_of_another_service_is_in_the_way() {
    let mut observed = running(&desired(&job("")));
    for unit in observed.set.units.values_mut() {
        unit.metadata.service = "web-other".parse().ok();
    }
    let foreign = converge(&desired(&job("")), &observed).unwrap_err();
    assert_eq!(foreign.what, "a unit of another service");
}

/// A job that waits for its turn is inactive, and would start when the job ends that has it.
#[test]
fn a_job_that_may_wait_for_its_turn_is_stopped_when_its_service_goes() {
    let stops = |more: &str| {
        let desired = desired(&format!("{more}{}", job("")));
        let mut observed = running(&desired);
        let states = observed.states.as_mut().unwrap();
        states.insert(RUNNER.parse().unwrap(), ActiveState::Inactive);
        let stop = Step::Stop(RUNNER.parse().unwrap());
        let removed = remove(&desired.service.id, Span::from_secs(30), &[], &observed);
        // A job that only leaves the definition may go on.
        let without = super::tests::desired(more);
        let left = converge(&without, &observed).unwrap();
        assert!(!left.all_steps().any(|step| *step == stop));
        removed.all_steps().any(|step| *step == stop)
    };
    assert!(stops("max_parallel: 2\n"));
    assert!(!stops(""));
}
