//! Numbers of processes and threads, as in `TasksMax=` (systemd.resource-control(5)) and `docker run
//! --pids-limit`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Invalid;
use crate::text::serde_error;

/// A number of processes and threads, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Pids(u32);

/// The highest `kernel.pid_max` of Linux.
const MOST: u32 = 1 << 22;

impl Pids {
    /// Returns the number.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Pids {
    type Error = Invalid;

    fn try_from(number: u32) -> Result<Self, Invalid> {
        let refuse = |hint| Err(Invalid::new(format!("{number} is out of range")).hint(hint));
        match number {
            0 => refuse("write 1 or more".to_owned()),
            1..=MOST => Ok(Self(number)),
            _ => refuse(format!("write at most {MOST}")),
        }
    }
}

impl<'de> Deserialize<'de> for Pids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer)?.try_into().map_err(serde_error)
    }
}

impl JsonSchema for Pids {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pids".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "format": "uint32", "minimum": 1, "maximum": MOST})
    }
}

impl fmt::Display for Pids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_bounds() {
        for (number, hint) in [(0, "write 1 or more"), (MOST + 1, "write at most 4194304")] {
            assert_eq!(Pids::try_from(number).unwrap_err().hint.as_deref(), Some(hint));
        }
        for number in [1, MOST] {
            assert_eq!(Pids::try_from(number).map(Pids::number), Ok(number));
        }
    }
}
