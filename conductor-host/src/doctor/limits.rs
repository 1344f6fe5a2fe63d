//! What limits need of the kernel: controllers of the control groups, and swap.

use conductor_core::runtime::Scope;

use super::{Check, Diagnosis, Facts, list};

/// The controllers (systemd.resource-control(5)), with the limits that need each; what is missing without it besides,
/// if that matters to every host.
const CONTROLLERS: [(&str, &[&str], Option<&str>); 5] = [
    (
        "memory",
        &["memory", "memory_high", "memory_swap"],
        Some("limits.memory would not be enforced, and status does not show memory"),
    ),
    ("cpu", &["cpu", "cpu_weight"], Some("limits.cpu would not be enforced")),
    ("pids", &["pids"], Some("limits.pids would not be enforced")),
    ("cpuset", &["cpuset"], None),
    ("io", &["io_weight", "io_read_bps", "io_write_bps", "io_read_iops", "io_write_iops"], None),
];

/// The swap of a host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Swap {
    /// Whether there is some.
    pub(crate) is_on: bool,
    /// Whether the kernel counts it for each control group; `None` if that does not show.
    pub(crate) is_counted: Option<bool>,
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    let Some(controllers) = &facts.controllers else {
        return diagnosis.error(
            Check::Cgroups,
            "the control groups are not of version 2: limits are not enforced, and systemd cannot tell whose \
             processes are whose",
            "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
        );
    };
    let limits = facts.limits();
    for (controller, keys, otherwise) in CONTROLLERS {
        if controllers.contains(controller) {
            continue;
        }
        let remedy = remedy(controller, facts.scope);
        let used: Vec<_> = keys.iter().filter(|key| limits.contains_key(*key)).collect();
        let message = format!("the control groups have no controller {controller}: ");
        if !used.is_empty() {
            let ids = used.iter().flat_map(|key| &limits[**key]).copied();
            let used: Vec<_> = used.iter().map(|key| format!("limits.{key}")).collect();
            let message = format!("{message}{} of {} is not enforced", used.join(", "), list(ids));
            diagnosis.error(Check::Controllers, message, remedy);
        } else if let Some(otherwise) = otherwise {
            diagnosis.warning(Check::Controllers, format!("{message}{otherwise}"), remedy);
        }
    }
    swap(facts, diagnosis);
}

fn remedy(controller: &str, scope: Scope) -> String {
    match (scope, controller) {
        (Scope::User, _) => format!(
            "as root, add {controller} to Delegate= below [Service] in \
             /etc/systemd/system/user@.service.d/delegate.conf: Delegate=cpu cpuset io memory pids"
        ),
        (Scope::System, "memory") => {
            "remove cgroup_disable=memory from the kernel's command line (on a Raspberry Pi, add \
             cgroup_enable=memory); in a container, let its host delegate it"
                .to_owned()
        }
        (Scope::System, _) => {
            format!(
                "boot a kernel with the controller {controller}; in a container, let its host delegate it"
            )
        }
    }
}

fn swap(facts: &Facts, diagnosis: &mut Diagnosis) {
    let limits = facts.limits();
    let Swap { is_on, is_counted } = facts.swap;
    if let Some(ids) = limits.get("memory").filter(|_| is_on && is_counted == Some(false)) {
        diagnosis.warning(
            Check::Swap,
            format!(
                "the kernel does not count swap: what limits.memory of {} keeps out of memory may go there",
                list(ids.iter().copied())
            ),
            "remove swapaccount=0 from the kernel's command line, or turn swap off",
        );
    }
    if let Some(ids) = limits.get("memory_swap").filter(|_| !is_on) {
        diagnosis.warning(
            Check::Swap,
            format!(
                "the host has no swap, so limits.memory_swap of {} gives nothing",
                list(ids.iter().copied())
            ),
            "add swap, or raise limits.memory",
        );
    }
}
