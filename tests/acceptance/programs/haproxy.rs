//! `HAProxy` as the proxy of services whose upstreams move, as `docs/reference.md` sets it up.

use std::fs;
use std::path::Path;

use crate::deploy::load::Load;
use crate::deploy::service::Runtime;
use crate::host::Host;

/// Settings of the host, besides those in the reference.
const SITE: &str = "
frontend site
    bind 127.0.0.1:8080
    default_backend web
";

/// Returns the indented block of the reference that begins with a line, without its indentation.
fn from_reference(first: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let text = fs::read_to_string(path).expect("there is a reference");
    let lines = text.lines().skip_while(|line| *line != first);
    let block: Vec<_> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(!block.is_empty(), "no {first:?} in the reference");
    block.join("\n") + "\n"
}

fn define(host: &Host, id: &str, revision: &str, upstream: &str) {
    let text = Runtime::Native.definition(&format!("revision: {revision}\n"));
    let text = text.replace("id: web", &format!("id: {id}"));
    let text =
        text.replace("nginx: {upstream: web}", &format!("haproxy: {{upstream: {upstream}}}"));
    host.define(&format!("{id}.yaml"), &text);
}

fn ask(host: &Host) -> String {
    host.sh("curl -sS --fail --max-time 5 http://127.0.0.1:8080/")
}

pub(crate) fn upstreams_of_haproxy_move(host: &mut Host) {
    let settings = from_reference("      haproxy:").replace("  haproxy:", "proxy:\n  haproxy:");
    host.write("/etc/conductor/host.yaml", &settings);
    host.write("/etc/conductor/haproxy.hbs", &from_reference("    backend {{upstream}}"));
    let site = format!("cat >>/etc/haproxy/haproxy.cfg <<'END'\n{SITE}END\n");
    host.sh(&format!("systemctl stop haproxy; mkdir /etc/haproxy/conf.d\n{site}"));
    host.sh("echo 'EXTRAOPTS=\"-f /etc/haproxy/conf.d\"' >>/etc/default/haproxy");
    Runtime::Native.provide(host, ["v1", "v2", "v3"]);
    define(host, "web", "v1", "web");
    host.apply();
    host.sh("systemctl start haproxy");
    assert_eq!(ask(host), "v1");
    let load = Load::start(host);

    // Another id, and then two that swap.
    host.undefine("web.yaml");
    define(host, "shop", "v2", "web");
    host.conductor(&["apply"]).exits(2).complains("the upstream web of shop is still in the file");
    host.conductor(&["apply", "--prune"]).exits(0).says("changed: shop, web");
    assert_eq!(ask(host), "v2");
    define(host, "other", "v3", "other");
    host.apply();
    define(host, "shop", "v2", "other");
    define(host, "other", "v3", "web");
    host.apply();
    assert_eq!(ask(host), "v3");
    host.is_converged();

    let report = load.stop(host);
    for version in ["v1", "v2", "v3"] {
        report.answered(version);
    }
    let all = "/usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d";
    host.sh(&format!("{all}; systemctl restart haproxy"));
    assert_eq!(ask(host), "v3");
}
