//! `conductor run`: a command that runs once, as if it ran here.

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
use crate::failure::{Failure, caught};
use crate::human::printable;
use crate::{hints, print};

/// It took longer than it was to, as timeout(1) says it.
const TIMED_OUT: u8 = 124;
/// It is not the command that failed, as container engines say it.
const FAILED: u8 = 125;

/// A command that nobody waits for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Detached {
    /// The unit in which it runs.
    unit: UnitName,
}

/// The exit status of a command is its own, so that conductor's failures have another one here.
pub(crate) fn run(context: &Context, options: &Run) -> ExitCode {
    let (result, output) = if options.dry_run {
        (caught(|| plan(context, options)), context.output)
    } else if options.detach {
        (caught(|| detach(context, options)), context.output)
    } else {
        // Standard output is the command's.
        (caught(|| wait(context, options)), Output::Text)
    };
    ExitCode::from(result.unwrap_or_else(|failure| {
        failure.print(output);
        FAILED
    }))
}

/// Says what would be done.
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

/// Starts the command and leaves it alone.
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

/// Runs the command, as if it ran here.
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
    // What it wrote to the terminal comes before what is said of it.
    drop(connected);
    let end = end?;
    for refused in &end.refused {
        print::complaint(format_args!("warning: {}", printable(refused)));
    }
    Ok(status(&end, options.timeout.is_some()))
}

/// Shows what an engine says of an image that it pulls, until a signal says that it is not to.
fn pulling(signals: &Signals) -> impl FnMut(Option<&str>) -> bool {
    move |line| {
        if let Some(line) = line {
            print::complaint(format_args!("{}", printable(line)));
        }
        !signals.ask_for_an_end()
    }
}

fn request(options: &Run, term: Option<&str>) -> RunRequest {
    let Run { revision, env, memory, cpu, timeout, run_as, command, .. } = options;
    let term = term.and_then(|term| format!("TERM={term}").parse().ok());
    let env = term.iter().chain(env);
    RunRequest {
        command: command.clone(),
        revision: revision.clone(),
        env: env.map(|Variable { name, value }| (name.clone(), value.clone())).collect(),
        limits: Limits { memory: *memory, cpu: *cpu, pids: None },
        user: run_as.clone(),
        timeout: *timeout,
    }
}

/// Returns the exit status for how a unit ended, and says what the status does not. If it had all the time
/// that it wanted, what took too long was only to clear up after it, on a host that is very busy.
fn status(UnitEnd { result, end, .. }: &UnitEnd, limited: bool) -> u8 {
    match (result.as_str(), end) {
        ("timeout", end) if limited || end.is_none() => {
            print::complaint(format_args!("error: it took longer than --timeout says"));
            TIMED_OUT
        }
        (result, None) => {
            print::complaint(format_args!("error: systemd ended it: {result}"));
            FAILED
        }
        (result, Some(end)) => {
            if result == "oom-kill" {
                print::complaint(format_args!("error: it needed more memory than it may have"));
            }
            u8::try_from(end.status()).unwrap_or(u8::MAX)
        }
    }
}
