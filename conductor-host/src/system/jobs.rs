//! systemd's jobs: asked for side by side, and waited for without a race.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use zbus::OwnedObjectPath;

use super::atomic;
use super::deadlines::Deadlines;
use super::manager::JobRemovedStream;
use super::systemd::{CALLS_AT_A_TIME, Systemd, SystemdError};
use conductor_core::name::UnitName;

/// What systemd answers if it neither holds a unit nor finds its file.
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// Why a job did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// systemd did not take the job.
    #[error("systemd refused: {0}")]
    Refused(String),
    /// The job ended with another result than `done`.
    #[error("{}", in_words(.0))]
    Result(String),
    /// The unit ended right after its start; systemd may have started it again since.
    #[error("it ended right after its start")]
    Ended,
    /// The job took longer than it may take, so the unit was killed.
    #[error("it did not {} within {} s and was killed", action(*.job), .limit.as_secs())]
    Overdue {
        /// The job.
        job: Job,
        /// How long it may take.
        limit: Duration,
    },
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Start.
    Start,
    /// Stop and start.
    Restart,
    /// Stop.
    Stop,
    /// Start a unit that ends by itself, and wait for its end.
    Run,
    /// Have it read its configuration anew.
    Reload,
}

impl Systemd {
    /// Runs jobs side by side and waits for all of them, each for as long as it may take; returns how each unit
    /// fared.
    ///
    /// # Errors
    /// systemd does not answer; what a single job comes to is in the map.
    pub fn run(
        &self,
        job: Job,
        units: &[UnitName],
    ) -> Result<BTreeMap<UnitName, Result<(), JobError>>, SystemdError> {
        self.run_watched(job, units, Duration::from_secs(1), &mut || Ok(()))
    }

    /// Runs jobs without an end to the wait.
    ///
    /// The signals are subscribed to before the first job is asked for, and a job may be over
    /// before its number is known, so results that nobody waits for yet are kept. A job's result
    /// `done` does not mean that the unit is up, so that is looked at afterwards.
    ///
    /// # Errors
    /// systemd does not answer; what a single job comes to is in the map.
    fn run_to_the_end(
        &self,
        job: Job,
        units: &[UnitName],
    ) -> Result<BTreeMap<UnitName, Result<(), JobError>>, SystemdError> {
        if units.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut results = zbus::block_on(async {
            let signals = self.manager.receive_job_removed().await;
            let signals =
                signals.map_err(|source| SystemdError::Call { call: "AddMatch", source })?;
            // systemd refuses a second subscription of the same connection.
            if self.subscribed.get().is_none() {
                let subscribed = self.manager.subscribe().await;
                subscribed.map_err(|source| SystemdError::Call { call: "Subscribe", source })?;
                let _ = self.subscribed.set(());
            }
            self.wait_for_jobs(job, units, signals).await
        })?;
        if matches!(job, Job::Start | Job::Restart) {
            let started: Vec<_> =
                results.iter().filter(|(_, result)| result.is_ok()).map(|(unit, _)| unit).collect();
            for unit in self.ended_at_once(&started)? {
                results.insert(unit, Err(JobError::Ended));
            }
        }
        Ok(results)
    }

    /// Lets systemd begin to start a unit, and does not wait for it.
    ///
    /// # Errors
    /// systemd does not answer; that it refuses is the inner error.
    pub fn begin(&self, unit: &UnitName) -> Result<Result<(), JobError>, SystemdError> {
        match zbus::block_on(self.start(unit)) {
            Ok(_) => Ok(Ok(())),
            Err(error @ zbus::Error::MethodError(..)) => Ok(refused(Job::Start, &error)),
            Err(source) => Err(SystemdError::Call { call: "StartUnit", source }),
        }
    }

    /// Asks for the start of a unit.
    ///
    /// systemd notes which files there are until the time of a directory changes, of which the kernel
    /// knows a few hundred a second. So it does not see a file that came right after it had looked, while
    /// others write there, too.
    async fn start(&self, unit: &UnitName) -> zbus::Result<OwnedObjectPath> {
        const ATTEMPTS: usize = 20;
        let file = self.transient.join(unit.as_str());
        for _ in 1..ATTEMPTS {
            match self.manager.start_unit(unit.as_str(), "replace").await {
                Err(zbus::Error::MethodError(name, ..))
                    if name.as_str() == NO_SUCH_UNIT && file.exists() =>
                {
                    atomic::renew(&self.transient)?;
                    thread::sleep(Duration::from_millis(5));
                }
                answer => return answer,
            }
        }
        self.manager.start_unit(unit.as_str(), "replace").await
    }

