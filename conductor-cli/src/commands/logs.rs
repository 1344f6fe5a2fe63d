//! `conductor logs`: shows a service's journal.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use clap::Args;
use conductor_core::name::{JobName, ServiceId};
use conductor_host::Error;
use conductor_host::system::JournalQuery;
use schemars::JsonSchema;

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  conductor logs web -f\n  conductor logs --id web --since \"10 min ago\"\n  conductor logs --id web --job nightly --last"
)]
pub(crate) struct Logs {
    /// The service
    #[arg(value_name = "ID", required_unless_present = "id", conflicts_with = "id")]
    pub(crate) service: Option<ServiceId>,
    /// The service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// Only this instance
    #[arg(long, value_name = "N")]
    pub(crate) instance: Option<u16>,
    /// Only this scheduled job
    #[arg(long, value_name = "NAME", conflicts_with = "instance")]
    pub(crate) job: Option<JobName>,
    /// Only the last run of the job
    #[arg(long, requires = "job", conflicts_with = "since")]
    pub(crate) last: bool,
    /// Wait for new lines
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// The last N lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) lines: Option<u32>,
    /// From TIME on, in the syntax of systemd.time(7)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

/// An entry of the journal, as journalctl prints it with `--output=json`: its fields are journald's and
/// the service's own (systemd.journal-fields(7)).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "journalctl prints it")]
pub(crate) struct JournalEntry(BTreeMap<String, JournalField>);

/// The value of a field.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "journalctl prints it")]
enum JournalField {
    /// Text.
    Text(String),
    /// A value longer than 4096 bytes, which is omitted.
    TooLong(()),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// The values of a field that occurs several times.
    Several(Vec<JournalField>),
}

/// Replaces this process by `journalctl`, which then handles paging, signals and the exit status.
pub(crate) fn run(context: &Context, options: &Logs) -> Result<ExitCode, Failure> {
    let Logs { service, id, instance, job, last, follow, lines, since } = options;
    // clap requires one of them.
    let Some(service) = service.as_ref().or(id.as_ref()) else { return Ok(ExitCode::FAILURE) };
    let processes = context.conductor.processes_on_host(service)?;
    if !processes.is_empty() {
        let application = service.clone();
        return Err(Error::IsApplication { application, processes }.into());
    }
    if !context.json() && !context.conductor.is_on_host(service)? {
        // The journal keeps the lines of a service that was removed.
        print::complaint(format_args!("note: there is no service {service} on this host"));
    }
    let started =
        job.as_ref().filter(|_| *last).map(|job| context.conductor.last_run(service, job));
    if let (Some(None), Some(job)) = (started, job) {
        if !context.json() {
            print::complaint(format_args!("note: the journal has no run of {job}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let started =
        started.flatten().map(|usec| format!("@{}.{:06}", usec / 1_000_000, usec % 1_000_000));
    let query = JournalQuery {
        service: service.clone(),
        instance: *instance,
        job: job.clone(),
        follow: *follow,
        lines: *lines,
        since: started.or_else(|| since.clone()),
        json: context.json(),
        // Without them, lines of another service may be among those of this one.
        others: context.conductor.services_on_host().unwrap_or_default(),
    };
    let source = query.command(context.conductor.paths().scope).exec();
    Err(Failure::Program { name: "journalctl", source })
}
