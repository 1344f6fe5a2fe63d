//! The facade: what a program that links this crate calls, and what the CLI is a thin layer over.
//!
//! It is synchronous. An asynchronous program calls it from `spawn_blocking`.

mod apply;
mod deploy;
mod diff;
mod error;
mod pause;
mod planning;
mod run;
mod scheduled_jobs;
mod status;
mod upcoming;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use apply::Prune;
pub use conductor_core::plan::RollbackTarget;
pub use diff::diff;
pub use error::Error;
pub use run::{RunPlan, RunRequest, RunningCommand};
pub use scheduled_jobs::{JobRun, JobStatus};
pub use status::{InstanceStatus, ReleaseStatus, ServiceStatus, Status};
pub use upcoming::{Upcoming, UpcomingJob};

use crate::system::{
    Paths, Proxies, Settings, Systemd, Trust, UnitDirectory, find_definition, last_port,
    read_definitions, read_settings, read_template, sockets,
};
use conductor_core::error::{PathContext as _, Problems};
use conductor_core::name::ServiceId;
use conductor_core::plan::Observed;
use conductor_core::proxy::Upstreams;
use conductor_core::runtime::Scope;
use conductor_core::service::{Service, check_conflicts};
use conductor_core::unit::{Override, Templates, UnitSet};

/// A host, or a user's part of it, or another root, as conductor works on it.
#[derive(Debug)]
pub struct Conductor {
    paths: Paths,
    templates: Templates,
    /// Whether there is a systemd to talk to.
    online: bool,
    lock_timeout: Duration,
    /// What is insisted on of what is read.
    trust: Option<Trust>,
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
        Ok(Self { paths, templates, online: true, lock_timeout, trust: None })
    }

    /// Insists that nobody but root and the caller can write what it reads from now on: definitions,
    /// settings and templates, and whatever is on the way to them. `templates` are those that it was made
    /// with.
    ///
    /// # Errors
    /// Somebody else can write the templates.
    pub fn refuse_what_others_write(mut self, templates: Option<&Path>) -> Result<Self, Error> {
        let trust = Trust::new(self.paths.scope);
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

    /// Writes files only and never talks to systemd, as for an image that is being built.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.online = false;
        self
    }

    /// Waits for another process that changes the host, at most so long; unless told not at all.
    #[must_use]
    pub fn lock_timeout(mut self, longest: Duration) -> Self {
        self.lock_timeout = longest;
        self
    }

    /// Gives the paths it works on.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Reads and checks services; without paths, those of the definitions directory.
    ///
    /// # Errors
    /// Everything that is wrong with all the definitions.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Vec<Service>, Error> {
        let all = [self.paths.definitions.clone()];
        Ok(read_definitions(if paths.is_empty() { &all } else { paths }, self.trust)?)
    }

    /// Finds the definition of one service in the definitions directory. A mistake in the definition
    /// of another service does not matter.
    ///
    /// # Errors
    /// There is none, or something is wrong with it; with no good one, everything that is wrong with
    /// the others, for it may be among them.
    pub fn find(&self, service: &ServiceId) -> Result<Service, Error> {
        let directory = &self.paths.definitions;
        let (services, problems) = find_definition(directory, service, self.trust)?;
        match <[Service; 1]>::try_from(services) {
            Ok([service]) => Ok(service),
            Err(services) if services.is_empty() && problems.is_empty() => {
                let (service, directory) = (service.clone(), directory.clone());
                Err(Error::Undefined { service, directory })
            }
            Err(services) if services.is_empty() => Err(Problems(problems).into()),
            Err(services) => {
                Err(check_conflicts(&services).err().unwrap_or(Problems(problems)).into())
            }
        }
    }

    /// Reads and checks the settings of the host.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self) -> Result<Settings, Error> {
        Ok(read_settings(&self.paths.settings, self.trust)?)
    }

    /// Compiles services as they would be on a host without any.
    ///
    /// # Errors
    /// A service without a revision, a template that fails, or more instances than ports.
    pub fn render(&self, services: &[Service]) -> Result<UnitSet, Error> {
        let settings = self.settings()?;
        let compiled = self.compile(
            services,
            &Observed::default(),
            &settings,
            None,
            &|| Ok([].into()),
            |release, mut units, _| {
                let scope = self.paths.scope;
                let jobs = release.compile_jobs(&release.name(), None, scope, &self.templates)?;
                units.units.extend(jobs.units);
                units.links.extend(jobs.links);
                Ok(units)
            },
        )?;
        let mut all = UnitSet::default();
        for set in compiled {
            all.units.extend(set.units);
            all.links.extend(set.links);
        }
        Ok(all)
    }

    fn directory(&self) -> UnitDirectory {
        UnitDirectory::new(&self.paths.units)
    }

    fn proxies(&self, settings: &Settings) -> Proxies {
        Proxies::new(settings, self.paths.root.as_deref(), &self.paths.runtime)
    }

    /// Connects to systemd, if there is one to work with.
    fn systemd(&self) -> Result<Option<Systemd>, Error> {
        if !self.online {
            return Ok(None);
        }
        let systemd = match self.paths.scope {
            Scope::System => Systemd::system(),
            Scope::User => Systemd::user(self.paths.runtime.parent().unwrap_or(Path::new("/"))),
        };
        Ok(Some(systemd?))
    }

    /// Observes unit files, what proxies are told and, with systemd, what runs.
    fn observe(&self, settings: &Settings, systemd: Option<&Systemd>) -> Result<Observed, Error> {
        let directory = self.directory();
        // systemd thinks while the files are read.
        let (states, observed) =
            rayon::join(|| systemd.map(Systemd::states).transpose(), || directory.observe());
        let mut observed = observed?;
        if let Some(states) = states? {
            let states = states.into_iter().map(|(name, (state, _))| (name, state));
            observed.states = Some(states.collect());
        }
        let Upstreams { files, foreign, pending } = self.proxies(settings).observe()?;
        for file in files {
            observed.upstreams.entry(file.service.clone()).or_default().push(file);
        }
        observed.foreign_upstreams = foreign;
        observed.pending = pending;
        observed.last_port = last_port::read(&self.paths.runtime)?;
        observed.sockets = sockets::observe(&self.paths.sockets)?;
        Ok(observed)
    }
}

/// Reads a directory of templates; every file in it has to be one.
fn read_templates(directory: &Path) -> Result<Vec<Override>, Error> {
    let files = template_files(directory)?;
    if files.is_empty() {
        return Err(Error::NoTemplates { directory: directory.to_owned() });
    }
    let read = |file: PathBuf| Ok(Override { text: read_template(&file)?, file });
    files.into_iter().map(read).collect()
}

/// Returns the templates in a directory, sorted.
fn template_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in directory.read_dir().at("read", directory)? {
        let file = entry.at("read", directory)?.path();
        if file.extension().is_some_and(|extension| extension == "hbs") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
