//! Attacks on the journal.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
