//! The services of the executor's tests: their settings, their initial states, and their definitions.

use std::path::Path;

use conductor_core::service::Service;
use proptest::prelude::*;

/// The number of releases of each service.
pub(crate) const RELEASES: usize = 3;
/// The most services of a host, which have as many names of upstreams.
pub(crate) const SERVICES: usize = 3;
/// The most instances of a release.
pub(crate) const INSTANCES: u16 = 3;

/// What a service becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) release: usize,
    /// The number in the name of its upstream.
    pub(crate) name: usize,
}

impl Goal {
    /// Returns a release of the first service, with its own upstream.
    pub(crate) fn of(release: usize) -> Self {
        Self { release, name: 0 }
    }
}

/// Returns whether a release depends on the service before, if its service does.
pub(crate) fn needs(release: usize) -> bool {
    release + 1 < RELEASES
}

/// The runtime of the instances, and the kind of their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Port,
    Socket,
    Container,
    /// A container in a pod.
    Pod,
    /// A command that runs to its end.
    Oneshot,
}

/// The settings of a service that change its plan.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others")]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) instances: u16,
    pub(crate) batch: u16,
    pub(crate) keep: u16,
    pub(crate) stop_first: bool,
    pub(crate) proxy: bool,
    pub(crate) min_healthy: bool,
    pub(crate) jobs: bool,
    pub(crate) before: bool,
    /// How long its programs take to start, in milliseconds.
    pub(crate) start: u64,
    pub(crate) watched: bool,
    /// Whether it depends on the service before it, except for its last release.
    pub(crate) depends: bool,
    /// Whether it is a process of an application.
    pub(crate) is_process: bool,
}

impl Settings {
    /// Returns a service with every feature that adds steps to a deploy.
    pub(crate) fn with_everything(kind: Kind) -> Self {
        Self {
            kind,
            instances: if kind == Kind::Pod { 1 } else { 2 },
            batch: 1,
            keep: 0,
            stop_first: kind == Kind::Pod,
            proxy: true,
            // The wait for it would hide that connections are not waited for.
            min_healthy: kind != Kind::Port,
            jobs: true,
            before: true,
            start: 10,
            watched: true,
            depends: false,
            is_process: false,
        }
    }
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> + Clone {
    let kind =
        prop_oneof![Just(Kind::Port), Just(Kind::Socket), Just(Kind::Container), Just(Kind::Pod)];
    let numbers = (1..=INSTANCES, 1..=2_u16, 0..=2_u16);
    let order = (prop::bool::weighted(0.3), prop::bool::weighted(0.8));
    let start = prop_oneof![Just(10_u64), Just(400), Just(25_000)];
    (kind, numbers, order, any::<[bool; 4]>(), start).prop_map(
        |(kind, (instances, batch, keep), (stop_first, proxy), flags, start)| {
            let [min_healthy, jobs, before, watched] = flags;
            // Two containers do not have one address.
            let (instances, stop_first) = match kind {
                Kind::Pod => (1, true),
                _ => (instances, stop_first),
            };
            Settings {
                kind,
                instances,
                batch,
                keep,
                stop_first,
                proxy,
                min_healthy,
                jobs,
                before,
                start,
                watched,
                depends: false,
                is_process: false,
            }
        },
    )
}

/// Returns processes of one application.
pub(crate) fn processes() -> impl Strategy<Value = Settings> + Clone {
    dependent().prop_map(|settings| Settings { is_process: true, ..settings })
}

/// Returns services of which most depend on the one before, and some run to their end.
pub(crate) fn dependent() -> impl Strategy<Value = Settings> + Clone {
    let flags = (prop::bool::weighted(0.8), prop::bool::weighted(0.3));
    (settings(), flags).prop_map(|(settings, (depends, ends))| match ends {
        false => Settings { depends, ..settings },
        true => Settings {
            kind: Kind::Oneshot,
            instances: 1,
            batch: 1,
            stop_first: false,
            proxy: false,
            min_healthy: false,
            watched: false,
            depends,
            ..settings
        },
    })
}

/// The initial state of one instance.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is found or not, whatever the others")]
pub(crate) struct Found {
    pub(crate) file: bool,
    pub(crate) enabled: bool,
    pub(crate) up: bool,
    pub(crate) named: bool,
}

/// The initial state of a service, before the first change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) found: Vec<Found>,
    /// The job of a release, whether it is enabled, and whether its timer is up.
    pub(crate) job: Option<(usize, bool, bool)>,
    /// Whether an older version wrote it, with a file of its slice.
    pub(crate) older: bool,
}

