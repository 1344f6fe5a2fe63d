//! The single steps of a plan.

use std::fmt;

use crate::name::{ProxyName, ServiceId, UnitName};
use crate::proxy::UpstreamFile;
use crate::unit::{EngineImage, Link, Unit};
use crate::value::{HostPath, Span};

/// One idempotent change to the host, or something that has to hold before the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// See that a proxy's configuration is good, and would be with a change that is to come.
    TestProxy {
        /// The proxy.
        proxy: ProxyName,
        /// The service.
        service: ServiceId,
        /// The text of the service's file; without one it goes.
        text: Option<String>,
    },
    /// Pull an image that is not there.
    Pull(EngineImage),
    /// Run a command once and to its end, as a unit of its own.
    Run(Hook),
    /// Write a unit file.
    Write {
        /// The file's name.
        name: UnitName,
        /// Its content.
        unit: Box<Unit>,
        /// What it is to systemd.
        change: FileChange,
    },
    /// Make a unit start with another, at boot too.
    Enable(Link),
    /// Start a unit and wait until it is up.
    Start(UnitName),
    /// Stop and start a unit whose file was not as conductor writes it.
    Restart(UnitName),
    /// See that what was started is still up, for some time.
    Confirm {
        /// The instances.
        units: Vec<UnitName>,
        /// How long; zero for one look.
        time: Span,
    },
    /// Point the fixed name of an instance's socket to the socket of a release.
    Switch {
        /// The service.
        service: ServiceId,
        /// The number of the instance.
        instance: u16,
        /// The socket.
        socket: HostPath,
    },
    /// Write the file that tells a proxy where the instances are.
    WriteUpstream {
        /// The file.
        file: UpstreamFile,
        /// Whether it was there before and comes back: it is not tested then.
        restore: bool,
    },
    /// Remove that file.
    RemoveUpstream {
        /// The proxy.
        proxy: ProxyName,
        /// The service.
        service: ServiceId,
        /// Whether it goes again because the one who wrote it failed: it is not tested then.
        restore: bool,
    },
    /// Let a proxy read its configuration, and see it take over.
    ReloadProxy(ProxyName),
    /// Wait until the processes of a proxy from before are gone.
    DrainProxy {
        /// The proxy.
        proxy: ProxyName,
        /// The longest wait.
        longest: Span,
    },
    /// Wait until nobody is connected to sockets any more.
    DrainSockets {
        /// The service.
        service: ServiceId,
        /// The sockets.
        sockets: Vec<HostPath>,
        /// The longest wait.
        longest: Span,
    },
    /// Stop a unit and wait until it is down.
    Stop(UnitName),
    /// Undo an `Enable`.
    Disable(Link),
    /// Remove a unit file.
    Remove(UnitName),
    /// Remove the fixed name of an instance's socket.
    Unswitch {
        /// The service.
        service: ServiceId,
        /// The number of the instance.
        instance: u16,
    },
    /// Remove an image that no release on the host uses.
    RemoveImage(EngineImage),
}

/// What a unit file that is written is to systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// A name of which systemd cannot hold another text.
    New,
    /// Another text than the one that systemd may hold.
    Text,
    /// What systemd reads stays as it is: only conductor's own record is another.
    Record,
}

/// A command that runs once, as a unit that does not outlive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The unit.
    pub unit: UnitName,
    /// Its text.
    pub text: String,
}

