//! Scheduled jobs on a host: their state, and running one now.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Conductor;
use super::carry_out::Planned;
use super::error::Error;
use super::site::{Site as _, SystemSite};
use super::watching::{self, watching};
use crate::system::results;
use crate::system::{CommandEnd, Follower, JobDetails, JobError, JobType, Systemd, last_words};
use crate::words::UnitResult;
use conductor_core::name::{JobName, Revision, ServiceId, UnitName};
use conductor_core::plan::{self, Observed, Plan};
use conductor_core::release::{job_unit, timer_unit};
use conductor_core::unit::{JobUnit, TimerUnit, Unit};

/// How often the output of a job is read.
const INTERVAL: Duration = Duration::from_millis(200);
/// How many of the last lines of a job that failed are shown.
const LINES: u32 = 10;

/// One job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[non_exhaustive]
pub struct JobStatus {
    /// Its name within its service.
    pub name: JobName,
    /// The unit that runs it.
    pub unit: UnitName,
    /// The timer that starts it.
    pub timer: UnitName,
    /// The revision that it runs.
    pub revision: Revision,
    /// Whether it runs by the clock, as its definition says.
    pub enabled: bool,
    /// When an operator paused it, in microseconds since 1970.
    pub paused: Option<i64>,
    /// Whether its timer is up.
    pub waits: bool,
    /// Whether it runs when the host boots, and at no other time.
    pub at_boot: bool,
    /// Whether it runs now.
    pub running: bool,
    /// Whether it was started, and waits: for its turn (`max_parallel`), or for units such as the network.
    pub queued: bool,
    /// When it runs next, in microseconds since 1970.
    pub next: Option<u64>,
    /// When it was last started, in microseconds since 1970.
    pub last: Option<u64>,
    /// When it last ended, in microseconds since 1970.
    pub ended: Option<u64>,
    /// How its last run ended, in systemd's word: `success`, `exit-code`, `timeout`, `signal`, ...
    pub result: Option<UnitResult>,
    /// The exit status of its last run; for a signal, 128 and its number.
    pub exit_status: Option<i32>,
    /// What it wrote last, if its last run failed.
    pub journal: Vec<String>,
}

/// What a caller is told while a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobNews {
    /// It waits: for its turn (`max_parallel`), or for units such as the network.
    Waits,
    /// It wrote a line.
    Line(String),
}

/// The result of a job that was run now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct JobRun {
    /// The service.
    pub id: ServiceId,
    /// The job.
    pub job: JobName,
    /// The unit.
    pub unit: UnitName,
    /// How it ended, in systemd's word.
    pub result: UnitResult,
    /// The exit status; for a signal, 128 and its number.
    pub exit_status: Option<i32>,
}

impl JobRun {
    /// Returns whether the job succeeded.
    pub fn succeeded(&self) -> bool {
        self.result.is_success()
    }
}

/// Whether the last lines of jobs that failed are read from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Read,
    Skipped,
}

