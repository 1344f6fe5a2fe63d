//! The state of services, from unit files and systemd.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use probe_protocol::HealthState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Conductor;
use super::error::Error;
use super::planning::LEFT;
use super::revision::{at, deployed_revision};
use super::scheduled_jobs::{JobStatus, Words};
use crate::system::{Paths, UnitDetails, good_definitions, good_definitions_of, volumes};
use crate::words::UnitResult;
use conductor_core::error::shown_path;
use conductor_core::name::{
    NetworkName, PodName, ReleaseName, Revision, ServiceId, UnitName, VOLUMES, VolumeName,
    engine_volume,
};
use conductor_core::plan::{self, ActiveState, Observed, ObservedRelease};
use conductor_core::release::{Release, retry_timer};
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::{Engine, EngineNetwork, NamedVolume, Pin, Unit};
use conductor_core::value::{Endpoint, Port};

/// The state of all services of conductor on a host.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// Service by service, by id.
    pub services: Vec<ServiceStatus>,
    /// The files of conductor for proxies that the host settings no longer have. Nobody changes them.
    pub left_files: Vec<LeftFile>,
}

/// A file for a proxy that the host settings no longer have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LeftFile {
    /// The service whose instances it lists.
    pub service: ServiceId,
    /// Its path.
    pub path: String,
}

impl fmt::Display for LeftFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left, and {LEFT}", shown_path(Path::new(&self.path)))
    }
}

/// One service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// The service.
    pub id: ServiceId,
    /// The application of which it is a process, if it is.
    pub application: Option<ServiceId>,
    /// The revision of the current release.
    pub revision: Option<Revision>,
    /// Its instances: those that should run, and those that run.
    pub instances: Vec<InstanceStatus>,
    /// Its releases on the host, the current one first; the others are kept for a rollback.
    pub releases: Vec<ReleaseStatus>,
    /// Its jobs, by name.
    pub jobs: Vec<JobStatus>,
    /// The named volumes that its releases and jobs use.
    pub volumes: Vec<VolumeStatus>,
    /// The networks that its releases and jobs use.
    pub networks: Vec<NetworkStatus>,
    /// The pods of podman in which its releases and jobs are.
    #[serde(default)]
    pub pods: Vec<PodName>,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NetworkStatus {
    /// Its name, which is also the engine's.
    pub name: NetworkName,
    /// The engine that has it.
    pub engine: Engine,
}

/// One named volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct VolumeStatus {
    /// Its name in the definition.
    pub name: VolumeName,
    /// The engine that has it; null for a directory of a native service.
    pub engine: Option<Engine>,
    /// The engine's name for it, or the directory.
    pub location: String,
}

/// One release.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ReleaseStatus {
    /// Its name, as `rollback --to` takes it.
    pub release: ReleaseName,
    /// Its revision.
    pub revision: Revision,
    /// Whether it is the current release.
    pub current: bool,
    /// When it was deployed, in microseconds since 1970.
    pub deployed: Option<i64>,
    /// The release that it replaced.
    pub replaces: Option<ReleaseName>,
    /// The release from which was rolled back to it.
    pub undoes: Option<ReleaseName>,
    /// The engine's id of its image; null for a native service, and for a release that an older version deployed.
    pub image_id: Option<String>,
}

