//! Attacks on readiness and the health of a service.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
