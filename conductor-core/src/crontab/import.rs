//! Turns the entries of a crontab into jobs.

use std::path::Path;

use super::draft::{Draft, DraftJob, Kind, MOST_TEXT};
use super::line::{CrontabLine, Entry, lines};
use super::variables::{Mailing, Variables};
use super::{
    Importer, Owner, Source, anacron, crowd, fold, is_anacrontab, naming, notes,
    shell as shell_form,
};
use crate::error::{Invalid, Problem};
use crate::name::ServiceId;
use crate::service::Limits;
use crate::value::{Argument, EnvValue, HostPath, MailTo, UserName, literal};

/// The most lines that cron reads.
const MOST_LINES: usize = 10_000;

/// Imports a crontab.
pub(super) fn import(importer: &mut Importer, source: &Source<'_>) {
    let anacron = is_anacrontab(source.file, source.text);
    let system = source.owner == Owner::Column;
    if source.text.split(|byte| *byte == b'\n').nth(MOST_LINES + 1).is_some() {
        let problem = Problem::of_file(source.file, format!("more than {MOST_LINES} lines"));
        return importer.left_out.push(problem.hint("cron ignores such a file; split it"));
    }
    let first = importer.drafts.len();
    let mut walk = Walk {
        source,
        first,
        last: None,
        variables: if anacron { Variables::of_anacron() } else { Variables::new() },
        anacron,
        comments: Comments::default(),
        line: 0,
        refused: false,
        users_get_mail: false,
        importer,
    };
    let lines = if anacron { anacron::lines(source.text) } else { lines(source.text, system) };
    if !anacron && !system && names_users(source, &lines) {
        let note = Problem::of_file(
            source.file,
            "the commands seem to begin with a user, which is run as a program",
        );
        walk.importer.notes.push(match walk.importer.system_hint {
            Some(hint) => note.hint(hint),
            None => note,
        });
    }
    for (index, line) in lines.into_iter().enumerate() {
        walk.line = index + 1;
        walk.take(line);
    }
    walk.end();
    if anacron && walk.last.is_some() {
        let note =
            "a run that was missed starts as soon as the host is up, without anacron's delay";
        walk.importer.notes.push(Problem::of_file(source.file, note));
    }
    if walk.users_get_mail {
        let note = "without MAILTO, output is mailed to the user of the command, as under cron";
        let note = Problem::of_file(source.file, note);
        walk.importer.notes.push(match walk.importer.mail_hint {
            Some(hint) => note.hint(hint),
            None => note,
        });
    }
    // This is what Debian's cron does; cronie skips only the line.
    if walk.refused && walk.last.is_some() {
        let note = "Debian's cron ignores the whole file if it cannot read a line: none of the \
                    jobs ran there";
        importer.notes.push(Problem::of_file(source.file, note));
    }
}

/// Returns whether the lines of a crontab name a user: by its place, or because all commands begin with root.
fn names_users(source: &Source<'_>, lines: &[CrontabLine]) -> bool {
    let file = source.file;
    let mut commands = lines.iter().filter_map(|line| match line {
        CrontabLine::Entry(entry) => entry.command.split_whitespace().next(),
        _ => None,
    });
    file == Path::new("/etc/crontab")
        || file.parent() == Some(Path::new("/etc/cron.d"))
        || commands.next() == Some("root") && commands.all(|user| user == "root")
}

/// Comments that are not yet part of an entry.
#[derive(Debug, Default)]
struct Comments {
    /// Those with another line below them.
    above: Vec<String>,
    /// Those directly above the next line.
    adjacent: Vec<String>,
}

impl Comments {
    fn close(&mut self) {
        let mut block = std::mem::take(&mut self.adjacent);
        // Empty comments, which frame others, are dropped.
        let said = |line: &String| !line.trim_matches('#').is_empty();
        let Some(first) = block.iter().position(said) else { return };
        let last = block.iter().rposition(said).unwrap_or(first);
        block.truncate(last + 1);
        if !self.above.is_empty() {
            self.above.push("#".to_owned());
        }
        self.above.extend(block.drain(first..));
    }

    fn take(&mut self) -> Vec<String> {
        self.close();
        std::mem::take(&mut self.above)
    }
}

struct Walk<'w, 's> {
    importer: &'w mut Importer,
    source: &'w Source<'s>,
    /// The first draft of this crontab.
    first: usize,
    /// The draft with the last entry.
    last: Option<usize>,
    variables: Variables,
    /// Whether it is an anacrontab.
    anacron: bool,
    comments: Comments,
    line: usize,
    /// Whether cron refuses a line.
    refused: bool,
    /// Whether the output of a command is mailed to its user.
    users_get_mail: bool,
}