impl Arbitrary for Start {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let found = any::<[bool; 4]>().prop_map(|[file, enabled, up, named]| Found {
            file,
            // conductor leaves no link without a file, and no name of an instance that does not run.
            enabled: file && enabled,
            up: file && up,
            named: file && up && named,
        });
        let all = RELEASES * usize::from(INSTANCES);
        let job = prop::option::of((0..RELEASES, any::<bool>(), any::<bool>()));
        (prop::collection::vec(found, all), job, any::<bool>())
            .prop_map(|(found, job, older)| Self { found, job, older })
            .boxed()
    }
}
/// Returns a service at one of its releases.
pub(crate) fn service(number: u16, Goal { release, name }: Goal, settings: &Settings) -> Service {
    let Settings {
        kind,
        instances,
        batch,
        keep,
        stop_first,
        proxy,
        min_healthy,
        jobs,
        before,
        depends,
        is_process,
        ..
    } = settings;
    let order = if *stop_first { "stop-first" } else { "start-first" };
    let time = if *min_healthy { "1s" } else { "0s" };
    let goes_on = *kind != Kind::Oneshot;
    let kind = match kind {
        Kind::Port => format!("revision: v{release}\ncommand: [/bin/web]\nport: 80\n"),
        Kind::Socket => format!("revision: v{release}\ncommand: [/bin/web]\nlisten: socket\n"),
        Kind::Container => format!(
            "runtime: docker\nimage: web:v{release}\nport: 80\nnetworks: [all, only{release}]\n"
        ),
        Kind::Pod => format!(
            "runtime: podman\nimage: web:v{release}\nlisten: socket\n\
             pod: {{name: pod{release}, networks: [all]}}\n"
        ),
        Kind::Oneshot => format!("revision: v{release}\ntype: oneshot\ncommand: [/bin/web]\n"),
    };
    let before = if *before { "before: [/bin/migrate], " } else { "" };
    let deploy = match goes_on {
        true => format!(
            "health: {{http: /}}\ninstances: {instances}\n\
             deploy: {{{before}order: {order}, batch: {batch}, keep: {keep}, min_healthy_time: {time}}}\n"
        ),
        false => format!("deploy: {{{before}keep: {keep}}}\n"),
    };
    let depends = match number.checked_sub(1).filter(|_| *depends && needs(release)) {
        Some(before) => format!("depends_on: [web{before}]\n"),
        None => String::new(),
    };
    let text = format!(
        "id: web{number}\n{kind}{deploy}{depends}{}{}",
        if *proxy { format!("proxy: {{nginx: {{upstream: app{name}}}}}\n") } else { String::new() },
        // Each release has another schedule, so that its timer is restarted; one of them has an interval.
        match jobs {
            true => format!(
                "cron: {{tidy: {{{}, command: [x], enabled: {}}}}}\n",
                match release {
                    1 => "every: 1h".to_owned(),
                    release => format!("calendar: \"{release}:00\""),
                },
                release != 2
            ),
            false => String::new(),
        }
    );
    let service = Service::parse(Path::new("web.yaml"), &text);
    let service = service.unwrap_or_else(|problems| panic!("{problems}"));
    let application = is_process.then(|| "app".parse().expect("an id"));
    service.unchecked(|service| service.application = application)
}
