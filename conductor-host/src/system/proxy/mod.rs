//! The proxies of a host: their files, configuration checks, and reloads.

mod check;
mod directories;
mod error;
mod files;
mod observe;
mod pending;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use error::ProxyError;
pub use workers::OldWorkers;

use directories::Place;

use super::atomic::{self, Change};
use super::definitions::read_template;
use super::open;
use super::paths::{Paths, stays_below};
use super::systemd::Systemd;
use super::systemd_jobs::JobType;
use conductor_core::error::PathError;
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::{FileStep, ProxyTemplates, UpstreamChange, Upstreams, mark, sequence};
use conductor_core::release::PREFIX;
use conductor_core::settings::{ProxySettings, Settings};
use conductor_core::unit::Override;

/// How long a proxy may take after a reload until it uses the new configuration: this time, plus this many
/// times the duration of the reload command, because nginx reads a large configuration again.
const LONGEST_TAKE_OVER: (Duration, u32) = (Duration::from_secs(10), 4);

/// The proxies of a host, as its settings describe them.
#[derive(Debug, Clone)]
pub struct Proxies {
    proxies: BTreeMap<ProxyName, ProxySettings>,
    /// Another root, where nothing runs.
    root: Option<PathBuf>,
    runtime: PathBuf,
    /// The record of directories with files.
    record: PathBuf,
}

impl Proxies {
    /// Refers to the proxies of the running host, or to files below another root, where only files are
    /// written.
    pub fn new(settings: &Settings, paths: &Paths) -> Self {
        Self {
            proxies: settings.proxies.clone(),
            root: paths.root.clone(),
            runtime: paths.runtime.clone(),
            record: paths.proxy_directories.clone(),
        }
    }

    /// Reads the templates that the settings name.
    ///
    /// # Errors
    /// A file cannot be read, or is not a template.
    pub fn templates(&self) -> Result<ProxyTemplates, ProxyError> {
        let mut own = Vec::new();
        for (proxy, settings) in &self.proxies {
            if let Some(template) = &settings.template {
                let file = self.below_root(template.as_path());
                let text = read_template(&file)?;
                own.push((proxy.clone(), Override { file, text }));
            }
        }
        Ok(ProxyTemplates::new(own)?)
    }

    /// Reads conductor's files, the foreign files in their place, the pending changes, and which files are left
    /// where the settings have no proxy any more.
    ///
    /// # Errors
    /// A directory, or a file of conductor in it, cannot be read.
    pub fn observe(&self) -> Result<Upstreams, PathError> {
        let mut pending = pending::all(&self.runtime)?;
        // A proxy that was removed from the settings cannot be reloaded.
        let known = |proxy: &ProxyName| self.proxies.contains_key(proxy);
        for proxies in pending.values_mut() {
            proxies.retain(known);
        }
        let mut upstreams = Upstreams { pending, ..Upstreams::default() };
        for (proxy, settings) in &self.proxies {
            let directory = self.directory(settings);
            observe::observe(proxy, &directory, settings.suffix.as_str(), &mut upstreams)?;
        }
        upstreams.left = self.left()?;
        Ok(upstreams)
    }

    /// Returns the files of conductor where the settings have no proxy any more.
    ///
    /// # Errors
    /// The record of directories cannot be read.
    pub fn left(&self) -> Result<Vec<(ServiceId, PathBuf)>, PathError> {
        let current: BTreeSet<_> = self.proxies.values().map(Place::of).collect();
        let places = directories::read(&self.record)?;
        let left = places.difference(&current).flat_map(|Place { directory, suffix }| {
            observe::own_files(&self.below_root(Path::new(directory)), suffix)
        });
        Ok(left.collect())
    }

    /// Returns the path of a service's file for a proxy.
    ///
    /// # Errors
    /// The settings do not have the proxy.
    pub fn path(&self, proxy: &ProxyName, service: &ServiceId) -> Result<PathBuf, ProxyError> {
        let settings = self.settings(proxy)?;
        Ok(self.directory(settings).join(file_name(service, settings)))
    }

    /// Checks the current configuration of a proxy with its own command.
    ///
    /// # Errors
    /// The configuration is broken. The error has the proxy's message.
    pub fn test(&self, proxy: &ProxyName) -> Result<(), ProxyError> {
        check::as_it_is(proxy, self.settings(proxy)?)
    }

    /// Checks a proxy's configuration as it would be with changed files of services. Only the check sees them.
    ///
    /// # Errors
    /// The configuration would be broken, is broken, or does not include the files.
    pub fn try_out(&self, proxy: &ProxyName, changes: &[UpstreamChange]) -> Result<(), ProxyError> {
        self.try_and_print(proxy, changes).map(|_| ())
    }

