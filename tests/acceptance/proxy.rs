//! The library with a real nginx, without a service.

use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;

use conductor_sandbox::build;

use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("an_ignored_reload_is_noticed", an_ignored_reload_is_noticed),
    ("a_reload_waits_for_the_old_connections", a_reload_waits_for_the_old_connections),
    ("the_first_upstream_is_one_that_the_site_waits_for", the_first_upstream),
    ("a_change_that_nginx_refuses_is_not_made", a_change_that_nginx_refuses_is_not_made),
    ("what_is_foreign_stays", what_is_foreign_stays),
    ("a_check_leaves_nothing_behind", a_check_leaves_nothing_behind),
];

const FILE: &str = "/etc/nginx/conf.d/conductor-web.conf";
/// The site for which conductor adds an upstream.
const SITE: &str = "server { listen 8081; location / { proxy_pass http://app; } }\n";
/// Answers each request with its port, after the number of seconds in the path.
const SERVER: &str = "import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(self.path[1:] or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

/// Runs the library's example.
#[track_caller]
fn proxy(host: &Host, arguments: &[&str]) -> Ran {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let path = build::example("conductor-host", "proxy").expect("the example is built");
        fs::read(path).expect("the example can be read")
    });
    let path = host.path("/usr/local/bin/proxy");
    if !path.exists() {
        host.spoil();
        fs::write(&path, program).expect("the example can be copied");
        host.sh("chmod 755 /usr/local/bin/proxy");
    }
    Ran::new(host.sandbox.command("proxy").args(arguments))
}

/// Starts nginx with a site, and two servers.
fn serve(host: &Host) {
    host.write("/etc/nginx/conf.d/site.conf", SITE);
    host.write("/srv/server.py", SERVER);
    for port in ["9001", "9002"] {
        host.sh(&format!("systemd-run -q --unit=server{port} python3 /srv/server.py {port}"));
    }
    host.eventually("both servers listen", |host| {
        host.sh("ss -Hltn 'sport = 9001 or sport = 9002' | wc -l") == "2"
    });
    proxy(host, &["write", "web", "app", "9001"]).exits(0);
    host.sh("systemctl start nginx");
    // A worker has its title only when it is running.
    let all = host.sh("getconf _NPROCESSORS_ONLN");
    host.eventually("all workers are at work", |host| workers(host).len().to_string() == all);
    assert_eq!(host.sh("curl -sS 127.0.0.1:8081"), "9001");
}

fn workers(host: &Host) -> BTreeSet<String> {
    host.sh("pgrep -f '^nginx: worker'").lines().map(str::to_owned).collect()
}

fn a_reload_waits_for_the_old_connections(host: &Host) {
    serve(host);
    let before = workers(host);
    proxy(host, &["write", "web", "app", "9002"]).exits(0);
    assert_eq!(host.sh("curl -sS 127.0.0.1:8081"), "9001", "nobody has reloaded nginx yet");
    host.sh("systemd-run -q --unit=slow sh -c 'curl -sS 127.0.0.1:8081/3 >/srv/slow'");
    host.eventually("the request is on its way", |host| {
        host.sh("ss -Htn state established 'dport = 9001' | wc -l") == "1"
    });
    let early = proxy(host, &["reload", "0"]).exits(0);
    assert_eq!(host.sh("curl -sS 127.0.0.1:8081"), "9002", "{early}");
    early.says("1 left after");
    // The next reload also waits for a worker that is already shutting down.
    proxy(host, &["reload", "20"]).exits(0).says("0 left after");
    assert_eq!(host.sh("cat /srv/slow"), "9001", "the old backend finished its answer");
    assert!(workers(host).is_disjoint(&before));
}

fn the_first_upstream(host: &Host) {
    host.write("/etc/nginx/conf.d/site.conf", SITE);
    let ran = proxy(host, &["test"]).exits(1);
    ran.complains("error: the configuration of nginx is broken: ")
        .complains("host not found in upstream \"app\" in /etc/nginx/conf.d/site.conf:1");
    proxy(host, &["try", "web", "app"]).exits(0);
    assert!(!host.path(FILE).exists());
    proxy(host, &["write", "web", "app"]).exits(0);
    assert_eq!(
        host.sh(&format!("stat -c '%a %U' {FILE}; ls -A /etc/nginx/conf.d")),
        "644 root\nconductor-web.conf\nsite.conf"
    );
    proxy(host, &["test"]).exits(0);
    // A stopped proxy needs no reload.
    proxy(host, &["reload", "5"]).exits(0).says("0 left after");
    assert_eq!(host.property("nginx.service", "ActiveState"), "inactive");
    host.sh("systemctl start nginx");
    let status = "curl -sS -o /dev/null -w '%{http_code}' 127.0.0.1:8081";
    assert_eq!(host.sh(status), "502");
    // The site needs the upstream.
    let ran = proxy(host, &["remove", "web"]).exits(1);
    ran.complains("error: nginx refuses the change: ").complains("hint: remove what refers to it");
    assert!(host.path(FILE).exists());
    host.sh("rm /etc/nginx/conf.d/site.conf");
    proxy(host, &["remove", "web"]).exits(0);
    assert!(!host.path(FILE).exists());
    proxy(host, &["remove", "web"]).exits(0);
    proxy(host, &["observe"]).exits(0).says("pending: {\n        ServiceId(");
    proxy(host, &["forget", "web"]).exits(0);
    proxy(host, &["observe"]).exits(0).says("pending: {}");
}

