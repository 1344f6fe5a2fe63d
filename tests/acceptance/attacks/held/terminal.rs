//! The text of a definition or a service cannot control the operator's terminal.

use crate::host::Host;
use crate::ran::Ran;

/// Sets the title of a window, in seven bits and in eight, clears the screen, and writes backwards.
const ORDERS: &str = "\u{1b}]0;EVE\u{7}\u{9b}2J\u{9d}0;EVE\u{9c}\u{202e}EVE\u{8}\r";

/// Control sequences, other than conductor's own colours and cursor movements.
const OBEYED: [&str; 8] =
    ["\u{1b}]", "\u{9b}", "\u{9d}", "\u{9c}", "\u{7}", "\u{8}", "\u{202e}", "\r\u{1b}["];

/// Runs conductor on a terminal of the program `script`, and asserts that no control sequences get there.
#[track_caller]
fn looks(host: &Host, line: &str, status: i32) -> Ran {
    let mut command = host.sandbox.command("env");
    command.args(["--unset=NO_COLOR", "TERM=xterm", "script", "--quiet", "--return", "--command"]);
    let line = format!("timeout --foreground 60 conductor {line}");
    let ran = Ran::new(command.args([&line, "/dev/null"])).exits(status);
    let shown = ran.stdout.replace("\r\n", "\n");
    for order in OBEYED {
        assert!(!shown.contains(order), "{order:?} in {ran:?}");
    }
    ran
}

/// Formats text as a quoted YAML scalar.
fn quoted(text: &str) -> String {
    let escape = |c: char| match u32::from(c) {
        code @ (0..0x20 | 0x7f..0xa0 | 0x2000..0x2100) => format!("\\u{code:04x}"),
        _ => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

pub(super) fn obeys_no_definition(host: &Host) {
    let orders = quoted(ORDERS);
    // Each of these is rejected, and the message quotes the text.
    for key in [
        format!("description: {orders}"),
        format!("image: {orders}"),
        format!("revision: {orders}"),
        format!("user: {orders}"),
        format!("listen: {orders}"),
        format!("port: {orders}"),
        format!("volumes: [{orders}]"),
        format!("env_files: [{orders}]"),
        format!("env: {{{orders}: x}}"),
        format!("secrets: {{{orders}: /x}}"),
        format!("limits: {{memory: {orders}}}"),
        format!("health: {{http: {orders}}}\nport: 80"),
        format!("health: {{http: /, headers: {{Host: {orders}}}}}\nport: 80"),
        format!("proxy: {{nginx: {{upstream: {orders}}}}}\nport: 80"),
        format!("cron: {{{orders}: {{schedule: '@daily', command: [x]}}}}"),
        format!("cron: {{a: {{schedule: {orders}, command: [/x]}}}}"),
        format!("cron: {{a: {{calendar: {orders}, command: [/x]}}}}"),
        format!("cron: {{a: {{calendar: daily, timezone: {orders}, command: [/x]}}}}"),
        format!("systemd: {{Service: {{Nice: {orders}}}}}"),
        format!("systemd: {{{orders}: {{Nice: 1}}}}"),
        format!("{orders}: x"),
    ] {
        host.define("web.yaml", &format!("id: web\ncommand: [/bin/sleep, inf]\n{key}\n"));
        looks(host, "check", 2);
        let json = host.conductor(&["check", "--output", "json"]).exits(2);
        assert!(!json.stdout.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{json:?}");
    }
    // These are accepted, because a program may be given any text.
    host.define(
        "web.yaml",
        &format!(
            "id: web\ncommand: [/bin/sh, -c, 'exec sleep inf', sh, {orders}]\nenv: {{A: {orders}}}\n\
             revision: v1\n\
             cron: {{a: {{schedule: '@yearly', command: [/bin/true, {orders}], stdin: {orders}}}}}\n"
        ),
    );
    for line in [
        "check",
        "render",
        "diff",
        "apply --dry-run",
        "apply",
        "status",
        "cron next",
        "cron run-now --id web a",
        "deploy --id web --revision v2 --dry-run",
        "deploy --id web --revision v2",
        "logs --id web",
        "remove --id web --dry-run",
        "remove --id web",
    ] {
        looks(host, line, 0);
    }
}

/// Answers with control sequences in the status line, and writes some to its output.
const SERVER: &str = r"
import socket, sys
ORDERS = '\x1b]0;EVE\x07\x9b2J\x9d0;EVE\x9c\u202eEVE\x08\r'.encode()
sys.stdout.buffer.write(b'said ' + ORDERS + b'\n')
sys.stdout.flush()
server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    peer = server.accept()[0]
    peer.recv(4096)
    healthy = sys.argv[2] == 'good'
    peer.sendall(b'HTTP/1.1 200 \x9b2J\r\n\r\n' if healthy else ORDERS + b'\r\n\r\n')
    peer.close()
";

pub(super) fn obeys_no_service(host: &Host) {
    host.write("/srv/server.py", SERVER);
    let define = |how: &str| {
        let health = "{http: /, interval: 100ms, timeout: 1s, retries: 2, start_period: 1s}";
        host.define(
            "web.yaml",
            &format!(
                "id: web\nport: 80\nhealth: {health}\nrevision: {how}\n\
                 command: [/usr/bin/python3, /srv/server.py, '{{port}}', '{{revision}}']\n"
            ),
        );
    };
    // The reason phrase is ignored; an answer that is not HTTP is quoted in the message.
    define("good");
    looks(host, "apply", 0);
    looks(host, "status", 0);
    looks(host, "logs --id web", 0);
    define("bad");
    looks(host, "apply", 3);
    looks(host, "status", 0);
    looks(host, "logs --id web", 0);
}
