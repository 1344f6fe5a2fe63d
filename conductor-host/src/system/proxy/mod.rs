//! The proxies of a host: their files, the check of their configuration, and the change to it.

mod check;
mod error;
mod files;
mod observe;
mod pending;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use error::ProxyError;
pub use workers::OldWorkers;

use super::definitions::read_template;
use super::paths::stays_below;
use super::systemd::Systemd;
use super::systemd_jobs::JobType;
use super::{atomic, open};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::{ProxyTemplates, Upstreams, mark};
use conductor_core::release::PREFIX;
use conductor_core::settings::{ProxySettings, Settings};
use conductor_core::unit::Override;

/// The longest that a proxy may take from its reload to the work with the new configuration, and how
/// many times as long as the reload itself, for which nginx reads all of a large one, too.
const LONGEST_TAKE_OVER: (Duration, u32) = (Duration::from_secs(10), 4);

/// The proxies of a host, as its settings describe them.
#[derive(Debug, Clone)]
pub struct Proxies {
    proxies: BTreeMap<ProxyName, ProxySettings>,
    /// Another root, on which nothing runs.
    root: Option<PathBuf>,
    runtime: PathBuf,
}

impl Proxies {
    /// Works on the running host, or below another root: then only files are written there.
    /// `runtime` is the directory for what has to be gone after a reboot.
    pub fn new(settings: &Settings, root: Option<&Path>, runtime: &Path) -> Self {
        Self {
            proxies: settings.proxies.clone(),
            root: root.map(Path::to_owned),
            runtime: runtime.to_owned(),
        }
    }

    /// Reads the templates that the settings name.
    ///
    /// # Errors
    /// A file cannot be read, or is no template.
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

    /// Reads which files of conductor's there are, what is in the way, and what is pending.
    ///
    /// # Errors
    /// A directory or a file of conductor's in it cannot be read.
    pub fn observe(&self) -> Result<Upstreams, PathError> {
        let mut pending = pending::all(&self.runtime)?;
        // One that is gone from the settings cannot be reloaded.
        let known = |proxy: &ProxyName| self.proxies.contains_key(proxy);
        for proxies in pending.values_mut() {
            proxies.retain(known);
        }
        let mut upstreams = Upstreams { pending, ..Upstreams::default() };
        for (proxy, settings) in &self.proxies {
            let directory = self.directory(settings);
            observe::observe(proxy, &directory, settings.suffix.as_str(), &mut upstreams)?;
        }
        Ok(upstreams)
    }

    /// Checks the configuration of a proxy as it is now, by its own command.
    ///
    /// # Errors
    /// The configuration is broken; the error has the proxy's own words.
    pub fn test(&self, proxy: &ProxyName) -> Result<(), ProxyError> {
        check::as_it_is(proxy, self.settings(proxy)?)
    }

    /// Checks the configuration of a proxy as it would be with another text for a service, or
    /// without any. Nobody but the check sees the text.
    ///
    /// # Errors
    /// The configuration would be broken, is broken already, or does not include the file.
    pub fn try_out(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
    ) -> Result<(), ProxyError> {
        let settings = self.settings(proxy)?;
        let file = file_name(service, settings);
        let candidate = check::Candidate { file: &file, text, mark: &mark(proxy, service) };
        check::with(proxy, settings, &self.runtime, &candidate)
    }

    /// Replaces the file of a service for a proxy, or removes it, so that a crash leaves it old or
    /// new. On a running host the change is tried out before, if `tested`, and noted as pending.
    ///
    /// # Errors
    /// What [`Proxies::try_out`] finds, or a file that is not conductor's; nothing was changed then.
    pub fn write(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
        tested: bool,
    ) -> Result<(), ProxyError> {
        let settings = self.settings(proxy)?;
        let directory = self.directory(settings);
        let name = file_name(service, settings);
        let path = directory.join(&name);
        if text.is_none() && !path.try_exists().at("read", &path)? {
            return Ok(());
        }
        files::refuse_foreign(&path, proxy, service)?;
        if let Some(root) = &self.root {
            stays_below(root, &directory)?;
            open::make_directories(&directory)?;
        } else {
            match tested.then(|| self.try_out(proxy, service, text)) {
                // Nobody reads the file any more.
                Some(Err(ProxyError::NoProgram { .. })) if text.is_none() => {}
                Some(result) => result?,
                None => {}
            }
            pending::note(&self.runtime, proxy, service)?;
        }
        Ok(atomic::replace(&directory, &name, text)?)
    }

    /// Reloads a proxy and waits until it works with the new configuration. Returns the processes that
    /// serve the old connections. A proxy that does not run has nothing to reload.
    ///
    /// # Errors
    /// The reload fails, or the old processes go on as if there had been none.
    pub fn reload(&self, systemd: &Systemd, proxy: &ProxyName) -> Result<OldWorkers, ProxyError> {
        let unit = &self.settings(proxy)?.unit;
        let Some(main) = systemd.up(unit)? else {
            return Ok(OldWorkers::default());
        };
        let old = OldWorkers::of(main)?;
        let began = Instant::now();
        let mut results = systemd.run(JobType::Reload, std::slice::from_ref(unit))?;
        if let Some(Err(source)) = results.remove(unit) {
            return Err(ProxyError::Reload { unit: unit.clone(), source });
        }
        let (least, times) = LONGEST_TAKE_OVER;
        match old.are_leaving(least + began.elapsed() * times) {
            true => Ok(old),
            false => Err(ProxyError::NotTakenOver { unit: unit.clone() }),
        }
    }

    /// Waits until the processes that serve the old connections are gone, at most so long, or until
    /// `interrupted` says so. Returns how many are left.
    pub fn drain(
        &self,
        old: &OldWorkers,
        longest: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> usize {
        old.drain(longest, interrupted)
    }

    /// Takes the note back that a change of a service's files is pending.
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

/// Names the file of a service.
fn file_name(service: &ServiceId, settings: &ProxySettings) -> String {
    format!("{PREFIX}{service}{}", settings.suffix)
}
