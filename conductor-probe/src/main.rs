//! Turns the health of a service into systemd's own readiness and watchdog.

mod args;
mod check;
mod print;
mod spoken;
mod value;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, CheckArguments, Command};
use check::{Check, CheckError};
use print::{Whole, complain, line};

const BAD_USAGE: u8 = 2;
const FAILED: u8 = 1;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => match check_once(&arguments) {
            Ok(code) => code,
            Err(error) => failure(&error, BAD_USAGE),
        },
    }
}

fn check_once(arguments: &CheckArguments) -> Result<ExitCode, CheckError> {
    let check = Check::new(arguments)?.ok_or(CheckError::Missing)?;
    let (said, code) = match check.run(arguments.timing.timeout) {
        Ok(healthy) => (line(format_args!("healthy: {healthy}")), ExitCode::SUCCESS),
        Err(reason) => (line(format_args!("unhealthy: {reason}")), ExitCode::from(FAILED)),
    };
    // The exit status says it, too.
    drop(said);
    Ok(code)
}

fn failure(error: &dyn Error, code: u8) -> ExitCode {
    complain(format_args!("{}", Whole(error)));
    ExitCode::from(code)
}