impl Walk<'_, '_> {
    fn take(&mut self, line: CrontabLine) {
        match line {
            CrontabLine::Blank => self.comments.close(),
            CrontabLine::Comment(text) => self.comments.adjacent.push(text),
            CrontabLine::Set { name, value } => {
                self.comments.close();
                match self.variables.set(&name, &value) {
                    Ok(None) => {}
                    Ok(Some(note)) => self.note(1, note),
                    Err(why) => self.leave_out(1, why),
                }
            }
            CrontabLine::Entry(entry) => {
                let column = entry.column;
                if let Err(why) = self.entry(*entry) {
                    self.leave_out(column, why);
                }
            }
            CrontabLine::Bad { column, why, refused } => {
                self.refused |= refused;
                self.leave_out(column, why);
            }
        }
    }

    fn entry(&mut self, mut entry: Entry) -> Result<(), Invalid> {
        if let Some(note) = entry.note.take() {
            self.note(1, note);
        }
        if fold::is_run(&entry.command) {
            let call = shell_form::without_discarding(&entry.command);
            match fold::run(call) {
                Ok(run) if self.importer.fold => {
                    self.may_call(entry.user.as_ref(), &run.id)?;
                    if call.len() < entry.command.trim_end().len() {
                        let note = "the line discards output, which is in the journal here";
                        self.note(entry.column, Invalid::new(note));
                    }
                    return self.folded(entry, run);
                }
                Ok(run) => {
                    let note = Invalid::new(format!("the command runs in the service {}", run.id));
                    let note = match self.may_call(entry.user.as_ref(), &run.id) {
                        Ok(()) => {
                            Invalid { hint: self.importer.fold_hint.map(str::to_owned), ..note }
                        }
                        Err(_) => note,
                    };
                    self.note(entry.column, note);
                }
                Err(why) if self.importer.fold => {
                    let note = format!("not made a job of the service that it calls: {why}");
                    self.note(entry.column, Invalid::new(note));
                }
                Err(_) => {}
            }
        }
        let Entry { schedule, user, command, stdin, column, name, jitter, catch_up, note: _ } =
            entry;
        let shell = self.variables.shell()?;
        let user = self.user(user)?;
        let guarded = shell_form::guarded(&command);
        let run = guarded.as_ref().unwrap_or(&command);
        let argv = [shell, "-c", &literal(run)].map(str::parse::<Argument>);
        let job = DraftJob {
            comments: Vec::new(),
            schedule,
            jitter,
            catch_up,
            command: argv.into_iter().collect::<Result<_, _>>()?,
            env: self.variables.env().clone(),
            limits: Limits::default(),
            timeout: None,
            mail_to: self.mail_to(user.as_ref()),
            user,
            stdin: input(stdin)?,
            advice: self.variables.advice(),
        };
        let home = match self.anacron {
            true => Some("/".parse()?),
            false => self.variables.home().cloned(),
        };
        let draft = self.crontab_draft(home, &job)?;
        if guarded.is_some() {
            let why = "the command fails if its test is false, which cron ignores; the job has it as `if`";
            self.note(column, Invalid::new(why));
        }
        for note in notes::of(&command) {
            self.note(column, note);
        }
        self.put(draft, job, &name.unwrap_or(command));
        Ok(())
    }

    /// Returns the user of a command; `of_line` is the one that its line names.
    fn user(&self, of_line: Option<UserName>) -> Result<Option<UserName>, Invalid> {
        Ok(match &self.source.owner {
            // anacron is root's.
            Owner::Column if self.anacron => Some("root".parse()?),
            Owner::Column => of_line,
            Owner::User(user) => Some(user.clone()),
            Owner::Manager => None,
        })
    }

    /// Returns where the output of a command is mailed.
    fn mail_to(&mut self, user: Option<&UserName>) -> Option<MailTo> {
        match self.variables.mailing() {
            _ if self.importer.without_mail => None,
            Mailing::To(addresses) => Some(addresses.clone()),
            Mailing::Nowhere => None,
            Mailing::ToUser => {
                let user = user?.as_str().parse().ok();
                self.users_get_mail |= user.is_some();
                user
            }
        }
    }

    /// Refuses a line whose user may not run commands in a service: a job runs as the service's user, with its
    /// secrets, and not as the user of the line.
    fn may_call(&self, of_line: Option<&UserName>, id: &ServiceId) -> Result<(), Invalid> {
        let user = match &self.source.owner {
            Owner::Column if self.anacron => return Ok(()),
            Owner::Column => of_line,
            Owner::User(user) => Some(user),
            // The services belong to that user.
            Owner::Manager => return Ok(()),
        };
        match user.map(UserName::as_str) {
            Some("root" | "0") => Ok(()),
            user => Err(Invalid::new(format!(
                "a line of {} cannot become a job of {id}: it would run as the user of {id}, with its secrets",
                user.unwrap_or("nobody")
            ))
            .hint(format!("if you want that, write the job into the definition of {id}"))),
        }
    }

