//! Where changes are planned and carried out: a host, files only, or a fake host.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::{Conductor, Place, locked};
use crate::event::Watcher;
use crate::executor::{Executor, Replan};
use crate::fake::FakeHost;
use crate::report::ServiceReport;
use crate::system::{
    Lock, Settings, SystemHost, Systemd, SystemdError, contents, images, last_port, listeners,
    listening_ports, sockets, volumes,
};
use conductor_core::error::PathError;
use conductor_core::plan::{self, Observed, Plan};
use conductor_core::proxy::Upstreams;
use conductor_core::release::Images;
use conductor_core::unit::{ContentHash, ContentKey, Engine, EngineImage};
use conductor_core::value::{FixedPort, HostPath};

/// A place for which changes are planned.
pub(super) trait Site {
    /// Returns whether there is a systemd.
    fn has_systemd(&self) -> bool;

    /// Observes unit files, the files of proxies and, with systemd, the states of units.
    fn observe(&self, settings: &Settings) -> Result<Observed, Error>;

    /// Returns the hashes of files' contents. Files that cannot be read are left out, and without a systemd
    /// all are: what is in an image that is being built is not what will be on the host.
    fn contents(&self, files: &BTreeSet<HostPath>) -> Result<Hashes, Error>;

    /// Returns what engines have for images; nothing without a systemd.
    fn images(&self, images: BTreeSet<EngineImage>) -> Images;

    /// Returns the ports on which a process listens.
    fn listening_ports(&self) -> Result<BTreeSet<u16>, Error>;

    /// Returns the ports and addresses on which a process listens.
    fn listeners(&self) -> Result<Vec<FixedPort>, Error>;

    /// Returns those of the names of which an engine has no volume; none without a systemd.
    fn missing_volumes(&self, engine: Engine, names: &Names) -> Result<Names, Error>;
}

/// Names of volumes in an engine.
type Names = BTreeSet<String>;

/// The hashes of files' contents.
type Hashes = BTreeMap<HostPath, ContentHash>;

/// A place on which changes are carried out, while no other process changes it.
pub(super) trait LockedSite: Site {
    /// Reloads systemd if a process was killed after it had changed files and before it reloaded systemd.
    fn finish_reload(&self, settings: &Settings, watcher: &mut dyn Watcher) -> Result<(), Error>;

    /// Records the last port that was assigned, so that the ports of a failed deploy are not reused at once.
    fn note_ports(&self, plan: &Plan) -> Result<(), Error>;

    /// Carries out a plan.
    fn carry_out(
        &self,
        settings: &Settings,
        plan: Plan,
        replan: Replan<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Vec<ServiceReport>, Error>;
}

/// The running host, or another root without a systemd.
pub(super) struct SystemSite<'c> {
    conductor: &'c Conductor,
    systemd: Option<Arc<Systemd>>,
}

/// A host whose lock is held.
pub(super) struct LockedSystem<'c> {
    site: SystemSite<'c>,
    lock: Lock,
}

impl<'c> SystemSite<'c> {
    pub(super) fn new(conductor: &'c Conductor, systemd: Option<Systemd>) -> Self {
        Self { conductor, systemd: systemd.map(Arc::new) }
    }

    pub(super) fn locked(self, lock: Lock) -> LockedSystem<'c> {
        LockedSystem { site: self, lock }
    }

    /// Returns the hashes of files' contents, with the key that a function reads.
    fn hash(
        &self,
        files: &BTreeSet<HostPath>,
        key: impl FnOnce(&Path) -> Result<Option<ContentKey>, PathError>,
    ) -> Result<Hashes, Error> {
        if !self.has_systemd() || files.is_empty() {
            return Ok(Hashes::new());
        }
        let key = key(&self.conductor.paths.content_key)?;
        Ok(key.map(|key| contents::hash(&key, files)).unwrap_or_default())
    }

    pub(super) fn systemd(&self) -> Option<&Systemd> {
        self.systemd.as_deref()
    }
}

