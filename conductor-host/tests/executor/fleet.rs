//! Services with three releases each, on a fake host.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{
    self, Desired, Hook, Observed, Plan, ServicePlan, Step, Turn, converge, record, releases,
};
use conductor_core::proxy::{ProxyTemplates, UpstreamFile};
use conductor_core::release::{Release, VERSION, shared_units, slice_unit, start_link};
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::{Kind, Link, Metadata, Record, Templates, Unit, UnitSet};
use conductor_core::value::{Endpoint, Port, Span};
use conductor_host::fake::{Call, FakeHost, Program, ProxyWorkers, an_image};
use conductor_host::system::JobType;
use jiff::Timestamp;

use crate::services::{Goal, INSTANCES, RELEASES, SERVICES, Settings, Start, needs, service};
use crate::watch::{Watch, answers, endpoint, is_filed, named, on_disk, up_of};

/// The longest wait for connections to a service that is removed.
const DRAIN: Span = Span::from_secs(30);

static SHARED: LazyLock<UnitSet> =
    LazyLock::new(|| shared_units(Scope::System, &TEMPLATES).unwrap());

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&[]).unwrap());

static PROXY_TEMPLATES: LazyLock<ProxyTemplates> =
    LazyLock::new(|| ProxyTemplates::new([]).unwrap());

/// A service, and the settings that it was made from.
struct Member {
    id: ServiceId,
    number: u16,
    settings: Settings,
    /// By release, and by name of the upstream.
    releases: Vec<Vec<&'static Service>>,
    /// The units of a release with a record: compiling them takes longer than a change on a fake host.
    compiled: RefCell<BTreeMap<(usize, Option<Record>), UnitSet>>,
}

/// Services on a fake host.
pub(crate) struct Fleet {
    pub(crate) host: FakeHost,
    members: Vec<Member>,
    watches: Arc<Mutex<BTreeMap<ServiceId, Watch>>>,
    /// The upstreams that are answered all the time.
    names: Arc<Mutex<BTreeSet<String>>>,
    /// The upstreams that are in the files all the time, and whether they are answered after a reboot.
    filed: Arc<Mutex<BTreeMap<String, bool>>>,
    /// The new instances of an application, and the old ones that stop after them.
    processes: Arc<Mutex<(BTreeSet<UnitName>, BTreeSet<UnitName>)>>,
}

impl Fleet {
    pub(crate) fn new(services: &[(Settings, Start)]) -> Self {
        let starts: BTreeMap<ServiceId, (u64, bool)> = (0_u16..)
            .zip(services)
            .map(|(number, (settings, _))| (id(number), (settings.start, settings.watched)))
            .collect();
        let host = FakeHost::default().with_programs(move |unit| {
            let mut programs = starts.iter();
            let of = |id: &ServiceId| unit.as_str().starts_with(&format!("conductor-{id}-"));
            let instance = unit.as_str().matches('.').count() > 1;
            match programs.find(|(id, _)| of(id)).filter(|_| instance) {
                Some((_, (start, watched))) => Program {
                    start: Duration::from_millis(*start),
                    watched: *watched,
                    ..Program::default()
                },
                None => Program::default(),
            }
        });
        let (watches, names, filed) = (Arc::default(), Arc::default(), Arc::default());
        let processes = Arc::default();
        let mut fleet = Self { host, members: Vec::new(), watches, names, filed, processes };
        for (number, (settings, start)) in (0_u16..).zip(services) {
            let by_name = |release| {
                let services = (0..SERVICES).map(|name| {
                    let service = service(number, Goal { release, name }, settings);
                    let service: &Service = Box::leak(Box::new(service));
                    service
                });
                services.collect()
            };
            let releases = (0..RELEASES).map(by_name).collect();
            let settings = settings.clone();
            fleet.members.push(Member {
                id: id(number),
                number,
                settings,
                releases,
                compiled: RefCell::default(),
            });
            fleet.find(fleet.members.len() - 1, start);
        }
        let (watches, names) = (Arc::clone(&fleet.watches), Arc::clone(&fleet.names));
        let filed = Arc::clone(&fleet.filed);
        let processes = Arc::clone(&fleet.processes);
        fleet.host.on_call(move |call, state, now| {
            let (new, old) = &*processes.lock().unwrap();
            if let Call::RunJob(JobType::Stop, unit) = call
                && old.contains(unit)
            {
                let missing = new.iter().find(|unit| !state.state(unit, now).is_up());
                assert_eq!(missing, None, "{unit} stops before all processes are up");
            }
            for (id, watch) in &mut *watches.lock().unwrap() {
                watch.look(id, call, state, now);
            }
            let answered = named(state, now);
            let on_disk = on_disk(state);
            for name in &*names.lock().unwrap() {
                assert!(answered.contains_key(name), "after {call:?} nobody answers for {name}");
            }
            // A proxy that starts now, after a crash, takes the files, and knows the upstreams.
            for (name, boots) in &*filed.lock().unwrap() {
                let found = on_disk.get(name);
                assert!(found.is_some(), "after {call:?} no file has {name}");
                assert!(!boots || found == Some(&true), "after {call:?} nothing boots for {name}");
            }
        });
        fleet
    }

