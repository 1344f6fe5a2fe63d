//! The trait [`Host`]: everything that the executor needs from a host.
//!
//! `SystemHost` is the real one. [`FakeHost`](crate::fake::FakeHost) has its own clock, and a test can make
//! any of its calls fail, be interrupted, or end the process.
//!
//! One thread polls the futures. The real host moves blocking calls to other threads.

#![expect(async_fn_in_trait, reason = "one thread polls the futures, so they need not be Send")]

use std::collections::BTreeMap;
use std::time::Duration;

use conductor_core::error::PathError;
use conductor_core::name::{PodName, ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Hook, Step};
use conductor_core::proxy::UpstreamChange;
use conductor_core::service::NetworkSettings;
use conductor_core::unit::{EngineImage, EngineNetwork, EnginePod, LocalImage, NamedVolume};
use conductor_core::value::HostPath;

use crate::system::{EngineError, JobError, JobType, LastWords, ProxyError, SystemdError};

/// A host on which plans are carried out.
pub trait Host {
    /// The processes of a proxy that serve the connections from before its reload.
    type OldWorkers: Clone;

    /// Returns whether there is a systemd to talk to. Without one, only files are changed.
    fn is_online(&self) -> bool;

    /// Returns the time of a monotonic clock, since any fixed moment.
    fn now(&self) -> Duration;

    /// Waits for a time.
    async fn sleep(&self, time: Duration);

    /// Carries out steps that change unit files. All changes are durable when it returns; a crash leaves each
    /// file old or new. Steps of other kinds are skipped.
    async fn change_files(&self, steps: Vec<Step>) -> Result<(), PathError>;

    /// Writes a note that unit files which systemd may have loaded are about to change. The note outlives the
    /// process.
    async fn note_stale(&self) -> Result<(), PathError>;

    /// Removes that note after systemd has reloaded.
    async fn forget_stale(&self) -> Result<(), PathError>;

    /// Removes the links that systemd leaves in place of the units' runtime directories.
    async fn remove_runtime_links(&self, units: Vec<UnitName>) -> Result<(), PathError>;

    /// Reloads systemd if one of these units is stale as systemd has loaded it; `None` means all units of
    /// conductor. Returns whether it reloaded.
    async fn reload_if_stale(&self, units: Option<Vec<UnitName>>) -> Result<bool, SystemdError>;

    /// Resets the failed state of units. A unit that is not loaded is not an error.
    async fn reset_failed(&self, units: Vec<UnitName>);

    /// Makes systemd forget when timers last ran their jobs.
    async fn forget_runs(&self, timers: Vec<UnitName>);

    /// Makes systemd forget all about timers that are stopped and not enabled, and about the last runs of their
    /// jobs. Returns whether it reloaded.
    async fn forget_timers(&self, timers: Vec<UnitName>) -> Result<bool, SystemdError>;

    /// Runs a systemd job and waits for its end. If it exceeds its time limit, the unit is killed.
    ///
    /// # Errors
    /// systemd does not answer. The inner result is that of the job.
    async fn run_job(
        &self,
        job: JobType,
        unit: &UnitName,
    ) -> Result<Result<(), JobError>, SystemdError>;

    /// Returns the states of all units of conductor that systemd has loaded.
    async fn states(&self) -> Result<BTreeMap<UnitName, ActiveState>, SystemdError>;

    /// Returns the conditions of units, in the order of the argument.
    async fn conditions(&self, units: Vec<UnitName>) -> Result<Vec<Condition>, SystemdError>;

    /// Returns a unit's last lines of output, and how it ended.
    async fn last_words(&self, unit: UnitName) -> LastWords;

    /// Runs a command as a transient unit and waits for its end. `line` receives its output.
    async fn run_hook(
        &self,
        hook: &Hook,
        line: &mut dyn FnMut(&str),
    ) -> Result<Result<(), JobError>, HostError>;

