//! The settings of a host, in `/etc/conductor/host.yaml`.

mod proxy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probe_protocol::{Hook, HookEvent};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Deserialize;

pub use proxy::{ProxyKeys, ProxySettings};

use crate::definition::{Field, Format, Hooks, JOBS_AT_A_TIME, MOST_PARALLEL, Source, Table};
use crate::error::{Problem, Problems};
use crate::name::ProxyName;
use crate::service::Service;
use crate::service::check::hooks;
use crate::value::PortRange;

/// The settings of a host, which are not those of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The ports for instances.
    pub ports: PortRange,
    /// The proxies of the host; nginx is always one of them.
    pub proxies: BTreeMap<ProxyName, ProxySettings>,
    /// How many scheduled jobs of all services run at the same time; `None` for any number.
    pub max_parallel: Option<u16>,
    /// What is done when something happens to a service that does not say so itself.
    pub hooks: BTreeMap<HookEvent, HostHook>,
}

/// A hook of the host, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostHook {
    /// The hook.
    pub hook: Hook,
    /// File, line and column.
    pub at: (PathBuf, (usize, usize)),
}

impl Default for Settings {
    fn default() -> Self {
        let proxies = BTreeMap::from([(ProxyName::nginx(), ProxySettings::nginx())]);
        let (max_parallel, hooks) = (None, BTreeMap::new());
        Self { ports: PortRange::default(), proxies, max_parallel, hooks }
    }
}

/// The keys of the file, as they are read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct SettingsKeys {
    /// The ports for instances, both ends included.
    #[schemars(extend("default" = PortRange::default()))]
    ports: Field<PortRange>,
    /// The host's proxies, by name.
    proxy: Field<Table<ProxyName, ProxyKeys>>,
    /// How many scheduled jobs of all services run at the same time. Others that are due wait for their
    /// turn, as with `max_parallel` in a definition. Any number unless given.
    #[schemars(range(min = 1, max = MOST_PARALLEL))]
    max_parallel: Field<u16>,
    /// What is told to whom when something happens to a service; a service's own hook for an event replaces that of
    /// the host.
    on: Field<Hooks>,
}

/// Returns the JSON Schema (draft 2020-12) of the settings. The defaults of a proxy are nginx's.
pub fn schema() -> Schema {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<SettingsKeys>()
}

