//! `conductor logs`: shows what a service wrote to the journal.

use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use conductor_core::host::JournalQuery;

use crate::args::Logs;
use crate::context::Context;
use crate::failure::Failure;

/// Becomes `journalctl`, so that its paging, signals and exit status are its own.
pub(crate) fn run(context: &Context, options: &Logs) -> Result<ExitCode, Failure> {
    let Logs { id, instance, follow, lines, since } = options;
    let query = JournalQuery {
        service: id.clone(),
        instance: *instance,
        follow: *follow,
        lines: *lines,
        since: since.clone(),
        json: context.json(),
    };
    let source = query.command(context.conductor.paths().scope).exec();
    Err(Failure::Program { name: "journalctl", source })
}