impl Step {
    /// Gives the unit the step is about, if it is about one.
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Enable(link) | Self::Disable(link) => Some(&link.unit),
            Self::Write { name: unit, .. }
            | Self::Run(Hook { unit, .. })
            | Self::Start(unit)
            | Self::Restart(unit)
            | Self::Stop(unit)
            | Self::Remove(unit) => Some(unit),
            _ => None,
        }
    }

    /// Returns what is done, in one word, for programs.
    pub fn action(&self) -> &'static str {
        match self {
            Self::TestProxy { .. } => "test_proxy",
            Self::Pull(_) => "pull",
            Self::Run(_) => "run",
            Self::Write { .. } => "write",
            Self::Enable(_) => "enable",
            Self::Start(_) => "start",
            Self::Restart(_) => "restart",
            Self::Confirm { .. } => "confirm",
            Self::Switch { .. } => "switch_socket",
            Self::WriteUpstream { .. } => "write_upstream",
            Self::RemoveUpstream { .. } => "remove_upstream",
            Self::ReloadProxy(_) => "reload_proxy",
            Self::DrainProxy { .. } => "drain_proxy",
            Self::DrainSockets { .. } => "drain_sockets",
            Self::Stop(_) => "stop",
            Self::Disable(_) => "disable",
            Self::Remove(_) => "remove",
            Self::Unswitch { .. } => "remove_socket_name",
            Self::RemoveImage(_) => "remove_image",
        }
    }

    /// Tells whether the step changes unit files only, not what runs.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Enable(_) | Self::Disable(_) | Self::Remove(_))
    }

    /// Tells whether the step has to do with where requests go.
    pub fn is_traffic(&self) -> bool {
        matches!(
            self,
            Self::Switch { .. }
                | Self::Unswitch { .. }
                | Self::WriteUpstream { .. }
                | Self::RemoveUpstream { .. }
                | Self::ReloadProxy(_)
                | Self::DrainProxy { .. }
                | Self::DrainSockets { .. }
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestProxy { proxy, .. } => write!(f, "test the configuration of {proxy}"),
            Self::Pull(image) => write!(
                f,
                "pull {} if {} has no such image",
                image.reference,
                image.engine.program()
            ),
            Self::Run(Hook { unit, .. }) => write!(f, "run {unit} to its end"),
            Self::Write { name, change: FileChange::New, .. } => write!(f, "write {name}"),
            Self::Write { name, change: FileChange::Text, .. } => write!(f, "rewrite {name}"),
            Self::Write { name, change: FileChange::Record, .. } => write!(f, "record in {name}"),
            Self::Enable(link) => write!(f, "enable {} in {}", link.unit, link.by),
            Self::Start(name) => write!(f, "start {name}"),
            Self::Restart(name) => write!(f, "restart {name}"),
            Self::Confirm { units, time } if time.duration().is_zero() => {
                write!(f, "see that {} is still up", counted(units.len()))
            }
            Self::Confirm { units, time } => {
                write!(f, "see that {} stays well for {time}", counted(units.len()))
            }
            Self::Switch { instance, socket, .. } => {
                write!(f, "switch socket {instance} to {socket}")
            }
            Self::WriteUpstream { file, restore: false } => {
                write!(f, "write the upstream of {}", file.proxy)
            }
            Self::WriteUpstream { file, restore: true } => {
                write!(f, "restore the upstream of {}", file.proxy)
            }
            Self::RemoveUpstream { proxy, .. } => write!(f, "remove the upstream of {proxy}"),
            Self::ReloadProxy(proxy) => write!(f, "reload {proxy}"),
            Self::DrainProxy { proxy, longest } => {
                write!(f, "drain the old processes of {proxy} for at most {longest}")
            }
            Self::DrainSockets { longest, .. } => {
                write!(f, "drain the old sockets for at most {longest}")
            }
            Self::Stop(name) => write!(f, "stop {name}"),
            Self::Disable(link) => write!(f, "disable {} in {}", link.unit, link.by),
            Self::Remove(name) => write!(f, "remove {name}"),
            Self::Unswitch { instance, .. } => write!(f, "remove the name of socket {instance}"),
            Self::RemoveImage(image) => write!(f, "remove the image {}", image.reference),
        }
    }
}

fn counted(instances: usize) -> String {
    match instances {
        1 => "the new instance".to_owned(),
        count => format!("each of {count} new instances"),
    }
}

/// Steps in the order in which they are done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// Adds steps behind the others.
    pub fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.0.extend(steps);
    }

    /// Keeps those steps for which something holds.
    pub(super) fn retain(&mut self, keeps: impl FnMut(&Step) -> bool) {
        self.0.retain(keeps);
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the steps in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Step> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Steps {
    type Item = &'a Step;
    type IntoIter = std::slice::Iter<'a, Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Steps {
    type Item = Step;
    type IntoIter = std::vec::IntoIter<Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