    /// Turns a line into a job of the service that it calls.
    fn folded(&mut self, entry: Entry, run: fold::Folded) -> Result<(), Invalid> {
        let Entry { schedule, user, stdin, name, jitter, catch_up, .. } = entry;
        let user = self.user(user)?;
        let fold::Folded { id, revision, env, limits, timeout, command } = run;
        let words = command.iter().map(|word| literal(word).parse());
        let job = DraftJob {
            comments: Vec::new(),
            schedule,
            jitter,
            catch_up,
            command: words.collect::<Result<_, _>>()?,
            env,
            limits,
            timeout,
            user: None,
            stdin: input(stdin)?,
            mail_to: self.mail_to(user.as_ref()),
            advice: self.variables.advice(),
        };
        let drafts = &mut self.importer.drafts;
        let same = |draft: &Draft| matches!(&draft.kind, Kind::Service { id: of, .. } if *of == id);
        let index = drafts.iter().position(same).unwrap_or_else(|| {
            let defined = self.importer.defined.get(&id).cloned();
            let kind = Kind::Service { id: id.clone(), revision: None, defined };
            drafts.push(Draft::new(id.as_str(), kind));
            drafts.len() - 1
        });
        if drafts[index].is_full(&job) {
            return Err(Invalid::new(format!("too many jobs for one definition of {id}")));
        }
        if let Kind::Service { revision: already, .. } = &mut drafts[index].kind {
            match (&already, revision) {
                (Some(already), Some(other)) if *already != other => {
                    let why = format!("the revision {other}, but earlier lines have {already}");
                    let hint = "a service has one revision: give all lines the same, or none";
                    return Err(Invalid::new(why).hint(hint));
                }
                (None, given @ Some(_)) => *already = given,
                _ => {}
            }
        }
        self.put(index, job, name.as_deref().unwrap_or(&command[0]));
        Ok(())
    }

    /// Returns the draft for a job of this crontab; creates one if necessary.
    fn crontab_draft(&mut self, home: Option<HostPath>, job: &DraftJob) -> Result<usize, Invalid> {
        let drafts = &mut self.importer.drafts;
        let same =
            |draft: &Draft| matches!(&draft.kind, Kind::Crontab { home: of, .. } if *of == home);
        let found = drafts[self.first..].iter().rposition(same).map(|index| index + self.first);
        if let Some(found) = found.filter(|found| !drafts[*found].is_full(job)) {
            return Ok(found);
        }
        let from = match self.source.file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => self.source.file.display().to_string(),
        };
        let reader = if self.anacron { "anacron" } else { "cron" };
        let wanted = match &self.source.id {
            Some(id) => id.to_string(),
            None => naming::of_file(self.source.file),
        };
        // anacron has no session, and neither has a user's own systemd.
        let pam = self.importer.pam && !self.anacron && self.source.owner != Owner::Manager;
        let draft = Draft::new(wanted, Kind::Crontab { from, home, reader, pam });
        if draft.is_full(job) {
            let why =
                Invalid::new(format!("the job is longer than {MOST_TEXT} bytes in a definition"));
            return Err(why.hint("put it into a script"));
        }
        drafts.push(draft);
        Ok(drafts.len() - 1)
    }

    /// Adds a job to a draft, with the comments above its line.
    fn put(&mut self, index: usize, mut job: DraftJob, command: &str) {
        let draft = &mut self.importer.drafts[index];
        if draft.jobs.is_empty() && matches!(draft.kind, Kind::Crontab { .. }) {
            draft.head = std::mem::take(&mut self.comments.above);
        }
        job.comments = self.comments.take();
        draft.push(command, job);
        self.last = Some(index);
    }

    /// Keeps the comments after the last entry.
    fn end(&mut self) {
        let rest = self.comments.take();
        let Some(last) = self.last else {
            let note = Problem::of_file(self.source.file, "there are no entries in it");
            return self.importer.notes.push(note);
        };
        self.importer.drafts[last].tail.extend(rest);
        let drafts = &self.importer.drafts[self.first..];
        let jobs = drafts.iter().flat_map(|draft| &draft.jobs).map(|(_, job)| job);
        let schedules = jobs.filter(|job| job.jitter.is_none()).map(|job| &job.schedule);
        if let Some(Invalid { message, hint }) = crowd::note(schedules) {
            let note = Problem::of_file(self.source.file, message);
            self.importer.notes.push(Problem { hint, ..note });
        }
    }

    fn leave_out(&mut self, column: usize, why: Invalid) {
        // Comments directly above a line belong to it.
        self.comments.adjacent.clear();
        let problem = self.problem(column, why);
        self.importer.left_out.push(problem);
    }

    fn note(&mut self, column: usize, note: Invalid) {
        let problem = self.problem(column, note);
        self.importer.notes.push(problem);
    }

    fn problem(&self, column: usize, why: Invalid) -> Problem {
        let Invalid { message, hint } = why;
        let problem = Problem::of_file(self.source.file, message);
        Problem { position: Some((self.line, column)), hint, ..problem }
    }
}

fn input(stdin: Option<String>) -> Result<Option<EnvValue>, Invalid> {
    stdin.map(|stdin| literal(&stdin).parse()).transpose()
}
