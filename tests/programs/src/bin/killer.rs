//! Changes a host as conductor does, and dies in the middle.
//!
//! usage: `killer N|TEXT deploy|rollback ID REVISION`
//!        `killer N|TEXT remove ID`
//!
//! It is told of each step before that is carried out, and after, and says so. It gets SIGKILL, which
//! nobody can do anything about, once it is told of something for the Nth time, beginning with 0, or of
//! something that begins with TEXT. Where it is not, it ends as conductor does.
#![expect(clippy::print_stdout, reason = "standard output is where it says where it is")]

use std::env;
use std::path::Path;
use std::process::ExitCode;

use conductor_host::system::Paths;
use conductor_host::{Change, Conductor, Deploy, Event, Remove, Report, Rollback};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (wanted, words) = words.split_first().expect("see the usage");
    let wanted: Result<u32, &str> = wanted.parse().map_err(|_| *wanted);
    let mut told = 0;
    let mut watcher = |event: Event| {
        let place = match event {
            Event::Step { step, .. } => format!("before: {step}"),
            Event::Done { step, .. } => format!("after: {step}"),
            _ => return,
        };
        println!("{place}");
        if wanted.map_or_else(|text| place.starts_with(text), |number| told == number) {
            kill(getpid(), Signal::SIGKILL).expect("it dies");
        }
        told += 1;
    };
    let conductor = Conductor::new(Paths::system(Path::new("/")), None).expect("templates load");
    let find = |id: &str| conductor.find(&id.parse().expect("an id")).expect("a definition");
    let change = match words {
        ["deploy", id, revision] => {
            let revision = revision.parse().expect("a revision");
            Change::Deploy(Deploy::new(&find(id), &revision).expect("the image can have it"))
        }
        ["rollback", id, release] => {
            let to = Some(release.parse().expect("a release"));
            Change::Rollback(Rollback { services: vec![find(id)], to })
        }
        ["remove", id] => {
            Change::Remove(Remove { service: id.parse().expect("an id"), volumes: false })
        }
        _ => panic!("see the usage"),
    };
    let report = conductor.carry_out(&change, &mut watcher);
    conclude(&report.expect("the host can be changed"))
}

fn conclude(report: &Report) -> ExitCode {
    for (_, failure) in report.failures() {
        println!("{failure:?}");
    }
    ExitCode::from(u8::from(report.failures().next().is_some()))
}
