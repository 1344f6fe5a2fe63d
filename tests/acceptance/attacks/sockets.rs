//! Attacks on the sockets of services.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
