//! systemd's jobs: asked for side by side, and each waited for without a race.

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
use super::clock::{sleep, timeout};
use super::manager::JobRemovedStream;
use super::systemd::{CALLS_AT_A_TIME, Systemd, SystemdError};

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
        job: JobType,
        /// How long it may take.
        limit: Duration,
    },
}

impl JobError {
    /// Returns the kind of error in one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "job_refused",
            Self::Result(result) => match result.as_str() {
                "timeout" => "job_timeout",
                "dependency" => "job_dependency",
                "canceled" => "job_canceled",
                _ => "job_failed",
            },
            Self::Ended => "ended",
            Self::Overdue { .. } => "killed",
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobType {
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

/// How a job fared.
pub(super) type Outcome = Result<(), JobError>;

/// A job that somebody waits for.
struct Request {
    job: JobType,
    unit: UnitName,
    /// The number that systemd gave it, as soon as it did.
    number: Rc<Cell<Option<u32>>>,
    outcome: oneshot::Sender<Outcome>,
}

/// The way to ask for jobs while [`serve`] works.
pub(super) struct Jobs<'s> {
    systemd: &'s Systemd,
    requests: mpsc::UnboundedSender<Request>,
    /// Held by whoever asks how long its job may take: many may come to that at the same moment, and dbus-daemon
    /// refuses a connection too many answers that it waits for.
    asking: Mutex<()>,
}

/// Does something while jobs can be asked for.
///
/// # Errors
/// systemd does not answer.
pub(super) async fn with_jobs<'s, T>(
    systemd: &'s Systemd,
    work: impl AsyncFnOnce(Jobs<'s>) -> T,
) -> Result<T, SystemdError> {
    // Before the first job is asked for: the signal of its end may come before its number.
    let signals = systemd.manager.receive_job_removed().await;
    let signals = signals.map_err(|source| SystemdError::Call { call: "AddMatch", source })?;
    // systemd refuses a second subscription of the same connection.
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
        // Who waits for a job learns that the connection ended.
        Either::Right(((), work)) => work.await,
    })
}

impl Jobs<'_> {
    /// Runs a job to its end, or until it takes longer than it may: then its unit is killed.
    ///
    /// A unit has its own deadlines, which systemd keeps. But a unit can put them off (`EXTEND_TIMEOUT_USEC=`,
    /// `sd_notify(3)`), an operator can leave them out, and the lock of the host is held meanwhile.
    ///
    /// # Errors
    /// systemd does not answer. How the job fared is the inner result.
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
                // It may have ended by now.
                let _ = self.systemd.manager.cancel_job(number).await;
            }
            // Nobody waits any longer for what does not even die.
            let _ = timeout(DEATH, &mut outcome).await;
        }
        Ok(Err(JobError::Overdue { job, limit }))
    }
}

/// How many jobs are asked for at a time. What else is asked meanwhile has the rest of what dbus-daemon allows.
const JOBS_AT_A_TIME: usize = CALLS_AT_A_TIME / 2;

/// How long a unit may take to be gone when it was killed, before nobody waits for it any more.
const DEATH: Duration = Duration::from_secs(10);

/// Asks systemd for jobs, some at a time, and tells whoever waits for one how it fared. Returns when the
/// connection ends.
///
/// A job may be over before its number is known, so results that nobody waits for yet are kept.
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
                    request.answer(outcome(result));
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
                Some(request) => request.answer(outcome(result)),
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
        // Who does not wait any more needs no answer.
        let _ = self.outcome.send(outcome);
    }
}

impl Systemd {
    /// Runs jobs side by side and waits for all of them, each for as long as it may take; returns how each unit
    /// fared.
    ///
    /// # Errors
    /// systemd does not answer; what a single job comes to is in the map.
    pub fn run(
        &self,
        job: JobType,
        units: &[UnitName],
    ) -> Result<BTreeMap<UnitName, Outcome>, SystemdError> {
        self.run_watched(job, units, Duration::from_secs(1), &mut || {})
    }

    /// Runs jobs as [`run`](Self::run) does, and does something every so often until they are over, which
    /// must not ask systemd anything.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn run_watched(
        &self,
        job: JobType,
        units: &[UnitName],
        interval: Duration,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<BTreeMap<UnitName, Outcome>, SystemdError> {
        let work = async |jobs: Jobs<'_>| {
            let run = async |unit: &UnitName| Ok((unit.clone(), jobs.run(job, unit).await?));
            let mut all = Box::pin(join_all(units.iter().map(run)));
            loop {
                match timeout(interval, &mut all).await {
                    Some(results) => return results.into_iter().collect(),
                    None => meanwhile(),
                }
            }
        };
        zbus::block_on(with_jobs(self, work))?
    }

    /// Lets systemd begin to start a unit, and does not wait for it.
    ///
    /// # Errors
    /// systemd does not answer; that it refuses is the inner error.
    pub fn begin(&self, unit: &UnitName) -> Result<Outcome, SystemdError> {
        match zbus::block_on(self.start(unit)) {
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
                    sleep(Duration::from_millis(5)).await;
                }
                answer => return answer,
            }
        }
        self.manager.start_unit(unit.as_str(), "replace").await
    }
}

/// Returns what the result of a job means for whoever waits for it.
fn outcome(result: String) -> Outcome {
    match result.as_str() {
        "done" => Ok(()),
        _ => Err(JobError::Result(result)),
    }
}

/// Says what a job is to do, behind "did not".
fn action(job: JobType) -> &'static str {
    match job {
        JobType::Start | JobType::Run => "start",
        JobType::Restart => "restart",
        JobType::Stop => "end",
        JobType::Reload => "reload",
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

/// Returns what a refusal means. A unit that is not held is as stopped as it can be.
fn refused(job: JobType, error: &zbus::Error) -> Outcome {
    let zbus::Error::MethodError(name, message, _) = error else {
        return Err(JobError::Refused(error.to_string()));
    };
    if job == JobType::Stop && name.as_str() == NO_SUCH_UNIT {
        return Ok(());
    }
    Err(JobError::Refused(message.clone().unwrap_or_else(|| name.to_string())))
}
