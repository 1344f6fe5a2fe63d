//! A counter; callers can wait until it is zero.

use std::cell::{Cell, RefCell};
use std::task::{Poll, Waker};

use futures_util::future::poll_fn;

/// A counter; callers can wait until it is zero.
#[derive(Default)]
pub(super) struct Counter {
    count: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

impl Counter {
    pub(super) fn set(&self, count: usize) {
        self.count.set(count);
    }

    pub(super) fn decrease(&self) {
        self.count.set(self.count.get().saturating_sub(1));
        if self.count.get() == 0 {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until the counter is zero.
    pub(super) async fn zero(&self) {
        poll_fn(|context| {
            if self.count.get() == 0 {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
