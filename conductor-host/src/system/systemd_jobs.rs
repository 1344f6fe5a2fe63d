//! Runs systemd jobs concurrently, and waits for each without a race.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use conductor_core::name::UnitName;
use futures_channel::{mpsc, oneshot};
use futures_util::future::{Either, join_all, select};
use futures_util::lock::Mutex;
use futures_util::stream::{self, StreamExt as _};
use zbus::OwnedObjectPath;

use super::atomic;
use super::block::{block_here, block_on};
use super::clock::{sleep, timeout};
use super::systemd::manager::JobRemovedStream;
use super::systemd::{CALLS_AT_A_TIME, Systemd, SystemdError};
use crate::words::{CauseKind, JobResult};

/// systemd's error for a unit that is not loaded and has no file.
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// systemd refused the job.
    #[error("systemd refused: {0}")]
    Refused(String),
    /// The job's result is not `done`.
    #[error("{}", in_words(.0))]
    Result(JobResult),
    /// The unit ended right after its start. systemd may have restarted it since.
    #[error("it ended right after its start")]
    Ended,
    /// The job exceeded its time limit, so the unit was killed.
    #[error("it did not {} within {} s and was killed", action(*.job), .limit.as_secs())]
    Overdue {
        /// The job.
        job: JobType,
        /// The time limit.
        limit: Duration,
    },
}

impl JobError {
    /// Returns the kind of error in one word, for programs.
    pub fn kind(&self) -> CauseKind {
        match self {
            Self::Refused(_) => CauseKind::JobRefused,
            Self::Result(JobResult::Timeout) => CauseKind::JobTimeout,
            Self::Result(JobResult::Dependency) => CauseKind::JobDependency,
            Self::Result(JobResult::Canceled) => CauseKind::JobCanceled,
            Self::Result(_) => CauseKind::JobFailed,
            Self::Ended => CauseKind::Ended,
            Self::Overdue { .. } => CauseKind::Killed,
        }
    }
}

/// The type of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobType {
    /// Start.
    Start,
    /// Stop and start.
    Restart,
    /// Stop.
    Stop,
    /// Start a oneshot unit, and wait for its end.
    Run,
    /// Reload the unit's configuration.
    Reload,
}

/// The result of a job.
pub(super) type Outcome = Result<(), JobError>;

/// A request for a job.
struct Request {
    job: JobType,
    unit: UnitName,
    /// The job's number, as soon as systemd has returned it.
    number: Rc<Cell<Option<u32>>>,
    outcome: oneshot::Sender<Outcome>,
}

/// Sends requests for jobs to [`serve`].
pub(super) struct Jobs<'s> {
    systemd: &'s Systemd,
    requests: mpsc::UnboundedSender<Request>,
    /// Locked while a time limit is read: many jobs may do that at the same moment, and dbus-daemon limits
    /// the pending replies of a connection.
    asking: Mutex<()>,
}

/// Runs a function that can request jobs.
///
/// # Errors
/// systemd does not answer.
pub(super) async fn with_jobs<'s, T>(
    systemd: &'s Systemd,
    work: impl AsyncFnOnce(Jobs<'s>) -> T,
) -> Result<T, SystemdError> {
    systemd.check_version().await?;
    // This comes before the first request: the signal of a job's end may arrive before its number.
    let signals = systemd.manager.receive_job_removed().await;
    let signals = signals.map_err(|source| SystemdError::Call { call: "AddMatch", source })?;
    // systemd rejects a second subscription of the same connection.
    if systemd.subscribed.get().is_none() {
        let subscribed = systemd.manager.subscribe().await;
        subscribed.map_err(|source| SystemdError::Call { call: "Subscribe", source })?;
        let _ = systemd.subscribed.set(());
    }
    let (requests, receiver) = mpsc::unbounded();
    let work = Box::pin(work(Jobs { systemd, requests, asking: Mutex::new(()) }));
    let serving = Box::pin(serve(systemd, receiver, signals));
    Ok(match select(work, serving).await {
        Either::Left((done, _)) => done,
        // The futures that wait for jobs return that the connection was closed.
        Either::Right(((), work)) => work.await,
    })
}