    /// Checks as [`Proxies::try_out`] does, and returns the whole configuration if the proxy is nginx and a file is
    /// written.
    ///
    /// # Errors
    /// As for [`Proxies::try_out`].
    pub(crate) fn try_and_print(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<Option<String>, ProxyError> {
        let settings = self.settings(proxy)?;
        let candidates: Vec<_> = changes
            .iter()
            .map(|change| check::Candidate {
                file: file_name(&change.service, settings),
                text: change.text.as_deref(),
                mark: mark(proxy, &change.service),
            })
            .collect();
        match check::with(proxy, settings, &self.runtime, &candidates) {
            // The proxy is not installed, so nothing reads what is removed.
            Err(ProxyError::NoProgram { .. }) if candidates.iter().all(|c| c.text.is_none()) => {
                Ok(None)
            }
            checked => checked,
        }
    }

    /// Checks that a proxy that runs reads the directory, if its test is told the directory by an argument: then
    /// so is the proxy. Others read files that name the directory.
    ///
    /// # Errors
    /// The proxy was started without the directory.
    pub fn check_is_told(&self, systemd: &Systemd, proxy: &ProxyName) -> Result<(), ProxyError> {
        let ProxySettings { directory, test, unit, .. } = self.settings(proxy)?;
        if !test.iter().any(|argument| argument.as_str().contains(directory.as_str())) {
            return Ok(());
        }
        let Some(main) = systemd.up(unit)? else { return Ok(()) };
        match workers::arguments(main)? {
            Some(arguments) if !arguments.contains(directory.as_str()) => {
                Err(ProxyError::NotTold { unit: unit.clone(), directory: directory.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Replaces or removes files of services for a proxy, in an order in which a crash leaves a configuration that
    /// the proxy takes. On a running host, the changes are checked first if `tested`, and noted as pending.
    ///
    /// # Errors
    /// The errors of [`Proxies::try_out`], or a foreign file. Nothing was changed.
    pub fn write(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
        tested: bool,
    ) -> Result<(), ProxyError> {
        let settings = self.settings(proxy)?;
        let directory = self.directory(settings);
        let (mut present, mut new) = (BTreeMap::new(), BTreeMap::new());
        for UpstreamChange { service, text } in changes {
            let path = directory.join(file_name(service, settings));
            if let Some(file) = files::refuse_foreign(&path, proxy, service)? {
                present.insert(service.clone(), file.text);
            }
            new.extend(text.as_deref().map(|text| (service, text)));
        }
        let steps = sequence(&present, changes);
        if steps.is_empty() {
            return Ok(());
        }
        directories::note(&self.record, Place::of(settings))?;
        if let Some(root) = &self.root {
            stays_below(root, &directory)?;
            open::make_directories(&directory)?;
        } else {
            if tested {
                self.try_out(proxy, changes)?;
            }
            let touched =
                |service: &&ServiceId| present.contains_key(*service) || new.contains_key(*service);
            for service in changes.iter().map(|change| &change.service).filter(touched) {
                pending::note(&self.runtime, proxy, service)?;
            }
        }
        let name = |service| file_name(service, settings);
        let names: BTreeMap<_, _> =
            changes.iter().map(|c| (&c.service, name(&c.service))).collect();
        let name = |service| names.get(service).map_or("", String::as_str);
        let changes = steps.iter().map(|step| match step {
            FileStep::Write { at, of } => {
                Change::Write(name(at), new.get(of).copied().unwrap_or_default())
            }
            FileStep::Move { from, to } => Change::Move(name(from), name(to)),
            FileStep::Swap(one, other) => Change::Swap(name(one), name(other)),
            FileStep::Remove(service) => Change::Remove(name(service)),
        });
        Ok(atomic::change_all(&directory, &changes.collect::<Vec<_>>())?)
    }

    /// Reloads a proxy and waits until it uses the new configuration. Returns the processes that serve the
    /// old connections; `None` if the proxy does not run, and is not reloaded.
    ///
    /// # Errors
    /// The reload fails, or the old processes keep the old configuration.
    pub fn reload(
        &self,
        systemd: &Systemd,
        proxy: &ProxyName,
    ) -> Result<Option<OldWorkers>, ProxyError> {
        let unit = &self.settings(proxy)?.unit;
        let Some(main) = systemd.up(unit)? else {
            return Ok(None);
        };
        let old = OldWorkers::of(main)?;
        let began = Instant::now();
        let mut results = systemd.run(JobType::Reload, std::slice::from_ref(unit))?;
        if let Some(Err(source)) = results.remove(unit) {
            return Err(ProxyError::Reload { unit: unit.clone(), source });
        }
        let (least, times) = LONGEST_TAKE_OVER;
        match old.are_leaving(least + began.elapsed() * times) {
            true => Ok(Some(old)),
            false => Err(ProxyError::NotTakenOver { unit: unit.clone() }),
        }
    }

    /// Waits until the old processes have ended, up to `longest`, or until `interrupted` returns true.
    /// Returns how many still run.
    pub fn drain(
        &self,
        old: &OldWorkers,
        longest: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> usize {
        old.drain(longest, interrupted)
    }

    /// Removes the note that a change of a service's files is pending.
    ///
    /// # Errors
    /// The note cannot be removed.
    pub fn forget_pending(&self, service: &ServiceId) -> Result<(), PathError> {
        pending::forget(&self.runtime, service)
    }

    fn settings(&self, proxy: &ProxyName) -> Result<&ProxySettings, ProxyError> {
        self.proxies.get(proxy).ok_or_else(|| ProxyError::Unknown { proxy: proxy.clone() })
    }

    fn directory(&self, settings: &ProxySettings) -> PathBuf {
        self.below_root(settings.directory.as_path())
    }

    fn below_root(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }
}

/// Returns the file name of a service.
fn file_name(service: &ServiceId, settings: &ProxySettings) -> String {
    format!("{PREFIX}{service}{}", settings.suffix)
}