    /// Returns the instances that are up.
    pub(crate) fn instances(&self) -> Vec<UnitName> {
        let (state, now) = (self.host.state(), self.host.now());
        let of = |member: &Member| -> Vec<UnitName> { up_of(&member.id, &state, now).collect() };
        let up = self.members.iter().flat_map(of);
        up.filter(|unit| state.units.units[unit].metadata.kind.is_instance()).collect()
    }

    /// Returns whether an undo starts no instance that takes long to start.
    pub(crate) fn stops_soon(&self) -> bool {
        self.members.iter().all(|member| !member.settings.stop_first)
    }

    /// Puts the initial state of a service on the host.
    fn find(&self, member: usize, start: &Start) {
        let member = &self.members[member];
        let mut named = BTreeSet::new();
        let mut state = self.host.state_mut();
        for (index, found) in start.found.iter().enumerate() {
            let (release, number) =
                (index / usize::from(INSTANCES), index % usize::from(INSTANCES));
            let record = Record {
                deployed: Timestamp::from_second(1_000 + i64::try_from(release).unwrap()).unwrap(),
                replaces: None,
                undoes: None,
                definition: None,
            };
            let all = member.compile(release, Some(&record));
            let mut instances =
                all.units.iter().filter(|(_, unit)| unit.metadata.kind.is_instance());
            let Some((name, unit)) = instances.nth(number) else { continue };
            if !found.file {
                continue;
            }
            state.units.units.insert(name.clone(), unit.clone());
            let image = unit.metadata.kind.image().cloned();
            state.images.extend(image.map(|image| (image.clone(), an_image(&image))));
            state.networks.extend(unit.metadata.kind.networks());
            state.pods.extend(unit.metadata.kind.pod().map(|pod| pod.name.clone()));
            if found.enabled {
                let link = all.links.iter().find(|link| link.unit == *name).unwrap();
                state.units.links.insert(link.clone());
            }
            if found.up {
                state.set_active(name, Duration::ZERO);
            }
            match endpoint(unit) {
                Some(Endpoint::Socket(path)) if found.named => {
                    let number = unit.metadata.kind.instance().unwrap().number;
                    state
                        .sockets
                        .entry(member.id.clone())
                        .or_default()
                        .insert(number, path.clone());
                    named.insert(name_of_socket(&member.id, number));
                }
                Some(endpoint) if found.named => {
                    named.insert(endpoint.clone());
                }
                _ => {}
            }
        }
        if let Some((release, enabled, up)) = start.job {
            let jobs = member.jobs(release, None);
            if enabled {
                state.units.links.extend(jobs.links);
            }
            state.units.units.extend(jobs.units.clone());
            for timer in jobs.units.keys().filter(|name| up && name.kind() == "timer") {
                state.set_active(timer, Duration::ZERO);
            }
        }
        if start.older {
            let slice = slice_unit(&member.id);
            let boot: UnitName = format!("conductor-{}-boot.service", member.id).parse().unwrap();
            let link = start_link(&member.id, Scope::System);
            state.units.links.insert(Link { unit: boot.clone(), ..link });
            for (name, kind) in [(slice.clone(), Kind::Slice), (boot, Kind::Boot)] {
                let (version, service) = (VERSION.to_owned(), Some(member.id.clone()));
                let metadata =
                    Metadata { version, rendered: None, service, application: None, kind };
                let text = format!("[Unit]\n\n{metadata}");
                state.units.units.insert(name, Unit { metadata, text });
            }
            state.set_active(&slice, Duration::ZERO);
        }
        if member.settings.proxy && !named.is_empty() {
            let file = upstream(member.releases[0][usize::from(member.number)], named);
            let files = state.upstreams.entry(file.proxy.clone()).or_default();
            files.insert(member.id.clone(), file.clone());
            let files = files.clone();
            state.workers.insert(file.proxy, vec![ProxyWorkers::new(files)]);
        }
    }

