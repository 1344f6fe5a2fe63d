//! The state of the fake host: files, units, and where requests are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use conductor_core::name::{PodName, ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, FileChange, Observed, Step};
use conductor_core::proxy::UpstreamFile;
use conductor_core::release::started_service;
use conductor_core::unit::{
    ContentHash, EngineImage, EngineNetwork, Kind, LocalImage, Unit, UnitSet,
};
use conductor_core::value::{FixedPort, HostPath};

/// The behaviour of a program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// How long its start takes.
    pub start: Duration,
    /// Whether its start fails after that time.
    pub fails: bool,
    /// Whether it has a health check.
    pub watched: bool,
    /// How long it stays up; `None` until it is stopped.
    pub stays: Option<Duration>,
    /// How long its stop takes.
    pub stop: Duration,
    /// Whether it is still up then, and the job of its stop fails.
    pub outlives: bool,
}

impl Default for Program {
    fn default() -> Self {
        let short = Duration::from_millis(10);
        Self {
            start: short,
            fails: false,
            watched: true,
            stays: None,
            stop: short,
            outlives: false,
        }
    }
}

/// A unit that systemd has loaded.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Its state, unless it failed after `stays`.
    pub(super) state: ActiveState,
    /// When it entered that state.
    pub(super) since: Duration,
    /// How long it stays up.
    pub(super) stays: Option<Duration>,
    /// Whether it has a health check.
    pub(super) watched: bool,
    /// The number of its current or last job.
    pub(super) job: usize,
    /// The text that systemd has loaded.
    pub(super) text: Option<String>,
}

/// The processes of a proxy that use the same configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyWorkers {
    /// The files that they have loaded.
    pub files: BTreeMap<ServiceId, UpstreamFile>,
    /// When their last connection is closed, after they were told to shut down.
    pub(super) gone: Option<Duration>,
}

impl ProxyWorkers {
    /// Returns processes that have loaded these files and accept new connections.
    pub fn new(files: BTreeMap<ServiceId, UpstreamFile>) -> Self {
        Self { files, gone: None }
    }

    /// Returns whether they still serve connections.
    pub fn is_alive(&self, now: Duration) -> bool {
        self.gone.is_none_or(|gone| gone > now)
    }
}

/// The state of a host.
#[derive(Debug, Clone, Default)]
pub struct HostState {
    /// The unit files and links.
    pub units: UnitSet,
    /// The units that systemd has loaded.
    pub(super) held: BTreeMap<UnitName, Held>,
    /// Whether there is a note that systemd may have loaded stale units.
    pub stale: bool,
    /// The files of proxies.
    pub upstreams: BTreeMap<ProxyName, BTreeMap<ServiceId, UpstreamFile>>,
    /// The processes of proxies; the last ones accept new connections.
    pub workers: BTreeMap<ProxyName, Vec<ProxyWorkers>>,
    /// The services with a pending proxy change, and those proxies.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
    /// The targets of the fixed socket names.
    pub sockets: BTreeMap<ServiceId, BTreeMap<u16, HostPath>>,
    /// When the last connection to each service's old sockets is closed.
    pub connections: BTreeMap<ServiceId, Duration>,
    /// The images that are present.
    pub images: BTreeMap<EngineImage, LocalImage>,
    /// What a pull brings; without an entry, an image of its own for each name.
    pub registry: BTreeMap<EngineImage, LocalImage>,
    /// The networks of engines, all made by conductor.
    pub networks: BTreeSet<EngineNetwork>,
    /// The pods of podman, all made by conductor, each with its networks.
    pub pods: BTreeSet<PodName>,
    /// The ports on which processes listen that are not conductor's.
    pub listeners: Vec<FixedPort>,
    /// The volumes of engines that are not conductor's.
    pub volumes: BTreeSet<String>,
    /// The contents of files.
    pub contents: BTreeMap<HostPath, ContentHash>,
    /// The hooks that have succeeded.
    pub ran: Vec<UnitName>,
}

impl HostState {
    /// Returns the observed state, from which a plan is made.
    pub fn observed(&self, now: Duration) -> Observed {
        let mut observed = Observed::new(self.units.clone(), BTreeMap::new());
        observed.states = Some(self.states(now));
        for (service, file) in self.upstreams.values().flatten() {
            // It may have the text of another service, after a kill.
            let file = UpstreamFile { service: service.clone(), ..file.clone() };
            observed.upstreams.entry(service.clone()).or_default().push(file);
        }
        observed.pending = self.pending.clone();
        observed.sockets = self.sockets.clone();
        observed.images = self.images.clone();
        observed
    }

    /// Returns the image of a name or an id.
    pub(super) fn find_image(&self, image: &EngineImage) -> Option<LocalImage> {
        let by_id = || {
            let mut images = self.images.iter();
            let is_it = |(other, local): &(&EngineImage, &LocalImage)| {
                other.engine == image.engine && local.id.as_str() == image.reference
            };
            images.find(is_it).map(|(_, local)| local)
        };
        self.images.get(image).or_else(by_id).cloned()
    }

    /// Returns whether a unit that runs has a network.
    pub(super) fn is_used(&self, network: &EngineNetwork) -> bool {
        let kinds =
            self.held.keys().filter_map(|name| Some(&self.units.units.get(name)?.metadata.kind));
        let mut networks = kinds.filter(|kind| kind.is_instance()).flat_map(Kind::networks);
        networks.any(|other| other == *network)
    }

