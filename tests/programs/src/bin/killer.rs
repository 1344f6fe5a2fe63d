//! Changes a host as conductor does, and dies in the middle.
//!
//! usage: `killer N deploy|rollback ID REVISION`
//!        `killer N remove ID`
//!
//! It gets SIGKILL, which nobody can do anything about, when it is told of a step for the Nth time,
//! beginning with 0: each time before a step is carried out, and after. Before that it says which step
//! it is. Where there are fewer, it ends as conductor does.
#![expect(clippy::print_stdout, reason = "standard output is where it says where it died")]

use std::env;
use std::path::Path;
use std::process::ExitCode;

use conductor_core::conductor::{Conductor, Event, Report};
use conductor_core::host::Paths;
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (left, words) = words.split_first().expect("see the usage");
    let mut left: u32 = left.parse().expect("N is a number");
    let mut watcher = |event: &Event<'_>| {
        let (moment, step) = match event {
            Event::Step { step, .. } => ("before", step),
            Event::Done { step, .. } => ("after", step),
            _ => return,
        };
        if left == 0 {
            println!("{moment}: {step}");
            kill(getpid(), Signal::SIGKILL).expect("it dies");
        }
        left -= 1;
    };
    let conductor = Conductor::new(Paths::system(Path::new("/")), None).expect("templates load");
    let find = |id: &str| conductor.find(&id.parse().expect("an id")).expect("a definition");
    let report = match words {
        ["deploy", id, revision] => {
            let revision = revision.parse().expect("a revision");
            conductor.deploy(&find(id), &revision, &mut watcher)
        }
        ["rollback", id, release] => {
            let release = release.parse().expect("a release");
            conductor.rollback(&find(id), Some(&release), &mut watcher)
        }
        ["remove", id] => conductor.remove(&id.parse().expect("an id"), &mut watcher),
        _ => panic!("see the usage"),
    };
    conclude(&report.expect("the host can be changed"))
}

fn conclude(report: &Report) -> ExitCode {
    for (_, failure) in report.failures() {
        println!("{failure:?}");
    }
    ExitCode::from(u8::from(report.failures().next().is_some()))
}
