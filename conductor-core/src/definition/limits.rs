//! The list of limits: the one place where a limit has its key, its type, its documentation, and the words of the
//! reference for what it becomes.
//!
//! Their directives and options for systemd, docker and podman are in the table in `runtime/limits.rs`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::shape::{Map, One, Place, Shape};
use crate::value::{Cpu, CpuSet, HostPath, Iops, Memory, OomScore, Pids, Weight};

/// The limits that are part of a release's digest even if they are not set. Others are not, so that a new key does
/// not change the digests of releases without it.
const FIRST: [&str; 3] = ["memory", "cpu", "pids"];

/// What a limit becomes for each runtime, in the words of the reference.
#[derive(Debug, Clone, Copy)]
pub struct LimitMeaning {
    /// The key.
    pub key: &'static str,
    /// For docker; an error says what to do instead.
    pub docker: Result<&'static str, &'static str>,
    /// For podman.
    pub podman: &'static str,
    /// For native services.
    pub native: &'static str,
}

/// Declares both types of the limits: as written in a definition, and checked.
macro_rules! limits {
    ($($(#[$documentation:meta])+ $key:ident: $shape:ty, $docker:expr, $podman:expr, $native:expr;)+) => {
        /// The most that each instance may use.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default)]
        #[schemars(deny_unknown_fields)]
        pub struct Limits {
            $($(#[$documentation])+ pub $key: <$shape as Shape>::Raw,)+
        }

        /// The most that each instance may use; nothing where there is no limit.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct CheckedLimits {
            $($(#[$documentation])+ pub $key: <$shape as Shape>::Checked,)+
        }

        impl Limits {
            /// Returns the limits that are given, each with what it becomes, and its place.
            pub(crate) fn given(&self) -> impl Iterator<Item = (&'static LimitMeaning, Place)> {
                let places = [$(<$shape as Shape>::place(&self.$key)),+];
                LIMITS.iter().zip(places).filter_map(|(meaning, place)| Some((meaning, place?)))
            }

            /// Returns the limits without their places in the file.
            pub(crate) fn checked(self) -> CheckedLimits {
                CheckedLimits { $($key: <$shape as Shape>::checked(self.$key),)+ }
            }
        }

        impl Serialize for CheckedLimits {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if !<$shape as Shape>::is_unset(&self.$key) || FIRST.contains(&stringify!($key)) {
                    map.serialize_entry(stringify!($key), &self.$key)?;
                })+
                map.end()
            }
        }

        impl CheckedLimits {
            /// Returns these limits, with unset ones taken from others.
            #[must_use]
            pub fn or(&self, others: &Self) -> Self {
                Self {
                    $($key: match <$shape as Shape>::is_unset(&self.$key) {
                        true => others.$key.clone(),
                        false => self.$key.clone(),
                    },)+
                }
            }

            /// Returns each limit that is set: its key, and its value as it may be written.
            pub fn written(&self) -> impl Iterator<Item = (&'static str, String)> {
                let values = [$((stringify!($key), <$shape as Shape>::values(&self.$key)),)+];
                let values = values.into_iter();
                values.flat_map(|(key, values)| values.into_iter().map(move |value| (key, value)))
            }
        }

        /// What the limits become, in the order of the reference.
        pub const LIMITS: &[LimitMeaning] = &[
            $(LimitMeaning {
                key: stringify!($key), docker: $docker, podman: $podman, native: $native,
            }),+
        ];
    };
}

const AS_NATIVE: &str = "as native";

limits! {
    /// Memory, without swap: `512M`, `1.5G`, or bytes; less than 8E. An instance that needs more is
    /// killed and started again.
    memory: One<Memory>, Ok("`--memory`, `--memory-swap`"), "`--memory`, `--memory-swap`",
        "`MemoryMax=`, `MemorySwapMax=0`";
    /// native, podman: memory above which an instance is slowed down and its memory is reclaimed.
    memory_high: One<Memory>, Err("use memory, or runtime: podman"), AS_NATIVE, "`MemoryHigh=`";
    /// Swap that an instance may use beyond `memory`, which docker needs for it; none unless given.
    memory_swap: One<Memory>, Ok("`--memory-swap`, of both together"), "`--memory-swap`, or as native",
        "`MemorySwapMax=`";
    /// Processor time: `1.5` or `150%` is one and a half processors; at most 8192. An instance that
    /// needs more is slowed down.
    cpu: One<Cpu>, Ok("`--cpus`"), "`--cpus`", "`CPUQuota=`";
    /// Share of the processors if there are too few for all instances and jobs of the service, from 1 to
    /// 10000; 100 unless given.
    cpu_weight: One<Weight>, Ok("`--cpu-shares`"), AS_NATIVE, "`CPUWeight=`";
    /// The numbers of the processors on which an instance runs: `0-3,7`.
    cpuset: One<CpuSet>, Ok("`--cpuset-cpus`"), AS_NATIVE, "`AllowedCPUs=`";
    /// Processes and threads.
    pids: One<Pids>, Ok("`--pids-limit`"), "`--pids-limit`", "`TasksMax=`";
    /// native, podman: share of the disks among the instances and jobs of the service, from 1 to 10000; 100
    /// unless given.
    io_weight: One<Weight>, Err("use runtime: podman"), AS_NATIVE,
        "`IOWeight=`";
    /// native, podman: the most that is read from a disk in a second: `{/dev/sda: 10M}`.
    io_read_bps: Map<HostPath, Memory>, Err("use runtime: podman"), AS_NATIVE, "`IOReadBandwidthMax=`";
    /// native, podman: the most that is written to a disk in a second: `{/dev/sda: 10M}`.
    io_write_bps: Map<HostPath, Memory>, Err("use runtime: podman"), AS_NATIVE, "`IOWriteBandwidthMax=`";
    /// native, podman: the most reads from a disk in a second: `{/dev/sda: 500}`.
    io_read_iops: Map<HostPath, Iops>, Err("use runtime: podman"), AS_NATIVE, "`IOReadIOPSMax=`";
    /// native, podman: the most writes to a disk in a second: `{/dev/sda: 500}`.
    io_write_iops: Map<HostPath, Iops>, Err("use runtime: podman"), AS_NATIVE, "`IOWriteIOPSMax=`";
    /// How early the kernel kills an instance if the host has no memory left: from -1000, never, to 1000,
    /// first.
    oom_score_adjust: One<OomScore>, Ok("`--oom-score-adj`"), "`--oom-score-adj`", "`OOMScoreAdjust=`";
}
