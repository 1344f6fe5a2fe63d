//! A host as a plan sees it: what is in its directories, what runs, and where requests go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use conductor_core::name::UnitName;
use conductor_core::plan::{ActiveState, Desired, Observed, Step, record};
use conductor_core::proxy::{ProxyTemplates, UpstreamFile};
use conductor_core::release::Release;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::{Link, Record, Templates, Unit, UnitSet};
use conductor_core::value::{Endpoint, Port};
use jiff::Timestamp;
use proptest::prelude::*;

/// How many releases there are to choose from.
pub(crate) const RELEASES: usize = 3;
/// How many instances a release has at most.
const INSTANCES: u16 = 3;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&[]).unwrap());

/// The settings of a deploy that make a difference to its plan.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others")]
pub(crate) struct Settings {
    instances: u16,
    batch: u16,
    keep: u16,
    stop_first: bool,
    proxy: bool,
    min_healthy: bool,
    jobs: bool,
}

pub(crate) fn deployable() -> impl Strategy<Value = Settings> {
    let order = prop::bool::weighted(0.2);
    let numbers = (1..=INSTANCES, 1..=2_u16, 0..=2_u16);
    (numbers, order, prop::bool::weighted(0.8), any::<[bool; 2]>()).prop_map(
        |((instances, batch, keep), stop_first, proxy, [min_healthy, jobs])| Settings {
            instances,
            batch,
            keep,
            stop_first,
            proxy,
            min_healthy,
            jobs,
        },
    )
}

/// One instance as it is found.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is found or not, whatever the others")]
struct Found {
    file: bool,
    enabled: bool,
    up: bool,
    named: bool,
}

/// What is on a host before anything is done to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    found: Vec<Found>,
    /// Whether the proxy has not read its file yet: it works with what this release would say.
    behind: Option<usize>,
    /// The job of a release, whether it is enabled, and whether its timer is up.
    job: Option<(usize, bool, bool)>,
}

impl Arbitrary for Start {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let found = any::<[bool; 4]>().prop_map(|[file, enabled, up, named]| Found {
            file,
            // What conductor leaves behind has a file where it has a link, and runs if it is named.
            enabled: file && enabled,
            up: file && up,
            named: file && up && named,
        });
        let all = RELEASES * usize::from(INSTANCES);
        let job = prop::option::of((0..RELEASES, any::<bool>(), any::<bool>()));
        (prop::collection::vec(found, all), prop::option::of(0..RELEASES), job)
            .prop_map(|(found, behind, job)| Self { found, behind, job })
            .boxed()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    services: &'static [Service],
    set: UnitSet,
    up: BTreeSet<UnitName>,
    file: Option<UpstreamFile>,
    pending: bool,
    /// What each generation of the proxy's processes sends requests to; the last one takes new ones.
    processes: Vec<BTreeSet<Port>>,
    /// Whether there was an answer before the plan that is being carried out.
    answered: bool,
}

impl World {
    pub(crate) fn new(start: &Start, settings: &Settings) -> Self {
        let services = (0..RELEASES).map(|release| service(release, settings)).collect::<Vec<_>>();
        let mut world = Self {
            services: Box::leak(services.into_boxed_slice()),
            set: UnitSet::default(),
            up: BTreeSet::new(),
            file: None,
            pending: false,
            processes: vec![BTreeSet::new()],
            answered: false,
        };
        let mut named = BTreeSet::new();
        for (index, found) in start.found.iter().enumerate() {
            let (release, number) =
                (index / usize::from(INSTANCES), index % usize::from(INSTANCES));
            let record = Record {
                deployed: Timestamp::from_second(1_000 + i64::try_from(release).unwrap()).unwrap(),
                replaces: None,
                undoes: None,
                definition: None,
            };
            let all = world.compile(release, Some(&record));
            let mut instances =
                all.units.iter().filter(|(_, unit)| unit.metadata.kind.is_instance());
            let Some((name, unit)) = instances.nth(number) else { continue };
            if found.file {
                world.set.units.insert(name.clone(), unit.clone());
            }
            if found.enabled {
                let link = all.links.iter().find(|link| link.unit == *name).unwrap();
                world.set.links.insert(link.clone());
            }
            if found.up {
                world.up.insert(name.clone());
            }
            if found.named {
                named.insert(port(unit).unwrap());
            }
        }
        if let Some((release, enabled, up)) = start.job {
            let jobs = world.jobs(release, None);
            if enabled {
                world.set.links.extend(jobs.links);
            }
            let timers = jobs.units.keys().filter(|name| name.kind() == "timer");
            world.up.extend(timers.filter(|_| up).cloned());
            world.set.units.extend(jobs.units);
        }
        if settings.proxy && !named.is_empty() {
            let file = upstream(&world.services[0], &named);
            world.file = Some(file);
            world.processes = vec![named];
            if let Some(release) = start.behind {
                world.pending = true;
                let before = world.compile(release, None);
                let up = before.units.iter().filter(|(name, _)| world.up.contains(*name));
                world.processes = vec![up.filter_map(|(_, unit)| port(unit)).collect()];
            }
        }
        world
    }

