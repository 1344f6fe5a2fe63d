//! Works on a real host, from tasks of tokio.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor_host::conductor_core::service::Service;
use conductor_host::system::Paths;
use conductor_host::{Action, ActiveState, Apply, Change, Conductor, ErrorKind, Event, Prune, Remove, Restart};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::interval;

/// Does the same in each kind of runtime: with one thread, which also drives everything else, and outside of any.
pub(crate) fn all() {
    let conductor = || Arc::new(Conductor::new(Paths::system(Path::new("/")), None).unwrap());
    round(&conductor());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    // A program should not block a task for as long as a deploy takes, and one that does must not hang or panic.
    runtime.block_on(async { round(&conductor()) });
    runtime.block_on(beside(conductor()));
}

fn service() -> Service {
    let value = json!({"id": "linked", "command": ["/usr/bin/sleep", "infinity"], "instances": 2});
    Service::from_value(&value).unwrap()
}

/// Applies, asks, restarts and removes, on this thread.
fn round(conductor: &Conductor) {
    let apply = Apply { services: vec![service()], prune: Prune::Ignore, ..Apply::default() };
    let apply = Change::Apply(apply);
    assert!(conductor.plan(&apply).unwrap().plan.changes());
    let mut started = 0;
    let report = conductor.carry_out(&apply, &mut |event: Event| {
        if let Event::Done { step, .. } = event
            && step.action == Action::Start
            && step.unit.as_ref().is_some_and(|unit| unit.as_str().starts_with("conductor-linked-"))
        {
            started += 1;
        }
    });
    let report = report.unwrap();
    assert!(report.changed && report.healthy, "{report:?}");
    assert_eq!(started, 2);
    let id = "linked".parse().unwrap();
    let status = conductor.status(Some(&id)).unwrap();
    assert!(status.is_healthy());
    assert_eq!(status.services[0].instances.len(), 2);
    assert_eq!(status.services[0].instances[0].active_state, ActiveState::Active);
    let restart = Change::Restart(Restart { services: vec![service()] });
    // A watcher may ask for states while systemd starts and stops something.
    let mut asked = 0;
    let mut watcher = |_: Event| {
        assert!(conductor.status(Some(&id)).is_ok() && conductor.history(None, 1).is_ok());
        assert_eq!(conductor.carry_out(&apply, &mut |_: Event| {}).unwrap_err().kind(), ErrorKind::Locked);
        asked += 1;
    };
    assert!(conductor.carry_out(&restart, &mut watcher).unwrap().healthy);
    assert!(asked > 1);
    conductor.history(None, 1).unwrap();
    conductor.metrics().unwrap();
    let remove = Change::Remove(Remove { service: id, volumes: false });
    assert!(conductor.carry_out(&remove, &mut |_: Event| {}).unwrap().changed);
}

/// Changes the host beside other tasks, which go on meanwhile, and takes the events as they come.
async fn beside(conductor: Arc<Conductor>) {
    let (sender, mut events) = mpsc::unbounded_channel();
    let work = tokio::task::spawn_blocking(move || {
        let apply = Change::Apply(Apply { services: vec![service()], ..Apply::default() });
        let report = conductor.carry_out(&apply, &mut |event: Event| {
            let _ = sender.send(event);
        });
        assert!(report.unwrap().healthy);
        let id = "linked".parse().unwrap();
        let remove = Change::Remove(Remove { service: id, volumes: false });
        conductor.carry_out(&remove, &mut |_: Event| {}).unwrap();
    });
    let (mut ticks, mut seen) = (0, Vec::new());
    let mut clock = interval(Duration::from_millis(1));
    while !work.is_finished() || !events.is_empty() {
        tokio::select! {
            _ = clock.tick() => ticks += 1,
            Some(event) = events.recv() => seen.push(event),
        }
    }
    work.await.unwrap();
    assert!(ticks > 1 && seen.iter().any(is_start), "{ticks}: {seen:?}");
}

fn is_start(event: &Event) -> bool {
    matches!(event, Event::Step { step, .. } if step.action == Action::Start)
}
