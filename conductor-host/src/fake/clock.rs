//! A fake clock: no test waits, and the order of events is the same in each run.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::poll_fn;

/// A clock, and the wakers of its sleepers.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Cell<Duration>,
    waiting: RefCell<Vec<(Duration, Waker)>>,
}

/// Whether the polled future was woken.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock {
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(super) async fn sleep(&self, time: Duration) {
        let until = self.now().saturating_add(time);
        poll_fn(|context| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push((until, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs a future to its end, and advances the clock whenever no future is ready; `None` if `is_over`
    /// returns true first.
    ///
    /// # Panics
    /// The future waits for something that never happens.
    pub(super) fn run<T>(
        &self,
        work: impl Future<Output = T>,
        is_over: &dyn Fn() -> bool,
    ) -> Option<T> {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&ready));
        let mut context = Context::from_waker(&waker);
        let mut work = pin!(work);
        loop {
            while ready.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                    return Some(done);
                }
                if is_over() {
                    return None;
                }
            }
            self.move_on();
        }
    }

    /// Advances the clock to the next time that a sleeper waits for.
    fn move_on(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let next = waiting.iter().map(|(until, _)| *until).min();
        assert!(next.is_some(), "the future waits for something that never happens");
        self.now.set(next.unwrap_or_default().max(self.now()));
        let due = waiting.extract_if(.., |(until, _)| *until <= self.now());
        due.for_each(|(_, waker)| waker.wake());
    }
}
