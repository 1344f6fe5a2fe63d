//! The single steps of a plan.

use std::fmt;

use crate::name::{PodName, ProxyName, ServiceId, UnitName};
use crate::proxy::{UpstreamChange, UpstreamFile};
use crate::service::NetworkSettings;
use crate::unit::{EngineImage, EngineNetwork, EnginePod, Link, NamedVolume, Unit};
use crate::value::{Digest, HostPath, Span};

/// One idempotent change to the host, or a condition for the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Test a proxy's configuration, and test it with a planned change.
    TestProxy {
        /// The proxy.
        proxy: ProxyName,
        /// The files that change together.
        changes: Vec<UpstreamChange>,
    },
    /// Pull an image.
    Pull {
        /// The image.
        image: EngineImage,
        /// Whether it is pulled although the engine has an image of that name.
        always: bool,
    },
    /// Keep the image of a release under a tag of conductor's own.
    Tag {
        /// The image, by the name that the definition has for it.
        image: EngineImage,
        /// Its id; `None` if that is not known before the image is pulled.
        id: Option<Digest>,
        /// The tag.
        tag: String,
    },
    /// Make a network, unless the engine has it.
    MakeNetwork(EngineNetwork, NetworkSettings),
    /// Make a pod, unless podman has it.
    MakePod(EnginePod),
    /// Run a command once, as its own unit, and wait for its end.
    Run(Hook),
    /// Write a unit file.
    Write {
        /// The file's name.
        name: UnitName,
        /// Its content.
        unit: Box<Unit>,
        /// What the change means to systemd.
        change: FileChange,
    },
    /// Enable a unit: it starts together with another one, also at boot.
    Enable(Link),
    /// Make systemd forget when a timer that is stopped and not enabled was started and last ran its job, so
    /// that its times count from its next start.
    Forget(UnitName),
    /// Start a unit and wait until it is up.
    Start(UnitName),
    /// Stop and start a unit that runs with another text than its file has.
    Restart(UnitName),
    /// Confirm that started instances are still up, for some time.
    Confirm {
        /// The instances.
        units: Vec<UnitName>,
        /// For how long; zero for once.
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
        /// Whether the previous file is restored, which is not tested.
        restore: bool,
    },
    /// Remove that file.
    RemoveUpstream {
        /// The proxy.
        proxy: ProxyName,
        /// The service.
        service: ServiceId,
        /// Whether it is removed because the deploy that wrote it failed, which is not tested.
        restore: bool,
    },
    /// Reload a proxy, and wait until it uses the new configuration.
    ReloadProxy(ProxyName),
    /// Wait until the old processes of a proxy have ended.
    DrainProxy {
        /// The proxy.
        proxy: ProxyName,
        /// The longest wait.
        longest: Span,
    },
    /// Wait until sockets have no connections.
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
    /// Remove the file of a unit that all services share, unless one of them still needs it.
    RemoveShared(UnitName),
    /// Remove the fixed name of an instance's socket.
    Unswitch {
        /// The service.
        service: ServiceId,
        /// The number of the instance.
        instance: u16,
    },
    /// Remove a named volume with all data in it.
    RemoveVolume {
        /// The service.
        service: ServiceId,
        /// The volume.
        volume: NamedVolume,
    },
    /// Remove a network that conductor made and that nothing uses any more.
    RemoveNetwork(EngineNetwork),
    /// Remove a pod that conductor made and that nothing uses any more.
    RemovePod(PodName),
    /// Remove a name of an image that no release on the host uses, and the image if that was its last name.
    RemoveImage(EngineImage),
}

crate::vocabulary!(
    /// What a step does, in one word.
    Action {
        /// Test a proxy's configuration.
        TestProxy = "test_proxy",
        /// Pull an image.
        Pull = "pull",
        /// Keep an image under a tag of conductor's own.
        Tag = "tag",
        /// Make a network.
        MakeNetwork = "make_network",
        /// Make a pod.
        MakePod = "make_pod",
        /// Run a command once.
        Run = "run",
        /// Write a unit file.
        Write = "write",
        /// Enable a unit.
        Enable = "enable",
        /// Make systemd forget the past times of a timer.
        Forget = "forget",
        /// Start a unit.
        Start = "start",
        /// Restart a unit.
        Restart = "restart",
        /// Confirm that started instances are still up.
        Confirm = "confirm",
        /// Point the fixed name of a socket to that of a release.
        SwitchSocket = "switch_socket",
        /// Write a file that tells a proxy where the instances are.
        WriteUpstream = "write_upstream",
        /// Remove such a file.
        RemoveUpstream = "remove_upstream",
        /// Reload a proxy.
        ReloadProxy = "reload_proxy",
        /// Wait until the old processes of a proxy have ended.
        DrainProxy = "drain_proxy",
        /// Wait until sockets have no connections.
        DrainSockets = "drain_sockets",
        /// Stop a unit.
        Stop = "stop",
        /// Disable a unit.
        Disable = "disable",
        /// Remove a unit file.
        Remove = "remove",
        /// Remove the fixed name of a socket.
        RemoveSocketName = "remove_socket_name",
        /// Remove a named volume with all data in it.
        RemoveVolume = "remove_volume",
        /// Remove a network.
        RemoveNetwork = "remove_network",
        /// Remove a pod.
        RemovePod = "remove_pod",
        /// Remove a name of an image.
        RemoveImage = "remove_image",
    }
);

impl Action {
    /// Returns whether it changes only unit files, not what runs.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Write | Self::Enable | Self::Disable | Self::Remove)
    }
}