impl Jobs<'_> {
    /// Runs a job and waits for its end. If it exceeds its time limit, its unit is killed.
    ///
    /// systemd enforces the timeouts of a unit. But a unit can extend them (`EXTEND_TIMEOUT_USEC=`,
    /// `sd_notify(3)`), an operator can disable them, and the lock of the host is held during the job.
    ///
    /// # Errors
    /// systemd does not answer. The inner result is that of the job.
    pub(super) async fn run(&self, job: JobType, unit: &UnitName) -> Result<Outcome, SystemdError> {
        let (sender, outcome) = oneshot::channel();
        let number = Rc::new(Cell::new(None));
        let request =
            Request { job, unit: unit.clone(), number: Rc::clone(&number), outcome: sender };
        self.requests.unbounded_send(request).map_err(|_| SystemdError::Ended)?;
        let mut outcome = outcome;
        let overdue = Box::pin(self.systemd.overdue(job, unit, &self.asking));
        let limit = match select(&mut outcome, overdue).await {
            Either::Left((outcome, _)) => return outcome.map_err(|_| SystemdError::Ended),
            Either::Right((limit, _)) => limit?,
        };
        self.systemd.kill(unit).await;
        if timeout(DEATH, &mut outcome).await.is_none() {
            if let Some(number) = number.get() {
                // The job may have ended by now.
                let _ = self.systemd.manager.cancel_job(number).await;
            }
            // Do not wait any longer for a unit that SIGKILL does not end.
            let _ = timeout(DEATH, &mut outcome).await;
        }
        Ok(Err(JobError::Overdue { job, limit }))
    }
}

/// How many jobs are requested at a time. Other calls use the rest of dbus-daemon's limit.
const JOBS_AT_A_TIME: usize = CALLS_AT_A_TIME / 2;

/// How long to wait for the end of a unit that was killed.
const DEATH: Duration = Duration::from_secs(10);

/// Requests jobs from systemd, a limited number at a time, and sends each result to the future that waits for
/// it. Returns when the connection is closed.
///
/// A job may end before its number is known, so results of unknown jobs are kept.
async fn serve(
    systemd: &Systemd,
    requests: mpsc::UnboundedReceiver<Request>,
    signals: JobRemovedStream,
) {
    enum BusEvent {
        Asked(Request, zbus::Result<OwnedObjectPath>),
        Removed(OwnedObjectPath, String),
        End,
    }
    let asked = requests
        .map(async |request| {
            let answer = systemd.ask(request.job, &request.unit).await;
            BusEvent::Asked(request, answer)
        })
        .buffer_unordered(JOBS_AT_A_TIME);
    let removed = signals
        .map(|signal| match signal.args() {
            Ok(args) => BusEvent::Removed(args.job().clone().into(), args.result().to_string()),
            Err(_) => BusEvent::End,
        })
        .chain(stream::iter([BusEvent::End]));
    let mut events = Box::pin(stream::select(asked, removed));
    let mut waiting: HashMap<OwnedObjectPath, Request> = HashMap::new();
    let mut early: HashMap<OwnedObjectPath, String> = HashMap::new();
    loop {
        match events.next().await.unwrap_or(BusEvent::End) {
            BusEvent::Asked(request, Ok(path)) => {
                if let Some(result) = early.remove(&path) {
                    request.answer(outcome(&result));
                    continue;
                }
                let number = path.as_str().rsplit('/').next();
                request.number.set(number.and_then(|number| number.parse().ok()));
                waiting.insert(path, request);
            }
            BusEvent::Asked(request, Err(error)) => {
                let refused = refused(request.job, &error);
                request.answer(refused);
            }
            BusEvent::Removed(path, result) => match waiting.remove(&path) {
                Some(request) => request.answer(outcome(&result)),
                None => {
                    early.insert(path, result);
                }
            },
            BusEvent::End => return,
        }
    }
}

impl Request {
    fn answer(self, outcome: Outcome) {
        // A future that was dropped needs no answer.
        let _ = self.outcome.send(outcome);
    }
}

impl Systemd {
    /// Runs jobs concurrently and waits for all of them, each up to its time limit. Returns the result for
    /// each unit.
    ///
    /// # Errors
    /// systemd does not answer. The results of the jobs are in the map.
    pub fn run(
        &self,
        job: JobType,
        units: &[UnitName],
    ) -> Result<BTreeMap<UnitName, Outcome>, SystemdError> {
        self.run_watched(job, units, Duration::from_secs(1), async || {})
    }

