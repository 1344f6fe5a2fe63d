//! Fixed ports of the host, and services in the network of the host or in none.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{containers, definition, get, ports};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_has_its_fixed_ports", |host| has_its_fixed_ports(host, Engine::Docker)),
    ("podman_has_its_fixed_ports", |host| has_its_fixed_ports(host, Engine::Podman)),
    ("a_native_program_has_its_fixed_port", native),
    ("docker_is_in_the_network_of_its_mode", |host| network_mode(host, Engine::Docker)),
    ("podman_is_in_the_network_of_its_mode", |host| network_mode(host, Engine::Podman)),
];

/// Asks over UDP, and prints the answer.
const ASK: &str = r"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
for _ in range(20):
    s.sendto(b'ping', ('127.0.0.1', int(sys.argv[1])))
    try:
        sys.exit(print(s.recv(99).decode()))
    except TimeoutError:
        pass
";

/// Answers at a port of TCP, over HTTP, and at one of UDP.
const ANSWER: &str = r"
import http.server, os, socket, threading
version = os.environ['VERSION'].encode()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 53))
def answer():
    while True:
        _, peer = s.recvfrom(99)
        s.sendto(version, peer)
threading.Thread(target=answer, daemon=True).start()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(version)
http.server.HTTPServer(('', 80), Handler).serve_forever()
";

/// The image has no program for UDP, so it gets the host's Python.
const PYTHON: &str = "command: [python3, /srv/answer.py]\n\
    volumes: ['/usr:/usr:ro', '/lib:/lib:ro', '/lib64:/lib64:ro', '/srv:/srv:ro']\n";

fn has_its_fixed_ports(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    host.write("/srv/ask.py", ASK);
    host.write("/srv/answer.py", ANSWER);
    let define = |version: &str, ports: &str| {
        let text = definition(
            engine,
            &format!(
                "ports: [{ports}]\nhealth: {{http: /, interval: 200ms, timeout: 5s}}\n{PYTHON}"
            ),
        );
        host.define("web.yaml", &text.replace("app:v1", &format!("app:{version}")));
    };
    let udp = || host.sh("python3 /srv/ask.py 8053");
    define("v1", "'8081:80', '8053:53/udp'");
    host.apply();
    host.is_converged();
    assert_eq!((get(host, 8081, "/"), udp()), ("v1".to_owned(), "v1".to_owned()));
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");

    // Another version has the same ports, so the old instance stops first.
    define("v2", "'127.0.0.1:8081:80', '8053:53/udp'");
    host.conductor(&["apply", "--dry-run"])
        .exits(0)
        .says("so that no two use port 8081 of the host");
    host.apply();
    assert_eq!((get(host, 8081, "/"), udp()), ("v2".to_owned(), "v2".to_owned()));
    assert_eq!(containers(host, engine).len(), 1);
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!((get(host, 8081, "/"), udp()), ("v1".to_owned(), "v1".to_owned()));

    // A port that something else has is named before anything stops.
    host.sh("systemd-run -q --unit=other python3 -m http.server --bind 127.0.0.1 8090");
    host.eventually("it listens", |host| host.sh("ss -Hltn 'sport = 8090' | wc -l") == "1");
    let before = host.running("web");
    define("v2", "'8090:80', '8053:53/udp'");
    for arguments in [&["apply"][..], &["apply", "--dry-run"]] {
        host.conductor(arguments)
            .exits(2)
            .complains("web.yaml:4:9: ports[0]: something else has port 8090/tcp of the host");
    }
    assert_eq!(host.running("web"), before);
    host.sh("systemctl stop other");
    host.conductor(&["remove", "--id", "web"]).exits(0);
}

fn native(host: &Host) {
    let define = |more: &str| {
        let text = "id: web\ncommand: [/usr/bin/python3, -m, http.server, '9100']\n";
        host.define("web.yaml", &format!("{text}{more}"));
    };
    define("");
    host.apply();
    // What runs already is what listens.
    let fixed = "ports: [9100]\nhealth: {http: /, interval: 200ms, timeout: 5s}\n";
    define(fixed);
    host.apply();
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");
    host.is_converged();
    define(&format!("{fixed}env: {{A: b}}\n"));
    host.apply();
    host.is_converged();
    // Without a network it has no port, and no address but its own.
    define("network_mode: none\n");
    host.apply();
    let (_, pid) = host.running("web")[0].clone();
    let devices = host.sh(&format!("tail -n +3 /proc/{pid}/net/dev | cut -d : -f 1 | tr -d ' '"));
    assert_eq!(devices, "lo");
}

fn network_mode(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let on_host = "network_mode: host\nport: 80\nhealth: {http: /health, interval: 200ms, timeout: 5s}\ninstances: 2\n";
    host.define("web.yaml", &definition(engine, on_host));
    host.apply();
    let given = ports(host);
    assert_eq!(given.len(), 2);
    for port in given {
        assert_eq!(get(host, port, "/"), "v1");
    }
    host.is_converged();
    host.define("web.yaml", &definition(engine, "network_mode: none\ncommand: [sleep, 1d]\n"));
    host.apply();
    let name = containers(host, engine).pop().expect("it runs");
    let devices =
        format!("{} exec {name} sh -c 'ls /sys/class/net; cat /proc/net/dev'", engine.program());
    let devices = host.sh(&devices);
    assert!(devices.contains("lo") && !devices.contains("eth0"), "{devices}");
    host.is_converged();
}
