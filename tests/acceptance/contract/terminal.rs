//! Colours: only on a terminal, and not with `NO_COLOR`.

use super::{ESC, JSON};
use crate::host::Host;
use crate::ran::Ran;

/// Command lines that use colours, redraw, or show foreign colours; each with its exit status.
const ALL: [(&str, i32); 8] = [
    ("--help", 0),
    ("aply", 2),
    ("deploy --id web --revision v2", 0),
    ("deploy --id web --revision bad", 3),
    ("status", 0),
    ("cron run-now --id web bad", 1),
    ("cron next", 0),
    ("logs --id web", 0),
];

/// Prepares a service that writes colours, and does not start at the revision `bad`.
fn prepare(host: &Host) {
    let script = "printf \"\\033[31m<3>red\\n\"; test {revision} != bad || exit 5; exec sleep inf";
    let job = "{schedule: '@yearly', command: [/usr/bin/printf, '\\033[31mred\\n%d', x]}";
    host.define(
        "web.yaml",
        &format!("id: web\ncommand: [/bin/sh, -c, '{script}']\ncron: {{bad: {job}}}\n"),
    );
    host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(0);
    host.conductor(&["cron", "run-now", "--id", "web", "bad"]).exits(1);
}

pub(super) fn no_colors_without_a_terminal(host: &Host) {
    prepare(host);
    for (line, status) in ALL {
        let words: Vec<_> = line.split(' ').collect();
        let ran = host.conductor(&words).exits(status);
        assert!(!ran.stdout.contains(ESC) && !ran.stderr.contains(ESC), "{ran:?}");
    }
}

pub(super) fn no_colors_with_no_color(host: &Host) {
    prepare(host);
    // A terminal has colours, and an empty NO_COLOR does not count.
    for variables in [&["TERM=xterm"][..], &["TERM=xterm", "NO_COLOR="]] {
        for line in ["--help", "aply", "deploy --id web --revision v2", "status web"] {
            let ran = on_a_terminal(host, variables, line);
            assert!(has_colors(&ran.stdout), "{variables:?}: {ran:?}");
        }
        host.conductor(&["rollback", "--id", "web"]).exits(0);
    }
    for (line, status) in ALL {
        let ran = on_a_terminal(host, &["TERM=xterm", "NO_COLOR=1"], line).exits(status);
        assert!(!has_colors(&ran.stdout), "{ran:?}");
    }
    // The live list moves the cursor without colours, too, and only on a terminal.
    let deploy = |revision: &str| format!("deploy --id web --revision {revision}");
    let ran = on_a_terminal(host, &["TERM=xterm", "NO_COLOR=1"], &deploy("v3")).exits(0);
    assert!(ran.stdout.contains(ESC), "{ran:?}");
    let ran = on_a_terminal(host, &["TERM=dumb"], &deploy("v4")).exits(0);
    assert!(ran.stdout.contains("start conductor-web-v4.") && !ran.stdout.contains(ESC), "{ran:?}");
    // The width of a terminal that does not say its own is 80.
    let ran = on_a_terminal(host, &["TERM=xterm", "NO_COLOR=1"], "status");
    assert!(ran.stdout.lines().all(|line| line.trim_end().chars().count() <= 80), "{ran:?}");
    let ran = on_a_terminal(host, &["TERM=dumb"], "status --watch");
    assert!(ran.stdout.contains("SERVICE") && !ran.stdout.contains(ESC), "{ran:?}");
    // The output for programs is the same on a terminal.
    for line in [deploy("v5"), "status".to_owned(), "aply".to_owned()] {
        let ran = on_a_terminal(host, &["TERM=xterm"], &format!("{line} {}", JSON.join(" ")));
        assert!(!ran.stdout.contains(ESC), "{ran:?}");
        for text in ran.stdout.lines() {
            serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|_| panic!("{ran:?}"));
        }
    }
}

pub(super) fn a_watch_repaints_the_screen(host: &Host) {
    host.define("web.yaml", "id: web\ncommand: [/usr/bin/sleep, 1d]\ninstances: 2\n");
    host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(0);
    let mut command = host.sandbox.command("python3");
    Ran::new(command.args(["-c", include_str!("watch.py")])).exits(0).says("watched");
}

/// Runs conductor on a terminal, for ten seconds at most; what it writes to either stream is standard
/// output.
#[track_caller]
fn on_a_terminal(host: &Host, variables: &[&str], line: &str) -> Ran {
    let mut command = host.sandbox.command("env");
    command.args(["--unset=NO_COLOR", "--unset=CLICOLOR"]).args(variables);
    let line = format!("timeout --foreground 10 conductor {line}");
    Ran::new(command.args(["script", "--quiet", "--return", "--command", &line, "/dev/null"]))
}

/// Finds a sequence that sets colours or styles: ECMA-48's SGR.
fn has_colors(text: &str) -> bool {
    text.split("\x1b[").skip(1).any(|rest| {
        let end = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        end.starts_with('m')
    })
}
