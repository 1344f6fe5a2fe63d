//! Attacks on one-off commands.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
