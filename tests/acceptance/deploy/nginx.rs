//! nginx in a sandbox, with an operator's site in front of the service `web`.

use std::process::{Child, Stdio};

use crate::host::Host;

/// Where the site listens.
pub(crate) const SITE: &str = "127.0.0.1:8080";

/// The file of conductor's in it.
pub(crate) const UPSTREAM: &str = "/etc/nginx/conf.d/conductor-web.conf";

/// What an operator writes. Without a second try, an instance that refuses is seen by the client.
const CONFIGURATION: &str = "
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
server {
    listen 127.0.0.1:8080;
    access_log off;
    location / {
        proxy_pass http://web;
        proxy_next_upstream off;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }
}
";

/// Starts nginx, with the site; there has to be an upstream already.
pub(crate) fn start(host: &Host) {
    host.write("/etc/nginx/conf.d/site.conf", CONFIGURATION);
    host.sh("systemctl start nginx.service");
}

/// Returns what one request to the site is answered.
#[track_caller]
pub(crate) fn ask(host: &Host) -> String {
    host.sh(&format!("curl -sS --fail --max-time 5 http://{SITE}/"))
}

/// Returns conductor's file, as it is.
#[track_caller]
pub(crate) fn upstream(host: &Host) -> String {
    host.sh(&format!("cat {UPSTREAM} || true"))
}

/// Returns the end of nginx's log of errors, for who wants to know why a request failed.
pub(crate) fn log(host: &Host) -> String {
    host.sh("tail -n 20 /var/log/nginx/error.log")
}

/// Asks for an answer that takes a while, and returns once an instance is at it.
pub(crate) fn slow(host: &Host, milliseconds: u32) -> Child {
    let url = format!("http://{SITE}/?ms={milliseconds}");
    let mut command = host.sandbox.command("curl");
    command.args(["-sS", "--max-time", "30", &url]).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.spawn().expect("curl starts");
    is_connected(host);
    child
}

/// Waits until nginx is connected to an instance.
pub(crate) fn is_connected(host: &Host) {
    let established = "ss -HtnpO state established; ss -HxnpO state established";
    let connections = format!("({established}) | grep -c '\"nginx\"' || true");
    // One is the client's.
    host.eventually("nginx is connected", |host| {
        host.sh(&connections).parse::<u32>().is_ok_and(|count| count >= 2)
    });
}

/// Returns the instances that nginx is told of, from the first; the names of sockets are followed.
#[track_caller]
pub(crate) fn instances(host: &Host) -> Vec<String> {
    let servers = host.sh(&format!("grep -o 'server [^ ;]*' {UPSTREAM} | cut -d ' ' -f 2"));
    let server = |server: &str| match server.strip_prefix("unix:") {
        Some(name) => host.sh(&format!("readlink {name}")),
        None => server.to_owned(),
    };
    servers.lines().map(server).collect()
}
