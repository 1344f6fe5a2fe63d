//! Upstreams that move from service to service, without a failed request.

use super::load::Load;
use super::nginx;
use super::service::{Runtime, first};
use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] =
    &[("an_upstream_moves_without_a_failed_request", an_upstream_moves)];

/// Defines a service with its own file.
fn define(host: &Host, id: &str, revision: &str, upstream: &str, more: &str) {
    let text = Runtime::Native.definition(&format!("revision: {revision}\n{more}"));
    let text = text.replace("id: web", &format!("id: {id}"));
    let text = text.replace("upstream: web", &format!("upstream: {upstream}"));
    host.define(&format!("{id}.yaml"), &text);
}

/// Returns the upstreams of conductor's files, and what each instance of the site's upstream is asked.
fn files(host: &Host) -> String {
    host.sh("cd /etc/nginx/conf.d; grep -H '^upstream\\|  server' conductor-*")
}

fn an_upstream_moves(host: &Host) {
    first(host, Runtime::Native, &Runtime::Native.definition("revision: v1\n"));
    let load = Load::start(host);

    // Another id: the old one has no definition any more.
    host.sh("rm /etc/conductor/services/web.yaml");
    define(host, "shop", "v2", "web", "");
    let before = files(host);
    host.conductor(&["apply"])
        .exits(2)
        .complains(
            "error: the upstream web of shop is still in the file of web for nginx \
             (/etc/nginx/conf.d/conductor-web.conf)",
        )
        .complains("conductor apply --prune if web has no definition any more");
    let deploy = ["deploy", "--id", "shop", "--revision", "v2"];
    let refused = host.conductor(&[&deploy[..], &["--output", "json"]].concat()).exits(2).json();
    assert_eq!(refused["error"]["kind"], "upstream_taken");
    assert_eq!(files(host), before);
    host.conductor(&["apply", "--prune", "--dry-run"])
        .exits(0)
        .says("its upstream changes together with that of web\n");
    host.conductor(&["apply", "--prune"]).exits(0).says("changed: shop, web");
    assert!(!host.path(nginx::UPSTREAM).exists());
    assert_eq!(nginx::ask(host), "v2");

    // Two services swap their upstreams.
    define(host, "other", "v3", "other", "");
    host.conductor(&["apply"]).exits(0);
    define(host, "shop", "v2", "other", "");
    define(host, "other", "v3", "web", "");
    host.conductor(&["deploy", "--id", "other", "--revision", "v3"])
        .exits(2)
        .complains("is still in the file of shop");
    host.conductor(&["apply"]).exits(0);
    assert_eq!(nginx::ask(host), "v3");
    host.is_converged();

    // They swap back, but one has a new release that is never healthy.
    let before = files(host);
    define(host, "shop", "v2", "web", "");
    define(host, "other", "v4-sick", "other", "");
    let failed = host.conductor(&["apply"]).exits(3);
    failed
        .complains("error: other: start conductor-other-v4-sick.")
        .complains("its upstream changes together with that of other, which failed\n");
    assert_eq!(files(host), before);
    // One of them takes an upstream that somebody wrote by hand.
    host.write("/etc/nginx/conf.d/a.conf", "upstream other { server 127.0.0.1:1; }\n");
    define(host, "other", "v3", "other", "");
    host.conductor(&["apply"])
        .exits(3)
        .complains("duplicate upstream \"other\"")
        .complains("the upstream other is also in /etc/nginx/conf.d/a.conf: remove it there, or");
    assert_eq!(files(host), before);
    assert_eq!(nginx::ask(host), "v3");
    host.sh("rm /etc/nginx/conf.d/a.conf");
    host.conductor(&["apply"]).exits(0);
    assert_eq!(nginx::ask(host), "v2");

    let report = load.stop(host);
    for version in ["v1", "v2", "v3"] {
        report.answered(version);
    }
    assert_eq!(report.versions().len(), 3, "{report:?}");

    // What must not run twice stops first, under the old name, too.
    host.sh("rm /etc/conductor/services/shop.yaml");
    define(host, "single", "v5", "web", "");
    host.sh(
        "sed -i 's/deploy: {/deploy: {order: stop-first, /' /etc/conductor/services/single.yaml",
    );
    let apply = host.conductor(&["apply", "--prune"]).exits(0);
    let place = |text: &str| apply.stdout.find(text).unwrap_or_else(|| panic!("{text}\n{apply}"));
    assert!(place("stop conductor-shop-v2") < place("start conductor-single-v5"), "{apply}");
    assert_eq!(nginx::ask(host), "v5");
    host.is_converged();
}
