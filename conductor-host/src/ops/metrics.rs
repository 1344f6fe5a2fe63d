//! What monitoring reads of a host: the state of services in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Conductor;
use super::error::Error;
use super::scheduled_jobs::{JobStatus, Words};
use super::status::finds_fault;
use crate::system::{Invocation, Outcomes, States, UnitUsage, outcomes};
use crate::words::UnitResult;
use conductor_core::definition::Runtime;
use conductor_core::name::{JobName, ReleaseName, Revision, ServiceId, UnitName};
use conductor_core::plan::{self, ActiveState, Observed};
use conductor_core::unit::{Engine, Instance, Unit};

/// The most entries of the journal that are read about jobs whose last success systemd does not know.
const ENTRIES: usize = 10_000;

/// All services of a host in numbers.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Service by service, by id.
    pub services: Vec<ServiceMetrics>,
}

/// One service.
#[derive(Debug, Clone)]
pub struct ServiceMetrics {
    /// The service.
    pub id: ServiceId,
    /// What runs it.
    pub runtime: Runtime,
    /// The current release, and its revision.
    pub release: Option<(ReleaseName, Revision)>,
    /// When the current release was deployed, since 1970.
    pub deployed: Option<Duration>,
    /// How many instances should run.
    pub wanted: usize,
    /// Its instances: those that should run, and those that run. There is one of each number.
    pub instances: Vec<InstanceMetrics>,
    /// Its jobs, by name.
    pub jobs: Vec<JobMetrics>,
}

/// One instance.
#[derive(Debug, Clone)]
pub struct InstanceMetrics {
    /// The number, from 1.
    pub number: u16,
    /// The release that it runs.
    pub release: ReleaseName,
    /// The revision of that.
    pub revision: Revision,
    /// Whether its unit is active.
    pub up: bool,
    /// Whether it is up and its last check was healthy.
    pub healthy: bool,
    /// How often systemd restarted it.
    pub restarts: Option<u32>,
    /// Its memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The processor time it used.
    pub cpu: Option<Duration>,
}

/// One job. Times are since 1970.
#[derive(Debug, Clone)]
pub struct JobMetrics {
    /// Its name within its service.
    pub name: JobName,
    /// Whether it runs by the clock, and nobody paused it.
    pub scheduled: bool,
    /// Whether it runs now.
    pub running: bool,
    /// When it runs next.
    pub next: Option<Duration>,
    /// Whether the last run that has ended succeeded.
    pub succeeded: Option<bool>,
    /// How long that run took.
    pub took: Option<Duration>,
    /// When that run ended.
    pub ended: Option<Duration>,
    /// When the last run that succeeded ended.
    pub last_success: Option<Duration>,
}

impl Conductor {
    /// Returns the state of all services in numbers.
    ///
    /// Definitions are not read, and no change of the host is waited for: unit files and systemd know it all.
    ///
    /// # Errors
    /// systemd or the unit directory cannot be read, or there is no systemd to work with.
    pub fn metrics(&self) -> Result<Metrics, Error> {
        self.can_wait()?;
        let (systemd, observed) = rayon::join(|| self.connect(), || self.observe_files(None));
        let (systemd, observed) = (systemd?, observed?);
        let Some(systemd) = systemd else { return Err(Error::Offline) };
        let ids: Vec<_> = observed.services().collect();
        let units: Vec<_> = ids
            .iter()
            .flat_map(|id| observed.units_of(id))
            .filter(|(_, unit)| unit.metadata.kind.is_instance())
            .map(|(name, _)| name)
            .collect();
        let (states, usage) = systemd.states_and_usage(&units)?;
        let mut usage: BTreeMap<_, _> = units.into_iter().zip(usage).collect();
        let mut jobs = self.jobs(&ids, &observed, Some(&systemd), Words::Skipped)?;
        let unknown: Vec<_> = jobs
            .values()
            .flatten()
            .filter(|job| !is_known(job))
            .map(|job| job.unit.clone())
            .collect();
        let outcomes = outcomes(self.paths.scope, &unknown, ENTRIES);
        let services = ids.into_iter().map(|id| {
            let releases = plan::releases(id, &observed);
            let current = releases.first();
            let deployed = current.and_then(|release| release.record.as_ref());
            let deployed = deployed.and_then(|record| micros(record.deployed.as_microsecond()));
            let jobs = jobs.remove(id).unwrap_or_default().into_iter().map(|job| {
                let outcomes = outcomes.get(job.unit.as_str()).cloned().unwrap_or_default();
                JobMetrics::new(job, outcomes)
            });
            ServiceMetrics {
                id: id.clone(),
                runtime: runtime(id, &observed),
                release: current.map(|release| (release.name.clone(), release.revision.clone())),
                deployed,
                wanted: observed.units_of(id).filter(|it| is_wanted(id, it, &observed)).count(),
                instances: instances(id, &observed, &states, &mut usage),
                jobs: jobs.collect(),
            }
        });
        Ok(Metrics { services: services.collect() })
    }
}