    /// Returns what the engine has for an image; `None` if it has none.
    async fn image(&self, image: &EngineImage) -> Option<LocalImage>;

    /// Pulls an image. `line` receives the engine's output. Dropping the future ends the pull.
    async fn pull(
        &self,
        image: &EngineImage,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError>;

    /// Tags an image of an engine. If another image has the tag, it loses it.
    async fn tag_image(&self, image: &EngineImage, tag: &str) -> Result<(), EngineError>;

    /// Removes a name of an image, and the image if that was its last one. If something still uses it, it stays, and that is an error.
    async fn remove_image(&self, image: &EngineImage) -> Result<(), EngineError>;

    /// Makes a network, unless the engine has one of that name. If that one was made otherwise, it is an error.
    async fn make_network(
        &self,
        network: &EngineNetwork,
        settings: &NetworkSettings,
    ) -> Result<(), EngineError>;

    /// Removes a network. One that conductor did not make, or that is not there, is not an error. If a container
    /// uses it, it stays, and that is an error.
    async fn remove_network(&self, network: &EngineNetwork) -> Result<(), EngineError>;

    /// Makes a pod, unless podman has it. One of that name that was made otherwise, or by somebody else, is an error.
    async fn make_pod(&self, pod: &EnginePod) -> Result<(), EngineError>;

    /// Stops and removes a pod. One that conductor did not make, or that is not there, is not an error. If another
    /// container is in it, it stays, and this is an error.
    async fn remove_pod(&self, pod: &PodName) -> Result<(), EngineError>;

    /// Removes a named volume of a service with all data in it. One that is not there is not an error.
    async fn remove_volume(
        &self,
        service: &ServiceId,
        volume: &NamedVolume,
    ) -> Result<(), PathError>;

    /// Checks a proxy's configuration as it would be with changed files of services.
    async fn try_out(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError>;

    /// Replaces or removes files of services for a proxy. Before that, it notes the changes as pending.
    async fn write_upstreams(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError>;

    /// Reloads a proxy and waits until it uses the new configuration. Returns `None` if the proxy does not run.
    async fn reload_proxy(&self, proxy: &ProxyName)
    -> Result<Option<Self::OldWorkers>, ProxyError>;

    /// Returns how many of a proxy's old processes still run.
    async fn count_old_workers(&self, old: &Self::OldWorkers) -> usize;

    /// Removes the note that a change of a service's proxy files is pending.
    async fn forget_pending(&self, service: &ServiceId) -> Result<(), PathError>;

    /// Switches the fixed name of an instance's socket to the socket of a release.
    async fn switch(
        &self,
        service: &ServiceId,
        instance: u16,
        socket: &HostPath,
    ) -> Result<(), PathError>;

    /// Removes the fixed name of an instance's socket.
    async fn unswitch(&self, service: &ServiceId, instance: u16) -> Result<(), PathError>;

    /// Returns how many connections to these sockets are open in processes of the service.
    async fn count_connections(
        &self,
        service: &ServiceId,
        sockets: &[HostPath],
    ) -> Result<usize, SystemdError>;
}

/// The condition of a unit.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Its state; `None` if it is not loaded.
    pub state: Option<ActiveState>,
    /// How often systemd restarted it automatically.
    pub restarts: u32,
    /// When it was last started, on the monotonic clock.
    pub started: Option<Duration>,
    /// Its own status text (`STATUS=`).
    pub status: Option<String>,
    /// Whether a health check decides if it is healthy (`WatchdogSec=`).
    pub watched: bool,
    /// Whether its command has run to its end, and it counts as up (`RemainAfterExit=`).
    pub is_done: bool,
}

impl Condition {
    /// Returns whether the unit is up.
    pub fn is_up(&self) -> bool {
        self.state.is_some_and(ActiveState::is_up)
    }
}

/// An error of the host itself, after which no plan can continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A file operation failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A call to systemd failed.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}
