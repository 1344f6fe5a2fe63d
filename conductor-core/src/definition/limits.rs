//! The list of limits: the one place where a limit has its key, its type and its documentation.
//!
//! Their directives and options for systemd, docker and podman are in the table in `runtime/limits.rs`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::field::Field;
use crate::value::{Cpu, Memory, Pids};

/// The limits that are part of a release's digest even if they are not set. Others are not, so that a new key does
/// not change the digests of releases without it.
const FIRST: [&str; 3] = ["memory", "cpu", "pids"];

/// Declares both types of the limits: as written in a definition, and checked.
macro_rules! limits {
    ($($(#[$documentation:meta])+ $key:ident: $value:ty,)+) => {
        /// The most that each instance may use.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default)]
        #[schemars(deny_unknown_fields)]
        pub struct Limits {
            $($(#[$documentation])+ pub $key: Field<$value>,)+
        }

        /// The most that each instance may use; `None` for no limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct CheckedLimits {
            $($(#[$documentation])+ pub $key: Option<$value>,)+
        }

        impl Limits {
            /// Returns the limits without their places in the file.
            pub(crate) fn checked(self) -> CheckedLimits {
                CheckedLimits { $($key: self.$key.into_value(),)+ }
            }
        }

        impl Serialize for CheckedLimits {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if self.$key.is_some() || FIRST.contains(&stringify!($key)) {
                    map.serialize_entry(stringify!($key), &self.$key)?;
                })+
                map.end()
            }
        }

        impl CheckedLimits {
            /// Returns these limits, with unset ones taken from others.
            #[must_use]
            pub fn or(self, others: Self) -> Self {
                Self { $($key: self.$key.or(others.$key),)+ }
            }

            /// Returns each limit that is set: its key, and its value as it may be written.
            pub(crate) fn written(&self) -> impl Iterator<Item = (&'static str, String)> {
                let values = [$((stringify!($key), self.$key.map(|value| value.to_string())),)+];
                values.into_iter().filter_map(|(key, value)| Some((key, value?)))
            }
        }
    };
}

limits! {
    /// Memory, without swap: `512M`, `1.5G`, or bytes; less than 8E. An instance that needs more is
    /// killed and started again.
    memory: Memory,
    /// Processor time: `1.5` or `150%` is one and a half processors; at most 8192. An instance that
    /// needs more is slowed down.
    cpu: Cpu,
    /// Processes and threads.
    pids: Pids,
}
