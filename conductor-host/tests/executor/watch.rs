//! The invariants that hold after each call while plans are carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Step};
use conductor_core::proxy::UpstreamFile;
use conductor_core::unit::Unit;
use conductor_core::value::Endpoint;
use conductor_host::fake::{CALL, Call, HostState, Program, ProxyWorkers};
use conductor_host::system::JobType;

/// The state of one service that the checks need.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// Whether the service may be down for a moment.
    pub(crate) downtime: bool,
    /// Whether requests were answered before the change.
    pub(crate) answered: bool,
    /// The file of its proxy before the change, which an undo may restore.
    pub(crate) file: Option<UpstreamFile>,
    /// The command that has to succeed before instances of these units start.
    pub(crate) before: Option<(UnitName, BTreeSet<UnitName>)>,
    /// The units that have been up and were not stopped since, and when that was first seen.
    pub(crate) up: BTreeMap<UnitName, Duration>,
    /// How many instances may start at a time.
    pub(crate) batch: usize,
    /// Whether no undo is expected.
    pub(crate) on_the_way: bool,
    /// When the last of its instances was stopped, if none was started since.
    pub(crate) stopped: Option<Duration>,
    pub(crate) start: Duration,
    /// New instances, and those of another service that have to be up before.
    pub(crate) waits: Option<(BTreeSet<UnitName>, BTreeSet<UnitName>)>,
    /// The instances of another service that stop after those of its own that need them.
    pub(crate) outlived_by: BTreeSet<UnitName>,
    pub(crate) needing: BTreeSet<UnitName>,
}

impl Watch {
    /// Asserts that what depends on a service starts after it, and stops before it.
    fn look_at_order(&mut self, state: &HostState, now: Duration) {
        if let Some((own, others)) = &mut self.waits {
            others.retain(|unit| !state.state(unit, now).is_up());
            let early = own.iter().find(|unit| state.state(unit, now) == ActiveState::Activating);
            assert!(
                early.is_none() || others.is_empty(),
                "{early:?} starts before {others:?} are up"
            );
        }
        let is_up = |unit: &UnitName| state.state(unit, now).is_up();
        if !self.outlived_by.iter().all(is_up) {
            let up: Vec<_> = self.needing.iter().filter(|unit| is_up(unit)).collect();
            assert!(up.is_empty(), "{up:?} outlive what they depend on");
        }
    }

    /// Asserts the invariants.
    pub(crate) fn look(&mut self, id: &ServiceId, call: &Call, state: &HostState, now: Duration) {
        let own = |unit: &UnitName| {
            state
                .units
                .units
                .get(unit)
                .is_some_and(|unit| unit.metadata.service.as_ref() == Some(id))
        };
        match call {
            Call::RunJob(job @ (JobType::Start | JobType::Restart), unit) if own(unit) => {
                let linked = state.units.links.iter().any(|link| link.unit == *unit);
                let text = &state.units.units[unit];
                let is_instance = text.metadata.kind.is_instance();
                assert!(!is_instance || linked, "{unit} is not enabled");
                assert!(
                    !state.stale_units().any(|stale| stale == unit),
                    "systemd knows another {unit}"
                );
                if let Some((before, units)) = &self.before {
                    let may = !units.contains(unit) || state.ran.contains(before);
                    assert!(may, "{unit} starts before {before} succeeded");
                }
                if let Some(image) = text.metadata.kind.image() {
                    assert!(state.images.contains_key(image), "{unit} starts without its image");
                }
                for network in text.metadata.kind.networks() {
                    let is_there = state.networks.contains(&network);
                    assert!(is_there, "{unit} starts without its network {}", network.name);
                }
                if let Some(pod) = text.metadata.kind.pod() {
                    let is_there = state.pods.contains(&pod.name);
                    assert!(is_there, "{unit} starts without its pod {}", pod.name);
                }
                if is_instance
                    && self.on_the_way
                    && *job == JobType::Start
                    && state.state(unit, now).is_up()
                    && let Some(stopped) = self.stopped.take()
                {
                    // It is down for its own start, and for the time of a few calls.
                    let down = now.saturating_sub(stopped);
                    assert!(
                        down <= self.start + 8 * CALL,
                        "{unit} was down for {down:?} at {now:?}"
                    );
                }
            }
            Call::RunJob(JobType::Stop, unit) if own(unit) => {
                let asked = alive(state, now).any(|workers| {
                    workers.files.get(id).is_some_and(|file| leads_to(file, unit, state))
                });
                // An interrupted start also ends with a stop, which may reach systemd when the start has just ended.
                let ordered = now.saturating_sub(CALL + Program::default().stop);
                let asked = self.up.remove(unit).is_some_and(|since| since < ordered) && asked;
                assert!(!asked || self.downtime, "{unit} is stopped while it is asked");
                let connected =
                    matches!(endpoint(&state.units.units[unit]), Some(Endpoint::Socket(_)))
                        && state.connections.get(id).is_some_and(|closed| *closed > now);
                assert!(
                    !connected || self.downtime || !self.on_the_way,
                    "{unit} is stopped while somebody is connected"
                );
                if state.units.units[unit].metadata.kind.is_instance() {
                    self.stopped = Some(now);
                }
            }
            Call::ChangeFiles(steps) => {
                for unit in steps.iter().filter_map(|step| match step {
                    Step::Remove(unit) => Some(unit),
                    _ => None,
                }) {
                    // A slice needs no file.
                    let stays = unit.kind() == "slice" || !state.state(unit, now).is_up();
                    assert!(stays, "{unit} is removed while it is up");
                }
            }
            Call::WriteUpstream(path) => {
                let file = state.upstreams.values().find_map(|files| files.get(path));
                let file = file.filter(|file| file.service == *id);
                if let Some(file) = file.filter(|file| self.file.as_ref() != Some(file)) {
                    let up = up_targets(file, state, now);
                    assert!(up == count(file) || self.downtime, "not all are up:\n{}", file.text);
                }
            }
            _ => {}
        }
        self.look_at_order(state, now);
        let starting = state.states(now).into_iter().filter(|(unit, state)| {
            *state == ActiveState::Activating && own(unit) && unit.as_str().matches('.').count() > 1
        });
        let starting = starting.count();
        assert!(starting <= self.batch || !self.on_the_way, "{starting} of {id} start at once");
        for unit in up_of(id, state, now) {
            self.up.entry(unit).or_insert(now);
        }
        let answers = answers(id, state, now);
        assert!(
            !self.answered || self.downtime || answers,
            "after {call:?} nobody answers for {id}"
        );
    }
}