fn a_change_that_nginx_refuses_is_not_made(host: &Host) {
    serve(host);
    let before = host.sh(&format!("cat {FILE}"));
    host.write("/etc/nginx/conf.d/other.conf", "upstream other { server 127.0.0.1:1; }\n");
    let ran = proxy(host, &["write", "web", "other", "9002"]).exits(1);
    ran.complains("error: nginx refuses the change: ")
        .complains("duplicate upstream \"other\"")
        .complains("the upstream other is also in /etc/nginx/conf.d/other.conf: remove it there");
    host.write("/etc/nginx/conf.d/other.conf", "nonsense;\n");
    let ran = proxy(host, &["write", "web", "app", "9002"]).exits(1);
    ran.complains("error: the configuration of nginx is broken: ")
        .complains("unknown directive \"nonsense\" in /etc/nginx/conf.d/other.conf:1");
    host.sh("rm /etc/nginx/conf.d/other.conf");
    host.sh("sed -i 's|include /etc/nginx/conf.d|#&|' /etc/nginx/nginx.conf");
    let ran = proxy(host, &["write", "web", "app", "9002"]).exits(1);
    ran.complains("error: nginx does not read what is in /etc/nginx/conf.d\n")
        .complains("hint: add include /etc/nginx/conf.d/*.conf; to the http section");
    assert_eq!(host.sh(&format!("cat {FILE}")), before);
    host.write(
        "/etc/conductor/host.yaml",
        "proxy: {nginx: {test: [/usr/sbin/no-nginx, -t], directory: /etc/nginx/conf.d}}\n",
    );
    let ran = proxy(host, &["write", "web", "app", "9002"]).exits(1);
    ran.complains("cannot be checked: there is no /usr/sbin/no-nginx\nhint: install it, or set");
}

fn what_is_foreign_stays(host: &Host) {
    host.write(FILE, "upstream app { server 127.0.0.1:80; }\n");
    host.write("/etc/nginx/conf.d/.conductor-killed", "{");
    host.sh("ln -s site /etc/nginx/conf.d/conductor-link.conf; mkdir /etc/nginx/conf.d/conductor-d.conf");
    for arguments in [&["write", "web", "app", "80"][..], &["remove", "web"]] {
        let ran = proxy(host, arguments).exits(1);
        ran.complains(&format!("error: {FILE} is not conductor's\nhint: move it away"));
    }
    assert_eq!(host.sh(&format!("cat {FILE}")), "upstream app { server 127.0.0.1:80; }");
    proxy(host, &["write", "link", "app", "80"]).exits(1).complains("is not conductor's");
    let observed = proxy(host, &["observe"]).exits(0);
    let foreign = observed.stdout.matches("conf.d/conductor-").count();
    assert_eq!(foreign, 3, "{observed}");
    host.sh("rm -r /etc/nginx/conf.d/conductor-*");
    proxy(host, &["write", "web", "app", "80"]).exits(0);
    assert_eq!(host.sh("ls -A /etc/nginx/conf.d"), "conductor-web.conf");
}

fn a_check_leaves_nothing_behind(host: &Host) {
    serve(host);
    let state = "cat /run/nginx.pid; ls -lAi --time-style=full-iso /run/nginx.pid /var/log/nginx \
                 /etc/nginx/conf.d /run/conductor /run/conductor/*; pgrep nginx; \
                 cat /proc/mounts; ls /tmp";
    let before = host.sh(state);
    for _ in 0..3 {
        proxy(host, &["test"]).exits(0);
        proxy(host, &["try", "web", "app", "9002"]).exits(0);
        proxy(host, &["try", "other", "other", "9002"]).exits(0);
        proxy(host, &["try", "web", "else", "9002"]).exits(1);
    }
    assert_eq!(host.sh(state), before);
}

/// nginx detects only during the reload that it cannot listen, and then keeps the old configuration.
fn an_ignored_reload_is_noticed(host: &Host) {
    serve(host);
    let before = workers(host);
    host.write("/etc/nginx/conf.d/taken.conf", "server { listen 127.0.0.1:9001; }\n");
    proxy(host, &["write", "web", "app", "9002"]).exits(0);
    let ran = proxy(host, &["reload", "5"]).exits(1);
    ran.complains(
        "error: nginx.service was reloaded, and still works with the old configuration\n",
    );
    assert_eq!(workers(host), before);
    assert_eq!(host.sh("curl -sS 127.0.0.1:8081"), "9001");
    host.sh("rm /etc/nginx/conf.d/taken.conf");
    proxy(host, &["reload", "5"]).exits(0).says("0 left after");
    assert_eq!(host.sh("curl -sS 127.0.0.1:8081"), "9002");
}
