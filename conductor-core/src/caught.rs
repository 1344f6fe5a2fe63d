//! Turns a panic into an error of the work in which it happens.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic, which is always a bug in conductor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conductor itself failed: {message}")]
pub struct Panicked {
    /// The message of the panic.
    pub message: String,
}

/// The hint for a [`Panicked`].
pub const HINT: &str =
    "this is a bug in conductor: report it with the lines above, the command and the definition";

/// Runs some work, and returns a panic in it as an error.
///
/// After a panic, do not use what the work had borrowed mutably: it may be half changed. The panic's own
/// message is already on standard error, with its place in the source.
///
/// # Errors
/// The work panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked { message: said(&*payload) })
}

/// Returns the text of a panic: `panic!` makes it a `&str` or a `String`.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        assert_eq!(caught(|| 5), Ok(5));
        let message = |caught: Result<(), Panicked>| caught.unwrap_err().message;
        assert_eq!(message(caught(|| panic!("plain"))), "plain");
        assert_eq!(message(caught(|| panic!("number {}", 5))), "number 5");
        assert_eq!(message(caught(|| std::panic::panic_any(5))), "no message");
    }
}
