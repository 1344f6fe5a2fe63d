//! The table of keys that say how the processes of a service run: each has its key, its type, its documentation,
//! and what it becomes for docker, podman and native services, in one place.
//!
//! What a key becomes that is neither one option nor one directive is in `runtime/process.rs`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::shape::{List, Map, One, Place, Shape};
use crate::name::{ContainerName, EngineVolume, VolumeName};
use crate::value::{
    Device, EngineOption, EnvValue, ExtraHost, Gpus, GroupName, HostName, HostPath, IpcMode,
    LabelName, Memory, NameServer, PidMode, Platform, RuntimeDirectory, SearchDomain,
    SecurityOption, Signal, SysctlName, SysctlValue, Tmpfs, Ulimit, UlimitName, UserNamespace,
};

/// The name of the field and of the type for which the deserializer passes on the keys of the mapping around it.
pub(super) const FLAT: &str = "$conductor::ProcessKeys";

/// What a key becomes for each runtime.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The key.
    pub key: &'static str,
    /// What it becomes for docker and podman.
    pub engines: Engines,
    /// What it becomes for native services.
    pub native: Native,
}

/// What a key becomes for docker and podman.
#[derive(Debug, Clone, Copy)]
pub enum Engines {
    /// This option, once for each value.
    Option(&'static str),
    /// Something else, in the words of the reference.
    Other {
        /// For docker.
        docker: &'static str,
        /// For podman.
        podman: &'static str,
    },
    /// The key is an error; what to do instead.
    Refused(&'static str),
}

/// What a key becomes for native services.
#[derive(Debug, Clone, Copy)]
pub enum Native {
    /// This directive, once for each value.
    Directive(&'static str),
    /// Something else, in the words of the reference.
    Other(&'static str),
    /// The key is an error; what to do instead.
    Refused(&'static str),
}

/// Declares both types of the keys: as written in a definition, and checked.
macro_rules! keys {
    ($($(#[$documentation:meta])+ $key:ident: $shape:ty, $engines:expr, $native:expr;)+) => {
        /// How the processes of a service run.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default, rename = "$conductor::ProcessKeys")]
        pub struct ProcessKeys {
            $($(#[$documentation])+ pub $key: <$shape as Shape>::Raw,)+
        }

        /// How the processes of a service run; nothing, or an empty list, for what is not given.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Process {
            $($(#[$documentation])+ pub $key: <$shape as Shape>::Checked,)+
        }

        impl ProcessKeys {
            /// The keys.
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// Returns the keys that are given, each with what it becomes, and its place.
            pub(crate) fn given(&self) -> impl Iterator<Item = (&'static Meaning, Place)> {
                let places = [$(<$shape as Shape>::place(&self.$key)),+];
                MEANINGS.iter().zip(places).filter_map(|(meaning, place)| Some((meaning, place?)))
            }

            /// Returns the values without their places in the file.
            pub(crate) fn checked(self) -> Process {
                Process { $($key: <$shape as Shape>::checked(self.$key),)+ }
            }
        }

        impl Process {
            /// Returns the keys that are given, each with what it becomes, and its values as text.
            pub(crate) fn given(&self) -> impl Iterator<Item = (&'static Meaning, Vec<String>)> {
                let values = [$(<$shape as Shape>::values(&self.$key)),+];
                MEANINGS.iter().zip(values).filter(|(_, values)| !values.is_empty())
            }

            /// Returns whether no key is given.
            pub(crate) fn is_unset(&self) -> bool {
                $(<$shape as Shape>::is_unset(&self.$key) &&)+ true
            }
        }

        /// Without keys that are not given, so that a new key does not change the digests of releases without it.
        impl Serialize for Process {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if !<$shape as Shape>::is_unset(&self.$key) {
                    map.serialize_entry(stringify!($key), &self.$key)?;
                })+
                map.end()
            }
        }

        /// What the keys become, in the order of the reference.
        pub const MEANINGS: &[Meaning] = &[
            $(Meaning { key: stringify!($key), engines: $engines, native: $native }),+
        ];
    };
}

use Engines::Option as Word;
use Native::{Directive, Refused};

const OF_THE_HOST: &str = "remove it: a native service shares this with the host";

keys! {
    /// Groups that the program is in, in addition to those of its user.
    group_add: List<GroupName>, Word("--group-add"), Directive("SupplementaryGroups");
    /// The directory in which the program starts, with its tokens. Otherwise that of the image; native: `/`.
    working_dir: One<HostPath>, Word("--workdir"), Directive("WorkingDirectory");
    /// docker, podman: the name that the container has for itself. Otherwise a part of its id.
    hostname: One<HostName>, Word("--hostname"),
        Refused("remove it: a native service has the name of the host");
    /// docker, podman: the name of the container, for `docker exec NAME` and for containers in its networks. No other
    /// container of the engine may have it, so there is one instance, and in a deploy the old one stops first.
    /// Otherwise the container has the name of its unit, which is another one in each release.
    container_name: One<ContainerName>,
        Engines::Other { docker: "`--name`", podman: "`--name`" },
        Refused("remove it: a native service has no container");
    /// docker, podman: `false` starts the program as process 1, as images with an init of their own need it
    /// (s6-overlay, systemd). Otherwise a small init is process 1, which passes signals on.
    init: One<bool>,
        Engines::Other {
            docker: "`--init` unless `false`",
            podman: "`--init` unless `false`",
        },
        Refused("remove it: systemd is the init of a native service");
    /// The signal that asks the program to end, such as `SIGQUIT`. Otherwise that of the image; native:
    /// `SIGTERM`.
    stop_signal: One<Signal>, Word("--stop-signal"), Directive("KillSignal");
    /// Limits of single processes, by name: `{nofile: 65536, core: {soft: 0, hard: -1}}`; -1 is no limit.
    ulimits: Map<UlimitName, Ulimit>, Word("--ulimit"), Native::Other("`LimitNOFILE=` and so on");
    /// docker, podman: names in the container's `/etc/hosts`: `NAME:ADDRESS`, or `NAME:host-gateway` for the
    /// host.
    extra_hosts: List<ExtraHost>, Word("--add-host"), Refused("write the names into /etc/hosts of the host");
    /// docker, podman: the addresses of name servers.
    dns: List<NameServer>, Word("--dns"), Refused("remove it: a native service has the name servers of the host");
    /// docker, podman: domains in which names without a dot are looked up.
    dns_search: List<SearchDomain>, Word("--dns-search"),
        Refused("remove it: a native service has the search domains of the host");
    /// docker, podman: volumes of the engine that are not conductor's, for names in `volumes`: `{data: shop_data}`.
    /// Several services may have one, and its data may have been there before. That the engine has none of that
    /// name is an error: `docker volume create` makes it. `conductor remove --volumes` does not remove it.
    volume_names: Map<VolumeName, EngineVolume>,
        Engines::Other { docker: "the source of a volume", podman: "the source of a volume" },
        Refused("remove it: the volumes of a native service are in /var/lib/conductor/volumes");
    /// Directories in memory, which every user may write, with options of tmpfs(5) after a colon:
    /// `/run:size=64m,mode=755`.
    tmpfs: List<Tmpfs>, Word("--tmpfs"), Native::Other("`TemporaryFileSystem=`, with `mode=1777`");
    /// native: a directory in `/run` for what clients on the host look for, such as a socket: `mysqld` is
    /// `/run/mysqld`. It belongs to the service's user, is the same for all instances and releases, and is kept until
    /// the host boots. Of a dynamic user, only the service itself can enter it.
    runtime_directory: One<RuntimeDirectory>,
        Engines::Refused("write a directory of the host into volumes"),
        Native::Other("`RuntimeDirectory=`, with `RuntimeDirectoryPreserve=yes`");
    /// `true`: the program can write only to `volumes` and `tmpfs`. native: so it is in the sandbox anyway.
    read_only: One<bool>,
        Engines::Other {
            docker: "`--read-only`",
            podman: "`--read-only`, and `--read-only-tmpfs=false` as with docker",
        },
        Native::Other("`ProtectSystem=strict`");
    /// docker, podman: options for its security, such as `no-new-privileges:true` or `seccomp=unconfined`.
    security_opt: List<SecurityOption>, Word("--security-opt"),
        Refused("remove it: the sandbox of a native service has NoNewPrivileges= and a filter of system calls");
    /// Devices of the host: `/dev/NAME`, `/dev/NAME:/dev/OTHER`, with `:r`, `:w` or `:rw` at the end. A device
    /// keeps its owner and its mode: add its group with `group_add`.
    devices: List<Device>, Word("--device"),
        Native::Other("`DeviceAllow=` with `DevicePolicy=closed`, instead of `PrivateDevices=`");
    /// docker, podman: `true` gives the container every capability and every device of the host.
    privileged: One<bool>, Word("--privileged"),
        Refused("write sandbox: false; without user, such a service is root");
    /// docker, podman: the size of `/dev/shm`: `256M`. Otherwise 64 MiB.
    shm_size: One<Memory>, Word("--shm-size"), Refused("remove it: a native service has /dev/shm of the host");
    /// docker, podman: parameters of the kernel that a container has for itself, such as
    /// `net.core.somaxconn`.
    sysctls: Map<SysctlName, SysctlValue>, Word("--sysctl"),
        Refused("they are the host's: write them into a file in /etc/sysctl.d");
    /// `host`: for a program that watches the host. The container sees the processes of the host; there is no
    /// init then. native: it sees those of other users, too, and can read the state of the clock.
    pid: One<PidMode>, Word("--pid"),
        Native::Other("`ProtectProc=default`, and `ProtectClock=no` with the calls of `@clock`");
    /// docker, podman: whose shared memory it has: `host`, `none`, `private` or `shareable`.
    ipc: One<IpcMode>, Word("--ipc"), Refused(OF_THE_HOST);
    /// docker, podman: whose users it has: `host`; podman: or `auto`, `nomap`, `keep-id`, `private`.
    userns: One<UserNamespace>,
        Engines::Other { docker: "`--userns=host`", podman: "`--userns`" },
        Refused(OF_THE_HOST);
    /// docker, podman: `true` gives the program of an instance a terminal, which some need to write anything.
    tty: One<bool>,
        Engines::Other { docker: "`--tty`", podman: "`--tty`, with `--log-driver=journald`" },
        Refused("remove it: a native service writes to the journal, and conductor run -t gives a terminal");
    /// docker, podman: graphics processors: `all`, a number of them, or `device=0`.
    gpus: One<Gpus>, Word("--gpus"), Refused("write devices: [/dev/nvidia0, ...]");
    /// docker, podman: the platform of the image, such as `linux/arm64`. The engine must have that image:
    /// conductor pulls the one for the host.
    platform: One<Platform>, Word("--platform"), Refused("remove it: the program is one of the host");
    /// docker, podman: labels of the container, with tokens in their values.
    labels: Map<LabelName, EnvValue>, Word("--label"), Refused("remove it: only a container has labels");
    /// docker, podman: options of the engine that have no key, as they are: `--NAME=VALUE`. A word that conductor
    /// needs itself, or that has a key, is an error.
    options: List<EngineOption>,
        Engines::Other { docker: "the words", podman: "the words" },
        Refused("remove it: there is no engine; use systemd for directives");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::instead_of;

    #[test]
    fn an_option_that_a_key_becomes_is_not_one_for_options() {
        for Meaning { key, engines, .. } in MEANINGS {
            if let Engines::Option(option) = engines {
                let hint = instead_of(option.trim_start_matches('-'));
                assert_eq!(hint, Some(format!("use {key}").as_str()), "{option}");
            }
        }
    }
}
