//! The facade: what a program that links this crate calls, and what the CLI is a thin layer over.
//!
//! It is synchronous. An asynchronous program calls it from `spawn_blocking`.

mod carry_out;
mod change;
mod compile;
mod definition_file;
mod diff;
mod doctor;
mod error;
mod error_kind;
mod history;
mod hooks;
mod host_checks;
mod host_files;
mod images;
mod install;
mod metrics;
mod planning;
mod port_checks;
mod revision;
mod rollback;
mod run;
mod scheduled_jobs;
mod site;
mod status;
mod templates;
mod upcoming;
mod volume_checks;
mod watching;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use carry_out::Planned;
pub use change::{Apply, Change, Deploy, Pause, Prune, Pull, Remove, Restart, Resume, Rollback};
pub use conductor_core::plan::RollbackTarget;
pub use definition_file::InstalledDefinition;
pub use error::Error;
pub use error_kind::ErrorKind;
pub use history::{History, PastRun};
pub use metrics::{InstanceMetrics, JobMetrics, Metrics, ServiceMetrics};
pub use run::{RunPlan, RunRequest, RunningCommand};
pub use scheduled_jobs::{JobNews, JobRun, JobStatus};
pub use status::{
    InstanceStatus, LeftFile, NetworkStatus, ReleaseStatus, ServiceStatus, Status, VolumeStatus,
};
pub use upcoming::{Upcoming, UpcomingJob};

use compile::Compiled;
use templates::{read_templates, template_files};

use crate::fake::FakeHost;
use crate::system::{
    Paths, Proxies, Settings, Systemd, Trust, UnitDirectory, find_definition, is_empty_place,
    read_definitions, read_settings, volumes,
};
use conductor_core::error::Problems;
use conductor_core::name::ServiceId;
use conductor_core::plan::Observed;
use conductor_core::release::units_shared_by;
use conductor_core::runtime::Scope;
use conductor_core::service::{Service, check_conflicts};
use conductor_core::unit::{NamedVolume, Templates, UnitSet};

/// A host, a user's part of it, or another root directory, on which conductor works.
#[derive(Debug)]
pub struct Conductor {
    paths: Paths,
    templates: Templates,
    place: Place,
    lock_timeout: Duration,
    /// Which permissions are required of files that are read.
    trust: Option<Trust>,
    /// The settings in place of those of the host's file.
    settings: Option<Settings>,
}

/// Says where a first definition comes from, if the directory has none.
fn with_first_one(mut problems: Problems) -> Problems {
    for problem in problems.0.iter_mut().filter(|problem| is_empty_place(problem)) {
        let hint = problem.hint.take().unwrap_or_default();
        problem.hint = Some(format!("conductor init writes a first one, with comments; or {hint}"));
    }
    problems
}

/// Where changes are made.
#[derive(Debug, Clone)]
enum Place {
    /// On the running host.
    Systemd,
    /// In files, without a systemd.
    Files,
    /// On a fake host.
    Fake(Arc<Mutex<FakeHost>>),
}