/// Returns the units of a service that are up.
pub(crate) fn up_of(
    id: &ServiceId,
    state: &HostState,
    now: Duration,
) -> impl Iterator<Item = UnitName> {
    let own = |unit: &UnitName| {
        state.units.units.get(unit).is_some_and(|unit| unit.metadata.service.as_ref() == Some(id))
    };
    let up = state.states(now).into_iter().filter(|(_, state)| state.is_up());
    up.map(|(unit, _)| unit).filter(own)
}

/// Returns the worker processes of proxies that still serve connections.
fn alive(state: &HostState, now: Duration) -> impl Iterator<Item = &ProxyWorkers> {
    state.workers.values().flatten().filter(move |workers| workers.is_alive(now))
}

/// Returns whether requests are answered, now and after a reboot.
pub(crate) fn answers(id: &ServiceId, state: &HostState, now: Duration) -> bool {
    let serves = |workers: &ProxyWorkers| {
        workers.files.get(id).is_some_and(|file| up_targets(file, state, now) > 0)
    };
    let answered = state.workers.values().filter_map(|all| all.last()).any(serves);
    // While upstreams move, its text is at the path of another service, or its upstream is that of another.
    let mut files = state.upstreams.values().flat_map(BTreeMap::values);
    answered && files.all(|file| file.service != *id || boots(file, state))
}

/// Returns whether a file sends requests to a service. Without one, only processes of a proxy that have not read
/// their files since know its instances: an earlier change that removed it was killed.
pub(crate) fn is_filed(id: &ServiceId, state: &HostState) -> bool {
    state.upstreams.values().flat_map(BTreeMap::values).any(|file| file.service == *id)
}

/// Returns whether a file sends requests to a unit that starts when the host does.
fn boots(file: &UpstreamFile, state: &HostState) -> bool {
    state.units.links.iter().any(|link| leads_to(file, &link.unit, state))
}

/// Returns the upstreams that are answered, and the service of each.
pub(crate) fn named(state: &HostState, now: Duration) -> BTreeMap<String, ServiceId> {
    let loaded = state.workers.values().filter_map(|all| all.last());
    let files = loaded.flat_map(|workers| workers.files.values());
    let answered = files.filter(|file| up_targets(file, state, now) > 0);
    answered
        .flat_map(|file| file.names().map(|name| (name.to_owned(), file.service.clone())))
        .collect()
}

/// Returns the upstreams in the files, and whether they are answered after a reboot. Asserts that the proxy takes
/// the files.
pub(crate) fn on_disk(state: &HostState) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    for file in state.upstreams.values().flat_map(BTreeMap::values) {
        for name in file.names() {
            let other = all.insert(name.to_owned(), boots(file, state));
            assert_eq!(other, None, "two files have the upstream {name}");
        }
    }
    all
}

/// Returns the number of instances in a file that are up.
fn up_targets(file: &UpstreamFile, state: &HostState, now: Duration) -> usize {
    let up = state.states(now).into_iter().filter(|(_, state)| state.is_up());
    up.filter(|(unit, _)| leads_to(file, unit, state)).count()
}

/// Returns the number of instances in a file.
fn count(file: &UpstreamFile) -> usize {
    file.text.lines().filter(|line| line.trim().starts_with("server ")).count()
}

/// Returns whether a file sends requests to a unit.
fn leads_to(file: &UpstreamFile, unit: &UnitName, state: &HostState) -> bool {
    let Some(unit) = state.units.units.get(unit) else { return false };
    if unit.metadata.service.as_ref() != Some(&file.service) {
        return false;
    }
    match endpoint(unit) {
        Some(Endpoint::Tcp { port, .. }) => file.text.contains(&format!(":{port}")),
        Some(Endpoint::Socket(path)) => {
            let number = unit.metadata.kind.instance().map_or(0, |instance| instance.number);
            let names = state.sockets.get(&file.service);
            names.is_some_and(|names| names.get(&number) == Some(path))
                && file.text.contains(&format!("/{number}.sock"))
        }
        None => false,
    }
}

/// Returns the address of an instance.
pub(crate) fn endpoint(unit: &Unit) -> Option<&Endpoint> {
    unit.metadata.kind.instance()?.endpoint.as_ref()
}
