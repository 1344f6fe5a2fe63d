//! Attacks on a definition, or its author.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