    /// Runs jobs like [`run`](Self::run), and calls a function at an interval until they end. The function
    /// must not block on a call to systemd.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn run_watched(
        &self,
        job: JobType,
        units: &[UnitName],
        interval: Duration,
        mut meanwhile: impl AsyncFnMut(),
    ) -> Result<BTreeMap<UnitName, Outcome>, SystemdError> {
        let work = async |jobs: Jobs<'_>| {
            let run = async |unit: &UnitName| Ok((unit.clone(), jobs.run(job, unit).await?));
            let mut all = Box::pin(join_all(units.iter().map(run)));
            loop {
                match timeout(interval, &mut all).await {
                    Some(results) => return results.into_iter().collect(),
                    None => meanwhile().await,
                }
            }
        };
        block_here(with_jobs(self, work))?
    }

    /// Requests the start of a unit, and does not wait for its end.
    ///
    /// # Errors
    /// systemd does not answer. If it refuses the job, that is the inner error.
    pub fn begin(&self, unit: &UnitName) -> Result<Outcome, SystemdError> {
        match block_on(|| self.start(unit)) {
            Ok(_) => Ok(Ok(())),
            Err(error @ zbus::Error::MethodError(..)) => Ok(refused(JobType::Start, &error)),
            Err(source) => Err(SystemdError::Call { call: "StartUnit", source }),
        }
    }

    async fn ask(&self, job: JobType, unit: &UnitName) -> zbus::Result<OwnedObjectPath> {
        match job {
            JobType::Start | JobType::Run => self.start(unit).await,
            JobType::Restart => self.manager.restart_unit(unit.as_str(), "replace").await,
            JobType::Stop => self.manager.stop_unit(unit.as_str(), "replace").await,
            JobType::Reload => self.manager.reload_unit(unit.as_str(), "replace").await,
        }
    }

    /// Requests the start of a unit.
    ///
    /// systemd caches the list of files until the directory's time changes, and the kernel has only a few
    /// hundred different times in a second. So if other processes write there too, systemd may not see a file
    /// that was created right after it read the directory.
    async fn start(&self, unit: &UnitName) -> zbus::Result<OwnedObjectPath> {
        const ATTEMPTS: usize = 20;
        let file = self.transient.join(unit.as_str());
        for _ in 1..ATTEMPTS {
            match self.manager.start_unit(unit.as_str(), "replace").await {
                Err(zbus::Error::MethodError(name, ..))
                    if name.as_str() == NO_SUCH_UNIT && file.exists() =>
                {
                    atomic::renew(&self.transient)?;
                    sleep(Duration::from_millis(5)).await;
                }
                answer => return answer,
            }
        }
        self.manager.start_unit(unit.as_str(), "replace").await
    }
}

/// Converts systemd's result of a job.
fn outcome(result: &str) -> Outcome {
    match result {
        "done" => Ok(()),
        other => Err(JobError::Result(other.into())),
    }
}

/// Returns the verb for a job after "did not".
fn action(job: JobType) -> &'static str {
    match job {
        JobType::Start | JobType::Run => "start",
        JobType::Restart => "restart",
        JobType::Stop => "stop",
        JobType::Reload => "reload",
    }
}

/// Describes a result of a job (org.freedesktop.systemd1(5), `JobRemoved`).
fn in_words(result: &JobResult) -> String {
    match result {
        JobResult::Failed => "the job failed".to_owned(),
        JobResult::Timeout => "the job took too long".to_owned(),
        JobResult::Dependency => "a unit that it needs failed".to_owned(),
        JobResult::Canceled => "the job was canceled".to_owned(),
        other => format!("the job ended with {:?}", other.as_str()),
    }
}

/// Converts systemd's refusal of a job. For a stop, a unit that is not loaded counts as stopped.
fn refused(job: JobType, error: &zbus::Error) -> Outcome {
    let zbus::Error::MethodError(name, message, _) = error else {
        return Err(JobError::Refused(error.to_string()));
    };
    if job == JobType::Stop && name.as_str() == NO_SUCH_UNIT {
        return Ok(());
    }
    Err(JobError::Refused(message.clone().unwrap_or_else(|| name.to_string())))
}
