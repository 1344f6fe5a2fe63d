//! `conductor cron import`: converts crontabs to definitions.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use conductor_core::crontab::{Imported, Importer, Owner, Source, is_anacrontab};
use conductor_core::error::Problem;
use conductor_core::name::ServiceId;
use conductor_core::value::UserName;
use conductor_host::system::{
    crontabs_in, defined_services, read_crontab, read_open_crontab, session_gives, session_lacks,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::error_object::ErrorDetails;
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::print;

/// The argument for standard input.
const STDIN: &str = "-";

#[derive(Debug, Args)]
#[command(
    after_help = "What cannot be carried over is named on standard error, and the rest is printed all the same.\n\
                  Exit status: 0 everything was carried over, 1 something was left out, 2 bad usage or\n\
                  nothing to read.\n\n\
                  Example:\n  \
                  crontab -l -u alice | conductor cron import - --owner alice > alice.yaml\n  \
                  conductor cron import --system /etc/cron.d/sysstat > sysstat.yaml"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct Import {
    /// Crontabs, anacrontabs, or directories of them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The lines name a user, as in /etc/crontab and /etc/cron.d
    #[arg(long, conflicts_with_all = ["owner", "user"])]
    pub(crate) system: bool,
    /// Whose crontab it is [default: the file's name, below /var/spool/cron]
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    pub(crate) owner: Option<UserName>,
    /// Make lines that call conductor run --id ID jobs of the service ID
    #[arg(long)]
    pub(crate) run_id: bool,
    /// Give jobs what PAM gives them under cron: /etc/environment, limits, umask, audit user
    #[arg(long)]
    pub(crate) pam: bool,
    /// Mail the output of jobs to nobody, also if there is a MAILTO
    #[arg(long)]
    pub(crate) no_mail: bool,
    /// The id of the service [default: the name of the file]
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
}

/// The definitions that crontabs were converted to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImportedCrontabs<'i> {
    /// The definitions, in the order of the crontabs.
    definitions: Vec<ImportedDefinition<'i>>,
    /// How many entries they contain.
    entries: usize,
    /// The lines that could not be converted.
    left_out: Vec<ErrorDetails>,
    /// Entries that behave differently than under cron.
    notes: Vec<ErrorDetails>,
}

/// A definition made from something else.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImportedDefinition<'i> {
    /// The id of its service.
    pub(crate) id: &'i ServiceId,
    /// Its text, in YAML.
    pub(crate) text: &'i str,
}

pub(crate) fn run(context: &Context, options: &Import) -> Result<ExitCode, Failure> {
    let (files, others) = files(options)?;
    if options.id.is_some() && files.len() > 1 {
        let several = Problem::of_file(&files[1], "a second crontab, but --id allows only one");
        return Err(Failure::Crontab(several.hint("import them one at a time, or without --id")));
    }
    let defined = defined_services(&context.conductor.paths().definitions);
    let mut importer = Importer::new(defined)
        .fold(options.run_id)
        .pam(options.pam)
        .without_mail(options.no_mail)
        .mail_hint("--no-mail leaves mail_to out; conductor check says if the host cannot mail")
        .fold_hint("--run-id makes it a job of that service")
        .system_hint("for a system crontab, write --system in place of --owner");
    for file in &files {
        let text = match file == Path::new(STDIN) {
            true => read_open_crontab(file, std::io::stdin().lock()),
            false => read_crontab(file),
        };
        let text = text.map_err(Failure::Crontab)?;
        let owner = owner(context, options, file, &text).map_err(Failure::Crontab)?;
        let id = options.id.clone().or_else(|| match &owner {
            // Standard input has no file name, so the id is the user's name.
            Owner::User(user) if file == Path::new(STDIN) => user.as_str().parse().ok(),
            _ => None,
        });
        importer.add(&Source { file, text: &text, owner, id });
    }
    let mut result = importer.finish();
    result.notes.extend(others);
    if !result.definitions.is_empty() && !context.of_user {
        let notes =
            if options.pam { session_lacks(Path::new("/")) } else { session_gives(Path::new("/")) };
        result.notes.extend(notes.into_iter().map(|note| match options.pam {
            true => note,
            false => note.hint("--pam gives them to the jobs, too"),
        }));
    }
    match context.json() {
        true => print_json(&result)?,
        false => print_text(&result)?,
    }
    Ok(ExitCode::from(if result.left_out.is_empty() { 0 } else { FAILED }))
}

/// Returns the crontabs, and problems for other files in their directories.
fn files(options: &Import) -> Result<(Vec<PathBuf>, Vec<Problem>), Failure> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for path in &options.files {
        if path.is_dir() {
            let (mut found, mut rest) = crontabs_in(path).map_err(Failure::Crontab)?;
            files.append(&mut found);
            others.append(&mut rest);
        } else {
            files.push(path.clone());
        }
    }
    Ok((files, others))
}

/// Returns the owner of a crontab's commands.
fn owner(context: &Context, options: &Import, file: &Path, text: &[u8]) -> Result<Owner, Problem> {
    if options.system {
        return Ok(Owner::Column);
    }
    if context.of_user {
        return Ok(Owner::Manager);
    }
    if let Some(owner) = &options.owner {
        return Ok(Owner::User(owner.clone()));
    }
    // Debian's directory is named `crontabs`, cronie's `cron`.
    let directory = file.parent().and_then(Path::file_name);
    let is_spool = directory.is_some_and(|name| name == "crontabs" || name == "cron");
    let name = file.file_name().and_then(|name| name.to_str()).filter(|_| is_spool);
    let of_spool = name.and_then(|name| name.parse().ok()).map(Owner::User);
    // An anacrontab has no users: all of it runs as root. But a user's crontab is the user's, whatever is in it.
    let of_root = || (!is_spool && is_anacrontab(file, text)).then_some(Owner::Column);
    of_spool.or_else(of_root).ok_or_else(|| {
        let problem = Problem::of_file(file, "the user of this crontab is not known");
        problem.hint("add --owner USER; or --system, if the lines name a user before the command")
    })
}

fn print_text(imported: &Imported) -> Result<(), Failure> {
    let Imported { definitions, entries, left_out, notes } = imported;
    for note in notes {
        print::complaint(format_args!("note: {note}"));
    }
    for problem in left_out {
        print::complaint(format_args!("{problem}"));
    }
    if !left_out.is_empty() {
        let (left_out, s) = (left_out.len(), if left_out.len() == 1 { "" } else { "s" });
        print::complaint(format_args!("left out {left_out} line{s}; carried over {entries}"));
    }
    for (index, definition) in definitions.iter().enumerate() {
        let separator = if index > 0 { "---\n" } else { "" };
        print::text(format_args!("{separator}{}", definition.text))?;
    }
    Ok(())
}

fn print_json(imported: &Imported) -> Result<(), Failure> {
    let Imported { definitions, entries, left_out, notes } = imported;
    let definitions = definitions
        .iter()
        .map(|definition| ImportedDefinition { id: &definition.id, text: &definition.text });
    Context::print_json(&ImportedCrontabs {
        definitions: definitions.collect(),
        entries: *entries,
        left_out: ErrorDetails::list("left_out", left_out),
        notes: ErrorDetails::list("note", notes),
    })
}
