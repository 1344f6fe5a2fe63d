//! The facade: what a program that links this crate calls, and what the CLI is a thin layer over.
//!
//! It is synchronous. An asynchronous program calls it from `spawn_blocking`.

mod apply;
mod diff;
mod error;
mod event;
mod execute;
mod report;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use apply::Prune;
pub use diff::diff;
pub use error::Error;
pub use event::{Event, Progress, Watcher};
pub use report::{Failure, Report, ServiceReport};
pub use status::{InstanceStatus, ServiceStatus, Status};

use crate::error::PathContext as _;
use crate::host::{Paths, Settings, Systemd, UnitDirectory, read_definitions};
use crate::name::{Revision, ServiceId};
use crate::plan::{Observed, allocate, needs_ports};
use crate::release::Release;
use crate::runtime::Scope;
use crate::service::Service;
use crate::unit::{Override, Templates, UnitSet};

/// A host, or a user's part of it, or another root, as conductor works on it.
#[derive(Debug)]
pub struct Conductor {
    paths: Paths,
    templates: Templates,
    /// Whether there is a systemd to talk to.
    online: bool,
}

impl Conductor {
    /// Works on the running host, or on a user's manager, by `paths.scope`.
    ///
    /// # Errors
    /// A template in `templates`, a directory of the user's own, does not load.
    pub fn new(paths: Paths, templates: Option<&Path>) -> Result<Self, Error> {
        let overrides = templates.map_or(Ok(Vec::new()), read_templates)?;
        let templates = Templates::new(&overrides)?;
        Ok(Self { paths, templates, online: true })
    }

    /// Writes files only and never talks to systemd, as for an image that is being built.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.online = false;
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
        Ok(read_definitions(if paths.is_empty() { &all } else { paths })?)
    }

    /// Reads and checks the settings of the host.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self) -> Result<Settings, Error> {
        Ok(Settings::read(&self.paths.settings)?)
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
            &|| Ok([].into()),
            |_, units| Ok(units),
        )?;
        let mut all = UnitSet::default();
        for set in compiled {
            all.units.extend(set.units);
            all.links.extend(set.links);
        }
        Ok(all)
    }

    /// Compiles each service for a host on which some units are already, and makes something of its
    /// units; side by side, as services have nothing to do with each other.
    fn compile<'s, T: Send>(
        &self,
        services: &'s [Service],
        observed: &Observed,
        settings: &Settings,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
        then: impl Fn(Release<'s>, UnitSet) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let release = |service: &'s Service| {
            let deployed = || deployed_revision(&service.id, observed);
            let revision = service.own_revision().or_else(deployed).ok_or(service)?;
            Ok(Release::new(service, revision, &self.templates))
        };
        let all: Vec<Result<_, &Service>> = services.par_iter().map(release).collect();
        let (mut releases, mut without) = (Vec::with_capacity(all.len()), Vec::new());
        for release in all {
            match release {
                Ok(release) => releases.push(release),
                Err(service) => without.push(service),
            }
        }
        if !without.is_empty() {
            return Err(Error::no_revision(&without));
        }
        let needed = needs_ports(&releases, &observed.set);
        let listening = if needed { listening()? } else { BTreeSet::new() };
        let ports = allocate(&releases, &observed.set, &listening, settings.ports)?;
        let scope = self.paths.scope;
        let compiled = releases.into_par_iter().zip(ports).map(|(release, ports)| {
            let units = release.compile(&ports, None, scope, &self.templates)?;
            then(release, units)
        });
        // The first error, not that of the quickest thread.
        compiled.collect::<Vec<_>>().into_iter().collect()
    }

    fn directory(&self) -> UnitDirectory {
        UnitDirectory::new(&self.paths.units)
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

    /// Observes unit files and, with systemd, what runs.
    fn observe(&self, systemd: Option<&Systemd>) -> Result<Observed, Error> {
        let directory = self.directory();
        // systemd thinks while the files are read.
        let (states, observed) =
            rayon::join(|| systemd.map(Systemd::states).transpose(), || directory.observe());
        let mut observed = observed?;
        if let Some(states) = states? {
            let states = states.into_iter().map(|(name, (state, _))| (name, state));
            observed.states = Some(states.collect());
        }
        Ok(observed)
    }
}

/// Finds the revision that most instances of a service run.
fn deployed_revision(service: &ServiceId, observed: &Observed) -> Option<Revision> {
    let mut counts = BTreeMap::new();
    for (_, unit) in observed.units_of(service) {
        if let Some(instance) = unit.metadata.kind.instance() {
            *counts.entry(&instance.revision).or_insert(0) += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(revision, _)| revision.clone())
}

/// Reads a directory of templates; every file in it has to be one.
fn read_templates(directory: &Path) -> Result<Vec<Override>, Error> {
    let mut overrides = Vec::new();
    for entry in directory.read_dir().at("read", directory)? {
        let file = entry.at("read", directory)?.path();
        if file.extension().is_some_and(|extension| extension == "hbs") {
            let text = std::fs::read_to_string(&file).at("read", &file)?;
            overrides.push(Override { file, text });
        }
    }
    if overrides.is_empty() {
        return Err(Error::NoTemplates { directory: directory.to_owned() });
    }
    overrides.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(overrides)
}
