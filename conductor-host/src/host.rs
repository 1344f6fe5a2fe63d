//! The edge: everything that carrying out a plan asks of a host.
//!
//! `SystemHost` is the real one. [`FakeHost`](crate::fake::FakeHost) has a clock of
//! its own, and fails, is interrupted, or dies wherever a test wants.
//!
//! The futures are polled by one thread; what blocks the real host's thread is its own affair to move away.

#![expect(async_fn_in_trait, reason = "one thread polls them, so that none has to be Send")]

use std::collections::BTreeMap;
use std::time::Duration;

use conductor_core::error::PathError;
use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Hook, Step};
use conductor_core::unit::EngineImage;
use conductor_core::value::HostPath;

use crate::system::{JobError, JobType, LastWords, ProxyError, PullError, SystemdError};

/// A host on which plans are carried out.
pub trait Host {
    /// The processes of a proxy that serve the connections from before its reload.
    type OldWorkers: Clone;

    /// Returns whether there is a systemd to talk to. Without one, only files are changed.
    fn is_online(&self) -> bool;

    /// Returns the time of a clock that only goes forward, since whatever moment.
    fn now(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, time: Duration);

    /// Carries out steps that change unit files, all of them durable when it returns; a crash leaves each file
    /// old or new. Steps of other kinds are skipped.
    async fn change_files(&self, steps: Vec<Step>) -> Result<(), PathError>;

    /// Notes that unit files which systemd may hold are about to change. The note outlives the process.
    async fn note_stale(&self) -> Result<(), PathError>;

    /// Removes that note: systemd knows.
    async fn forget_stale(&self) -> Result<(), PathError>;

    /// Removes the links that systemd leaves where the runtime directories of units were.
    async fn remove_runtime_links(&self, units: Vec<UnitName>) -> Result<(), PathError>;

    /// Reloads systemd's configuration if one of these units, as it holds them, is stale; with `None` all of
    /// conductor's are looked at. Returns whether it did.
    async fn reload_if_stale(&self, units: Option<Vec<UnitName>>) -> Result<bool, SystemdError>;

    /// Has systemd forget that units failed. One that it does not hold is no error.
    async fn reset_failed(&self, units: Vec<UnitName>);

    /// Has systemd forget when timers last ran their jobs.
    async fn forget_runs(&self, timers: Vec<UnitName>);

    /// Runs a job of systemd's to its end, or until it takes longer than it may: then its unit is killed.
    ///
    /// # Errors
    /// systemd does not answer. How the job fared is the inner result.
    async fn run_job(
        &self,
        job: JobType,
        unit: &UnitName,
    ) -> Result<Result<(), JobError>, SystemdError>;

    /// Returns the states of all of conductor's units that systemd holds.
    async fn states(&self) -> Result<BTreeMap<UnitName, ActiveState>, SystemdError>;

    /// Returns how units are, in their order.
    async fn conditions(&self, units: Vec<UnitName>) -> Result<Vec<Condition>, SystemdError>;

    /// Returns what a unit wrote last, and how it ended.
    async fn last_words(&self, unit: UnitName) -> LastWords;

    /// Runs a command to its end, as a unit that does not outlive it; `line` gets what it writes.
    async fn run_hook(
        &self,
        hook: &Hook,
        line: &mut dyn FnMut(&str),
    ) -> Result<Result<(), JobError>, HostError>;

    /// Returns whether an engine has an image.
    async fn has_image(&self, image: &EngineImage) -> bool;

    /// Pulls an image; `line` gets what the engine writes. Dropped before its end, it ends the pull.
    async fn pull(&self, image: &EngineImage, line: &mut dyn FnMut(&str)) -> Result<(), PullError>;

    /// Removes an image. One that something else uses stays, and is an error.
    async fn remove_image(&self, image: &EngineImage) -> Result<(), PullError>;

    /// Checks the configuration of a proxy as it would be with another text for a service, or without any.
    async fn try_out(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
    ) -> Result<(), ProxyError>;

    /// Replaces the file of a service for a proxy, or removes it, and notes before that this is pending. With
    /// `tested`, the change is tried out first.
    async fn write_upstream(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
        tested: bool,
    ) -> Result<(), ProxyError>;

    /// Reloads a proxy and waits until it works with the new configuration.
    async fn reload_proxy(&self, proxy: &ProxyName) -> Result<Self::OldWorkers, ProxyError>;

    /// Returns how many of a proxy's old processes are left.
    async fn count_old_workers(&self, old: &Self::OldWorkers) -> usize;

    /// Removes the note that a change of a service's files is pending.
    async fn forget_pending(&self, service: &ServiceId) -> Result<(), PathError>;

    /// Points the fixed name of an instance's socket to the socket of a release.
    async fn switch(
        &self,
        service: &ServiceId,
        instance: u16,
        socket: &HostPath,
    ) -> Result<(), PathError>;

    /// Removes the fixed name of an instance's socket.
    async fn unswitch(&self, service: &ServiceId, instance: u16) -> Result<(), PathError>;

    /// Returns how many connections to sockets processes of a service have accepted.
    async fn count_connections(
        &self,
        service: &ServiceId,
        sockets: &[HostPath],
    ) -> Result<usize, SystemdError>;
}

/// How a unit is.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Its state; `None` if systemd does not hold it.
    pub state: Option<ActiveState>,
    /// How often systemd restarted it on its own.
    pub restarts: u32,
    /// When it was last started, by a clock that only goes forward.
    pub started: Option<Duration>,
    /// What it says of itself (`STATUS=`).
    pub status: Option<String>,
    /// Whether a health check has the word (`WatchdogSec=`).
    pub watched: bool,
}

impl Condition {
    /// Returns whether the unit is up.
    pub fn is_up(&self) -> bool {
        self.state.is_some_and(ActiveState::is_up)
    }
}

/// Why nothing more can be done on a host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The file system refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// systemd could not be asked.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}
