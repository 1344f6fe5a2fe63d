//! What is on a host that is not there: its files, what runs, and where requests go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, FileChange, Observed, Step};
use conductor_core::proxy::UpstreamFile;
use conductor_core::unit::{EngineImage, Unit, UnitSet};
use conductor_core::value::HostPath;

/// How a program behaves.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// How long it takes until it is up.
    pub start: Duration,
    /// Whether its start fails then.
    pub fails: bool,
    /// Whether a health check watches it.
    pub watched: bool,
    /// How long it stays up; `None` for as long as it may.
    pub stays: Option<Duration>,
    /// How long it takes to stop.
    pub stop: Duration,
}

impl Default for Program {
    fn default() -> Self {
        let short = Duration::from_millis(10);
        Self { start: short, fails: false, watched: true, stays: None, stop: short }
    }
}

/// A unit that systemd holds.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Its state, as long as nothing happens to it on its own.
    pub(super) state: ActiveState,
    /// When it entered that.
    pub(super) since: Duration,
    /// How long it stays up.
    pub(super) stays: Option<Duration>,
    /// Whether a health check watches it.
    pub(super) watched: bool,
    /// The number of the job that it has, or had last.
    pub(super) job: usize,
    /// The text that systemd read.
    pub(super) text: Option<String>,
}

/// The processes of a proxy that work with one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// The files that they have read.
    pub files: BTreeMap<ServiceId, UpstreamFile>,
    /// When the last of their connections is closed, once they were told to leave.
    pub(super) gone: Option<Duration>,
}

impl Workers {
    /// Returns processes that have read some files, and take new connections.
    pub fn new(files: BTreeMap<ServiceId, UpstreamFile>) -> Self {
        Self { files, gone: None }
    }

    /// Returns whether they still serve somebody.
    pub fn is_alive(&self, now: Duration) -> bool {
        self.gone.is_none_or(|gone| gone > now)
    }
}

/// What is on a host.
#[derive(Debug, Clone, Default)]
pub struct HostState {
    /// The unit files and links.
    pub units: UnitSet,
    /// What systemd holds.
    pub(super) held: BTreeMap<UnitName, Held>,
    /// Whether it is noted that systemd may hold other texts than the files have.
    pub stale: bool,
    /// The files of proxies.
    pub upstreams: BTreeMap<ProxyName, BTreeMap<ServiceId, UpstreamFile>>,
    /// The processes of proxies; the last ones take new connections.
    pub workers: BTreeMap<ProxyName, Vec<Workers>>,
    /// Whose proxies were told something new and were not seen to have taken over and drained.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
    /// Where the fixed names of sockets point.
    pub sockets: BTreeMap<ServiceId, BTreeMap<u16, HostPath>>,
    /// When the last connection to a service's old sockets is closed.
    pub connections: BTreeMap<ServiceId, Duration>,
    /// The images that are there.
    pub images: BTreeSet<EngineImage>,
    /// The commands that ran to their ends and succeeded.
    pub ran: Vec<UnitName>,
}

impl HostState {
    /// Returns what a plan is made from.
    pub fn observed(&self, now: Duration) -> Observed {
        let mut observed = Observed::new(self.units.clone(), BTreeMap::new());
        observed.states = Some(self.states(now));
        for (service, file) in self.upstreams.values().flatten() {
            observed.upstreams.entry(service.clone()).or_default().push(file.clone());
        }
        observed.pending = self.pending.clone();
        observed.sockets = self.sockets.clone();
        observed
    }

    /// Returns the states of the units that systemd holds.
    pub fn states(&self, now: Duration) -> BTreeMap<UnitName, ActiveState> {
        self.held.iter().map(|(unit, held)| (unit.clone(), held.state(now))).collect()
    }

    /// Returns the state of a unit.
    pub fn state(&self, unit: &UnitName, now: Duration) -> ActiveState {
        self.held.get(unit).map_or(ActiveState::Inactive, |held| held.state(now))
    }

    /// Has a unit be up, as it is found.
    pub fn put_up(&mut self, unit: &UnitName, now: Duration) {
        let text = self.units.units.get(unit).map(|unit| unit.body().to_owned());
        let state = ActiveState::Active;
        let held = Held { state, since: now, stays: None, watched: true, job: 0, text };
        self.held.insert(unit.clone(), held);
    }

    /// Returns the units whose files say something else than systemd read.
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
                assert!(*change != FileChange::Record || same, "{name} is another one");
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
            _ => {}
        }
    }

    /// Has all jobs come to their ends.
    pub(super) fn finish(&mut self, now: Duration) {
        self.held.retain(|_, held| held.state != ActiveState::Deactivating);
        for held in self.held.values_mut().filter(|held| held.state == ActiveState::Activating) {
            held.state = ActiveState::Active;
            held.since = now;
        }
    }

    /// Has systemd read all files.
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
