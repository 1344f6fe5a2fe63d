//! Programs that other people wrote, from Debian's packages, by the definitions that `docs/programs.md` shows.
//!
//! All of them run in one sandbox, on the release of Debian in `CONDUCTOR_SANDBOX_DEBIAN`. One event after
//! the other happens to all, and after each, all data is there and all requests are answered.

mod databases;
mod haproxy;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Trial;

use crate::host::Host;
use crate::pool::{Company, Pool};
use table::{Client, PROGRAMS, Program};

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial = |name: &str, test: fn(&mut Host)| {
        let run = move |pool: &Pool| pool.run_with_programs(test);
        pool.trial(Company::Others, format!("programs::{name}"), run)
    };
    vec![
        trial("data_and_answers_survive", data_and_answers_survive),
        trial("databases_in_containers", databases::in_containers),
        trial("upstreams_of_haproxy_move", haproxy::upstreams_of_haproxy_move),
    ]
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/programs")
}

impl Program {
    /// Returns its definition in the repository, for the release of Debian in the sandbox.
    fn definition(&self, debian: &str) -> String {
        let path = examples().join(self.id).with_extension("yaml");
        let text = fs::read_to_string(&path).expect("there is a definition");
        // As the comment in it says.
        if debian == "12" { text.replace("revision: \"17\"", "revision: \"15\"") } else { text }
    }

    /// Runs one of the client's scripts.
    #[track_caller]
    fn ask(&self, host: &Host, script: &str, n: u32) -> String {
        host.sh(&format!("id={} n={n}; {script}", self.id))
    }

    /// Asserts that all data is there, and adds some; or that there are answers.
    #[track_caller]
    fn serves(&self, host: &Host, n: u32) {
        match self.client {
            Client::Data { write, read } => {
                let there = if n == 1 { String::new() } else { self.ask(host, read, n) };
                let there: Vec<_> = there.split_whitespace().collect();
                let all: Vec<_> = (1..n).map(|n| n.to_string()).collect();
                assert_eq!(there, all, "{} lost data", self.id);
                self.ask(host, write, n);
            }
            Client::Answers(script) => drop(self.ask(host, script, n)),
        }
    }
}

/// Defines all programs.
fn define(host: &Host, debian: &str, change: impl Fn(&Program, String) -> String) {
    for program in PROGRAMS {
        let text = change(program, program.definition(debian));
        host.define(&format!("{}.yaml", program.id), &text);
    }
}

/// Adds a limit to a definition.
fn limited(text: &str) -> String {
    if text.contains("\nlimits: {") {
        return text.replace("\nlimits: {", "\nlimits: {pids: 999, ");
    }
    format!("{text}limits: {{pids: 999}}\n")
}

/// Returns the instances of all programs, with their processes.
fn running(host: &Host) -> Vec<(String, u32)> {
    PROGRAMS.iter().flat_map(|program| host.running(program.id)).collect()
}

fn data_and_answers_survive(host: &mut Host) {
    let debian = host.sh(". /etc/os-release; echo $VERSION_ID");
    every_example_is_run();
    host.write("/usr/local/lib/queue.py", include_str!("queue.py"));
    for program in PROGRAMS {
        let directory = examples().join(program.id);
        for file in directory.read_dir().into_iter().flatten().flatten() {
            let text = fs::read_to_string(file.path()).expect("it is text");
            let name = file.file_name();
            host.write(&format!("/srv/{}/{}", program.id, name.display()), &text);
        }
        host.sh(program.prepare);
    }
    define(host, &debian, |_, text| text);
    let ran = host.conductor(&["check"]).exits(0);
    let advice: Vec<_> = ran.stderr.lines().filter(|line| !line.starts_with("note: ")).collect();
    assert_eq!(advice, [""; 0], "{ran}");
    let mut n = 0;
    let mut served = |host: &Host, event: &str| {
        n += 1;
        eprintln!("programs: {event}");
        for program in PROGRAMS {
            program.serves(host, n);
        }
        let failed = host.sh("systemctl list-units --failed --plain --no-legend 'conductor-*'");
        assert_eq!(failed, "", "{event}");
    };
    host.apply();
    served(host, "started");

    for program in PROGRAMS {
        let before = host.running(program.id);
        host.conductor(&["restart", "--id", program.id]).exits(0);
        let after = host.running(program.id);
        assert_eq!(after.len(), before.len(), "{before:?} {after:?}");
        let kept = after.iter().any(|(_, pid)| before.iter().any(|(_, old)| old == pid));
        assert!(!kept, "{before:?} {after:?}");
    }
    served(host, "restarted");

    let before = running(host);
    define(host, &debian, |_, text| limited(&text));
    host.apply();
    let limited_ones = running(host);
    assert_eq!(limited_ones.len(), before.len());
    assert!(limited_ones.iter().all(|instance| !before.contains(instance)));
    served(host, "deployed");

    define(host, &debian, |program, text| {
        let (old, new) = program.broken;
        let broken = limited(&text).replacen(old, new, 1);
        assert_ne!(broken, limited(&text), "{}", program.id);
        broken
    });
    host.conductor(&["apply"]).exits(3);
    let names =
        |all: &[(String, u32)]| all.iter().map(|(unit, _)| unit.clone()).collect::<Vec<_>>();
    assert_eq!(names(&running(host)), names(&limited_ones));
    served(host, "a deploy failed");

    define(host, &debian, |_, text| limited(&text));
    host.is_converged();
    for (_, pid) in running(host) {
        // The main process is the probe, and the program its child.
        host.sh(&format!("pkill -KILL --parent {pid}"));
    }
    all_are_well(host, "crashed");
    served(host, "crashed");

    host.sandbox.reboot().expect("it comes up again");
    all_are_well(host, "rebooted");
    assert_eq!(names(&running(host)), names(&limited_ones));
    served(host, "rebooted");
    host.is_converged();
}

/// Waits until everything is up and healthy.
fn all_are_well(host: &Host, event: &str) {
    let wait = "timeout 120 sh -c 'until conductor status --check; do sleep 0.2; done' >&2 \
                    && echo yes || conductor status";
    assert_eq!(host.sh(wait), "yes", "{event}");
}

/// Asserts that no definition is forgotten, in the test and in the guide.
fn every_example_is_run() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/programs.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let files = examples().read_dir().expect("it is there");
    let files = files.map(|file| file.expect("it can be read").path());
    let mut ids: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
        .map(|file| file.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    ids.sort();
    let mut run: Vec<_> = PROGRAMS.iter().map(|program| program.id).collect();
    run.sort_unstable();
    assert_eq!(ids, run);
    for id in ids {
        let link = format!("(../examples/programs/{id}.yaml)");
        assert!(guide.contains(&link), "no {link} in docs/programs.md");
        let text = fs::read_to_string(examples().join(&id).with_extension("yaml"));
        let text = text.expect("there is a definition");
        assert!(!text.contains("systemd:"), "{id} needs more than keys of a definition");
    }
}