/// One instance.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct InstanceStatus {
    /// Its unit.
    pub unit: UnitName,
    /// Its number, from 1.
    pub instance: u16,
    /// The revision that it runs.
    pub revision: Revision,
    /// The digest of its release, in hexadecimal.
    pub digest: String,
    /// The image of its container, as its definition names it; null for a native service.
    pub image: Option<String>,
    /// The engine's id of that image; null for a native service, and if an older version deployed its release.
    pub image_id: Option<String>,
    /// systemd's `MainPID`: the process that it supervises; null if none runs.
    pub main_pid: Option<u32>,
    /// The port that it was given; null if it has none.
    pub port: Option<u16>,
    /// The socket at which it is reached in place of a port; null if it has none.
    pub socket: Option<String>,
    /// systemd's `ActiveState`; `unknown` without a systemd.
    pub active_state: ActiveState,
    /// systemd's `SubState`.
    pub sub_state: String,
    /// Whether it is up and healthy.
    pub healthy: bool,
    /// The result of the last check, as text; null without one.
    pub status: Option<String>,
    /// When the last check reported, in microseconds since 1970.
    pub last_check: Option<u64>,
    /// systemd's `Result`: why it last stopped; null after success.
    pub result: Option<UnitResult>,
    /// Whether it has failed, and is started again by itself within ten seconds.
    pub retried: bool,
    /// systemd's `NRestarts`: how often it restarted the instance.
    pub restarts: Option<u32>,
    /// The memory that it uses, in bytes; null if the kernel does not report it.
    pub memory_bytes: Option<u64>,
    /// The processor time that it used, in microseconds; null if the kernel does not report it.
    pub cpu_usec: Option<u64>,
    /// When it entered its state, in microseconds since 1970.
    pub since: Option<u64>,
    /// The version of conductor that wrote its unit.
    pub rendered_by: String,
    /// Whether another build of conductor rendered its unit, with another text than this one would; null if its
    /// definition is gone or describes another release.
    pub outdated: Option<bool>,
}

impl Status {
    /// Returns whether every instance is up and healthy, and the last run of each job succeeded.
    pub fn is_healthy(&self) -> bool {
        let succeeded = |job: &JobStatus| job.result.as_ref().is_none_or(UnitResult::is_success);
        self.services.iter().all(|service| {
            service.instances.iter().all(|instance| instance.healthy)
                && service.jobs.iter().all(succeeded)
        })
    }
}

impl Conductor {
    /// Returns the state of all services, or of one.
    ///
    /// # Errors
    /// There is no such service; systemd or the unit directory cannot be read.
    pub fn status(&self, only: Option<&ServiceId>) -> Result<Status, Error> {
        self.can_wait()?;
        // systemd is connected while the files are read.
        let (systemd, (observed, defined)) =
            rayon::join(|| self.connect(), || (self.observe_files(only), self.defined(only)));
        let (systemd, observed) = (systemd?, observed?);
        let is_wanted = |id: &ServiceId| {
            only.is_none_or(|only| only == id || observed.application_of(id) == Some(only))
        };
        let ids: Vec<_> = observed.services().filter(|id| is_wanted(id)).collect();
        if let (Some(only), []) = (only, ids.as_slice()) {
            return Err(Error::UnknownService { service: only.clone() });
        }
        let instances = ids.iter().flat_map(|id| observed.units_of(id));
        let names: Vec<_> = instances
            .filter(|(_, unit)| unit.metadata.kind.is_instance())
            .map(|(name, _)| name)
            .collect();
        let (states, mut details) = if let Some(systemd) = &systemd {
            let timers: Vec<_> = ids.iter().map(|id| retry_timer(id)).collect();
            let timers: Vec<_> = timers.iter().collect();
            // The templates are needed a little later.
            let (answer, ()) = rayon::join(
                || systemd.states_and_details(&names, &timers),
                || self.templates.load(),
            );
            let (states, details) = answer?;
            (Some(states), names.into_iter().zip(details).collect())
        } else {
            // The states of a fake host.
            let states = observed.states.as_ref().map(|states| {
                let pair = |(name, state): (&UnitName, &ActiveState)| {
                    (name.clone(), (*state, String::new()))
                };
                states.iter().map(pair).collect()
            });
            (states, BTreeMap::new())
        };
        let mut jobs = self.jobs(&ids, &observed, systemd.as_ref(), Words::Read)?;
        let mut services = Vec::with_capacity(ids.len());
        for id in ids {
            let timer = states.as_ref().and_then(|states| states.get(&retry_timer(id)));
            let waits = timer.is_some_and(|(state, _)| state.is_up());
            let outdated = defined.get(id).map(|service| self.outdated(service, &observed));
            let outdated = outdated.unwrap_or_default();
            let mut instances: Vec<_> = observed
                .units_of(id)
                .filter(|(name, _)| is_shown(id, name, &observed, states.as_ref()))
                .filter_map(|(name, unit)| {
                    let state = match &states {
                        None => (ActiveState::Unknown, String::new()),
                        Some(states) => states.get(name).map_or_else(
                            || (ActiveState::Inactive, "dead".to_owned()),
                            |(active, sub)| (*active, sub.clone()),
                        ),
                    };
                    let details = details.remove(name).unwrap_or_default();
                    let outdated = outdated.get(name).copied();
                    let mut shown = InstanceStatus::new(name, unit, state, details, outdated)?;
                    shown.retried = waits && shown.active_state == ActiveState::Failed;
                    Some(shown)
                })
                .collect();
            instances.sort_by_key(|instance| instance.instance);
            let releases = plan::releases(id, &observed).into_iter().enumerate();
            let releases: Vec<_> =
                releases.map(|(place, release)| ReleaseStatus::new(release, place == 0)).collect();
            services.push(ServiceStatus {
                id: id.clone(),
                application: observed.application_of(id).cloned(),
                revision: releases.first().map(|release| release.revision.clone()),
                instances,
                releases,
                jobs: jobs.remove(id).unwrap_or_default(),
                volumes: volumes(id, &observed, &self.paths),
                networks: networks(id, &observed),
                pods: pods(id, &observed),
            });
        }
        Ok(Status { services, left_files: self.left_files(only) })
    }