/// What the change of a unit file means to systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// A new file: systemd cannot have an old text loaded.
    New,
    /// A new text: systemd may have an old one loaded.
    Text,
    /// Only conductor's own record changes, which systemd ignores.
    Record,
}

/// A command that runs once, as a unit that is removed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The unit.
    pub unit: UnitName,
    /// Its text.
    pub text: String,
}

impl Step {
    /// Returns the unit of the step, if it has one.
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Enable(link) | Self::Disable(link) => Some(&link.unit),
            Self::Write { name: unit, .. }
            | Self::Run(Hook { unit, .. })
            | Self::Forget(unit)
            | Self::Start(unit)
            | Self::Restart(unit)
            | Self::Stop(unit)
            | Self::Remove(unit)
            | Self::RemoveShared(unit) => Some(unit),
            _ => None,
        }
    }

    /// Returns what the step does, in one word.
    pub fn action(&self) -> Action {
        match self {
            Self::TestProxy { .. } => Action::TestProxy,
            Self::Pull { .. } => Action::Pull,
            Self::Tag { .. } => Action::Tag,
            Self::MakeNetwork(..) => Action::MakeNetwork,
            Self::MakePod(_) => Action::MakePod,
            Self::Run(_) => Action::Run,
            Self::Write { .. } => Action::Write,
            Self::Enable(_) => Action::Enable,
            Self::Forget(_) => Action::Forget,
            Self::Start(_) => Action::Start,
            Self::Restart(_) => Action::Restart,
            Self::Confirm { .. } => Action::Confirm,
            Self::Switch { .. } => Action::SwitchSocket,
            Self::WriteUpstream { .. } => Action::WriteUpstream,
            Self::RemoveUpstream { .. } => Action::RemoveUpstream,
            Self::ReloadProxy(_) => Action::ReloadProxy,
            Self::DrainProxy { .. } => Action::DrainProxy,
            Self::DrainSockets { .. } => Action::DrainSockets,
            Self::Stop(_) => Action::Stop,
            Self::Disable(_) => Action::Disable,
            Self::Remove(_) | Self::RemoveShared(_) => Action::Remove,
            Self::Unswitch { .. } => Action::RemoveSocketName,
            Self::RemoveVolume { .. } => Action::RemoveVolume,
            Self::RemoveNetwork(_) => Action::RemoveNetwork,
            Self::RemovePod(_) => Action::RemovePod,
            Self::RemoveImage(_) => Action::RemoveImage,
        }
    }

    /// Returns whether the step changes only unit files, not what runs.
    pub fn is_file(&self) -> bool {
        self.action().is_file()
    }

    /// Returns whether the step is about where requests go.
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
            Self::Pull { image, always: true } => write!(f, "pull {}", image.reference),
            Self::Pull { image, always: false } => write!(
                f,
                "pull {} if {} has no such image",
                image.reference,
                image.engine.program()
            ),
            Self::Tag { image, id: None, tag } => write!(f, "keep {} as {tag}", image.reference),
            Self::Tag { image, id: Some(id), tag } => {
                write!(f, "keep {}, {}, as {tag}", image.reference, id.short())
            }
            Self::MakeNetwork(EngineNetwork { engine, name }, _) => {
                let engine = engine.program();
                write!(f, "make the network {name} if {engine} has none of that name")
            }
            Self::MakePod(EnginePod { name, .. }) => {
                write!(f, "make the pod {name} if podman has none of that name")
            }
            Self::Run(Hook { unit, .. }) => write!(f, "run {unit} to its end"),
            Self::Write { name, change: FileChange::New, .. } => write!(f, "write {name}"),
            Self::Write { name, change: FileChange::Text, .. } => write!(f, "rewrite {name}"),
            Self::Write { name, change: FileChange::Record, .. } => write!(f, "record in {name}"),
            Self::Enable(link) => write!(f, "enable {} in {}", link.unit, link.by),
            Self::Forget(name) => write!(f, "forget past times of {name}"),
            Self::Start(name) => write!(f, "start {name}"),
            Self::Restart(name) => write!(f, "restart {name}"),
            Self::Confirm { units, time } if time.duration().is_zero() => {
                write!(f, "confirm that {} is still up", counted(units.len()))
            }
            Self::Confirm { units, time } => {
                write!(f, "confirm that {} stays healthy for {time}", counted(units.len()))
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
            Self::Remove(name) | Self::RemoveShared(name) => write!(f, "remove {name}"),
            Self::Unswitch { instance, .. } => write!(f, "remove the name of socket {instance}"),
            Self::RemoveVolume { volume: NamedVolume { engine: Some(engine), name }, .. } => {
                write!(f, "remove the volume {name} of {} and all data in it", engine.program())
            }
            Self::RemoveVolume { volume: NamedVolume { engine: None, name }, .. } => {
                write!(f, "remove the volume {name} and all data in it")
            }
            Self::RemoveNetwork(EngineNetwork { engine, name }) => {
                write!(f, "remove the network {name} of {} if conductor made it", engine.program())
            }
            Self::RemovePod(name) => write!(f, "remove the pod {name} if conductor made it"),
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
    /// Appends steps.
    pub fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.0.extend(steps);
    }

    /// Keeps the steps that match.
    pub(super) fn retain(&mut self, keeps: impl FnMut(&Step) -> bool) {
        self.0.retain(keeps);
    }

    /// Returns whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes each step.
    pub(super) fn change(&mut self, change: impl FnMut(&mut Step)) {
        self.0.iter_mut().for_each(change);
    }

    /// Returns the steps in order.
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