impl Settings {
    /// Reads the settings from the text of a file, whose extension says the format.
    ///
    /// # Errors
    /// All problems of the settings.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        // A file of comments alone says nothing, whatever its name.
        match Format::of(file) {
            Ok(format) => Self::parse_as(format, file, text),
            Err(_) if is_blank(text) => Ok(Self::default()),
            Err(problem) => Err(Problems(vec![problem])),
        }
    }

    /// Reads settings in a format that the name of the file does not say.
    ///
    /// # Errors
    /// All problems of the settings.
    pub fn parse_as(format: Format, file: &Path, text: &str) -> Result<Self, Problems> {
        if is_blank(text) {
            return Ok(Self::default());
        }
        let source = Source::parse_as(format, file, text).map_err(Problems)?;
        let SettingsKeys { ports, proxy, max_parallel, on } = source.read().unwrap_or_default();
        let proxies = proxy::proxies(&source, proxy);
        let max_parallel = source.number(max_parallel, JOBS_AT_A_TIME, MOST_PARALLEL);
        let hooks = hooks::hooks(&source, on).into_iter();
        let hooks =
            hooks.map(|(event, (hook, at))| (event, HostHook { hook, at: (file.into(), at) }));
        let hooks = hooks.collect();
        let problems = source.problems();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let ports = ports.into_value().unwrap_or_default();
        Ok(Self { ports, proxies, max_parallel, hooks })
    }

    /// Adds the hooks of the host to a service, for events that it has no hook for and that can happen to it.
    pub fn add_hooks(&self, service: &mut Service) {
        for (event, HostHook { hook, at }) in &self.hooks {
            let happens = match event {
                HookEvent::Unhealthy => service.health.is_some(),
                HookEvent::JobFailed => !service.jobs.is_empty(),
                _ => true,
            };
            if happens && !service.hooks.contains_key(event) {
                service.set(|fields| {
                    fields.hooks.insert(*event, hook.clone());
                    fields.origin.hooks.insert(*event, at.clone());
                });
            }
        }
    }

    /// Checks that the settings have the proxies of these services.
    ///
    /// # Errors
    /// One problem for each service with an unknown proxy.
    pub fn check_proxies(&self, services: &[Service]) -> Result<(), Problems> {
        let problem = |service: &Service| {
            let proxy = service.proxy.as_ref()?;
            if self.proxies.contains_key(&proxy.name) {
                return None;
            }
            let known: Vec<_> = self.proxies.keys().map(ProxyName::as_str).collect();
            Some(Problem {
                file: service.origin.file.clone(),
                position: Some(service.origin.upstream.unwrap_or(service.origin.position)),
                path: format!("proxy.{}", proxy.name),
                message: format!("the host settings have no proxy {}", proxy.name),
                hint: Some(format!(
                    "write {}, or add proxy.{} to the host settings",
                    known.join(", "),
                    proxy.name
                )),
            })
        };
        let problems: Vec<_> = services.iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

/// Returns whether a text has only comments.
fn is_blank(text: &str) -> bool {
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    text.lines().all(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new("host.yaml"), text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_set_for_nginx_leaves_the_rest_as_it_was() {
        let built_in = ProxySettings::nginx();
        assert_eq!(parse("# nothing\n"), Ok(Settings::default()));
        let settings = parse("proxy:\n  nginx: {directory: /etc/nginx/upstreams}\n").unwrap();
        let nginx = &settings.proxies[&ProxyName::nginx()];
        assert_eq!(nginx.directory.as_str(), "/etc/nginx/upstreams");
        let directory = built_in.directory.clone();
        assert_eq!(ProxySettings { directory, ..nginx.clone() }, built_in);
    }

    #[test]
    fn another_proxy_stands_beside_nginx() {
        let settings = parse(
            "ports: 20000-20009\nproxy:\n  haproxy:\n    directory: /etc/haproxy/conf.d\n    \
             suffix: .cfg\n    template: /etc/conductor/haproxy.hbs\n    \
             test: [/usr/sbin/haproxy, -c, -f, /etc/haproxy]\n    unit: haproxy.service\n",
        )
        .unwrap();
        let names: Vec<_> = settings.proxies.keys().map(ProxyName::as_str).collect();
        assert_eq!(names, ["haproxy", "nginx"]);
        assert_eq!(settings.proxies[&"haproxy".parse().unwrap()].suffix.as_str(), ".cfg");
    }

    #[test]
    fn a_service_has_the_hooks_of_the_host_but_for_its_own() {
        let settings = parse(
            "on:\n  crash: {command: [/bin/page]}\n  unhealthy: {unit: page.service}\n  \
             job_failed: {url_file: /etc/chat}\n",
        )
        .unwrap();
        let hooks = |keys: &str| {
            let text = format!("id: a\ncommand: [/bin/x]\nport: 80\n{keys}");
            let mut service = Service::parse(Path::new("a.yaml"), &text).unwrap();
            settings.add_hooks(&mut service);
            let at = |event: HookEvent| service.origin.hooks[&event].clone();
            let events = service.hooks.keys();
            events.map(|event| (event.name(), at(*event).0, at(*event).1.0)).collect::<Vec<_>>()
        };
        let host = |line| (PathBuf::from("host.yaml"), line);
        assert_eq!(hooks(""), [("crash", host(2).0, 2)]);
        assert_eq!(
            hooks(
                "health: {http: /}\non: {crash: {command: [/bin/mine]}}\n\
                   cron: {b: {schedule: '@daily', command: [/bin/y]}}\n"
            ),
            [
                ("crash", PathBuf::from("a.yaml"), 5),
                ("unhealthy", host(3).0, 3),
                ("job_failed", host(4).0, 4),
            ]
        );
        let wrong = parse("on:\n  crashes: {}\n  crash: {}\n  recovered: {command: [page]}\n");
        assert_eq!(
            wrong.unwrap_err(),
            "host.yaml:2:3: on.crashes: unknown key \"crashes\"\n  hint: did you mean crash?\n\
             host.yaml:3:10: on.crash: the hook does nothing\n  \
             hint: write one of command, unit, url and url_file\n\
             host.yaml:4:25: on.recovered.command[0]: the program: \"page\" is not an absolute path\n  \
             hint: write the absolute path of a program, and its arguments"
        );
    }

    #[test]
    fn every_mistake_is_told_at_its_place() {
        assert_eq!(
            parse(
                "proxy:\n  edge:\n    directory: conf.d\n    test: [haproxy]\n    unit: a.timer\n  \
                 nginx:\n    sufix: .conf\n    suffix: '*.conf'\n    test: []\n  b: {}\n  \
                 Nginx: {}\nport: 1-2\n"
            )
            .unwrap_err(),
            "host.yaml:3:16: proxy.edge.directory: \"conf.d\" is not an absolute path\n  \
             hint: begin it with /\n\
             host.yaml:4:12: proxy.edge.test[0]: \"haproxy\" is not an absolute path\n  \
             hint: begin it with /\n\
             host.yaml:5:11: proxy.edge.unit: a.timer is not a service\n  \
             hint: write the proxy's unit, such as nginx.service\n\
             host.yaml:7:5: proxy.nginx.sufix: unknown key \"sufix\"\n  \
             hint: did you mean suffix?\n\
             host.yaml:8:13: proxy.nginx.suffix: \"*.conf\" is not the end of a file name\n  \
             hint: write a dot and letters or digits, such as .conf\n\
             host.yaml:9:11: proxy.nginx.test: the command is empty\n  \
             hint: write for example [/usr/sbin/nginx, -t, -q]\n\
             host.yaml:10:6: proxy.b: the key directory is missing\n  \
             hint: write for example directory: /etc/nginx/conf.d\n\
             host.yaml:10:6: proxy.b: the key test is missing\n  \
             hint: write for example test: [/usr/sbin/nginx, -t, -q]\n\
             host.yaml:10:6: proxy.b: the key unit is missing\n  \
             hint: write for example unit: nginx.service\n\
             host.yaml:11:3: proxy.Nginx: \"Nginx\" is not a proxy's name\n  \
             hint: use lower-case letters, digits, _ and single -: for example nginx\n\
             host.yaml:12:1: port: unknown key \"port\"\n  hint: did you mean ports?"
        );
    }

    #[test]
    fn the_number_of_jobs_is_from_1_to_256() {
        let limit = |text: &str| parse(text).map(|settings| settings.max_parallel);
        for (text, read) in [
            ("max_parallel: 1\n", Some(1)),
            ("max_parallel: 256\n", Some(256)),
            ("ports: 1-2\n", None),
        ] {
            assert_eq!(limit(text), Ok(read), "{text}");
        }
        for (value, wrong) in [
            ("0", "0 jobs at a time\n  hint: write 1 or more"),
            ("257", "257 jobs at a time\n  hint: write at most 256"),
            ("-1", "-1 is not a whole number from 0 to 65535"),
            ("70000", "70000 is not a whole number from 0 to 65535"),
            ("2.5", "2.5 is not a whole number from 0 to 65535"),
            (
                "two",
                "expected a whole number, found text\n  hint: write a whole number, without quotes",
            ),
        ] {
            let error = limit(&format!("# Jobs\nmax_parallel: {value}\n")).unwrap_err();
            assert_eq!(error, format!("host.yaml:2:15: max_parallel: {wrong}"));
        }
    }

    #[test]
    fn two_proxies_do_not_share_their_files() {
        let text = "proxy:\n  edge:\n    directory: /etc/nginx/conf.d\n    test: [/bin/true]\n    \
                    unit: edge.service\n";
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("host.yaml:3:5: proxy.edge: its files would have"), "{error}");
        let moved = format!("{text}  nginx: {{directory: /etc/nginx/other}}\n");
        assert!(parse(&moved).is_ok());
    }

    #[test]
    fn a_service_names_a_proxy_of_the_host() {
        let service = |proxy: &str| {
            let text =
                format!("id: a\ncommand: [/bin/x]\nport: 80\nproxy: {{{proxy}: {{upstream: a}}}}");
            Service::parse(Path::new("a.yaml"), &text).unwrap()
        };
        let settings = Settings::default();
        assert_eq!(settings.check_proxies(&[service("nginx")]), Ok(()));
        assert_eq!(
            settings.check_proxies(&[service("edge")]).unwrap_err().to_string(),
            "a.yaml:4:26: proxy.edge: the host settings have no proxy edge\n  \
             hint: write nginx, or add proxy.edge to the host settings"
        );
    }
}
