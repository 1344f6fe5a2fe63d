//! Reports the health of a service to systemd, as readiness and watchdog.

mod check;
mod conceal;
mod container;
mod docker;
mod event;
mod exec;
mod help;
mod itself;
mod limit;
mod mail;
mod notify;
mod occupied;
mod place;
mod prepare;
mod print;
mod restarts;
mod run;
mod runtime;
mod share;
mod signals;
mod slots;
mod spoken;
mod status;
mod stop;
mod supervise;
mod turn;
mod watch;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use probe_protocol::{ArgumentError, Request, StatusText, Subcommand, Watch};

use check::{Check, CheckError};
use docker::DockerError;
use exec::{CANNOT_EXECUTE, ExecError};
use prepare::PrepareError;
use print::{Whole, clean, complain, line};

const BAD_USAGE: u8 = 2;
const FAILED: u8 = 1;
/// The exit status of engines when not the command failed, but the engine.
const ENGINE_FAILED: u8 = 125;

/// Runs the command in the arguments of the process.
pub fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    match words.next().unwrap_or_default().to_str() {
        Some(exec::BECOME) => return ExitCode::from(exec::become_service(words)),
        Some(run::BECOME) => return ExitCode::from(run::become_command(words)),
        Some(run::PASS_ON) => {
            return match run::pass_on() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failure(&error, FAILED),
            };
        }
        Some(run::INIT) => {
            return match run::init(words) {
                Ok(code) => ExitCode::from(code),
                Err(error) => failure(&error, ENGINE_FAILED),
            };
        }
        _ => {}
    }
    let words = match conceal::arguments(env::args_os().collect()) {
        Ok(words) => words,
        Err(error) => return failure(&error, FAILED),
    };
    let request = match Request::read(words.into_iter().skip(1)) {
        Ok(request) => request,
        Err(error) => return failure(&error, BAD_USAGE),
    };
    match request {
        Request::Help(subcommand) => told(help::of(subcommand)),
        Request::Version => told(concat!("conductor-probe ", env!("CARGO_PKG_VERSION"))),
        Request::Exec { options, program } => match exec::run(options, program) {
            Ok(end) => ExitCode::from(end.repeat()),
            Err(error @ ExecError::Run { .. }) => failure(&error, CANNOT_EXECUTE),
            Err(error @ ExecError::Prepare(PrepareError::Check(_))) => failure(&error, BAD_USAGE),
            Err(error) => failure(&error, FAILED),
        },
        Request::Docker { options, arguments } => match docker::run(options, &arguments) {
            Ok(code) => ExitCode::from(code),
            Err(error @ DockerError::Prepare(PrepareError::Check(_))) => failure(&error, BAD_USAGE),
            Err(error) => failure(&error, FAILED),
        },
        Request::Check(watch) => match check_once(&watch) {
            Ok(code) => code,
            Err(error) => failure(&error, BAD_USAGE),
        },
        Request::Stop => {
            stop::run();
            ExitCode::SUCCESS
        }
        Request::Socket(socket) => match place::run(&socket) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
        Request::Run { options, program } => match run::run(&options, &program) {
            Ok(code) => ExitCode::from(code),
            Err(error) => failure(&error, ENGINE_FAILED),
        },
        Request::Limit { options, program } => ExitCode::from(limit::run(options, &program)),
        Request::Collect { options, program } => match run::collect(&options, &program) {
            Ok(end) => ExitCode::from(end.repeat()),
            Err(error) => failure(&error, CANNOT_EXECUTE),
        },
        Request::Mail(mail) => match mail::run(&mail) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
        Request::Turn(turn) => failure(&turn::run(&turn), FAILED),
        Request::Event(event) => match event::run(&event) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
        Request::Ended(ended) => match run::report(&ended) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
    }
}

/// Checks once, as `conductor-probe check` with these arguments does, and returns whether the service is
/// healthy, and the status text.
///
/// # Errors
/// The arguments are not those of a check.
pub fn check<A: Into<OsString>>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<(bool, String), Box<dyn Error>> {
    let words = [OsString::from("check")];
    let words = words.into_iter().chain(arguments.into_iter().map(Into::into));
    match Request::read(words)? {
        Request::Check(watch) => Ok(judge(&watch)?),
        _ => Err(ArgumentError::Missing("a check").into()),
    }
}

/// Returns the parts of the program's manual, with their headings.
pub fn manual() -> [(&'static str, &'static str); 4] {
    let of = |subcommand| help::of(Some(subcommand));
    [
        ("DESCRIPTION", help::of(None)),
        ("CHECK", of(Subcommand::Check)),
        ("EXEC", of(Subcommand::Exec)),
        ("DOCKER", of(Subcommand::Docker)),
    ]
}

fn judge(watch: &Watch) -> Result<(bool, String), CheckError> {
    let (healthy, mut said) = match Check::new(watch)?.run(watch.timing.timeout) {
        Ok(found) => (true, StatusText::Checked { healthy: true, found: &found }.to_string()),
        Err(found) => (false, StatusText::Checked { healthy: false, found: &found }.to_string()),
    };
    clean(&mut said, 0);
    Ok((healthy, said))
}

fn check_once(watch: &Watch) -> Result<ExitCode, CheckError> {
    let (healthy, said) = judge(watch)?;
    // If the output cannot be written, the exit status still has the result.
    drop(line(format_args!("{said}")));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Prints a requested text.
fn told(text: &str) -> ExitCode {
    match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

fn failure(error: &dyn Error, code: u8) -> ExitCode {
    complain(format_args!("{}", Whole(error)));
    ExitCode::from(code)
}
