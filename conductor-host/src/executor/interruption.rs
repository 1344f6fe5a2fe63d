//! Interruption of a change, and the futures that wait for it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::task::{Poll, Waker};

use conductor_core::name::UnitName;
use futures_util::future::poll_fn;

use super::{Executor, POLL_INTERVAL};
use crate::event::{Event, Progress};
use crate::host::Host;
use conductor_core::plan::ActiveState;

/// Whether the change was interrupted.
#[derive(Default)]
pub(super) struct Interruption {
    asked: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Interruption {
    pub(super) fn is_asked(&self) -> bool {
        self.asked.get()
    }

    /// Waits for an interruption.
    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            if self.is_asked() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn ask(&self) {
        self.asked.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

impl<H: Host> Executor<'_, H> {
    /// Polls for an interruption, and reports the states of units with running jobs.
    pub(super) async fn watch(&self) -> Infallible {
        let mut told = self.host.now();
        loop {
            self.host.sleep(POLL_INTERVAL).await;
            let (interrupted, interval) = {
                let watcher = self.watcher.borrow();
                (watcher.is_interrupted(), watcher.interval())
            };
            if interrupted && !self.interruption.is_asked() {
                self.interruption.ask();
            }
            let now = self.host.now();
            if interval.is_some_and(|interval| now.saturating_sub(told) >= interval) {
                told = now;
                self.tell_progress().await;
            }
        }
    }

    /// Reports the states of units with running jobs. If systemd does not answer, the futures that wait for
    /// jobs return the error.
    async fn tell_progress(&self) {
        let watched = self.watched.borrow().clone();
        let units: Vec<UnitName> =
            watched.keys().filter(|unit| unit.kind() == "service").cloned().collect();
        let Ok(conditions) = self.host.conditions(units.clone()).await else { return };
        let progress = units.into_iter().zip(conditions).map(|(unit, condition)| Progress {
            service: watched[&unit].clone(),
            unit,
            state: condition.state.unwrap_or(ActiveState::Inactive),
            status: condition.status,
        });
        self.tell(Event::Instances { instances: progress.collect() });
    }
}