    /// Returns whether a unit that runs is in a pod.
    pub(super) fn is_pod_used(&self, pod: &PodName) -> bool {
        let units = self.held.keys().filter_map(|name| self.units.units.get(name));
        let kinds = units.map(|unit| &unit.metadata.kind).filter(|kind| kind.is_instance());
        kinds.filter_map(Kind::pod).any(|other| other.name == *pod)
    }

    /// Copies an image from the registry to the engine.
    pub(super) fn pull(&mut self, image: &EngineImage) {
        let local = self.registry.get(image).cloned().unwrap_or_else(|| an_image(image));
        self.images.insert(image.clone(), local);
    }

    /// Returns the states of loaded units.
    pub fn states(&self, now: Duration) -> BTreeMap<UnitName, ActiveState> {
        self.held.iter().map(|(unit, held)| (unit.clone(), held.state(now))).collect()
    }

    /// Returns the state of a unit.
    pub fn state(&self, unit: &UnitName, now: Duration) -> ActiveState {
        self.held.get(unit).map_or(ActiveState::Inactive, |held| held.state(now))
    }

    /// Makes a unit active with its current file, and the slice that it is in.
    pub fn set_active(&mut self, unit: &UnitName, now: Duration) {
        self.set_active_for(unit, now, None);
    }

    /// Makes a unit active, as [`HostState::set_active`], that fails after some time.
    pub fn set_active_for(&mut self, unit: &UnitName, now: Duration, stays: Option<Duration>) {
        self.start_slice(unit, now);
        let text = self.units.units.get(unit).map(|unit| unit.body().to_owned());
        let state = ActiveState::Active;
        let held = Held { state, since: now, stays, watched: true, job: 0, text };
        self.held.insert(unit.clone(), held);
    }

    /// Ends a unit, as if its process was killed and not started again.
    pub fn stop_at_once(&mut self, unit: &UnitName) {
        self.held.remove(unit);
    }

    /// Makes the slice of a unit active. As for systemd, it needs no file.
    pub(super) fn start_slice(&mut self, unit: &UnitName, now: Duration) {
        if let Some(slice) = self.slice(unit).filter(|slice| !self.held.contains_key(slice)) {
            self.set_active(&slice, now);
        }
    }

    /// Ends all units in a slice.
    pub(super) fn end_slice(&mut self, slice: &UnitName) {
        let ended: Vec<_> =
            self.held.keys().filter(|unit| self.slice(unit).as_ref() == Some(slice)).collect();
        for unit in ended.into_iter().cloned().collect::<Vec<_>>() {
            self.held.remove(&unit);
        }
    }

    fn slice(&self, unit: &UnitName) -> Option<UnitName> {
        self.units.units.get(unit)?.values("Slice").next()?.parse().ok()
    }

    /// Returns the units whose files differ from what systemd has loaded.
    pub fn stale_units(&self) -> impl Iterator<Item = &UnitName> {
        let differs = |(name, held): &(&UnitName, &Held)| {
            let file = self.units.units.get(*name).map(Unit::body);
            held.text.as_deref() != file && !matches!(held.state, ActiveState::Inactive)
        };
        self.held.iter().filter(differs).map(|(name, _)| name)
    }

    pub(super) fn change(&mut self, step: &Step) {
        match step {
            Step::Write { name, unit, change } => {
                let old = self.units.units.insert(name.clone(), Unit::clone(unit));
                let same = old.is_some_and(|old| old.body() == unit.body());
                assert!(*change != FileChange::Record || same, "{name} has another text");
            }
            Step::Enable(link) => {
                self.units.links.insert(link.clone());
            }
            Step::Disable(link) => {
                self.units.links.remove(link);
            }
            Step::Remove(name) => {
                self.units.units.remove(name);
            }
            Step::RemoveShared(name) if !self.starts_a_service() => {
                self.units.units.remove(name);
            }
            _ => {}
        }
    }

    /// Returns whether there is a link that starts a service at boot.
    fn starts_a_service(&self) -> bool {
        self.units.links.iter().any(|link| started_service(&link.unit).is_some())
    }

    /// Finishes all running jobs.
    pub(super) fn finish(&mut self, now: Duration) {
        self.held.retain(|_, held| held.state != ActiveState::Deactivating);
        for held in self.held.values_mut().filter(|held| held.state == ActiveState::Activating) {
            held.state = ActiveState::Active;
            held.since = now;
        }
    }

    /// Unloads timers that are stopped and not enabled.
    pub(super) fn forget(&mut self, timers: &[UnitName]) {
        let enabled = |unit: &UnitName| self.units.links.iter().any(|link| link.unit == *unit);
        self.held.retain(|unit, held| {
            !timers.contains(unit) || held.state == ActiveState::Active || enabled(unit)
        });
    }

    /// Reloads all unit files.
    pub(super) fn reload(&mut self) {
        for (name, held) in &mut self.held {
            held.text = self.units.units.get(name).map(|unit| unit.body().to_owned());
        }
    }
}

impl Held {
    fn state(&self, now: Duration) -> ActiveState {
        match self.stays {
            Some(stays) if self.state == ActiveState::Active && now >= self.since + stays => {
                ActiveState::Failed
            }
            _ => self.state,
        }
    }
}

/// Returns an image whose id follows from its name.
///
/// # Panics
/// Never: a number in hexadecimal is a digest.
pub fn an_image(image: &EngineImage) -> LocalImage {
    let mut hash = DefaultHasher::new();
    image.reference.hash(&mut hash);
    let id = format!("sha256:{:064x}", hash.finish());
    let id = id.parse().expect("64 hexadecimal digits");
    LocalImage { id, volumes: Vec::new(), source: None }
}
