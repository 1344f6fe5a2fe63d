//! The command line of conductor: it parses arguments, calls the library and prints.

mod args;
mod commands;
mod conclude;
mod context;
mod contract;
#[cfg(test)]
mod documents;
mod error_object;
mod exit_status;
mod failure;
#[cfg(test)]
mod generated;
mod hints;
mod human;
mod interrupt;
mod kinds;
mod print;
mod progress;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::Arguments;
use context::Context;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse().map_err(failure::with_hint) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && asks_for_json() => return failure::usage(&error),
        Err(error) => error.exit(),
    };
    // The main thread is part of the pool instead of waiting for it. The only error is that a pool exists,
    // which is fine.
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
    let output = arguments.global.output;
    let context = || Context::new(&arguments.global, &arguments.command);
    let result = failure::caught(|| arguments.command.run(&context()?));
    match result {
        Ok(code) => code,
        Err(failure) => failure.print(output),
    }
}

/// Returns whether an invalid command line contains `--output json`.
fn asks_for_json() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    let pair = |pair: &[OsString]| pair[0] == "--output" && pair[1] == "json";
    words.windows(2).any(pair) || words.iter().any(|word| word == "--output=json")
}
