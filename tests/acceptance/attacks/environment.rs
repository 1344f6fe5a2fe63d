//! Attacks on the environment of a service.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
