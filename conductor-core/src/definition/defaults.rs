//! The defaults of keys, for the check of a definition and for the JSON Schema.
//!
//! An enum's own default is its `Default`, and those of health checks are the probe's.

use std::time::Duration;

use crate::value::Span;

pub(crate) const INSTANCES: u16 = 1;
pub(crate) const SANDBOX: bool = true;
pub(crate) const FOLLOW_REDIRECTS: bool = false;
pub(crate) const DRAIN: Span = Span::from_secs(30);
pub(crate) const STOP_TIMEOUT: Span = Span::from_secs(30);
/// The timeout of a check by a command, which starts a process. The probe's own is for requests.
pub(crate) const COMMAND_TIMEOUT: Span = Span::from_secs(10);
/// Migrations of large databases take minutes; the host is locked meanwhile.
pub(crate) const BEFORE_TIMEOUT: Span = Span::from_secs(30 * 60);
pub(crate) const KEEP: u16 = 2;
pub(crate) const HOOK_TIMEOUT: Span = Span::from_secs(30);
pub(crate) const MIN_HEALTHY_TIME: Span = Span::from_secs(0);
pub(crate) const CATCH_UP: bool = false;
pub(crate) const ENABLED: bool = true;

/// Returns one of the probe's defaults as a value of a definition.
pub(crate) fn span(duration: Duration) -> Span {
    Span::from_duration(duration)
}
