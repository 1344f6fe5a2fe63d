//! The crontabs of Debian's packages are converted completely.

#![expect(clippy::print_stderr, reason = "how much was imported is for whoever runs the tests")]

use std::fs;

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::Test;
use crate::beside_cron::jobs_get_what_cron_gives;
use crate::host::{Host, SERVICES};
use crate::pool::{Company, Pool};

pub(crate) const TESTS: &[Test] = &[
    ("the_guide_shows_what_is_so", the_guide_shows_what_is_so),
    ("homes_are_what_cron_makes_of_them", homes_are_what_cron_makes_of_them),
];

/// The files that packages install for cron and anacron, without the placeholders that keep directories.
const SHIPPED: &str = "find /etc/crontab /etc/anacrontab /etc/cron.* -type f ! -name .placeholder";

/// In a sandbox with the packages, one after the other.
pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let name = "crontabs::what_debian_ships".to_owned();
    let test = |host: &Host| {
        what_debian_ships(host);
        jobs_get_what_cron_gives(host);
    };
    vec![pool.trial(Company::Others, name, move |pool| pool.run_with_crontabs(test))]
}

/// Counts the lines that are not empty, comments or variables; independent of the parser, and only for these
/// files.
fn entries(text: &str) -> usize {
    let begins = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit() || "*@".contains(c));
    text.lines().map(str::trim_start).filter(begins).count()
}

fn what_debian_ships(host: &Host) {
    // Some packages write theirs when they are installed.
    let packages = host.sh(&format!("dpkg -S $({SHIPPED}) 2>/dev/null | cut -d : -f 1 | sort -u"));
    let packages = packages.lines().count();
    assert!(packages >= 20, "{packages}");
    let files = host.sh("ls -d /etc/crontab /etc/anacrontab /etc/cron.d/*");
    let text = |file: &str| fs::read_to_string(host.path(file)).expect("a text");
    let lines: usize = files.lines().map(|file| entries(&text(file))).sum();

    let import = [
        "cron",
        "import",
        "--system",
        "--run-id",
        "/etc/crontab",
        "/etc/anacrontab",
        "/etc/cron.d",
    ];
    let json = host.conductor(&[&import[..], &["--output", "json"]].concat()).exits(0).json();
    assert_eq!(json["left_out"], Value::Array(Vec::new()), "{json}");
    assert_eq!(json["entries"], lines, "{json}");
    let definitions = json["definitions"].as_array().expect("a list");
    for definition in definitions {
        let part = |key: &str| definition[key].as_str().expect("text");
        host.define(&format!("{}.yaml", part("id")), part("text"));
    }
    let count = definitions.len();
    host.conductor(&["check"]).exits(0).says(&format!("{count} services are valid\n"));
    let notes = json["notes"].as_array().expect("a list");
    let asks = |note: &&Value| {
        note["message"].as_str().is_some_and(|text| text.contains("checks whether systemd runs"))
    };
    let guards = notes.iter().filter(asks).count();
    assert!(guards >= 6, "{guards}");
    eprintln!(
        "crontabs: {packages} packages of Debian, {lines} entries, all carried over into {count} \
         definitions; {guards} commands ask whether systemd runs"
    );

    // The same after the services are defined: the text is equal.
    let first = host.conductor(&import).exits(0);
    let again = host.conductor(&import).exits(0);
    assert_eq!(first.stdout, again.stdout);
    let first = first
        .complains(&format!("note: {SERVICES}/crontab.yaml: crontab is already defined here\n"));
    // Every entry has a timer, and what is imported and applied again changes nothing.
    host.apply();
    let timers = host.sh("ls /etc/systemd/system | grep -c '^conductor-[^@]*timer$'");
    assert_eq!(timers, lines.to_string());
    for definition in definitions {
        let part = |key: &str| definition[key].as_str().expect("text");
        host.define(&format!("{}.yaml", part("id")), part("text"));
    }
    host.is_converged();
    // systemd 252 does not know what `overlap: skip` needs.
    let verified = host.sh(
        "cd /etc/systemd/system; systemd-analyze verify $(ls conductor-*.timer conductor-*.service) 2>&1 \
         | grep -v \"Unknown key 'DeferReactivation'\" || true",
    );
    assert_eq!(verified, "");
    let texts = definitions.iter().map(|definition| definition["text"].as_str().expect("text"));
    assert_eq!(first.stdout, texts.collect::<Vec<_>>().join("---\n"));
    host.conductor(&["remove", "--all"]).exits(0);
}

/// The first example in the guide is a crontab, the second one its definition.
fn the_guide_shows_what_is_so(host: &Host) {
    let guide = include_str!("../../docs/cron.md");
    let is_shown = |line: &str| line.starts_with("    ") || line.is_empty();
    let blocks: Vec<_> = guide
        .lines()
        .collect::<Vec<_>>()
        .chunk_by(|a, b| is_shown(a) == is_shown(b))
        .filter(|lines| lines.iter().any(|line| line.starts_with("    ")))
        .map(|lines| {
            let text = lines.iter().map(|line| line.strip_prefix("    ").unwrap_or(line));
            format!("{}\n", text.collect::<Vec<_>>().join("\n").trim_matches('\n'))
        })
        .collect();
    host.write("/etc/cron.d/shop", &blocks[0]);
    host.spoil();
    let ran = host.conductor(&["cron", "import", "--system", "/etc/cron.d/shop"]).exits(0);
    assert_eq!(ran.stdout, blocks[1]);
    host.define("shop-jobs.yaml", &ran.stdout);
    host.conductor(&["check"]).exits(0);
    host.apply();
    host.is_converged();
    // Each job can be started: systemd finds the user, and the shell only fails to find the shop's program.
    host.sh("useradd --system shop");
    let ran = host.conductor(&["cron", "run-now", "--id", "shop", "books"]).exits(1);
    ran.says("not found").complains("exit status 127");
}

/// cron starts a command in its user's home, and also if there is no home.
fn homes_are_what_cron_makes_of_them(host: &Host) {
    host.sh("useradd --no-create-home --home-dir /nowhere homeless");
    host.spoil();
    let crontab = "@daily operator pwd\n@daily homeless pwd\nHOME=/srv/50%\n@daily root pwd\n";
    host.write("/srv/crontab", crontab);
    host.sh("mkdir -p /srv/50%");
    let ran = host.conductor(&["cron", "import", "--system", "/srv/crontab"]).exits(0);
    let directory = |at: usize| {
        let lines =
            ran.stdout.lines().filter_map(|line| line.trim().strip_prefix("WorkingDirectory: "));
        let directory = lines.map(|line| line.trim_matches('"').to_owned()).nth(at);
        directory.unwrap_or_else(|| panic!("{ran}"))
    };
    for (user, directory, pwd) in [
        ("operator", directory(0), "/home/operator"),
        ("homeless", directory(0), "/"),
        ("root", directory(1), "/srv/50%"),
    ] {
        // As in a unit file, because a property of a transient unit has no specifiers.
        host.write(
            "/etc/systemd/system/home.service",
            &format!(
                "[Service]\nType=oneshot\nUser={user}\nWorkingDirectory={directory}\n\
             ExecStart=sh -c 'pwd >/tmp/pwd'\n"
            ),
        );
        host.sh("systemctl daemon-reload; systemctl start home.service");
        assert_eq!(host.sh("cat /tmp/pwd; rm -f /tmp/pwd"), pwd, "{user}");
    }
}
