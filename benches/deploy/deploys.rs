//! Deploys by conductor, and how long each part takes.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use conductor_sandbox::Engine;
use serde_json::Value;

use crate::place::{Moment, Place, delay, is_trial};
use crate::table::{Part, Report, Sample};

/// Returns how many deploys are measured, after a first one that is not.
pub(crate) fn count() -> u32 {
    if is_trial() { 1 } else { 11 }
}

/// The definition's key that adds an upstream.
const SITE: &str = "server { listen 8081; location / { proxy_pass http://app; } }\n";

/// How the application is deployed.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) engine: Option<Engine>,
    pub(crate) nginx: bool,
    /// Whether systemd sets up a sandbox.
    pub(crate) sandbox: bool,
}

impl Case {
    /// Returns the service that is deployed.
    pub(crate) fn definition(&self) -> String {
        let delay = delay();
        let what = match self.engine {
            None => {
                format!("command: [/usr/local/bin/app, '127.0.0.1:{{port}}', '{delay}']\n")
            }
            Some(engine) => format!(
                "runtime: {}\nimage: localhost/app\ncommand: [/mnt/app, '0.0.0.0:8080', '{delay}']\n\
                 volumes: ['/usr/local/bin/app:/mnt/app:ro']\n",
                engine.program()
            ),
        };
        let sandbox = if self.sandbox { "" } else { "sandbox: false\n" };
        let proxy = if self.nginx { "proxy: {nginx: {upstream: app}}\n" } else { "" };
        format!("id: web\n{what}port: 8080\nhealth: {{http: /health}}\n{sandbox}{proxy}")
    }
}

/// Measures successive deploys; `beside` describes what else is on the host.
pub(crate) fn measure(place: &Place, case: &Case, beside: &str, report: &mut Report) {
    let name = format!("conductor, {}{beside}", case.name);
    if !report.wants(&name) {
        return;
    }
    report.progress(&name);
    place.write("/etc/conductor/services/web.yaml", &case.definition());
    if let Some(engine) = case.engine {
        let program = engine.program();
        place.sh(&format!(
            "for n in $(seq 0 {}); do {program} tag localhost/app:v1 localhost/app:r$n; done",
            count()
        ));
    }
    if case.nginx {
        place.write("/etc/nginx/conf.d/site.conf", SITE);
    }
    place.sh("conductor deploy --id web --revision r0");
    if case.nginx {
        place.sh("systemctl start nginx; curl -sS --fail -o /dev/null 127.0.0.1:8081");
    }
    let samples = (1..=count()).map(|number| deploy(place, &format!("r{number}"))).collect();
    if case.nginx {
        place.sh("curl -sS --fail -o /dev/null 127.0.0.1:8081; systemctl stop nginx
             rm /etc/nginx/conf.d/site.conf");
    }
    place.sh("rm /etc/conductor/services/web.yaml; conductor remove --id web");
    report.deploys(name, samples);
}

/// Deploys a revision, and separates the parts by the times at which events arrive.
fn deploy(place: &Place, revision: &str) -> Sample {
    let mut command = place.sandbox.command("conductor");
    command.args(["deploy", "--id", "web", "--revision", revision, "--output", "json"]);
    let began = Moment::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("conductor runs");
    let events = BufReader::new(child.stdout.take().expect("its standard output"));
    let events: Vec<(Moment, String)> = events
        .lines()
        .map(|line| {
            let line = line.expect("lines of JSON");
            (Moment::now(), line)
        })
        .collect();
    let status = child.wait().expect("conductor ends");
    let ended = Moment::now();
    assert!(status.success(), "{events:?}");

    let port =
        format!("sed -n 's/^Port=//p' /etc/systemd/system/conductor-web-{revision}.*-1.service");
    let port = place.sh(&port).parse().expect("a port");
    let [exec, listened] = place.moments(port);
    let mut sample = Sample::new(ended.since(began) - listened.since(exec));
    let mut last = began;
    for (moment, line) in &events {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let step = event["step"].get("text").and_then(Value::as_str).unwrap_or_default();
        let is_start = step.starts_with("start ") && step.ends_with(".service");
        match event.get("event").and_then(Value::as_str) {
            Some("done") if is_start => {
                sample.add(Part::Begin, exec.since(last));
                sample.add(Part::Notice, moment.since(listened));
                sample.noticed = moment.since(listened);
            }
            Some("done") => sample.add(Part::of(step), moment.since(last)),
            _ if last == began => sample.add(Part::Plan, moment.since(last)),
            _ => sample.add(Part::Rest, moment.since(last)),
        }
        last = *moment;
    }
    sample.add(Part::Rest, ended.since(last));
    sample
}
