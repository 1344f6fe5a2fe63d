//! Turns the health of a service into systemd's own readiness and watchdog.

mod args;
mod check;
mod conceal;
mod docker;
mod exec;
mod itself;
mod limit;
mod notify;
mod occupied;
mod once;
mod place;
mod prepare;
mod print;
mod restarts;
mod runtime;
mod share;
mod signals;
mod spoken;
mod status;
mod stop;
mod supervise;
mod value;
mod watch;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, CheckArguments, Command};
use check::{Check, CheckError};
use docker::DockerError;
use exec::{CANNOT_EXECUTE, ExecError};
use prepare::PrepareError;
use print::{Whole, clean, complain, line};

const BAD_USAGE: u8 = 2;
const FAILED: u8 = 1;
/// What engines say when it was not the command that failed.
const ENGINE_FAILED: u8 = 125;

/// Does what the arguments of the process say.
pub fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    match words.next().unwrap_or_default().to_str() {
        Some(exec::BECOME) => return ExitCode::from(exec::become_service(words)),
        Some(once::BECOME) => return ExitCode::from(once::become_command(words)),
        Some(once::INIT) => {
            return match once::init(words) {
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
    match Arguments::parse_from(words).command {
        Command::Exec(exec) => match exec::run(exec) {
            Ok(end) => ExitCode::from(end.repeat()),
            Err(error @ ExecError::Run { .. }) => failure(&error, CANNOT_EXECUTE),
            Err(error @ ExecError::Prepare(PrepareError::Check(_))) => failure(&error, BAD_USAGE),
            Err(error) => failure(&error, FAILED),
        },
        Command::Docker(docker) => match docker::run(&docker) {
            Ok(code) => ExitCode::from(code),
            Err(error @ DockerError::Prepare(PrepareError::Check(_))) => failure(&error, BAD_USAGE),
            Err(error) => failure(&error, FAILED),
        },
        Command::Check(arguments) => match check_once(&arguments) {
            Ok(code) => code,
            Err(error) => failure(&error, BAD_USAGE),
        },
        Command::Stop => {
            stop::run();
            ExitCode::SUCCESS
        }
        Command::Socket(socket) => match place::run(&socket) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
        Command::Run(run) => match once::run(&run) {
            Ok(code) => ExitCode::from(code),
            Err(error) => failure(&error, ENGINE_FAILED),
        },
        Command::Limit(limit) => ExitCode::from(limit::run(&limit)),
        Command::Ended(ended) => match once::report(&ended) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error, FAILED),
        },
    }
}

/// Checks once, as `conductor-probe check` with these arguments does, and returns whether the service is
/// healthy and what is said of it.
///
/// # Errors
/// The arguments are no check.
pub fn check<A: Into<OsString>>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<(bool, String), Box<dyn Error>> {
    let words = ["conductor-probe", "check"].map(OsString::from);
    let words = words.into_iter().chain(arguments.into_iter().map(Into::into));
    match Arguments::try_parse_from(words)?.command {
        Command::Check(arguments) => Ok(judge(&arguments)?),
        _ => Err(CheckError::Missing.into()),
    }
}

fn judge(arguments: &CheckArguments) -> Result<(bool, String), CheckError> {
    let check = Check::new(arguments)?.ok_or(CheckError::Missing)?;
    let (healthy, mut said) = match check.run(arguments.timing.timeout) {
        Ok(healthy) => (true, format!("healthy: {healthy}")),
        Err(reason) => (false, format!("unhealthy: {reason}")),
    };
    clean(&mut said, 0);
    Ok((healthy, said))
}

fn check_once(arguments: &CheckArguments) -> Result<ExitCode, CheckError> {
    let (healthy, said) = judge(arguments)?;
    // Nothing can be done where nobody reads it; the exit status says it, too.
    drop(line(format_args!("{said}")));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn failure(error: &dyn Error, code: u8) -> ExitCode {
    complain(format_args!("{}", Whole(error)));
    ExitCode::from(code)
}
