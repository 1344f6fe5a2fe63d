//! Attacks on files that conductor reads and writes.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
