//! The lines of a crontab, as Debian's cron reads them (crontab(5), `load_entry()` of its `entry.c`).

use super::env::assignment;
use super::percent::{self, Parts};
use crate::cron::Reading;
use crate::error::{Invalid, shown};
use crate::value::{Crontab, Span, UserName};

/// The content of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrontabLine {
    /// Nothing.
    Blank,
    /// A comment, with its `#`.
    Comment(String),
    /// An environment variable for the entries below.
    Set {
        /// Its name, which cron does not check.
        name: String,
        /// Its value, without outer quotes.
        value: String,
    },
    /// A command and its schedule.
    Entry(Box<Entry>),
    /// A line that cron does not accept, or that cannot be imported.
    Bad {
        /// The column of the error, in characters from 1.
        column: usize,
        /// What is wrong.
        why: Invalid,
        /// Whether cron refuses the line, and so the file.
        refused: bool,
    },
}

/// A command and its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The schedule.
    pub schedule: Crontab,
    /// The user, in a crontab with a column for it.
    pub user: Option<UserName>,
    /// The command for the shell, up to the first `%`.
    pub command: String,
    /// The standard input of the command.
    pub stdin: Option<String>,
    /// The column of the command, in characters from 1.
    pub column: usize,
    /// The name of the job, if its line has one.
    pub name: Option<String>,
    /// A random delay of each run.
    pub jitter: Option<Span>,
    /// Whether a run that was missed is caught up on.
    pub catch_up: bool,
    /// That cron takes the schedule for another one than was probably meant.
    pub note: Option<Invalid>,
}

/// Reads a crontab line by line; the first is line 1. `system` says that the lines name a user.
pub fn lines(text: &[u8], system: bool) -> Vec<CrontabLine> {
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    // After the last line end there is a line only if it is not empty.
    let rest = lines.pop().unwrap_or_default();
    let mut read: Vec<_> = lines.into_iter().map(|line| bytes(line, system)).collect();
    if !rest.is_empty() {
        read.push(match bytes(rest, system) {
            CrontabLine::Entry(_) | CrontabLine::Set { .. } => unfinished(),
            line => line,
        });
    }
    read
}

fn unfinished() -> CrontabLine {
    let why = Invalid::new("the last line has no line end, so it may be cut short");
    let why = why.hint("add a line end if the line is whole");
    CrontabLine::Bad { column: 1, why, refused: true }
}

fn bytes(line: &[u8], system: bool) -> CrontabLine {
    let trimmed = line.trim_ascii_start();
    match std::str::from_utf8(line) {
        // A comment may contain any bytes: it does not run.
        _ if trimmed.starts_with(b"#") => {
            CrontabLine::Comment(String::from_utf8_lossy(trimmed).trim_end().to_owned())
        }
        _ if trimmed.is_empty() => CrontabLine::Blank,
        Ok(line) => text(line, system),
        Err(error) => {
            let before = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            let why = Invalid::new("not UTF-8").hint("save the file as UTF-8");
            bad(before.chars().count() + 1, why)
        }
    }
}

fn text(line: &str, system: bool) -> CrontabLine {
    if let Some(at) = line.find('\0') {
        let why = Invalid::new("the line contains a NUL");
        return bad(column(line, &line[at..]), why.hint("remove it: cron ignores what follows"));
    }
    if let Some((name, value)) = assignment(line) {
        return CrontabLine::Set { name, value };
    }
    entry(line, system).unwrap_or_else(|bad| *bad)
}

fn entry(line: &str, system: bool) -> Result<CrontabLine, Box<CrontabLine>> {
    let refused = |column, why| Box::new(CrontabLine::Bad { column, why, refused: true });
    let start = skip_blanks(line);
    let count = match start.strip_prefix('@') {
        // cron does not know it, and the interval is for the hint.
        Some(word) if word.starts_with("every") => 2,
        Some(_) => 1,
        None => 5,
    };
    let (fields, rest) = fields(start, count);
    let (schedule, note) = schedule(&fields.join(" ")).map_err(|(why, refused)| {
        let why = unknown_line(start, why);
        CrontabLine::Bad { column: column(line, start), why, refused }
    })?;
    if rest.starts_with('*') {
        let why = Invalid::new("the command begins with *");
        let hint =
            "cron reads five fields, and the rest of the line is the command; remove a field";
        return Err(refused(column(line, rest), why.hint(hint)));
    }
    let (user, rest) = if system {
        let at = column(line, rest);
        let (user, rest) = split_field(rest);
        let user = user.parse().map_err(|why| refused(at, user_column(user, why)))?;
        (Some(user), rest)
    } else {
        (None, rest)
    };
    let column = column(line, rest);
    if rest.ends_with('\r') {
        let why =
            Invalid::new("the line ends in a carriage return, which cron passes to the command");
        return Err(bad(column, why.hint("save the file with Unix line ends")).into());
    }
    let Parts { command, stdin } = percent::split(rest);
    if skip_blanks(&command).is_empty() {
        let why = Invalid::new("there is no command");
        return Err(
            bad(column, why.hint("remove the line, or write the command after the time")).into()
        );
    }
    let (name, jitter, catch_up) = (None, None, false);
    Ok(CrontabLine::Entry(Box::new(Entry {
        schedule,
        user,
        command,
        stdin,
        column,
        name,
        jitter,
        catch_up,
        note,
    })))
}

/// Reads a schedule as cron does, with a note if it was probably not meant so. The error says whether cron
/// refuses it.
fn schedule(text: &str) -> Result<(Crontab, Option<Invalid>), (Invalid, bool)> {
    let why = match text.parse::<Crontab>() {
        Ok(schedule) => return Ok((schedule, None)),
        Err(why) => why,
    };
    match Reading::of(text) {
        Reading::As(schedule) => Ok((schedule.into(), Some(why))),
        reading => Err((why, reading == Reading::Refused)),
    }
}

/// Returns the error of a line that is neither an entry nor an assignment, by what it may be.
fn unknown_line(line: &str, why: Invalid) -> Invalid {
    match line.contains('=') && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
        false => why,
        true => Invalid::new(format!("{} is neither an entry nor a variable", shown(line)))
            .hint("quote the whole value, or nothing: NAME=\"VALUE\""),
    }
}

fn user_column(user: &str, why: Invalid) -> Invalid {
    match user.is_empty() {
        true => Invalid::new("there is no user and no command"),
        false => why,
    }
    .hint("write the user before the command in a system crontab, and no user in a user's crontab")
}

/// Splits fields off the front. Between them, cron skips only blanks and tabs.
fn fields(mut text: &str, count: usize) -> (Vec<&str>, &str) {
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (field, rest) = split_field(text);
        if !field.is_empty() {
            fields.push(field);
        }
        text = rest;
    }
    (fields, text)
}

fn split_field(text: &str) -> (&str, &str) {
    let (field, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    (field, skip_blanks(rest))
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// Returns the column of the rest of a line, in characters from 1.
fn column(line: &str, rest: &str) -> usize {
    line[..line.len() - rest.len()].chars().count() + 1
}

fn bad(column: usize, why: Invalid) -> CrontabLine {
    CrontabLine::Bad { column, why, refused: false }
}