/// Locks a fake host.
///
/// # Errors
/// This thread has locked it: a watcher calls.
fn locked(host: &Mutex<FakeHost>) -> Result<MutexGuard<'_, FakeHost>, Error> {
    watching::refuse()?;
    Ok(host.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Conductor {
    /// Works on the running host, or on a user's manager, by `paths.scope`.
    ///
    /// # Errors
    /// A template in `templates`, a directory of the user's own, does not load.
    pub fn new(paths: Paths, templates: Option<&Path>) -> Result<Self, Error> {
        let overrides = templates.map_or(Ok(Vec::new()), read_templates)?;
        let templates = Templates::new(&overrides)?;
        let lock_timeout = Duration::ZERO;
        let (place, trust, settings) = (Place::Systemd, None, None);
        Ok(Self { paths, templates, place, lock_timeout, trust, settings })
    }

    /// From now on, requires that only root and the caller can write what is read: definitions,
    /// settings and templates, and whatever is on the way to them. `templates` are those that it was made
    /// with. The hint of each problem says `otherwise`, too: what to do if the other users are trusted.
    ///
    /// # Errors
    /// Somebody else can write the templates.
    pub fn refuse_what_others_write(
        mut self,
        templates: Option<&Path>,
        otherwise: &'static str,
    ) -> Result<Self, Error> {
        let trust = Trust::new(self.paths.scope).otherwise(otherwise);
        if let Some(directory) = templates {
            let check = |path: &Path| trust.check(path).map_err(|problem| Problems(vec![problem]));
            check(directory)?;
            for file in template_files(directory)? {
                check(&file)?;
            }
        }
        self.trust = Some(trust);
        Ok(self)
    }

    /// Writes files only and never connects to systemd, as for an image that is being built.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.place = Place::Files;
        self
    }

    /// Plans and carries out changes on a fake host, for tests of a program that calls this
    /// crate. Definitions, settings and templates are read from files as ever. `run` and `run_now` need a
    /// systemd, and are refused as they are offline.
    ///
    /// A process of the fake host that dies ([`Fault`](crate::fake::Fault)) is seen as the end of the
    /// connection to systemd.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    ///
    /// use conductor_core::service::Service;
    /// use conductor_host::fake::FakeHost;
    /// use conductor_host::system::Paths;
    /// use conductor_host::{Apply, Change, Conductor, Event, Prune};
    ///
    /// let host = Arc::new(Mutex::new(FakeHost::default()));
    /// let paths = Paths::system(Path::new("/nonexistent"));
    /// let conductor = Conductor::new(paths, None).unwrap().with_fake(Arc::clone(&host));
    /// let service = Service::parse(Path::new("a.yaml"), "id: a\ncommand: [/bin/a]\n").unwrap();
    /// let apply = Apply { services: vec![service], prune: Prune::Report, ..Apply::default() };
    /// let change = Change::Apply(apply);
    /// let report = conductor.carry_out(&change, &mut |_: Event| {}).unwrap();
    /// assert!(report.changed && report.healthy);
    /// assert!(!host.lock().unwrap().state().units.units.is_empty());
    /// assert!(!conductor.plan(&change).unwrap().plan.changes());
    /// ```
    #[must_use]
    pub fn with_fake(mut self, host: Arc<Mutex<FakeHost>>) -> Self {
        self.place = Place::Fake(host);
        self
    }

    /// Uses these settings, and does not read those of the host. Templates that they name are read from their files.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Renders units with these templates, which may be from memory:
    /// [`Override`](conductor_core::unit::Override) has the name and the text of one.
    #[must_use]
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Sets how long to wait for another process that changes the host. The default is not to wait.
    #[must_use]
    pub fn lock_timeout(mut self, longest: Duration) -> Self {
        self.lock_timeout = longest;
        self
    }

    /// Returns the paths on which it works.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Reads and checks services; without paths, those of the definitions directory.
    ///
    /// # Errors
    /// Everything that is wrong with all the definitions.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Vec<Service>, Error> {
        let all = [self.paths.definitions.clone()];
        let services = match paths {
            [] => read_definitions(&all, self.trust).map_err(with_first_one)?,
            paths => read_definitions(paths, self.trust)?,
        };
        self.with_hooks_of_host(services)
    }

    /// Finds the definition of one service in the definitions directory. A mistake in the definition
    /// of another service does not matter.
    ///
    /// # Errors
    /// There is none, or something is wrong with it; with no good one, everything that is wrong with
    /// the others, for it may be among them.
    pub fn find(&self, service: &ServiceId) -> Result<Service, Error> {
        match <[Service; 1]>::try_from(self.find_all(service)?) {
            Ok([found]) => Ok(found),
            Err(found) => Err(Error::IsApplication {
                application: service.clone(),
                processes: found.iter().map(|service| service.id.clone()).collect(),
            }),
        }
    }

    /// Finds the definition of one service as [`find`](Self::find) does, or those of all processes of an application.
    ///
    /// # Errors
    /// As for [`find`](Self::find).
    pub fn find_all(&self, id: &ServiceId) -> Result<Vec<Service>, Error> {
        let directory = &self.paths.definitions;
        let (services, problems) = find_definition(directory, id, self.trust)?;
        if services.is_empty() {
            return match problems.is_empty() {
                true => {
                    let (service, directory) = (id.clone(), directory.clone());
                    Err(Error::Undefined { service, directory })
                }
                false => Err(Problems(problems).into()),
            };
        }
        check_conflicts(&services)?;
        self.with_hooks_of_host(services)
    }

    /// Finds what can be deployed under an id: a service, or all processes of an application.
    ///
    /// # Errors
    /// As for [`find`](Self::find); or it is one process of an application, of which all run at one revision.
    pub fn find_whole(&self, id: &ServiceId) -> Result<Vec<Service>, Error> {
        let services = self.find_all(id)?;
        match services.first().and_then(|service| service.application.as_ref()) {
            Some(application) if application != id => {
                let (service, application) = (id.clone(), application.clone());
                Err(Error::OneProcess { service, application })
            }
            _ => Ok(services),
        }
    }

    /// Returns the processes of an application that are on the host.
    ///
    /// # Errors
    /// The unit directory cannot be read.
    pub fn processes_on_host(&self, application: &ServiceId) -> Result<Vec<ServiceId>, Error> {
        Ok(self.observe_files(Some(application))?.processes_of(application))
    }

    /// Returns the settings that were given, or else reads and checks those of the host.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self) -> Result<Settings, Error> {
        match &self.settings {
            Some(settings) => Ok(settings.clone()),
            None => Ok(read_settings(&self.paths.settings, self.trust)?),
        }
    }

    /// Compiles services as they would be on a host without any.
    ///
    /// # Errors
    /// Services that exclude each other, such as two of one id; a service without a revision, a template that fails,
    /// or more instances than ports.
    pub fn render(&self, services: &[Service]) -> Result<UnitSet, Error> {
        check_conflicts(services)?;
        let settings = self.settings()?;
        let host_limit = settings.max_parallel;
        let compiled = self.compile(
            services,
            &Observed::default(),
            &settings,
            None,
            &|| Ok([].into()),
            |Compiled { release, mut units, .. }| {
                let scope = self.paths.scope;
                let name = release.name();
                let jobs = release.compile_jobs(&name, None, host_limit, scope, &self.templates)?;
                units.units.extend(jobs.units);
                units.links.extend(jobs.links);
                Ok(units)
            },
        )?;
        let mut all = units_shared_by(services, host_limit, self.paths.scope, &self.templates)?;
        for set in compiled {
            all.units.extend(set.units);
            all.links.extend(set.links);
        }
        Ok(all)
    }

    /// Returns whether a service has units on the host.
    ///
    /// # Errors
    /// The unit directory cannot be read.
    pub fn is_on_host(&self, service: &ServiceId) -> Result<bool, Error> {
        Ok(self.observe_files(Some(service))?.units_of(service).next().is_some())
    }

    /// Returns the services that have units on the host.
    ///
    /// # Errors
    /// The unit directory cannot be read.
    pub fn services_on_host(&self) -> Result<Vec<ServiceId>, Error> {
        Ok(self.observe_files(None)?.services().cloned().collect())
    }

    /// Returns whether it works on the running host, with its systemd.
    fn is_online(&self) -> bool {
        matches!(self.place, Place::Systemd)
    }

    /// Returns the named volumes of a service, also those that no unit uses any more, and notes about them.
    fn volumes_of(&self, service: &ServiceId) -> Result<(Vec<NamedVolume>, Vec<String>), Error> {
        match &self.place {
            Place::Systemd => {
                let observed = self.observe_files(Some(service))?;
                let units = || observed.units_of(service);
                let images = units().filter_map(|(_, unit)| unit.metadata.kind.image());
                let engines: BTreeSet<_> = images.map(|image| image.engine).collect();
                let engines = Some(&engines).filter(|_| units().next().is_some());
                Ok(volumes::of(service, engines, &self.paths)?)
            }
            Place::Files => Err(Error::Offline),
            Place::Fake(_) => Ok((Vec::new(), Vec::new())),
        }
    }

    fn directory(&self) -> UnitDirectory {
        UnitDirectory::new(&self.paths.units)
    }

    /// Observes the unit files, of all services or of one; of a host that is not there, what runs, too.
    fn observe_files(&self, only: Option<&ServiceId>) -> Result<Observed, Error> {
        match (&self.place, only) {
            (Place::Fake(host), _) => {
                let host = locked(host)?;
                Ok(host.state().observed(host.now()))
            }
            (_, Some(service)) => Ok(self.directory().observe_service(service)?),
            (_, None) => Ok(self.directory().observe()?),
        }
    }

    /// Refuses what waits for a fake host that this thread has locked. Another thread may do the work, and cannot know.
    fn can_wait(&self) -> Result<(), Error> {
        match self.place {
            Place::Fake(_) => watching::refuse(),
            Place::Systemd | Place::Files => Ok(()),
        }
    }

    fn proxies(&self, settings: &Settings) -> Proxies {
        Proxies::new(settings, &self.paths)
    }

    /// Connects to systemd, if there is one to work with, and checks its version.
    fn systemd(&self) -> Result<Option<Systemd>, Error> {
        let systemd = self.connect()?;
        systemd.as_ref().map_or(Ok(()), Systemd::check)?;
        Ok(systemd)
    }

    /// Connects to systemd, if there is one to work with. Its version is checked with the first question for states.
    fn connect(&self) -> Result<Option<Systemd>, Error> {
        if !self.is_online() {
            return Ok(None);
        }
        let systemd = match self.paths.scope {
            Scope::System => Systemd::system(),
            Scope::User => Systemd::user(self.paths.runtime.parent().unwrap_or(Path::new("/"))),
        };
        Ok(Some(systemd?))
    }
}
