//! `conductor metrics`, and the units for scraping in `integrations/prometheus`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::host::{Host, SLEEP, UNITS};

const PROMETHEUS: &str = "
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: conductor
    static_configs: [{targets: ['127.0.0.1:9947']}]
";

/// Prints each sample that the official parser finds, as `name id value`.
const PARSER: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation and family.type in ("gauge", "counter", "info"), family
    for sample in family.samples:
        print(sample.name, sample.labels.get("id", "-"), sample.value)
"#;

/// Sends requests that no program sends, and prints how they are answered.
const HOSTILE: &str = r#"
import socket
def connect():
    return socket.create_connection(("127.0.0.1", 9947), timeout=20)
def answer(text):
    with connect() as client:
        client.sendall(text)
        return client.recv(100).split(b"\r\n")[0].decode()
print(answer(b"GET / HTTP/1.1\r\n\r\n"))
print(answer(b"POST /metrics HTTP/1.1\r\n\r\n"))
print(answer(b"GET /metrics HTTP/1.1\r\nA: " + b"a" * 8192))
# More silent ones than there may be: some are closed, and the others are told after five seconds.
silent = [connect() for _ in range(12)]
said = []
for client in silent:
    try:
        said.append(client.recv(100).split(b"\r\n")[0])
    except ConnectionResetError:
        said.append(b"")
assert set(said) == {b"", b"HTTP/1.1 408 Request Timeout"} and said.count(b"") >= 4, said
# More than systemd's own limit of connections in two seconds.
for _ in range(250):
    connect().close()
"#;

/// Returns the alerts of the guide.
fn alerts() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let text = fs::read_to_string(path).expect("there is a guide");
    let lines = text.lines().skip_while(|line| *line != "    groups:");
    let block: Vec<_> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(block.len() > 5, "no alerts in the guide");
    block.join("\n") + "\n"
}

#[track_caller]
fn install(host: &Host) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("integrations/prometheus");
    for (place, name) in [
        (UNITS, "conductor-metrics.socket"),
        (UNITS, "conductor-metrics@.service"),
        ("/etc/sysusers.d", "conductor-metrics.conf"),
    ] {
        let text = fs::read_to_string(directory.join(name)).expect("the file is shipped");
        host.write(&format!("{place}/{name}"), &text);
    }
    host.sh("systemd-sysusers 2>&1");
    host.sh("systemd-analyze verify /etc/systemd/system/conductor-metrics.socket");
    host.sh("systemctl daemon-reload && systemctl start conductor-metrics.socket");
}

/// Asks Prometheus, and returns the value of the only sample.
fn query(host: &Host, expression: &str) -> Option<String> {
    let script = format!(
        "curl -sS --max-time 5 --data-urlencode 'query={expression}' \
         http://127.0.0.1:9090/api/v1/query || true"
    );
    let answer: Value = serde_json::from_str(&host.sh(&script)).ok()?;
    let found = answer["data"]["result"].as_array()?;
    match found.as_slice() {
        [one] => one["value"][1].as_str().map(str::to_owned),
        _ => None,
    }
}