/// Returns the key of the host for what changes nothing. Without one, nothing was hashed with it, and any other
/// will do. Who may not read it gets `None`, and cannot see what changed.
fn readable_key(path: &Path) -> Result<Option<ContentKey>, PathError> {
    match contents::read_key(path) {
        Ok(key) => Ok(key.or_else(contents::random_key)),
        Err(error) if error.source.kind() == ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

impl Conductor {
    /// Returns the hashes of files' contents, without a connection to systemd. All are left out if
    /// the caller cannot read the key.
    pub(super) fn contents(&self, files: &BTreeSet<HostPath>) -> Result<Hashes, Error> {
        match &self.place {
            Place::Systemd => {
                let key = readable_key(&self.paths.content_key)?;
                Ok(key.map(|key| contents::hash(&key, files)).unwrap_or_default())
            }
            Place::Files => Ok(Hashes::new()),
            Place::Fake(host) => locked(host)?.contents(files),
        }
    }
}

impl Site for SystemSite<'_> {
    fn has_systemd(&self) -> bool {
        self.systemd.is_some()
    }

    fn observe(&self, settings: &Settings) -> Result<Observed, Error> {
        let (paths, directory) = (&self.conductor.paths, self.conductor.directory());
        // systemd works while the files are read.
        let (states, observed) =
            rayon::join(|| self.systemd().map(Systemd::states).transpose(), || directory.observe());
        let mut observed = observed?;
        if let Some(states) = states? {
            let states = states.into_iter().map(|(name, (state, _))| (name, state));
            observed.states = Some(states.collect());
        }
        let Upstreams { files, foreign, pending, left } =
            self.conductor.proxies(settings).observe()?;
        for file in files {
            observed.upstreams.entry(file.service.clone()).or_default().push(file);
        }
        observed.foreign_upstreams = foreign;
        observed.pending = pending;
        observed.left_upstreams = left;
        observed.last_port = last_port::read(&paths.runtime)?;
        observed.sockets = sockets::observe(&paths.sockets)?;
        Ok(observed)
    }

    fn contents(&self, files: &BTreeSet<HostPath>) -> Result<Hashes, Error> {
        self.hash(files, readable_key)
    }

    fn images(&self, asked: BTreeSet<EngineImage>) -> Images {
        if self.has_systemd() { images::find_all(asked) } else { Images::new() }
    }

    fn listening_ports(&self) -> Result<BTreeSet<u16>, Error> {
        // The ports in use where an image is built are not those in use where it will run.
        if self.has_systemd() { Ok(listening_ports()?) } else { Ok(BTreeSet::new()) }
    }

    fn listeners(&self) -> Result<Vec<FixedPort>, Error> {
        if self.has_systemd() { Ok(listeners()?) } else { Ok(Vec::new()) }
    }

    fn missing_volumes(&self, engine: Engine, names: &Names) -> Result<Names, Error> {
        if self.has_systemd() { Ok(volumes::missing(engine, names)?) } else { Ok(Names::new()) }
    }
}

impl Site for LockedSystem<'_> {
    fn has_systemd(&self) -> bool {
        self.site.has_systemd()
    }

    fn observe(&self, settings: &Settings) -> Result<Observed, Error> {
        self.site.observe(settings)
    }

    fn contents(&self, files: &BTreeSet<HostPath>) -> Result<Hashes, Error> {
        self.site.hash(files, |path| contents::read_or_make_key(path).map(Some))
    }

    fn images(&self, images: BTreeSet<EngineImage>) -> Images {
        self.site.images(images)
    }

    fn listening_ports(&self) -> Result<BTreeSet<u16>, Error> {
        self.site.listening_ports()
    }

    fn listeners(&self) -> Result<Vec<FixedPort>, Error> {
        self.site.listeners()
    }

    fn missing_volumes(&self, engine: Engine, names: &Names) -> Result<Names, Error> {
        self.site.missing_volumes(engine, names)
    }
}

impl LockedSite for LockedSystem<'_> {
    fn finish_reload(&self, settings: &Settings, watcher: &mut dyn Watcher) -> Result<(), Error> {
        if self.has_systemd() && self.lock.was_stale() {
            let (conductor, systemd) = (self.site.conductor, self.site.systemd.as_ref());
            let proxies = conductor.proxies(settings);
            SystemHost::with(&conductor.paths, &self.lock, proxies, systemd, async |host| {
                Executor::new(&host, watcher).reload(None).await
            })??;
        }
        Ok(())
    }

    fn note_ports(&self, plan: &Plan) -> Result<(), Error> {
        if !self.has_systemd() {
            return Ok(());
        }
        let runtime = &self.site.conductor.paths.runtime;
        match plan::last_given(&plan.services, last_port::read(runtime)?) {
            Some(port) => Ok(last_port::write(runtime, port)?),
            None => Ok(()),
        }
    }

    fn carry_out(
        &self,
        settings: &Settings,
        plan: Plan,
        replan: Replan<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Vec<ServiceReport>, Error> {
        let conductor = self.site.conductor;
        let proxies = conductor.proxies(settings);
        // A subscription to systemd's signals has a cost, too.
        let systemd = self.site.systemd.as_ref().filter(|_| plan.changes());
        let carried_out =
            SystemHost::with(&conductor.paths, &self.lock, proxies, systemd, async |host| {
                Executor::new(&host, watcher).planning_again(replan).run(plan.services).await
            });
        Ok(carried_out??)
    }
}

/// Processes use it one after the other, so it needs no lock.
impl Site for FakeHost {
    fn has_systemd(&self) -> bool {
        true
    }

    fn observe(&self, _: &Settings) -> Result<Observed, Error> {
        Ok(self.state().observed(self.now()))
    }

    fn contents(&self, files: &BTreeSet<HostPath>) -> Result<Hashes, Error> {
        let state = self.state();
        let known = files.iter().filter_map(|path| state.contents.get_key_value(path));
        Ok(known.map(|(path, hash)| (path.clone(), hash.clone())).collect())
    }

    fn images(&self, images: BTreeSet<EngineImage>) -> Images {
        let known = self.state().images.clone();
        known.into_iter().filter(|(image, _)| images.contains(image)).collect()
    }

    fn listening_ports(&self) -> Result<BTreeSet<u16>, Error> {
        Ok(BTreeSet::new())
    }

    fn listeners(&self) -> Result<Vec<FixedPort>, Error> {
        Ok(self.state().listeners.clone())
    }

    fn missing_volumes(&self, _: Engine, names: &Names) -> Result<Names, Error> {
        Ok(names.difference(&self.state().volumes).cloned().collect())
    }
}

impl LockedSite for FakeHost {
    fn finish_reload(&self, _: &Settings, _: &mut dyn Watcher) -> Result<(), Error> {
        // The fake host does this when it carries out a plan.
        Ok(())
    }

    fn note_ports(&self, _: &Plan) -> Result<(), Error> {
        Ok(())
    }

    fn carry_out(
        &self,
        _: &Settings,
        plan: Plan,
        replan: Replan<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Vec<ServiceReport>, Error> {
        // A process that has died reports nothing.
        let carried_out = self.carry_out_with(plan.services, Some(replan), watcher);
        Ok(carried_out.ok_or(SystemdError::Ended)??)
    }
}