    /// Gives the units of a release.
    fn compile(&self, release: usize, record: Option<&Record>) -> UnitSet {
        let service = &self.services[release];
        let first = 20_001 + 10 * u16::try_from(release).unwrap();
        let ports =
            (1..=INSTANCES).map(|n| (n, (first + n).to_string().parse().unwrap())).collect();
        let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
        release.compile(&ports, record, Scope::System, &TEMPLATES).unwrap()
    }

    /// Gives the units of a release's jobs.
    fn jobs(&self, release: usize, record: Option<&Record>) -> UnitSet {
        let service = &self.services[release];
        let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
        release.compile_jobs(&release.name(), record, Scope::System, &TEMPLATES).unwrap()
    }

    /// Gives what a deploy of a release is after.
    pub(crate) fn desired(&self, number: usize) -> Desired<'static> {
        let service = &self.services[number];
        let release = Release::new(service, service.own_revision().unwrap(), &TEMPLATES);
        let (observed, now) = (self.observed(), Timestamp::from_second(2_000).unwrap());
        let record = record(&service.id, &release.name(), &observed, now, None);
        let units = self.compile(number, record.as_ref());
        let ports = units.units.values().filter_map(port).collect();
        Desired {
            service,
            revision: release.revision.clone(),
            release: release.name(),
            upstream: service.proxy.as_ref().map(|_| upstream(service, &ports)),
            units,
            jobs: self.jobs(number, record.as_ref()),
            before: None,
        }
    }

    pub(crate) fn observed(&self) -> Observed {
        let mut observed = Observed::new(self.set.clone(), BTreeMap::new());
        let up = self.up.iter().map(|unit| (unit.clone(), ActiveState::Active));
        observed.states = Some(up.collect());
        let id = self.services[0].id.clone();
        observed.upstreams.extend(self.file.iter().map(|file| (id.clone(), vec![file.clone()])));
        if self.pending {
            observed.pending.insert(id, ["nginx".parse().unwrap()].into());
        }
        observed
    }

    /// Takes a step, which must not leave anybody without an answer.
    pub(crate) fn take(&mut self, step: &Step, downtime: bool) {
        match step {
            Step::Write { name, unit, .. } => {
                self.set.units.insert(name.clone(), Unit::clone(unit));
            }
            Step::Enable(link) => {
                self.set.links.insert(link.clone());
            }
            Step::Start(unit) | Step::Restart(unit) => {
                assert!(self.set.units.contains_key(unit), "{unit} has no file");
                let enabled = |link: &Link| link.unit == *unit;
                let linked = unit.kind() != "target";
                assert!(!linked || self.set.links.iter().any(enabled), "{unit} is not enabled");
                self.up.insert(unit.clone());
            }
            Step::Confirm { units, .. } => {
                assert!(units.iter().all(|unit| self.up.contains(unit)), "{units:?}");
            }
            Step::WriteUpstream { file, restore } => {
                let healthy = ports(file).is_subset(&self.healthy());
                assert!(healthy || *restore || downtime, "not all are healthy:\n{}", file.text);
                self.file = Some(file.clone());
                self.pending = true;
            }
            Step::RemoveUpstream { .. } => {
                self.file = None;
                self.pending = true;
            }
            Step::ReloadProxy(_) => {
                let ports = self.file.as_ref().map(ports).unwrap_or_default();
                self.processes.push(ports);
            }
            Step::DrainProxy { .. } => {
                self.processes.drain(..self.processes.len() - 1);
                self.pending = false;
            }
            Step::Stop(unit) => {
                let asked = self.set.units.get(unit).and_then(port);
                let asked = asked.is_some_and(|port| {
                    self.up.contains(unit)
                        && self.processes.iter().any(|ports| ports.contains(&port))
                });
                assert!(!asked || downtime, "{unit} is stopped while it is asked");
                self.up.remove(unit);
            }
            Step::Disable(link) => {
                self.set.links.remove(link);
            }
            Step::Remove(unit) => {
                assert!(!self.up.contains(unit), "{unit} is up");
                self.set.units.remove(unit);
            }
            Step::TestProxy { .. } => {}
            step => panic!("{step}"),
        }
        assert!(!self.answered || downtime || self.answers(), "after {step} nobody answers");
    }

    /// Notes whether requests are answered: from now on they have to be.
    pub(crate) fn begin(&mut self) {
        self.answered = self.answers();
    }

    /// Gives the ports that answer.
    fn healthy(&self) -> BTreeSet<Port> {
        let units = self.set.units.iter().filter(|(name, _)| self.up.contains(*name));
        units.filter_map(|(_, unit)| port(unit)).collect()
    }

    /// Tells whether a request is answered: one that comes now, and after a reboot.
    fn answers(&self) -> bool {
        let healthy = self.healthy();
        let now = self.processes.last().is_some_and(|ports| !ports.is_disjoint(&healthy));
        let file = self.file.as_ref().map(ports).unwrap_or_default();
        let boots = |unit: &UnitName| {
            let unit =
                self.set.units.get(unit).filter(|_| self.set.links.iter().any(|l| l.unit == *unit));
            unit.and_then(port).is_some_and(|port| file.contains(&port))
        };
        now && self.set.units.keys().any(boots)
    }

    /// Insists that the world is as desired: exactly so many instances up, and asked.
    pub(crate) fn is(&self, desired: &Desired<'_>) {
        let instances = |names: &mut dyn Iterator<Item = &UnitName>| {
            names
                .filter(|name| {
                    name.kind() == "service" && !name.as_str().ends_with("-boot.service")
                })
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        let wanted = instances(&mut desired.units.units.keys());
        assert_eq!(instances(&mut self.up.iter()), wanted);
        let links = desired.units.links.union(&desired.jobs.links).cloned().collect();
        assert_eq!(self.set.links, links);
        let is_job = |unit: &Unit| {
            let kind = &unit.metadata.kind;
            kind.job().is_some() || kind.timer().is_some()
        };
        let jobs = self.set.units.iter().filter(|(_, unit)| is_job(unit));
        assert!(jobs.eq(&desired.jobs.units), "jobs are of another release");
        let up = self.up.iter().filter(|unit| unit.kind() == "timer");
        assert!(up.eq(desired.jobs.links.iter().map(|link| &link.unit)));
        assert_eq!(self.file, desired.upstream);
        assert!(!self.pending);
        if let Some(file) = &desired.upstream {
            assert_eq!(self.processes, [ports(file)]);
        }
        let released = self
            .set
            .units
            .values()
            .filter_map(|unit| Some(unit.metadata.kind.instance()?.release()));
        let kept = released.collect::<BTreeSet<_>>().len() - 1;
        assert!(kept <= usize::from(desired.service.deploy.keep), "{kept} are kept");
    }

    /// Insists that the world is as another one.
    pub(crate) fn is_as(&self, before: &Self) {
        assert_eq!(self.set, before.set);
        assert_eq!(self.up, before.up);
        assert_eq!(self.file, before.file);
        assert_eq!(self.processes.last(), before.processes.last());
    }
}

