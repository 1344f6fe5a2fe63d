//! systemd: whether it answers, its version, and the limit of open files.

use conductor_core::definition::Overlap;
use conductor_core::runtime::Scope;

use super::{Check, Diagnosis, Facts, Unseeable, list};
use crate::system::{OLDEST_SYSTEMD, systemd_version};

/// The first version with `DeferReactivation=` (systemd.timer(5)).
const DEFERS: u32 = 257;
/// The hard limit of open files that systemd gives units by default (systemd-system.conf(5)).
const OPEN_FILES: u64 = 524_288;
/// A soft limit up to which programs close all files that they could have open in no time.
const MOST_OPEN_FILES: u64 = 1_048_576;

/// What systemd says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    /// Its version as text.
    pub(crate) version: String,
    /// The soft and the hard limit of open files for units that set none.
    pub(crate) open_files: Option<(u64, u64)>,
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    if let Some((user, false)) = &facts.lingers {
        diagnosis.warning(
            Check::Linger,
            format!("the services of {user} end with the last session, and do not start at boot"),
            format!("loginctl enable-linger {user}"),
        );
    }
    let manager = match &facts.manager {
        Ok(manager) => manager,
        Err(Unseeable::Broken(reason) | Unseeable::Denied(reason)) => {
            let remedy = match facts.scope {
                Scope::System => "apt install dbus; systemctl start dbus.socket",
                Scope::User => "apt install dbus-user-session, and log in as that user",
            };
            return diagnosis.error(Check::Systemd, reason, remedy);
        }
    };
    version(facts, &manager.version, diagnosis);
    if let Some((soft, hard)) = manager.open_files {
        open_files(soft, hard, diagnosis);
    }
}

fn version(facts: &Facts, version: &str, diagnosis: &mut Diagnosis) {
    // A build of one's own can have any text.
    let Some(number) = systemd_version(version) else { return };
    if number < OLDEST_SYSTEMD {
        return diagnosis.error(
            Check::Systemd,
            format!("systemd {number} is too old: it lacks directives of the units"),
            format!("use a system with systemd {OLDEST_SYSTEMD} or newer, such as Debian 12"),
        );
    }
    let skips = facts.ids(|service| {
        service.jobs.values().any(|job| job.enabled && job.overlap == Overlap::Skip)
    });
    if number < DEFERS && !skips.is_empty() {
        diagnosis.warning(
            Check::Systemd,
            format!(
                "systemd {number} does not skip a run that is due while the previous one runs, it queues it: \
                 jobs of {}",
                list(skips)
            ),
            format!("write overlap: queue, or use systemd {DEFERS} or newer, as in Debian 13"),
        );
    }
}

fn open_files(soft: u64, hard: u64, diagnosis: &mut Diagnosis) {
    const FILE: &str = "/etc/systemd/system.conf.d/open-files.conf";
    if hard < OPEN_FILES {
        diagnosis.warning(
            Check::OpenFiles,
            format!("units may open at most {hard} files: DefaultLimitNOFILE= is below systemd's own {OPEN_FILES}"),
            format!("write DefaultLimitNOFILE=1024:{OPEN_FILES} below [Manager] into {FILE}, and reboot"),
        );
    } else if soft > MOST_OPEN_FILES {
        diagnosis.warning(
            Check::OpenFiles,
            format!(
                "units may open {soft} files without asking: programs that close all of them, or keep a table, \
                 become slow"
            ),
            format!("write DefaultLimitNOFILE=1024:{OPEN_FILES} below [Manager] into {FILE}, and reboot"),
        );
    }
}
