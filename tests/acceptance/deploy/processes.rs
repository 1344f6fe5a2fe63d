//! An application of several processes, deployed under load: all of them, or none.

use serde_json::Value;

use super::load::Load;
use super::nginx;
use super::service::Runtime;
use crate::Test;
use crate::host::{FEW_FILTERS, Host};

pub(crate) const TESTS: &[Test] = &[("the_processes_change_all_or_none", all_or_none)];

/// The worker of a revision that ends in `sick` is never healthy; web server and migration never fail.
fn definition() -> String {
    format!(
        "id: shop\n\
         env: {{RUDE: '1', VERSION: 'web-{{revision}}.'}}\n\
         systemd: {FEW_FILTERS}\n\
         deploy: {{drain: 10s}}\n\
         processes:\n  \
           web:\n    \
             command: ['/srv/{{revision}}/app']\n    \
             instances: 2\n    \
             port: 8080\n    \
             health: {{http: /health, interval: 100ms, timeout: 2s, start_period: 2s}}\n    \
             proxy: {{nginx: {{upstream: web}}}}\n    \
             depends_on: [migrate]\n  \
           worker:\n    \
             command: ['/srv/{{revision}}/app']\n    \
             env: {{VERSION: '{{revision}}'}}\n    \
             port: 8080\n    \
             health: {{http: /health, interval: 100ms, timeout: 2s, start_period: 2s}}\n  \
           migrate:\n    \
             type: oneshot\n    \
             command: ['/srv/{{revision}}/app', before]\n"
    )
}

fn deploy<'h>(host: &'h Host, revision: &'h str) -> [&'h str; 5] {
    Runtime::Native.provide(host, [revision]);
    ["deploy", "--id", "shop", "--revision", revision]
}

/// Returns the revisions that run, by process.
fn runs(host: &Host) -> Value {
    let status = host.conductor(&["status", "shop", "--output", "json"]).exits(0).json();
    let services = status["services"].as_array().expect("services");
    services
        .iter()
        .map(|service| {
            assert_eq!(service["application"], "shop");
            let instances = service["instances"].as_array().expect("instances");
            let revisions = instances.iter().map(|instance| {
                assert_eq!(instance["healthy"], true, "{instance}");
                instance["revision"].clone()
            });
            let id = service["id"].as_str().expect("an id").to_owned();
            (id, revisions.collect::<Value>())
        })
        .collect()
}

fn all_or_none(host: &Host) {
    host.define("shop.yaml", &definition());
    host.conductor(&["check"]).exits(0).says("3 services are valid");
    host.conductor(&deploy(host, "v1")).exits(0);
    nginx::start(host);
    let load = Load::start(host);
    let all = |revision: &str| serde_json::json!({"shop-web": [revision, revision], "shop-worker": [revision], "shop-migrate": [revision]});
    assert_eq!(runs(host), all("v1"));

    // The worker fails, so none is replaced.
    let units = host.running("shop-web");
    let failed = host.conductor(&deploy(host, "v2-sick")).exits(3);
    failed
        .complains("error: shop-worker: start conductor-shop-worker-v2-sick.")
        .complains("shop-worker failed, and the processes of shop change together");
    assert_eq!(runs(host), all("v1"));
    assert_eq!(host.running("shop-web"), units);
    assert_eq!(nginx::ask(host), "web-v1.");

    let planned = host.conductor(&[&deploy(host, "v3")[..], &["--dry-run"]].concat()).exits(0);
    planned.says("together with shop-migrate, shop-worker: all of them or none");
    host.conductor(&deploy(host, "v3")).exits(0);
    assert_eq!(runs(host), all("v3"));
    host.conductor(&["restart", "--id", "shop"]).exits(0);
    host.conductor(&["rollback", "--id", "shop"]).exits(0);
    assert_eq!(runs(host), all("v1"));
    assert_eq!(nginx::ask(host), "web-v1.");
    let report = load.stop(host);
    assert_eq!(report.versions(), ["web-v1.", "web-v3."]);
    host.is_converged();

    // One process alone.
    let one = ["deploy", "--id", "shop-web", "--revision", "v3", "--output", "json"];
    let refused = host.conductor(&one).exits(2).json();
    assert_eq!(refused["error"]["kind"], "application");
    host.conductor(&["logs", "shop"])
        .exits(2)
        .complains("shop is an application of several processes")
        .complains("name one of them: shop-migrate, shop-web, shop-worker");
    host.conductor(&["run", "--id", "shop-worker", "--", "/bin/true"]).exits(0);
    host.conductor(&["run", "--id", "shop", "--", "/bin/true"])
        .exits(125)
        .complains("name one of them: shop-web, shop-worker, shop-migrate");
    host.sh("rm /etc/nginx/conf.d/site.conf");
    host.conductor(&["remove", "--id", "shop"]).exits(0);
    assert_eq!(host.sh("ls /etc/systemd/system | grep -c conductor-shop || true").trim(), "0");
}
