//! Attacks on the modes of what conductor makes.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
