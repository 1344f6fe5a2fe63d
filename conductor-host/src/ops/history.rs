//! The past runs of scheduled jobs, from the journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Conductor;
use super::error::Error;
use super::scheduled_jobs::find;
use crate::system::{CommandEnd, Invocation, invocations};
use crate::words::UnitResult;
use conductor_core::name::{JobName, Revision, ServiceId, UnitName};
use conductor_core::plan::Observed;
use conductor_core::release::{job_unit, timer_unit};

/// The past runs of jobs, as far as the journal has them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct History {
    /// The runs, the newest first.
    pub runs: Vec<PastRun>,
}

/// A run of a job. Times are in microseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PastRun {
    /// The service.
    pub id: ServiceId,
    /// The job.
    pub job: JobName,
    /// The unit.
    pub unit: UnitName,
    /// systemd's ID of the run, which is in its entries of the journal.
    pub invocation: String,
    /// The revision that it ran; null with `--user` and on systemd 252, which do not log it.
    #[schemars(with = "Option<String>")]
    pub revision: Option<Revision>,
    /// When it started.
    pub started: u64,
    /// When it ended; null if it runs, or if the journal does not have its end.
    pub ended: Option<u64>,
    /// How long it took, in microseconds of a clock that does not jump.
    pub took_usec: Option<u64>,
    /// Whether it runs now.
    pub running: bool,
    /// How it ended, in systemd's word: `success`, `exit-code`, `timeout`, `signal`, ...; null as for `ended`.
    pub result: Option<UnitResult>,
    /// The exit status; for a signal, 128 and its number.
    pub exit_status: Option<i32>,
}

impl Conductor {
    /// Returns the last runs of the jobs on this host, of those of a service, or of one job, which may have been
    /// removed from the host.
    ///
    /// # Errors
    /// There is no such service, or no such job and no run of it in the journal; the unit directory cannot be read;
    /// systemd does not answer.
    pub fn history(
        &self,
        only: Option<(&ServiceId, Option<&JobName>)>,
        most: usize,
    ) -> Result<History, Error> {
        let Some(systemd) = self.systemd()? else { return Err(Error::Offline) };
        let observed = self.observe_files(None)?;
        let jobs = match only {
            Some((id, Some(job))) => vec![(id.clone(), job.clone())],
            Some((id, None)) => {
                let jobs = jobs_of(id, &observed);
                if jobs.is_empty() && observed.units_of(id).next().is_none() {
                    return Err(Error::UnknownService { service: id.clone() });
                }
                jobs
            }
            None => observed.services().flat_map(|id| jobs_of(id, &observed)).collect(),
        };
        let units: Vec<_> = jobs.iter().map(|(id, job)| job_unit(id, job)).collect();
        let runs = invocations(self.paths.scope, &units, most);
        if let (Some((id, Some(job))), []) = (only, runs.as_slice()) {
            find(id, job, &observed)?;
        }
        let pairs: Vec<_> =
            jobs.iter().map(|(id, job)| (job_unit(id, job), timer_unit(id, job))).collect();
        let details = systemd.job_details(&pairs)?;
        let mut running: Vec<_> = details.iter().map(|details| details.running).collect();
        let runs = runs.into_iter().filter_map(|run| {
            let place = units.iter().position(|unit| unit.as_str() == run.unit)?;
            let (id, job) = jobs[place].clone();
            // Only the newest of a job can be running.
            let running = std::mem::take(&mut running[place]) && run.ended.is_none();
            Some(PastRun::new(id, job, units[place].clone(), run, running))
        });
        Ok(History { runs: runs.collect() })
    }

    /// Returns when the last run of a job started, in microseconds since 1970, as far as the journal knows.
    pub fn last_run(&self, service: &ServiceId, job: &JobName) -> Option<u64> {
        let runs = invocations(self.paths.scope, &[job_unit(service, job)], 1);
        runs.first().map(|run| run.started)
    }
}

fn jobs_of(id: &ServiceId, observed: &Observed) -> Vec<(ServiceId, JobName)> {
    let jobs = observed.units_of(id).filter_map(|(_, unit)| unit.metadata.kind.job());
    jobs.map(|job| (id.clone(), job.name.clone())).collect()
}

impl PastRun {
    fn new(id: ServiceId, job: JobName, unit: UnitName, run: Invocation, running: bool) -> Self {
        let took = run.took.and_then(|took| u64::try_from(took.as_micros()).ok());
        Self {
            id,
            job,
            unit,
            invocation: run.id,
            revision: run.revision,
            started: run.started,
            ended: run.ended,
            took_usec: took,
            running,
            result: run.result,
            exit_status: run.end.map(CommandEnd::status),
        }
    }
}
