//! The service that is deployed, in each way that it can run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use conductor_sandbox::Engine;

use crate::host::{FEW_FILTERS, Host};
use crate::ran::Ran;

/// How the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    Native,
    Container(Engine),
}

/// Everything of the service's on the host that a failed deploy has to leave alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Where units are, with what a rewrite would change.
    files: BTreeMap<String, (u64, i64, Vec<u8>)>,
    running: Vec<(String, u32)>,
    upstream: (String, String),
}

impl Runtime {
    /// Returns a definition of `web`, which does not finish what it is at when it is told to stop.
    pub(crate) fn definition(self, rest: &str) -> String {
        let how = match self {
            Self::Native => format!("command: ['/srv/{{revision}}/app']\nsystemd: {FEW_FILTERS}\n"),
            Self::Container(engine) => format!(
                "runtime: {}\nimage: localhost/app\ncommand: [app]\n\
                 volumes: ['/usr/local/bin/app:/usr/bin/app:ro']\n",
                engine.program()
            ),
        };
        format!(
            "id: web\n{how}env: {{RUDE: '1', VERSION: '{{revision}}'}}\nport: 8080\n\
             health: {{http: /health, interval: 100ms, timeout: 2s, start_period: 2s}}\n\
             proxy: {{nginx: {{upstream: web}}}}\n{rest}\
             deploy: {{before: [{}, before], drain: 10s}}\n",
            self.app()
        )
    }

    fn app(self) -> &'static str {
        match self {
            Self::Native => "/usr/local/bin/app",
            Self::Container(_) => "app",
        }
    }

    /// Puts revisions where they can be deployed from.
    pub(crate) fn provide<'r>(self, host: &Host, revisions: impl IntoIterator<Item = &'r str>) {
        let mut script = String::new();
        if let Self::Container(engine) = self {
            host.sandbox.load_image(engine).expect("the engine takes the image");
        }
        for revision in revisions {
            match self {
                Self::Native => writeln!(script, "ln -sfn /usr/local/bin /srv/{revision}"),
                Self::Container(engine) => {
                    let engine = engine.program();
                    writeln!(script, "{engine} tag localhost/app:v1 localhost/app:{revision}")
                }
            }
            .expect("a string takes everything");
        }
        host.sh(&script);
    }
}

/// Runs a deploy to its end.
#[track_caller]
pub(crate) fn deploy(host: &Host, revision: &str) -> Ran {
    host.conductor(&["deploy", "--id", "web", "--revision", revision])
}

impl Snapshot {
    #[track_caller]
    pub(crate) fn take(host: &Host) -> Self {
        let stat = format!("stat --format '%i %y' {}", super::nginx::UPSTREAM);
        Self {
            files: host.files(),
            running: host.running("web"),
            upstream: (host.sh(&stat), super::nginx::upstream(host)),
        }
    }
}

/// Deploys `v1` of a service, and puts nginx in front of it; `v2` and others can be deployed then.
#[track_caller]
pub(crate) fn first(host: &Host, runtime: Runtime, definition: &str) {
    host.define("web.yaml", definition);
    runtime.provide(host, ["v1", "v2", "v3", "v4", "v5", "v4-sick"]);
    deploy(host, "v1").exits(0);
    super::nginx::start(host);
}

/// Returns where the instances that run can be reached, from the first, as their units have it.
#[track_caller]
pub(crate) fn endpoints(host: &Host) -> Vec<String> {
    let units = host.running("web").into_iter().map(|(unit, _)| unit);
    let lines = units.map(|unit| {
        let script = "s/^Socket=//p; s/^Port=/127.0.0.1:/p";
        host.sh(&format!("sed -n '{script}' '/etc/systemd/system/{unit}'"))
    });
    lines.collect()
}

/// Returns the revisions of the releases whose units are on the host.
#[track_caller]
pub(crate) fn releases(host: &Host) -> Vec<String> {
    let names = host.sh(
        "ls /etc/systemd/system | sed -n 's/^conductor-web-\\(.*\\)\\.[0-9a-f]*-1.service$/\\1/p'",
    );
    names.lines().map(str::to_owned).collect()
}

/// Returns the tags that an engine has of the image; v1 and v2 are the sandbox's.
#[track_caller]
pub(crate) fn images(host: &Host, engine: Engine) -> Vec<String> {
    let engine = engine.program();
    // podman lists all names of an image, also those that a release keeps it under.
    let list = format!("{engine} images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' localhost/app");
    let tags = host.sh(&format!("{list} | sed -n 's#^localhost/app:##p' | sort"));
    tags.lines().filter(|tag| !["v1", "v2"].contains(tag)).map(str::to_owned).collect()
}
