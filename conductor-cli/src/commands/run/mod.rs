//! `conductor run`: runs a command once, connected to this terminal.

mod args;
mod input_output;
mod signals;
mod terminal;

use std::env;
use std::process::ExitCode;

use conductor_core::name::UnitName;
use conductor_core::service::Limits;
use conductor_host::RunRequest;
use conductor_host::system::UnitEnd;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use self::args::Run;
use self::args::Variable;
use self::signals::Signals;
use self::terminal::Terminal;
use crate::args::Output;
use crate::context::Context;
use crate::exit_status::{NOT_RUN, TIMED_OUT};
use crate::failure::{Failure, caught};
use crate::human::printable;
use crate::{hints, print};

/// A detached command.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Detached {
    /// The unit in which it runs.
    unit: UnitName,
}

/// Returns the exit status of the command; conductor's own failures have a separate one here.
pub(crate) fn run(context: &Context, options: &Run) -> ExitCode {
    let (result, output) = if options.dry_run {
        (caught(|| plan(context, options)), context.output)
    } else if options.detach {
        (caught(|| detach(context, options)), context.output)
    } else {
        // Standard output belongs to the command.
        (caught(|| wait(context, options)), Output::Text)
    };
    ExitCode::from(result.unwrap_or_else(|failure| {
        failure.print(output);
        NOT_RUN
    }))
}

/// Prints the unit of a dry run.
fn plan(context: &Context, options: &Run) -> Result<u8, Failure> {
    let service = context.conductor.find(&options.id)?;
    let plan = context.conductor.plan_run(&service, &request(options, None));
    let plan = plan.map_err(hints::with_revision)?;
    if context.json() {
        Context::print_json(&plan)?;
        return Ok(0);
    }
    if let Some(image) = &plan.pull {
        print::line(format_args!("# pull {image}"))?;
    }
    print::line(format_args!("# {}", plan.unit))?;
    print::text(format_args!("{}", plan.text))?;
    Ok(0)
}

/// Starts the command and does not wait for it.
fn detach(context: &Context, options: &Run) -> Result<u8, Failure> {
    let signals = Signals::catch()?;
    let service = context.conductor.find(&options.id)?;
    let request = request(options, None);
    let unit = context.conductor.run_detached(&service, &request, &mut pulling(&signals));
    let unit = unit.map_err(hints::with_revision)?;
    match context.json() {
        true => Context::print_json(&Detached { unit })?,
        false => print::line(format_args!("{unit}"))?,
    }
    Ok(0)
}

/// Runs the command and waits for its end.
fn wait(context: &Context, options: &Run) -> Result<u8, Failure> {
    let signals = Signals::catch()?;
    let service = context.conductor.find(&options.id)?;
    let (terminal, ends) = if options.tty {
        let (terminal, ends) = Terminal::open()?;
        (Some(terminal), ends)
    } else {
        (None, input_output::own())
    };
    let request =
        request(options, terminal.as_ref().and_then(|_| env::var("TERM").ok()).as_deref());
    let running = context.conductor.run(&service, &request, ends, &mut pulling(&signals));
    let running = running.map_err(hints::with_revision)?;
    let connected = terminal.as_ref().map(Terminal::connect).transpose()?;
    signals.pass_on(running.controller(), terminal)?;
    let end = running.wait();
    // The command's output on the terminal comes before conductor's messages.
    drop(connected);
    let end = end?;
    for refused in &end.refused {
        print::complaint(format_args!("warning: {}", printable(refused)));
    }
    Ok(status(&end, options.timeout.is_some()))
}

/// Shows the engine's output during a pull, and cancels the pull on a signal.
fn pulling(signals: &Signals) -> impl FnMut(Option<&str>) -> bool {
    move |line| {
        if let Some(line) = line {
            print::complaint(format_args!("{}", printable(line)));
        }
        !signals.ask_for_an_end()
    }
}

fn request(options: &Run, term: Option<&str>) -> RunRequest {
    let Run { entrypoint, revision, env, memory, cpu, timeout, run_as, command, .. } = options;
    let term = term.and_then(|term| format!("TERM={term}").parse().ok());
    let env = term.iter().chain(env);
    RunRequest {
        command: command.clone(),
        entrypoint: entrypoint.clone(),
        revision: revision.clone(),
        env: env.map(|Variable { name, value }| (name.clone(), value.clone())).collect(),
        limits: Limits { memory: *memory, cpu: *cpu, ..Limits::default() },
        user: run_as.clone(),
        timeout: *timeout,
    }
}

/// Returns the exit status for a unit's end, and prints what the status does not show. Without a time limit,
/// a timeout can only be that of the cleanup after the command, on a very busy host.
fn status(UnitEnd { result, end, .. }: &UnitEnd, limited: bool) -> u8 {
    match (result.as_str(), end) {
        ("timeout", end) if limited || end.is_none() => {
            print::complaint(format_args!("error: the command exceeded --timeout"));
            TIMED_OUT
        }
        (result, None) => {
            print::complaint(format_args!("error: systemd ended the command: {result}"));
            NOT_RUN
        }
        (result, Some(end)) => {
            if result == "oom-kill" {
                print::complaint(format_args!("error: the command exceeded its memory limit"));
            }
            u8::try_from(end.status()).unwrap_or(u8::MAX)
        }
    }
}