    pub(crate) fn observed(&self) -> Observed {
        self.host.state().observed(self.host.now())
    }

    /// Returns the desired state of a service.
    pub(crate) fn desired(&self, member: usize, goal: Goal) -> Desired<'static> {
        let member = &self.members[member];
        let (number, service) = (goal.release, member.releases[goal.release][goal.name]);
        let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
        let now = Timestamp::from_second(2_000).unwrap();
        let record =
            record(&service.id, &release.name(), &BTreeSet::new(), &self.observed(), now, None);
        let units = member.compile(number, record.as_ref());
        let instances = units.units.values().filter_map(|unit| unit.metadata.kind.instance());
        let endpoints = instances.filter_map(|instance| match &instance.endpoint {
            Some(Endpoint::Socket(_)) => Some(name_of_socket(&service.id, instance.number)),
            endpoint => endpoint.clone(),
        });
        let unit = release.task_unit("before");
        Desired {
            service,
            revision: release.revision.clone(),
            release: release.name(),
            upstream: service.proxy.as_ref().map(|_| upstream(service, endpoints.collect())),
            units,
            shared: &SHARED,
            jobs: member.jobs(number, record.as_ref()),
            before: member.settings.before.then(|| Hook { unit, text: String::new() }),
            twins: BTreeSet::new(),
        }
    }

    /// Plans the change of each service to a release, or its removal.
    ///
    /// `on_the_way` is true if no undo is expected.
    pub(crate) fn plan(&self, targets: &[Option<Goal>], on_the_way: bool) -> Vec<ServicePlan> {
        let observed = self.observed();
        let mut plans = Vec::new();
        for (member, target) in self.members.iter().zip(targets) {
            let desired = target.map(|goal| self.desired(usize::from(member.number), goal));
            let plan = match &desired {
                Some(desired) => converge(desired, &observed).unwrap(),
                None => plan::remove(&member.id, DRAIN, &[], &observed),
            };
            self.watch(member, &plan, desired.as_ref(), &observed, on_the_way);
            plans.push(plan);
        }
        assert_eq!(plan::taken(&plans, &observed), None);
        let plans = Plan::new(plans, &observed).services;
        self.watch_processes(&plans);
        self.watch_order(targets, &plans);
        self.watch_names(targets, &plans);
        plans
    }

    /// Starts to check that each upstream is answered all the time, whichever service has it.
    fn watch_names(&self, targets: &[Option<Goal>], plans: &[ServicePlan]) {
        let (state, now) = (self.host.state(), self.host.now());
        let is_down =
            |id: &ServiceId| plans.iter().any(|plan| plan.service == *id && plan.downtime);
        let on_disk = on_disk(&state);
        let before = named(&state, now).into_iter();
        let before = before.filter(|(name, id)| !is_down(id) && on_disk.contains_key(name));
        let after: BTreeSet<String> = self
            .members
            .iter()
            .zip(targets)
            .filter(|(member, _)| member.settings.proxy && !is_down(&member.id))
            .filter_map(|(_, target)| Some(format!("app{}", (*target)?.name)))
            .collect();
        let both: BTreeSet<_> =
            before.map(|(name, _)| name).filter(|name| after.contains(name)).collect();
        let wanted = |name: &String| {
            let mut all = self.members.iter().zip(targets);
            all.any(|(member, target)| {
                let is_it = |goal: &Goal| *name == format!("app{}", goal.name);
                member.settings.proxy && target.as_ref().is_some_and(is_it)
            })
        };
        let filed = on_disk.into_iter().filter(|(name, _)| wanted(name));
        *self.filed.lock().unwrap() = filed
            .map(|(name, boots)| {
                let boots = boots && both.contains(&name);
                (name, boots)
            })
            .collect();
        *self.names.lock().unwrap() = both;
    }

    /// Starts to check that no process of an application stops old instances before all have their new ones.
    fn watch_processes(&self, plans: &[ServicePlan]) {
        let (mut new, mut old) = (BTreeSet::new(), BTreeSet::new());
        let is_process = |plan: &&ServicePlan| {
            plan.together.as_ref().is_some_and(|together| together.application.is_some())
        };
        for plan in plans.iter().filter(is_process) {
            new.extend(plan.steps.iter().filter_map(|step| match step {
                Step::Start(unit) if unit.kind() == "service" => Some(unit.clone()),
                _ => None,
            }));
            old.extend(plan.finish.iter().filter_map(|step| match step {
                Step::Stop(unit) if unit.kind() == "service" => Some(unit.clone()),
                _ => None,
            }));
        }
        *self.processes.lock().unwrap() = (new, old);
    }

    /// Starts to check that what depends on a service starts after it, and stops before it.
    fn watch_order(&self, targets: &[Option<Goal>], plans: &[ServicePlan]) {
        let now = self.host.now();
        let state = self.host.state();
        let states = state.states(now);
        let is_down = |unit: &UnitName| !states.get(unit).is_some_and(|state| state.is_up());
        let starts = |plan: &ServicePlan| -> BTreeSet<UnitName> {
            let starts = plan.steps.iter().filter_map(|step| match step {
                Step::Start(unit) if unit.kind() == "service" => Some(unit.clone()),
                _ => None,
            });
            starts.filter(is_down).collect()
        };
        let mut watches = self.watches.lock().unwrap();
        for (number, member) in self.members.iter().enumerate() {
            let Some(watch) = watches.get_mut(&member.id) else { continue };
            let before = number.checked_sub(1).filter(|_| member.settings.depends);
            let (Some(plan), Some(before)) = (plans.get(number), before) else { continue };
            let (of, id) = (&plans[before], &self.members[before].id);
            // In other groups, who stops first does not wait.
            let is_free = |plan: &ServicePlan| match &plan.together {
                Some(together) => together.application.is_some(),
                None => true,
            };
            let alone = is_free(plan) && is_free(of);
            match (targets[number], targets[before]) {
                (Some(goal), Some(_)) if alone && needs(goal.release) => {
                    watch.waits = Some((starts(plan), starts(of)));
                }
                (goal, None) if goal.is_none_or(|goal| !needs(goal.release)) && !vacates(of) => {
                    let up = |id| up_of(id, &state, now).filter(|unit| unit.kind() == "service");
                    watch.outlived_by = up(id).collect();
                    let needs = |unit: &UnitName| {
                        let after = format!("After=conductor-start@{id}.service");
                        state.units.units[unit].text.contains(&after)
                    };
                    watch.needing = up(&member.id).filter(needs).collect();
                }
                _ => {}
            }
        }
    }

    /// Starts to check the invariants while a plan is carried out.
    fn watch(
        &self,
        member: &Member,
        plan: &ServicePlan,
        desired: Option<&Desired<'_>>,
        observed: &Observed,
        on_the_way: bool,
    ) {
        let (state, now) = (self.host.state(), self.host.now());
        let runs = plan.steps.iter().find_map(|step| match step {
            Step::Run(hook) => Some(hook.unit.clone()),
            _ => None,
        });
        let current = releases(&member.id, observed);
        let units = desired.filter(|desired| {
            desired.before.is_some()
                && current.first().is_none_or(|current| current.name != desired.release)
        });
        if let Some(desired) = units {
            assert_eq!(runs.as_ref(), desired.before.as_ref().map(|hook| &hook.unit));
        }
        let instances = units.map(|desired| {
            let units = desired.units.units.iter();
            let instances = units.filter(|(_, unit)| unit.metadata.kind.is_instance());
            instances.map(|(name, _)| name.clone()).collect()
        });
        let file = state.upstreams.values().find_map(|files| files.get(&member.id)).cloned();
        let watch = Watch {
            // A service that is removed answers no requests.
            downtime: plan.downtime || desired.is_none(),
            answered: answers(&member.id, &state, now) && is_filed(&member.id, &state),
            file,
            before: runs.zip(instances),
            up: up_of(&member.id, &state, now).map(|unit| (unit, now)).collect(),
            batch: member.settings.batch.into(),
            on_the_way,
            stopped: None,
            waits: None,
            outlived_by: BTreeSet::new(),
            needing: BTreeSet::new(),
            start: Duration::from_millis(member.settings.start),
        };
        self.watches.lock().unwrap().insert(member.id.clone(), watch);
    }

    /// Asserts that the services are in the desired state: the right instances are up and get requests.
    pub(crate) fn is(&self, targets: &[Option<Goal>]) {
        let (now, state) = (self.host.now(), self.host.state());
        assert!(!state.stale && state.stale_units().next().is_none(), "systemd knows old units");
        assert!(state.pending.is_empty(), "{:?}", state.pending);
        let shared = state.units.units.iter().filter(|(_, unit)| unit.metadata.service.is_none());
        match targets.iter().any(Option::is_some) {
            true => assert!(shared.eq(&SHARED.units), "what all share is not as it should be"),
            false => assert_eq!(shared.count(), 0),
        }
        for (member, target) in self.members.iter().zip(targets) {
            let is_own = |unit: &Unit| unit.metadata.service.as_ref() == Some(&member.id);
            let own = |unit: &UnitName| state.units.units.get(unit).is_some_and(is_own);
            let up = state.states(now).into_iter().filter(|(_, state)| state.is_up());
            let up: BTreeSet<UnitName> = up.map(|(unit, _)| unit).filter(own).collect();
            let start = start_link(&member.id, Scope::System);
            let links = state.units.links.iter();
            let links = links.filter(|link| own(&link.unit) || **link == start);
            let links: BTreeSet<_> = links.cloned().collect();
            let file = state.upstreams.values().find_map(|files| files.get(&member.id));
            let names = state.sockets.get(&member.id).cloned().unwrap_or_default();
            let Some(goal) = *target else {
                assert!(!state.units.units.keys().any(own), "something is left");
                assert_eq!(links, BTreeSet::new());
                assert_eq!((file, names.len()), (None, 0));
                assert!(!state.state(&slice_unit(&member.id), now).is_up(), "its slice is left");
                continue;
            };
            let is_older = |unit: &Unit| matches!(unit.metadata.kind, Kind::Slice | Kind::Boot);
            let older = state.units.units.values().find(|unit| is_own(unit) && is_older(unit));
            assert_eq!(older, None);
            let desired = self.desired(usize::from(member.number), goal);
            let instances = desired.units.units.iter();
            let instances = instances.filter(|(_, unit)| unit.metadata.kind.is_instance());
            let wanted: BTreeSet<_> = instances.clone().map(|(name, _)| name.clone()).collect();
            let is_instance = |unit: &&UnitName| {
                state.units.units.get(*unit).is_some_and(|unit| unit.metadata.kind.is_instance())
            };
            assert_eq!(up.iter().filter(is_instance).cloned().collect::<BTreeSet<_>>(), wanted);
            let desired_links: BTreeSet<_> =
                desired.units.links.union(&desired.jobs.links).cloned().collect();
            assert_eq!(links, desired_links);
            let is_job = |unit: &Unit| {
                let kind = &unit.metadata.kind;
                is_own(unit) && (kind.job().is_some() || kind.timer().is_some())
            };
            let jobs = state.units.units.iter().filter(|(_, unit)| is_job(unit));
            assert!(jobs.eq(&desired.jobs.units), "jobs are of another release");
            let timers = up.iter().filter(|unit| unit.kind() == "timer");
            assert!(timers.eq(desired.jobs.links.iter().map(|link| &link.unit)));
            assert_eq!(file, desired.upstream.as_ref());
            if let Some(file) = file {
                let workers = state.workers[&file.proxy].last().unwrap();
                assert_eq!(workers.files.get(&member.id), Some(file));
            }
            let sockets = instances.filter_map(|(_, unit)| match endpoint(unit)? {
                Endpoint::Socket(path) => {
                    Some((unit.metadata.kind.instance()?.number, path.clone()))
                }
                Endpoint::Tcp { .. } => None,
            });
            assert_eq!(names, sockets.collect());
            let released = state.units.units.values().filter_map(|unit| {
                let instance = unit.metadata.kind.instance()?;
                is_own(unit).then(|| instance.release())
            });
            let kept = released.collect::<BTreeSet<_>>().len() - 1;
            assert!(kept <= usize::from(desired.service.deploy.keep), "{kept} are kept");
        }
    }

    /// Asserts that each network and pod has a user, and each user its networks and its pod.
    pub(crate) fn has_the_networks_of_its_units(&self) {
        let state = self.host.state();
        let units = state.units.units.values();
        let used: BTreeSet<_> = units.flat_map(|unit| unit.metadata.kind.networks()).collect();
        assert_eq!(state.networks, used);
        let pods = state.units.units.values().filter_map(|unit| unit.metadata.kind.pod());
        let used: BTreeSet<_> = pods.map(|pod| pod.name.clone()).collect();
        assert_eq!(state.pods, used);
    }

    /// Returns the state that a failed change must restore: files, running units, and where requests go.
    pub(crate) fn serves(&self) -> impl PartialEq + std::fmt::Debug {
        let (now, state) = (self.host.now(), self.host.state());
        let up = state.states(now).into_iter().filter(|(_, state)| state.is_up());
        let up: Vec<_> = up.map(|(unit, _)| unit).collect();
        let workers: Vec<_> = state
            .workers
            .values()
            .filter_map(|workers| Some(workers.last()?.files.clone()))
            .collect();
        (state.units.clone(), up, state.upstreams.clone(), workers, state.sockets.clone())
    }
}

