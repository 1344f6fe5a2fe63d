//! Attacks on readiness and the health of a service.
//!
//! A process that can notify systemd for a unit decides when it is ready, and how long its stop may take.

use conductor_sandbox::Engine;

use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("a_container_cannot_say_that_it_is_ready", a_container_cannot_say_that_it_is_ready),
    ("a_native_service_cannot_say_that_it_is_ready", a_native_service_cannot_say_that_it_is_ready),
    ("a_native_service_cannot_put_off_its_end", a_native_service_cannot_put_off_its_end),
    ("a_stop_that_is_put_off_is_ended", a_stop_that_is_put_off_is_ended),
    ("a_service_cannot_take_over_its_probe", a_service_cannot_take_over_its_probe),
];

/// Sends systemd all helpful notifications, from itself and from children, as long as it runs, and listens
/// only on request.
const LIAR: &str = r#"
import os, signal, socket, sys, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lies = b"READY=1\nSTATUS=healthy: as if\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=86400000000\n"
places = [os.environ.get("NOTIFY_SOCKET"), "/run/systemd/notify", "/host/notify"]
def lie():
    while True:
        for place in places:
            try:
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(lies, place)
            except (OSError, TypeError):
                pass
        time.sleep(0.05)
os.fork()
if len(sys.argv) > 1 and os.getpid() != 1:
    try:
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    except OSError:
        pass
lie()
"#;

/// Sends them from a container that has only a shell and a program of this test.
fn a_container_cannot_say_that_it_is_ready(host: &Host) {
    for engine in [Engine::Podman, Engine::Docker] {
        host.sandbox.load_image(engine).expect("the engine takes the image");
        let program = engine.program();
        // The host's Python, because the image has none; and the directory of systemd's socket, which some
        // images need.
        host.write("/srv/liar.py", LIAR);
        let volumes = "['/usr:/usr:ro', '/lib:/lib:ro', '/lib64:/lib64:ro', '/srv:/srv:ro', '/run/systemd:/host']";
        let definition = |mounts: &str| {
            format!(
                "id: liar\nruntime: {program}\nimage: localhost/app\nrevision: v1\nport: 8080\n\
                 command: [/usr/bin/python3, /srv/liar.py]\nvolumes: {mounts}\n\
                 deploy: {{stop_timeout: 1s}}\n\
                 health: {{http: /, interval: 100ms, start_period: 2s, retries: 2}}\n"
            )
        };
        host.define("liar.yaml", &definition(volumes));
        let ran = host.conductor(&["apply"]).exits(1);
        ran.complains("never healthy in ");
        assert!(host.running("liar").is_empty(), "{:?}", host.instances());
    }
}

fn native(host: &Host, arguments: &str, more: &str) {
    host.write("/srv/liar.py", LIAR);
    host.define(
        "liar.yaml",
        &format!(
            "id: liar\ncommand: [/usr/bin/python3, /srv/liar.py{arguments}]\n\
             deploy: {{stop_timeout: 1s}}\n{more}"
        ),
    );
}

fn a_native_service_cannot_say_that_it_is_ready(host: &Host) {
    let health = "port: 80\nhealth: {tcp: true, interval: 100ms, start_period: 2s, retries: 2}\n";
    native(host, "", health);
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("never healthy in ");
    assert!(host.running("liar").is_empty(), "{:?}", host.instances());
}

fn a_native_service_cannot_put_off_its_end(host: &Host) {
    let health = "port: 80\nhealth: {tcp: true, interval: 100ms}\n";
    native(host, ", '{port}'", health);
    host.apply();
    let (unit, _) = host.running("liar").remove(0);
    let status = host.property(&unit, "StatusText");
    assert!(status.starts_with("healthy: connected in "), "{status}");
    // This test has no time limit of its own; that of the sandbox applies.
    host.conductor(&["remove", "--id", "liar"]).exits(0);
    assert!(host.instances().is_empty(), "{:?}", host.instances());
}

/// The service runs as the same user as its probe, whose notifications systemd accepts. Nothing else protects
/// it here.
fn a_service_cannot_take_over_its_probe(host: &Host) {
    let script = "import http.server, os, sys\n\
        class Answer(http.server.BaseHTTPRequestHandler):\n\
        \x20   def do_GET(self):\n\
        \x20       said = []\n\
        \x20       for file in 'environ', 'mem':\n\
        \x20           try:\n\
        \x20               open(f'/proc/{os.getppid()}/{file}', 'rb').read(0)\n\
        \x20               said.append('open')\n\
        \x20           except PermissionError:\n\
        \x20               said.append('closed')\n\
        \x20       said.append(open(f'/proc/{os.getppid()}/comm').read())\n\
        \x20       self.send_response(200)\n\
        \x20       self.end_headers()\n\
        \x20       self.wfile.write(' '.join(said).encode())\n\
        http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()\n";
    host.write("/srv/reader.py", script);
    host.define(
        "reader.yaml",
        "id: reader\nuser: operator\nsandbox: false\nport: 80\nhealth: {http: /}\n\
         command: [/usr/bin/python3, /srv/reader.py, '{port}']\n",
    );
    host.apply();
    assert_eq!(host.sh("curl -sS http://127.0.0.1:20000/"), "closed closed conductor-probe");
}

/// A definition that lets the service notify systemd lets it extend its stop, but not forever.
fn a_stop_that_is_put_off_is_ended(host: &Host) {
    host.write(
        "/etc/systemd/system/conductor-liar-.service.d/a.conf",
        "[Service]\nNotifyAccess=all\n",
    );
    native(host, "", "");
    host.apply();
    let (unit, _) = host.running("liar").remove(0);
    let ran = host.conductor(&["remove", "--id", "liar"]).exits(1);
    ran.complains(&unit).complains("did not stop within").complains("killed");
    host.conductor(&["remove", "--id", "liar"]).exits(0);
    assert!(host.instances().is_empty(), "{:?}", host.instances());
    host.sh("rm -r /etc/systemd/system/conductor-liar-.service.d");
}