    /// Runs jobs as [`run`](Self::run) does, and does something every so often until they are over.
    ///
    /// # Errors
    /// systemd does not answer, or what is done meanwhile fails.
    pub fn run_watched(
        &self,
        job: Job,
        units: &[UnitName],
        interval: Duration,
        meanwhile: &mut dyn FnMut() -> Result<(), SystemdError>,
    ) -> Result<BTreeMap<UnitName, Result<(), JobError>>, SystemdError> {
        thread::scope(|scope| {
            let (sender, receiver) = channel();
            scope.spawn(move || {
                // Whoever waits for it is there for as long as this scope.
                let _ = sender.send(self.run_to_the_end(job, units));
            });
            let mut deadlines = Deadlines::new(self, job, units);
            loop {
                match receiver.recv_timeout(interval) {
                    Ok(results) => return results.map(|results| deadlines.judge(results)),
                    Err(RecvTimeoutError::Disconnected) => return Err(SystemdError::Ended),
                    Err(RecvTimeoutError::Timeout) => {
                        deadlines.enforce()?;
                        meanwhile()?;
                    }
                }
            }
        })
    }

    async fn wait_for_jobs(
        &self,
        job: Job,
        units: &[UnitName],
        signals: JobRemovedStream,
    ) -> Result<BTreeMap<UnitName, Result<(), JobError>>, SystemdError> {
        enum Event {
            Asked(UnitName, zbus::Result<OwnedObjectPath>),
            Removed(OwnedObjectPath, String),
            Unreadable(zbus::Error),
            End,
        }
        let asked = stream::iter(units)
            .map(|unit| async {
                let reply = match job {
                    Job::Start | Job::Run => self.start(unit).await,
                    Job::Restart => self.manager.restart_unit(unit.as_str(), "replace").await,
                    Job::Stop => self.manager.stop_unit(unit.as_str(), "replace").await,
                    Job::Reload => self.manager.reload_unit(unit.as_str(), "replace").await,
                };
                Event::Asked(unit.clone(), reply)
            })
            .buffer_unordered(CALLS_AT_A_TIME);
        let removed = signals
            .map(|signal| match signal.args() {
                Ok(args) => Event::Removed(args.job().clone().into(), args.result().to_string()),
                Err(error) => Event::Unreadable(error),
            })
            .chain(stream::iter([Event::End]));
        let mut events = std::pin::pin!(stream::select(asked, removed));
        let mut waiting: HashMap<OwnedObjectPath, UnitName> = HashMap::new();
        let mut early: HashMap<OwnedObjectPath, String> = HashMap::new();
        let mut results = BTreeMap::new();
        let outcome = |result: String| match result.as_str() {
            "done" => Ok(()),
            _ => Err(JobError::Result(result)),
        };
        while results.len() < units.len() {
            match events.next().await.unwrap_or(Event::End) {
                Event::Asked(unit, Ok(path)) => match early.remove(&path) {
                    Some(result) => {
                        results.insert(unit, outcome(result));
                    }
                    None => {
                        waiting.insert(path, unit);
                    }
                },
                Event::Asked(unit, Err(error)) => {
                    results.insert(unit, refused(job, &error));
                }
                Event::Removed(path, result) => match waiting.remove(&path) {
                    Some(unit) => {
                        results.insert(unit, outcome(result));
                    }
                    None => {
                        early.insert(path, result);
                    }
                },
                Event::Unreadable(source) => {
                    return Err(SystemdError::Call { call: "JobRemoved", source });
                }
                Event::End => return Err(SystemdError::Ended),
            }
        }
        Ok(results)
    }
}

/// Says what a job is to do, behind "did not".
fn action(job: Job) -> &'static str {
    match job {
        Job::Start | Job::Run => "start",
        Job::Restart => "restart",
        Job::Stop => "end",
        Job::Reload => "reload",
    }
}

/// Says what a result of a job means (org.freedesktop.systemd1(5), `JobRemoved`).
fn in_words(result: &str) -> String {
    match result {
        "failed" => "the job failed".to_owned(),
        "timeout" => "the job took too long".to_owned(),
        "dependency" => "a unit that it needs failed".to_owned(),
        "canceled" => "the job was canceled".to_owned(),
        _ => format!("the job ended with {result:?}"),
    }
}

/// A unit that is not held is as stopped as it can be.
fn refused(job: Job, error: &zbus::Error) -> Result<(), JobError> {
    let zbus::Error::MethodError(name, message, _) = error else {
        return Err(JobError::Refused(error.to_string()));
    };
    if job == Job::Stop && name.as_str() == NO_SUCH_UNIT {
        return Ok(());
    }
    Err(JobError::Refused(message.clone().unwrap_or_else(|| name.to_string())))
}