impl Member {
    /// Returns the units of a release.
    fn compile(&self, release: usize, record: Option<&Record>) -> UnitSet {
        let mut compiled = self.compiled.borrow_mut();
        let units = compiled.entry((release, record.cloned())).or_insert_with(|| {
            let service = self.releases[release][0];
            let first = 20_000 + 200 * self.number + 10 * u16::try_from(release).unwrap();
            let ports: BTreeMap<u16, Port> =
                (1..=INSTANCES).map(|n| (n, (first + n).to_string().parse().unwrap())).collect();
            let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
            release.compile(&ports, record, Scope::System, &TEMPLATES).unwrap()
        });
        units.clone()
    }

    /// Returns the units of a release's jobs.
    fn jobs(&self, release: usize, record: Option<&Record>) -> UnitSet {
        let service = self.releases[release][0];
        let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
        release.compile_jobs(&release.name(), record, None, Scope::System, &TEMPLATES).unwrap()
    }
}

/// Returns the desired state of a service with one native instance.
pub(crate) fn one(text: &str) -> Desired<'static> {
    one_of("web", text)
}

/// Returns the desired state of a service with an id and one native instance.
pub(crate) fn one_of(id: &str, text: &str) -> Desired<'static> {
    let text = format!("id: {id}\ncommand: [/bin/web]\n{text}");
    let service = Service::parse(Path::new("web.yaml"), &text);
    let service: &Service = Box::leak(Box::new(service.unwrap_or_else(|bad| panic!("{bad}"))));
    let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
    let units = release.compile(&BTreeMap::new(), None, Scope::System, &TEMPLATES).unwrap();
    Desired {
        service,
        revision: release.revision.clone(),
        release: release.name(),
        upstream: None,
        units,
        shared: &SHARED,
        jobs: UnitSet::default(),
        before: None,
        twins: BTreeSet::new(),
    }
}

/// Returns whether a removed service stops before what takes its place, whatever depends on it.
fn vacates(plan: &ServicePlan) -> bool {
    plan.together.as_ref().is_some_and(|group| group.turn == Turn::Vacates)
}

fn id(number: u16) -> ServiceId {
    format!("web{number}").parse().unwrap()
}

/// Returns the stable link to an instance's socket.
fn name_of_socket(id: &ServiceId, instance: u16) -> Endpoint {
    Endpoint::Socket(format!("/run/conductor/upstreams/{id}/{instance}.sock").parse().unwrap())
}

fn upstream(service: &Service, endpoints: BTreeSet<Endpoint>) -> UpstreamFile {
    let endpoints: Vec<_> = endpoints.into_iter().collect();
    PROXY_TEMPLATES.render(service.proxy.as_ref().unwrap(), &service.id, &endpoints).unwrap()
}
