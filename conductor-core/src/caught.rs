//! Keeps a fault of conductor's own from ending more than the work it is in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic: conductor itself is at fault, whatever it worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conductor itself failed: {message}")]
pub struct Panicked {
    /// What the panic said.
    pub message: String,
}

/// What to do about a [`Panicked`].
pub const HINT: &str =
    "this is a fault in conductor: report it, with the lines above and what it worked on";

/// Does some work, and returns a panic in it as an error.
///
/// What the work had borrowed mutably may be half changed then, so that it is not to be used again. The
/// panic's own message was written to standard error already, with the place in the source.
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
    text.unwrap_or("it does not say why").to_owned()
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
        assert_eq!(message(caught(|| std::panic::panic_any(5))), "it does not say why");
    }
}