/// Tells whether a step leaves the host as it is.
pub(crate) fn only_looks(step: &Step) -> bool {
    matches!(step, Step::TestProxy { .. } | Step::Confirm { .. })
}

/// Tells whether a step says where requests go.
pub(crate) fn routes(step: &Step) -> bool {
    matches!(step, Step::WriteUpstream { .. } | Step::RemoveUpstream { .. })
}

fn service(release: usize, settings: &Settings) -> Service {
    let Settings { instances, batch, keep, stop_first, proxy, min_healthy, jobs } = settings;
    let order = if *stop_first { "stop-first" } else { "start-first" };
    let time = if *min_healthy { "1s" } else { "0s" };
    let text = format!(
        "id: web\nrevision: v{release}\ncommand: [/bin/web]\nport: 80\nhealth: {{http: /}}\n\
         instances: {instances}\n\
         deploy: {{order: {order}, batch: {batch}, keep: {keep}, min_healthy_time: {time}}}\n{}{}",
        if *proxy { "proxy: {nginx: {upstream: web}}\n" } else { "" },
        // Another schedule, too: the timer of a release is to be started anew.
        match jobs {
            true => format!(
                "cron: {{tidy: {{calendar: \"{release}:00\", command: [x], enabled: {}}}}}\n",
                release != 2
            ),
            false => String::new(),
        }
    );
    Service::parse(Path::new("web.yaml"), &text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn port(unit: &Unit) -> Option<Port> {
    unit.metadata.kind.instance()?.endpoint.as_ref()?.port()
}

fn upstream(service: &Service, ports: &BTreeSet<Port>) -> UpstreamFile {
    let templates = ProxyTemplates::new([]).unwrap();
    let listen = "127.0.0.1".parse().unwrap();
    let endpoints: Vec<_> = ports.iter().map(|&port| Endpoint::Tcp { listen, port }).collect();
    templates.render(service.proxy.as_ref().unwrap(), &service.id, &endpoints).unwrap()
}

fn ports(file: &UpstreamFile) -> BTreeSet<Port> {
    let lines = file.text.lines().filter_map(|line| line.trim().strip_prefix("server 127.0.0.1:"));
    lines.map(|rest| rest.split(' ').next().unwrap().parse().unwrap()).collect()
}