    /// Returns the files that are left, of all services or of one; none if the host settings have errors, which other
    /// commands report.
    fn left_files(&self, only: Option<&ServiceId>) -> Vec<LeftFile> {
        let settings = self.settings().ok();
        let left = settings.and_then(|settings| self.proxies(&settings).left().ok());
        let left = left.into_iter().flatten();
        left.filter(|(service, _)| only.is_none_or(|only| only == service))
            .map(|(service, path)| LeftFile { service, path: path.display().to_string() })
            .collect()
    }
}

impl Conductor {
    /// Returns the services that have a definition, or one of them. Definitions with errors are skipped.
    fn defined(&self, only: Option<&ServiceId>) -> BTreeMap<ServiceId, Service> {
        let directory = &self.paths.definitions;
        let services = match only {
            Some(only) => good_definitions_of(directory, only, self.trust),
            None => good_definitions(directory, self.trust),
        };
        // Errors of the host settings are reported by other commands.
        let settings = self.settings().unwrap_or_default();
        let with_hooks = |mut service: Service| {
            settings.add_hooks(&mut service);
            (service.id.clone(), service)
        };
        services.into_iter().map(with_hooks).collect()
    }

    /// Returns which instances of the release that a definition describes are outdated.
    fn outdated(&self, service: &Service, observed: &Observed) -> BTreeMap<UnitName, bool> {
        let revision = deployed_revision(&service.id, observed);
        let Some(Ok(service)) = revision.map(|revision| at(service, &revision)) else {
            return BTreeMap::new();
        };
        let Some(revision) = service.own_revision() else { return BTreeMap::new() };
        let release = Release::new(&service, revision, &self.templates);
        let release = plan::as_deployed(release, observed, &self.templates);
        // What does not compile is reported by the commands that need it.
        let scope = self.paths.scope;
        let outdated = plan::outdated(&release, observed, scope, &self.templates);
        let Ok(outdated) = outdated else { return BTreeMap::new() };
        let units = observed.units_of(&service.id);
        let own = units.filter(|(_, unit)| {
            let instance = unit.metadata.kind.instance();
            instance.is_some_and(|instance| instance.digest == release.digest)
        });
        // An edit is no build's: the next apply undoes it.
        let is_outdated =
            |name: &UnitName, unit: &Unit| outdated.contains(name) && !unit.is_edited();
        own.map(|(name, unit)| (name.clone(), is_outdated(name, unit))).collect()
    }
}

