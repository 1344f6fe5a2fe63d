//! `conductor doctor`: says what on the host keeps conductor from its promises.

use std::process::ExitCode;

use clap::Args;
use conductor_host::{Diagnosis, Finding, Severity, Unseen};

use crate::context::Context;
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(
    after_help = "It changes nothing. Every user may call it; it says what only root can see. The exit status is 1\n\
                  if it finds an error, and 0 with warnings alone. docs/monitoring.md lists the checks.\n\n\
                  Example:\n  sudo conductor doctor\n  conductor doctor --output json | jq '.findings[].check'"
)]
pub(crate) struct DoctorOptions {}

pub(crate) fn run(context: &Context) -> Result<ExitCode, Failure> {
    let diagnosis = context.conductor.doctor()?;
    match context.json() {
        true => Context::print_json(&diagnosis)?,
        false => print_text(&diagnosis)?,
    }
    Ok(if diagnosis.has_errors() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn print_text(diagnosis: &Diagnosis) -> Result<(), Failure> {
    let Diagnosis { findings, unseen, .. } = diagnosis;
    for Finding { check, severity, message, remedy, .. } in findings {
        print::line(format_args!("{severity}: {check}: {message}\n  remedy: {remedy}"))?;
    }
    for Unseen { check, reason, .. } in unseen {
        print::line(format_args!("not seen: {check}: {reason}"))?;
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let s = |count: usize| if count == 1 { "" } else { "s" };
    match (count(Severity::Error), count(Severity::Warning), unseen.is_empty()) {
        (0, 0, true) => print::line(format_args!("nothing is wrong with this host")),
        (0, 0, false) => {
            print::line(format_args!("nothing is wrong with what was seen of this host"))
        }
        (errors, warnings, _) => print::line(format_args!(
            "{errors} error{}, {warnings} warning{}",
            s(errors),
            s(warnings)
        )),
    }
}
