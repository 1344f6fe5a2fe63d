//! Whatever is on a host, and wherever a deploy is killed or fails: requests go on being answered, and
//! the same plan made anew comes to its end.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/world.rs"]
mod world;

use conductor_core::plan::{ServicePlan, converge};
use proptest::prelude::*;
use world::{RELEASES, Start, World, deployable};

/// Where a run of a plan ends before its time.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// The process is killed after so many steps.
    Killed(usize),
    /// The step of this number fails, and what was done is undone.
    Failed(usize),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![(0_usize..40).prop_map(Mishap::Killed), (0_usize..40).prop_map(Mishap::Failed)]
}

/// Carries out a plan as far as it gets, and looks at the world after every step.
fn run(world: &mut World, plan: &ServicePlan, mishap: Option<Mishap>) {
    world.begin();
    let steps: Vec<_> = plan.steps.iter().collect();
    for (index, step) in plan.all_steps().enumerate() {
        match mishap {
            Some(Mishap::Killed(at)) if at == index => return,
            // What is taken away afterwards does not fail, or it is not undone.
            Some(Mishap::Failed(at)) if at == index && index < steps.len() => {
                let routed = steps[..=index].iter().any(|step| world::routes(step));
                let changed = steps[..=index].iter().any(|step| !world::only_looks(step));
                for step in plan.undo.iter().filter(|_| changed) {
                    if routed || !step.is_traffic() {
                        world.take(step, plan.downtime);
                    }
                }
                return;
            }
            _ => world.take(step, plan.downtime),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_answered_all_the_time_and_the_end_is_reached(
        start in any::<Start>(),
        deploys in prop::collection::vec((0..RELEASES, mishap()), 1..4),
        last in 0..RELEASES,
        settings in deployable(),
    ) {
        let mut world = World::new(&start, &settings);
        for (release, mishap) in deploys {
            let desired = world.desired(release);
            let plan = converge(&desired, &world.observed()).unwrap();
            run(&mut world, &plan, Some(mishap));
        }
        let desired = world.desired(last);
        let plan = converge(&desired, &world.observed()).unwrap();
        run(&mut world, &plan, None);
        world.is(&desired);
        let again = converge(&world.desired(last), &world.observed()).unwrap();
        prop_assert!(!again.changes(), "there is more to do:\n{:?}", again.all_steps().map(ToString::to_string).collect::<Vec<_>>());
    }

    #[test]
    fn what_fails_leaves_the_old_release_as_it_was(
        old in 0..RELEASES,
        new in 0..RELEASES,
        at in 0_usize..40,
        settings in deployable(),
    ) {
        let mut world = World::new(&Start::default(), &settings);
        let desired = world.desired(old);
        let plan = converge(&desired, &world.observed()).unwrap();
        run(&mut world, &plan, None);
        let before = world.clone();
        let plan = converge(&world.desired(new), &world.observed()).unwrap();
        if at < plan.steps.iter().count() {
            run(&mut world, &plan, Some(Mishap::Failed(at)));
            world.is_as(&before);
        }
    }
}
