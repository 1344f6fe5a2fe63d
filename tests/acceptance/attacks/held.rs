//! Attacks that never worked, so that they never will.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
