//! Joins simultaneous requests of several services into one call.

use std::cell::RefCell;
use std::task::Poll;

use futures_channel::oneshot;
use futures_util::future::poll_fn;
use futures_util::lock::Mutex;

/// Requests that are answered together. Requests that arrive during a call wait for the next one.
pub(super) struct Gather<Q, A> {
    waiting: RefCell<Vec<(Q, oneshot::Sender<A>)>>,
    turn: Mutex<()>,
}

impl<Q, A> Default for Gather<Q, A> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), turn: Mutex::new(()) }
    }
}

impl<Q, A> Gather<Q, A> {
    /// Asks, and waits for the answer. `call` receives all waiting questions, and returns their answers in
    /// the same order. Returns `None` if another caller made the call and it failed: that caller has the
    /// error.
    pub(super) async fn ask<E>(
        &self,
        question: Q,
        call: impl AsyncFnOnce(Vec<Q>) -> Result<Vec<A>, E>,
    ) -> Result<Option<A>, E> {
        let (sender, mut receiver) = oneshot::channel();
        self.waiting.borrow_mut().push((question, sender));
        // Other futures that are ready now join this call.
        yield_now().await;
        let turn = self.turn.lock().await;
        match receiver.try_recv() {
            Ok(Some(answer)) => return Ok(Some(answer)),
            Err(oneshot::Canceled) => return Ok(None),
            Ok(None) => {}
        }
        let (questions, senders): (Vec<_>, Vec<_>) = self.waiting.take().into_iter().unzip();
        for (sender, answer) in senders.into_iter().zip(call(questions).await?) {
            // A caller that was dropped needs no answer.
            let _ = sender.send(answer);
        }
        drop(turn);
        Ok(receiver.await.ok())
    }
}

/// Lets all other ready futures run first.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
