//! Waits for zbus, in whatever program this crate is.

use std::cell::Cell;
use std::io;
use std::panic::resume_unwind;
use std::thread;

thread_local! {
    /// Whether this thread waits for a future. What is polled may be a watcher, which may ask something.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Runs asynchronous work to its end on this thread; inside another one, on a thread of its own.
pub(super) fn block_on<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    match WAITS.get() {
        false => block_here(work()),
        // zruntime panics, since the future would wait for the one around it.
        true => thread::scope(|scope| {
            scope.spawn(|| block_here(work())).join().unwrap_or_else(|panic| resume_unwind(panic))
        }),
    }
}

/// Runs a future to its end on this thread, with the runtime that zbus brings along. It cannot be called inside another
/// one.
///
/// It is what `zbus::block_on` is, unless another crate of the program turns on zbus's feature `tokio`: then that one
/// would panic in a task of tokio.
pub(super) fn block_here<F: Future>(future: F) -> F::Output {
    struct Over;

    impl Drop for Over {
        fn drop(&mut self) {
            WAITS.set(false);
        }
    }

    WAITS.set(true);
    let _over = Over;
    zruntime::block_on(future)
}

/// Runs a future that makes a connection to its end, on a thread of its own.
///
/// With zbus's feature `tokio`, a connection belongs to the tokio runtime of the thread that makes it. If that runtime
/// waits for this call, nothing would drive the connection. A new thread has no runtime, and zbus uses its own.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn connect<T: Send>(future: impl Future<Output = T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("connect".to_owned());
        let thread = thread.spawn_scoped(scope, || block_here(future))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}