pub(super) fn are_scraped(host: &Host) {
    host.define("web.yaml", &format!("id: web\nrevision: v1\n{SLEEP}instances: 2\n"));
    let cron = "cron:\n  good: {schedule: '@yearly', command: [/bin/true]}\n  \
                bad: {schedule: '@yearly', command: [/bin/sh, -c, 'test ! -e /srv/fail']}\n";
    host.define("jobs.yaml", &format!("id: jobs\ninstances: 0\n{cron}"));
    host.apply();
    for (job, status) in [("good", 0), ("bad", 0)] {
        host.conductor(&["cron", "run-now", "--id", "jobs", job]).exits(status);
    }
    host.write("/srv/fail", "");
    host.conductor(&["cron", "run-now", "--id", "jobs", "bad"]).exits(1);

    let text = host.conductor(&["metrics"]).exits(0).stdout;
    host.write("/srv/metrics", &text);
    host.write("/srv/parser.py", PARSER);
    let samples = host.sh("python3 /srv/parser.py </srv/metrics");
    for (name, id, times) in [
        ("conductor_instance_healthy", "web", 2),
        ("conductor_instance_restarts_total", "web", 2),
        ("conductor_service_info", "web", 1),
        ("conductor_service_last_deploy_timestamp_seconds", "web", 1),
        ("conductor_job_last_run_duration_seconds", "jobs", 2),
        // The journal has the one of the job that failed since.
        ("conductor_job_last_success_timestamp_seconds", "jobs", 2),
    ] {
        let found = samples.lines().filter(|line| line.starts_with(&format!("{name} {id} ")));
        assert_eq!(found.count(), times, "{name}: {samples}");
    }
    assert!(samples.lines().any(|line| line == "conductor_job_last_run_success jobs 0.0"));
    let complaints = host.sh("conductor metrics --format prometheus | promtool check metrics 2>&1");
    assert_eq!(complaints, "");

    host.write("/srv/alerts.yml", &alerts());
    host.sh("promtool check rules --lint-fatal /srv/alerts.yml");

    // Each way from a host to Prometheus.
    install(host);
    let answer = host.sh("curl -sS --fail --max-time 9 -D - http://127.0.0.1:9947/metrics 2>&1 \
         || { journalctl --sync; journalctl -q -n 30 -o cat -u 'conductor-metrics*'; }");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("conductor_build"),
        "{answer}"
    );
    host.write("/srv/prometheus.yml", PROMETHEUS);
    host.sh("mkdir /srv/textfile && conductor metrics --out /srv/textfile/conductor.prom");
    assert_eq!(host.sh("stat -c %a /srv/textfile/conductor.prom"), "644");
    host.sh("systemctl stop prometheus prometheus-node-exporter
         systemd-run -q --unit=prom prometheus --config.file=/srv/prometheus.yml \
             --storage.tsdb.path=/srv/tsdb --web.listen-address=127.0.0.1:9090
         systemd-run -q --unit=node prometheus-node-exporter --collector.disable-defaults \
             --collector.textfile --collector.textfile.directory=/srv/textfile \
             --web.listen-address=127.0.0.1:9100");
    host.eventually("Prometheus has scraped", |host| {
        query(host, "sum(conductor_instance_healthy)").as_deref() == Some("2")
    });
    let failed = "conductor_job_last_run_success{id=\"jobs\",job_name=\"bad\"}";
    assert_eq!(query(host, failed).as_deref(), Some("0"));
    let success = "time() - conductor_job_last_success_timestamp_seconds{job_name=\"bad\"} < 600";
    assert!(query(host, success).is_some(), "a user without rights may read the journal");
    host.eventually("node_exporter has the file", |host| {
        let text = host.sh("curl -sS --max-time 5 http://127.0.0.1:9100/metrics || true");
        text.contains("# TYPE conductor_instance_restarts_total counter")
            && text.contains("conductor_service_info{id=\"web\",")
            && text.contains("node_textfile_scrape_error 0")
    });
    // An instance that goes is seen.
    host.sh("systemctl stop 'conductor-web-v1.*-2.service'");
    host.eventually("Prometheus sees it", |host| {
        query(host, "sum(conductor_instance_up)").as_deref() == Some("1")
    });

    host.sh("systemctl stop prom");
    host.write("/srv/hostile.py", HOSTILE);
    let answers = host.sh("python3 /srv/hostile.py");
    assert_eq!(
        answers.lines().collect::<Vec<_>>(),
        [
            "HTTP/1.1 404 Not Found",
            "HTTP/1.1 405 Method Not Allowed",
            "HTTP/1.1 431 Request Header Fields Too Large",
        ]
    );
    host.eventually("it answers again", |host| {
        let script = "curl -sS --max-time 5 -o /dev/null -w '%{http_code}' \
                      http://127.0.0.1:9947/metrics || true";
        host.sh(script) == "200"
    });
    assert_eq!(host.sh("systemctl --failed --plain --no-legend | grep metrics || true"), "");
}
