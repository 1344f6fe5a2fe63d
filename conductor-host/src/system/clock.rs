//! Timers, on the asynchronous runtime that zbus uses.

use std::time::Duration;

use futures_util::future::{Either, select};
use zruntime::SharedRuntime;

/// Waits for a time.
pub(super) async fn sleep(time: Duration) {
    match SharedRuntime::current() {
        Ok(runtime) => runtime.sleep(time).await,
        // Without the runtime's timer, block the thread.
        Err(_) => std::thread::sleep(time),
    }
}

/// Waits for a future; `None` if it takes longer than `longest`.
pub(super) async fn timeout<T>(
    longest: Duration,
    work: &mut (impl Future<Output = T> + Unpin),
) -> Option<T> {
    match select(work, Box::pin(sleep(longest))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Returns the time of the clock that systemd's `…TimestampMonotonic` properties use.
pub(super) fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}