impl Conductor {
    /// Returns the state of the jobs of some services.
    pub(super) fn jobs<'o>(
        &self,
        services: &[&ServiceId],
        observed: &'o Observed,
        systemd: Option<&Systemd>,
        words: Words,
    ) -> Result<BTreeMap<ServiceId, Vec<JobStatus>>, Error> {
        let units = services.iter().flat_map(|id| observed.units_of(id));
        let job =
            |unit: &'o Unit| Some((unit.metadata.service.as_ref()?, unit.metadata.kind.job()?));
        let found: Vec<_> = units.filter_map(|(_, unit)| job(unit)).collect();
        let pairs: Vec<_> = found
            .iter()
            .map(|(id, job)| (job_unit(id, &job.name), timer_unit(id, &job.name)))
            .collect();
        let details = match systemd {
            Some(systemd) => {
                let mut details = systemd.job_details(&pairs)?;
                for ((unit, _), details) in pairs.iter().zip(&mut details) {
                    results::recall(&self.paths.runtime, unit, details);
                }
                details
            }
            None => vec![JobDetails::default(); pairs.len()],
        };
        let mut jobs: BTreeMap<ServiceId, Vec<JobStatus>> = BTreeMap::new();
        for (((id, job), units), details) in found.into_iter().zip(pairs).zip(details) {
            let status = self.job_status(id, job, units, (details, words), observed);
            jobs.entry(id.clone()).or_default().push(status);
        }
        Ok(jobs)
    }

    fn job_status(
        &self,
        id: &ServiceId,
        job: &JobUnit,
        (unit, timer): (UnitName, UnitName),
        (details, words): (JobDetails, Words),
        observed: &Observed,
    ) -> JobStatus {
        let JobDetails {
            waits,
            next_usec,
            started_usec,
            ended_usec,
            triggered_usec,
            running,
            queued,
            result,
            end,
        } = details;
        let paused = timer_of(&timer, observed).and_then(|timer| timer.paused);
        let at_boot = observed.set.units.get(&timer).is_some_and(plan::is_at_boot);
        // systemd reports success for a unit that never ran.
        let ended = ended_usec.or(started_usec).is_some() && !running;
        let result = result.filter(|_| ended);
        let failed = result.as_ref().is_some_and(|result| !result.is_success());
        let journal = match failed && words == Words::Read {
            true => last_words(self.paths.scope, &unit, LINES).journal,
            false => Vec::new(),
        };
        JobStatus {
            name: job.name.clone(),
            revision: job.revision.clone(),
            enabled: paused.is_some() || observed.links_to(id, &timer).next().is_some(),
            paused: paused.map(Timestamp::as_microsecond),
            waits,
            at_boot,
            running,
            queued,
            next: next_usec,
            last: started_usec.or(triggered_usec),
            ended: ended_usec,
            exit_status: end.filter(|_| ended).map(CommandEnd::status),
            result,
            journal,
            unit,
            timer,
        }
    }

    /// Plans what [`run_now`](Self::run_now) would do, and changes nothing.
    ///
    /// # Errors
    /// As for [`run_now`](Self::run_now).
    pub fn plan_run_now(&self, service: &ServiceId, job: &JobName) -> Result<Planned, Error> {
        let site = SystemSite::new(self, self.systemd()?);
        let observed = site.observe(&self.settings()?)?;
        let units = find(service, job, &observed)?;
        let Some(systemd) = site.systemd() else { return Err(Error::Offline) };
        refuse_second_run(service, job, &units, systemd)?;
        let plan = plan::run_now(service, &units.0, &observed);
        Ok(Planned { plan: Plan { services: vec![plan], orphans: Vec::new() }, observed })
    }

    /// Runs a job now, whatever its timer says, and waits for its end. `tell` gets what it writes.
    ///
    /// # Errors
    /// There is no such job on this host; it runs already; systemd does not answer. A run that fails is
    /// no error here.
    pub fn run_now(
        &self,
        service: &ServiceId,
        job: &JobName,
        tell: &mut dyn FnMut(JobNews),
    ) -> Result<JobRun, Error> {
        watching::refuse()?;
        let mut tell = |news: JobNews| watching(|| tell(news));
        let observed = self.observe_files(None)?;
        let units = find(service, job, &observed)?;
        let Some(systemd) = self.systemd()? else { return Err(Error::Offline) };
        refuse_second_run(service, job, &units, &systemd)?;
        let mut follower = Follower::new(self.paths.scope, &units.0);
        let unit = std::slice::from_ref(&units.0);
        let mut is_asked = false;
        let results = systemd.run_watched(JobType::Run, unit, INTERVAL, async || {
            follower.lines().into_iter().for_each(|text| tell(JobNews::Line(text)));
            // Whether it waits is only for the caller to know: without an answer, it goes on.
            if !is_asked && systemd.is_queued(&units.0).await.unwrap_or(false) {
                tell(JobNews::Waits);
            }
            is_asked = true;
        })?;
        follower.last_lines().into_iter().for_each(|text| tell(JobNews::Line(text)));
        let details = systemd.job_details(std::slice::from_ref(&units))?.pop().unwrap_or_default();
        let result = match (results.into_values().next().unwrap_or(Ok(())), details.result) {
            (Ok(()), _) => UnitResult::Success,
            (Err(JobError::Refused(reason)), _) => return Err(Error::JobRefused { reason }),
            (Err(_), Some(result)) if !result.is_success() => result,
            // systemd failed before it started the program.
            (Err(error), _) => UnitResult::from(&*error.to_string()),
        };
        Ok(JobRun {
            id: service.clone(),
            job: job.clone(),
            unit: units.0,
            result,
            exit_status: details.end.map(CommandEnd::status),
        })
    }
}

/// Returns the units of a job: the service unit that runs it, and its timer.
pub(super) fn find(
    service: &ServiceId,
    job: &JobName,
    observed: &Observed,
) -> Result<(UnitName, UnitName), Error> {
    let jobs = observed.units_of(service).filter_map(|(_, unit)| unit.metadata.kind.job());
    let names: Vec<_> = jobs.map(|job| job.name.clone()).collect();
    match names.contains(job) {
        true => Ok((job_unit(service, job), timer_unit(service, job))),
        false if observed.units_of(service).next().is_none() => {
            Err(Error::UnknownService { service: service.clone() })
        }
        false => Err(Error::UnknownJob { service: service.clone(), job: job.clone(), names }),
    }
}

/// Rejects a job that is running already: systemd would only wait for that run.
fn refuse_second_run(
    service: &ServiceId,
    job: &JobName,
    units: &(UnitName, UnitName),
    systemd: &Systemd,
) -> Result<(), Error> {
    let details = systemd.job_details(std::slice::from_ref(units))?;
    match details.iter().any(|details| details.running) {
        true => Err(Error::JobRuns { service: service.clone(), job: job.clone() }),
        false => Ok(()),
    }
}

fn timer_of<'o>(timer: &UnitName, observed: &'o Observed) -> Option<&'o TimerUnit> {
    observed.set.units.get(timer)?.metadata.kind.timer()
}