/// Returns the named volumes that the units of a service use.
fn volumes(service: &ServiceId, observed: &Observed, paths: &Paths) -> Vec<VolumeStatus> {
    let used = observed.units_of(service).flat_map(|(_, unit)| unit.metadata.kind.volumes());
    let volumes = used.map(|NamedVolume { engine, name }| VolumeStatus {
        engine,
        location: match engine {
            Some(_) => engine_volume(service, &name),
            // Without the other root, if there is one.
            None if paths.scope == Scope::System => {
                format!("/var/lib/{VOLUMES}/{service}/{name}")
            }
            None => volumes::directory(service, &name, paths).display().to_string(),
        },
        name,
    });
    let volumes: BTreeSet<_> = volumes.collect();
    volumes.into_iter().collect()
}

/// Returns the pods in which the units of a service are.
fn pods(service: &ServiceId, observed: &Observed) -> Vec<PodName> {
    let pods = observed.units_of(service).filter_map(|(_, unit)| unit.metadata.kind.pod());
    let pods: BTreeSet<_> = pods.map(|pod| pod.name.clone()).collect();
    pods.into_iter().collect()
}

/// Returns the networks that the units of a service use.
fn networks(service: &ServiceId, observed: &Observed) -> Vec<NetworkStatus> {
    let used = observed.units_of(service).flat_map(|(_, unit)| unit.metadata.kind.networks());
    let networks = used.map(|EngineNetwork { engine, name }| NetworkStatus { name, engine });
    let networks: BTreeSet<_> = networks.collect();
    networks.into_iter().collect()
}

/// Returns whether an instance should run, or runs; instances of kept releases do not.
fn is_shown(
    service: &ServiceId,
    unit: &UnitName,
    observed: &Observed,
    states: Option<&BTreeMap<UnitName, (ActiveState, String)>>,
) -> bool {
    let runs = |states: &BTreeMap<UnitName, (ActiveState, String)>| {
        states.get(unit).is_some_and(|(state, _)| *state != ActiveState::Inactive)
    };
    observed.links_to(service, unit).next().is_some() || states.is_some_and(runs)
}

impl ReleaseStatus {
    fn new(release: ObservedRelease, current: bool) -> Self {
        let ObservedRelease { name, revision, record, image_id, .. } = release;
        let (deployed, replaces, undoes) = match record {
            Some(record) => {
                (Some(record.deployed.as_microsecond()), record.replaces, record.undoes)
            }
            None => (None, None, None),
        };
        Self {
            release: name,
            revision,
            current,
            deployed,
            replaces,
            undoes,
            image_id: image_id.map(|id| id.to_string()),
        }
    }
}

impl InstanceStatus {
    /// Returns the state of an instance; `None` if the unit is not an instance.
    fn new(
        name: &UnitName,
        unit: &Unit,
        (active_state, sub_state): (ActiveState, String),
        details: UnitDetails,
        outdated: Option<bool>,
    ) -> Option<Self> {
        let instance = unit.metadata.kind.instance()?;
        Some(Self {
            unit: name.clone(),
            instance: instance.number,
            revision: instance.revision.clone(),
            digest: instance.digest.clone(),
            image: instance.image.as_ref().map(|image| image.reference.clone()),
            image_id: instance.pin.as_ref().and_then(Pin::id).map(ToString::to_string),
            main_pid: details.main_pid,
            port: instance.endpoint.as_ref().and_then(Endpoint::port).map(Port::number),
            socket: match &instance.endpoint {
                Some(Endpoint::Socket(path)) => Some(path.to_string()),
                _ => None,
            },
            healthy: active_state == ActiveState::Active && !finds_fault(details.status.as_deref()),
            retried: false,
            active_state,
            sub_state,
            status: details.status,
            last_check: details.report_usec,
            result: details.result.filter(|result| !result.is_success()),
            restarts: details.restarts,
            memory_bytes: details.memory_bytes,
            cpu_usec: details.cpu_usec,
            since: details.since_usec,
            rendered_by: unit.metadata.version.clone(),
            outdated,
        })
    }
}

/// Returns whether the probe's status text reports a failed check.
pub(super) fn finds_fault(status: Option<&str>) -> bool {
    status.and_then(HealthState::of).is_some_and(HealthState::finds_fault)
}