/// Returns the instances of a service that should run, or run. While one release takes over from another, the instance
/// of a number is the one that does best, and else that of the newer release.
fn instances(
    id: &ServiceId,
    observed: &Observed,
    states: &States,
    usage: &mut BTreeMap<&UnitName, UnitUsage>,
) -> Vec<InstanceMetrics> {
    let mut best: BTreeMap<u16, (_, InstanceMetrics)> = BTreeMap::new();
    for (name, unit) in observed.units_of(id) {
        let Some(instance) = unit.metadata.kind.instance() else { continue };
        let state = states.get(name).map_or(ActiveState::Inactive, |(state, _)| *state);
        if state == ActiveState::Inactive && !is_wanted(id, &(name, unit), observed) {
            continue;
        }
        let found = InstanceMetrics::new(instance, state, &usage.remove(name).unwrap_or_default());
        let rank = (found.healthy, found.up, instance.record.clone());
        match best.get(&found.number) {
            Some((other, _)) if *other >= rank => {}
            _ => drop(best.insert(found.number, (rank, found))),
        }
    }
    best.into_values().map(|(_, instance)| instance).collect()
}

/// Returns whether a unit is an instance that should run.
fn is_wanted(id: &ServiceId, (name, unit): &(&UnitName, &Unit), observed: &Observed) -> bool {
    unit.metadata.kind.is_instance() && observed.links_to(id, name).next().is_some()
}

/// Returns what runs a service: the engine of an instance, or of a job.
fn runtime(id: &ServiceId, observed: &Observed) -> Runtime {
    let images = observed.units_of(id).filter_map(|(_, unit)| {
        let kind = &unit.metadata.kind;
        let of_instance = kind.instance().and_then(|instance| instance.image.as_ref());
        of_instance.or_else(|| kind.job().and_then(|job| job.image.as_ref()))
    });
    match images.map(|image| image.engine).next() {
        None => Runtime::Native,
        Some(Engine::Docker) => Runtime::Docker,
        Some(Engine::Podman) => Runtime::Podman,
    }
}

/// Returns whether systemd knows both the last result of a job and its last success: the last run succeeded. After a
/// reboot, and while a job runs, systemd knows neither.
fn is_known(job: &JobStatus) -> bool {
    job.result == Some(UnitResult::Success) && job.ended.is_some()
}

fn micros(usec: i64) -> Option<Duration> {
    u64::try_from(usec).ok().map(Duration::from_micros)
}

impl InstanceMetrics {
    fn new(instance: &Instance, state: ActiveState, usage: &UnitUsage) -> Self {
        let up = state == ActiveState::Active;
        Self {
            number: instance.number,
            release: instance.release(),
            revision: instance.revision.clone(),
            up,
            healthy: up && !finds_fault(usage.status.as_deref()),
            restarts: usage.restarts,
            memory_bytes: usage.memory_bytes,
            cpu: usage.cpu_nsec.map(Duration::from_nanos),
        }
    }
}

impl JobMetrics {
    /// Returns what is known of a job: from systemd, and else from the journal.
    fn new(job: JobStatus, outcomes: Outcomes) -> Self {
        let ended = |run: &Invocation| run.ended.map(Duration::from_micros);
        let (succeeded, took, last_ended) = match (&job.result, job.ended, outcomes.last) {
            (Some(result), Some(ended), _) => {
                let took = job.last.and_then(|started| ended.checked_sub(started));
                (Some(result.is_success()), took.map(Duration::from_micros), Some(ended))
            }
            (_, _, Some(run)) => {
                (run.result.as_ref().map(UnitResult::is_success), run.took, run.ended)
            }
            _ => (None, None, None),
        };
        let last_ended = last_ended.map(Duration::from_micros);
        let last_success = match succeeded {
            Some(true) => last_ended,
            _ => outcomes.success.as_ref().and_then(ended),
        };
        Self {
            name: job.name,
            scheduled: job.enabled && job.paused.is_none(),
            running: job.running,
            next: job.next.map(Duration::from_micros),
            succeeded,
            took,
            ended: last_ended,
            last_success,
        }
    }
}
