//! What on a host keeps conductor from its promises: facts in, findings out.
//!
//! Nothing here touches the host. `system::facts` reads what is judged here.

mod engines;
mod facts;
mod firewalls;
mod journal;
mod limits;
mod manager;
mod probe;
mod proxies;
mod schedules;
#[cfg(test)]
mod tests;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use engines::{Docker, Podman};
pub(crate) use facts::{Facts, Seen, Unseeable};
pub(crate) use firewalls::{FIREWALLS, Firewalls, NETAVARK};
pub(crate) use journal::{Journald, RateLimit};
pub(crate) use limits::Swap;
pub(crate) use manager::Manager;
pub(crate) use probe::{FoundProbe, is_older};
pub(crate) use proxies::{FoundProxy, Nginx};
pub(crate) use schedules::UnknownZone;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "monitoring knows both")]
pub enum Severity {
    /// Something that the definitions ask for does not work.
    Error,
    /// Something may go wrong, or is less than it could be.
    Warning,
}

/// What is looked at. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// The definitions and the host settings can be read, so that it is known what the host uses.
    Definitions,
    /// systemd answers, and has the directives of the units: 252 or newer; for `overlap: skip` 257.
    Systemd,
    /// The control groups are of version 2.
    Cgroups,
    /// They have the controllers `memory`, `cpu` and `pids`, and those of all limits in definitions.
    Controllers,
    /// Swap is limited, too, where memory is; there is some for `limits.memory_swap`.
    Swap,
    /// Units may have as many open files as systemd allows by default.
    OpenFiles,
    /// A user's systemd runs while the user is not logged in (`--user`).
    Linger,
    /// The probe is where units look for it, runs, is not older than conductor, needs no C library, and only root can
    /// change it.
    Probe,
    /// Each proxy is installed, its configuration is valid, and it reads conductor's files.
    Proxy,
    /// nginx ends its old workers at some time, and not before `deploy.drain`.
    NginxShutdown,
    /// nginx leaves kept-alive connections open when it is reloaded.
    NginxKeepalive,
    /// needrestart leaves conductor's units alone.
    Needrestart,
    /// docker is installed, and answers.
    Docker,
    /// docker can write to the journal.
    DockerLogDriver,
    /// Containers go on when docker is restarted.
    DockerLiveRestore,
    /// podman is installed.
    Podman,
    /// podman knows from which registry an image without one comes.
    PodmanShortNames,
    /// No firewall removes the rules of the engines.
    Firewall,
    /// journald does not drop the lines of a service that writes much.
    JournaldRateLimit,
    /// The journal outlives a reboot.
    JournalPersistence,
    /// The host has the time zones of jobs.
    TimeZones,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Something that keeps conductor from a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and what comes of it.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Unseen {
    /// What it is.
    pub check: Check,
    /// Why it could not be seen.
    pub reason: String,
}

/// What is wrong with a host, and what could not be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong: errors first.
    pub findings: Vec<Finding>,
    /// What could not be looked at, for example because only root may.
    pub unseen: Vec<Unseen>,
}

impl Diagnosis {
    /// Judges a host.
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut diagnosis = Self::default();
        for problem in &facts.unread {
            diagnosis.unseen(Check::Definitions, problem);
        }
        manager::judge(facts, &mut diagnosis);
        limits::judge(facts, &mut diagnosis);
        probe::judge(facts, &mut diagnosis);
        proxies::judge(facts, &mut diagnosis);
        engines::judge(facts, &mut diagnosis);
        firewalls::judge(facts, &mut diagnosis);
        journal::judge(facts, &mut diagnosis);
        schedules::judge(facts, &mut diagnosis);
        diagnosis.findings.sort_by_key(|finding| (finding.severity, finding.check));
        diagnosis
    }

    /// Returns whether something that the definitions ask for does not work.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    fn error(&mut self, check: Check, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Severity::Error, message, remedy);
    }

    fn warning(&mut self, check: Check, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Severity::Warning, message, remedy);
    }

    fn add(
        &mut self,
        check: Check,
        severity: Severity,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (message, remedy) = (message.into(), remedy.into());
        self.findings.push(Finding { check, severity, message, remedy });
    }

    fn unseen(&mut self, check: Check, reason: &str) {
        self.unseen.push(Unseen { check, reason: reason.to_owned() });
    }
}

/// Joins names for a message: the first three, and how many more there are.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 3;
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
