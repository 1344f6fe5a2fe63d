//! What a native service with capabilities needs beyond them: the parts of the sandbox that would stop it from
//! using them.

use crate::value::Capability;

/// What a capability is for, and the sandbox forbids (systemd.exec(5)).
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Needs {
    /// System calls.
    pub(super) system_calls: &'static str,
    /// Address families.
    pub(super) families: &'static str,
    /// Directives that take the capability away again, or what it is for.
    pub(super) lifted: &'static [&'static str],
}

const NETLINK: &str = "AF_NETLINK";

/// Returns what a capability needs. Most need nothing: the kernel checks them in calls that every program makes.
pub(super) fn needs(capability: Capability) -> Needs {
    let calls = |system_calls| Needs { system_calls, ..Needs::default() };
    let families = |families| Needs { families, ..Needs::default() };
    let lifts = |lifted| Needs { lifted, ..Needs::default() };
    match capability.as_str() {
        "BPF" => calls("bpf"),
        "DAC_READ_SEARCH" => calls("open_by_handle_at"),
        "FSETID" => lifts(&["RestrictSUIDSGID"]),
        "MKNOD" => lifts(&["PrivateDevices"]),
        "AUDIT_CONTROL" | "AUDIT_READ" | "AUDIT_WRITE" | "NET_ADMIN" => families(NETLINK),
        "NET_RAW" => families("AF_PACKET AF_NETLINK"),
        "PERFMON" => calls("perf_event_open"),
        "SYSLOG" => Needs { lifted: &["ProtectKernelLogs"], ..calls("syslog") },
        "SYS_ADMIN" => Needs {
            lifted: &["RestrictNamespaces", "ProtectHostname"],
            families: NETLINK,
            ..calls(
                "@mount @swap bpf fanotify_init fanotify_mark perf_event_open quotactl quotactl_fd \
                 setdomainname sethostname vhangup",
            )
        },
        "SYS_BOOT" => calls("@reboot"),
        "SYS_CHROOT" => calls("chroot"),
        "SYS_MODULE" => Needs { lifted: &["ProtectKernelModules"], ..calls("@module") },
        "SYS_NICE" => Needs { lifted: &["RestrictRealtime"], ..calls("@resources") },
        "SYS_PACCT" => calls("acct"),
        "SYS_PTRACE" => calls("ptrace pidfd_getfd"),
        "SYS_RAWIO" => Needs { lifted: &["PrivateDevices"], ..calls("@raw-io") },
        "SYS_RESOURCE" => calls("setrlimit"),
        "SYS_TIME" => Needs { lifted: &["ProtectClock"], ..calls("@clock") },
        "SYS_TTY_CONFIG" => calls("vhangup"),
        "WAKE_ALARM" => lifts(&["ProtectClock"]),
        _ => Needs::default(),
    }
}

/// Returns the directives' value: the names as systemd writes them.
pub(super) fn names<'c>(capabilities: impl IntoIterator<Item = &'c Capability>) -> String {
    let names = capabilities.into_iter().map(|capability| format!("CAP_{capability}"));
    names.collect::<Vec<_>>().join(" ")
}
