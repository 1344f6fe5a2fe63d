//! The command line of conductor: it parses arguments, calls the library and prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this crate is for"
)]

mod args;
mod commands;
mod context;
mod failure;
mod human;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};
use context::Context;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = arguments.global.output;
    let result = Context::new(&arguments.global).and_then(|context| match &arguments.command {
        Command::Check(options) => commands::check::run(&context, options),
        Command::Render(options) => commands::render::run(&context, options),
        Command::Diff(options) => commands::diff::run(&context, options),
        Command::Apply(options) => commands::apply::run(&context, options),
        Command::Status(options) => commands::status::run(&context, options),
        Command::Logs(options) => commands::logs::run(&context, options),
        Command::Remove(options) => commands::remove::run(&context, options),
        Command::Schema => commands::schema::run(),
    });
    match result {
        Ok(code) => code,
        Err(failure) => failure.print(output),
    }
}
