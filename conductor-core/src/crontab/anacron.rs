//! The lines of an anacrontab (anacrontab(5) of Debian's anacron and of cronie's).
//!
//! anacron runs a job if it has not run for a number of days, once the host is on and a delay has passed. A timer
//! has times instead: the first one at which anacron would start the job, on a day of each period, and it
//! catches up.

use std::path::Path;

use super::line::{CrontabLine, Entry};
use crate::error::{Invalid, shown};
use crate::value::{Crontab, Span};

/// When Debian starts anacron for the first time in a day, in minutes: `anacron.timer` and `/etc/cron.d/anacron`.
const FIRST: u32 = 7 * 60 + 30;
const DAY: u32 = 24 * 60;

/// Returns whether a file is an anacrontab: by its name, or by its entries, which no crontab can have.
pub fn is_anacrontab(file: &Path, text: &[u8]) -> bool {
    file.file_name().is_some_and(|name| name == "anacrontab") || has_its_syntax(text)
}

fn has_its_syntax(text: &[u8]) -> bool {
    // A period in words could be that of a system crontab, with a number for the user.
    let mut counts_days = false;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let all = logical(text).all(|(_, line)| {
        let Line::Entry(entry) = Line::of(&line) else { return true };
        let Some(Fields { period, delay, identifier, command: _ }) = Fields::of(entry) else {
            return false;
        };
        counts_days |= is_number(period);
        (is_number(period) || period.starts_with('@'))
            && is_number(delay)
            && identifier.contains(|c: char| c.is_ascii_alphabetic())
    });
    all && counts_days
}

/// Reads an anacrontab line by line; the first is line 1. A line that is continued has its place at the first.
pub(super) fn lines(text: &[u8]) -> Vec<CrontabLine> {
    let mut clock = Clock { start: FIRST, jitter: None };
    let mut lines = Vec::new();
    for (count, line) in logical(text) {
        lines.push(clock.read(&line));
        lines.extend((1..count).map(|_| CrontabLine::Blank));
    }
    lines
}

/// Joins lines that end in a backslash with the next; returns each with the number of lines in it.
fn logical(text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = text.split(|byte| *byte == b'\n');
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_vec();
        let mut count = 1;
        while line.ends_with(b"\\") {
            let Some(next) = lines.next() else { break };
            line.pop();
            line.extend(next);
            count += 1;
        }
        Some((count, line))
    })
}

/// What a line is for anacron.
enum Line<'l> {
    Blank,
    Comment(String),
    Set(&'l str, &'l str),
    Entry(&'l str),
    NotText,
}

impl<'l> Line<'l> {
    fn of(line: &'l [u8]) -> Self {
        let trimmed = line.trim_ascii_start();
        if trimmed.starts_with(b"#") {
            return Self::Comment(String::from_utf8_lossy(trimmed).trim_end().to_owned());
        }
        let Ok(text) = std::str::from_utf8(trimmed) else { return Self::NotText };
        if text.is_empty() {
            return Self::Blank;
        }
        // Quotes and blanks are part of the value.
        match text.split_once('=') {
            Some((name, value)) if !name.trim_end().contains(char::is_whitespace) => {
                Self::Set(name.trim_end(), value)
            }
            _ => Self::Entry(text),
        }
    }
}

/// The fields of an entry.
struct Fields<'l> {
    period: &'l str,
    delay: &'l str,
    identifier: &'l str,
    command: &'l str,
}

impl<'l> Fields<'l> {
    fn of(line: &'l str) -> Option<Self> {
        let split = |text: &'l str| {
            let (field, rest) = text.split_once([' ', '\t'])?;
            Some((field, rest.trim_start_matches([' ', '\t'])))
        };
        let (period, rest) = split(line)?;
        let (delay, rest) = split(rest)?;
        let (identifier, command) = split(rest)?;
        (!command.trim().is_empty()).then_some(Self { period, delay, identifier, command })
    }
}

/// What the lines above say about times.
struct Clock {
    /// When anacron first starts jobs in a day, in minutes.
    start: u32,
    jitter: Option<Span>,
}

impl Clock {
    fn read(&mut self, line: &[u8]) -> CrontabLine {
        match Line::of(line) {
            Line::Blank => CrontabLine::Blank,
            Line::Comment(text) => CrontabLine::Comment(text),
            Line::Set(name, value) => self.set(name, value),
            Line::Entry(text) => self.entry(text).unwrap_or_else(bad),
            Line::NotText => bad(Invalid::new("not UTF-8").hint("save the file as UTF-8")),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> CrontabLine {
        let read = match name {
            "START_HOURS_RANGE" => hours(value).map(|start| self.start = start),
            "RANDOM_DELAY" if value.trim() == "0" => {
                self.jitter = None;
                Ok(())
            }
            "RANDOM_DELAY" => {
                let span = format!("{}min", value.trim()).parse();
                span.map(|span| self.jitter = Some(span))
            }
            _ => {
                let (name, value) = (name.to_owned(), value.to_owned());
                return CrontabLine::Set { name, value };
            }
        };
        read.map_or_else(bad, |()| CrontabLine::Blank)
    }

    fn entry(&self, line: &str) -> Result<CrontabLine, Invalid> {
        let fields = Fields::of(line).ok_or_else(|| {
            Invalid::new(format!("{} is no entry of an anacrontab", shown(line)))
                .hint("an entry is a number of days, a delay in minutes, a name, and a command")
        })?;
        let Fields { period, delay, identifier, command } = fields;
        let minutes: u32 = delay
            .parse()
            .map_err(|_| Invalid::new(format!("the delay is {}, not minutes", shown(delay))))?;
        let at = self.start.checked_add(minutes).filter(|at| *at < DAY).ok_or_else(|| {
            Invalid::new(format!("with the delay of {delay} minutes, it is due on the next day"))
        })?;
        let (days, differs) = days(period)?;
        let schedule: Crontab = format!("{} {} {days}", at % 60, at / 60).parse()?;
        let why =
            format!("anacron counts {period} days from the last run; the job runs at {schedule}");
        Ok(CrontabLine::Entry(Box::new(Entry {
            schedule,
            user: None,
            command: command.to_owned(),
            stdin: None,
            column: line[..line.len() - command.len()].chars().count() + 1,
            name: Some(identifier.to_owned()),
            jitter: self.jitter,
            catch_up: true,
            note: differs.then(|| Invalid::new(why)),
        })))
    }
}

/// Returns the last three fields of a schedule for a period, and whether the period is only about that long.
fn days(period: &str) -> Result<(String, bool), Invalid> {
    let (fields, differs) = match period {
        "1" | "@daily" => ("* * *", false),
        // The day of cron's @weekly.
        "7" | "@weekly" => ("* * 0", false),
        "@monthly" => ("1 * *", false),
        "@yearly" | "@annually" => ("1 1 *", false),
        _ => match period.parse::<u32>() {
            Ok(count @ 2..=15) => return Ok((format!("1-28/{count} * *"), true)),
            Ok(28..=31) => ("1 * *", true),
            Ok(89..=93) => ("1 1,4,7,10 *", true),
            Ok(360..=366) => ("1 1 *", true),
            _ => {
                let why = format!("a timer cannot run every {} days", shown(period));
                return Err(Invalid::new(why).hint(
                    "write the job by hand, with the times that you want under schedule or calendar",
                ));
            }
        },
    };
    Ok((fields.to_owned(), differs))
}

/// Returns the first minute of a range of hours.
fn hours(range: &str) -> Result<u32, Invalid> {
    let start = range.trim().split_once('-').and_then(|(start, _)| start.trim().parse().ok());
    start.filter(|hour| *hour < 24).map(|hour: u32| hour * 60).ok_or_else(|| {
        Invalid::new(format!("START_HOURS_RANGE is {}, not a range of hours", shown(range)))
    })
}

/// anacron skips a line that it cannot read, and not the whole file.
fn bad(why: Invalid) -> CrontabLine {
    CrontabLine::Bad { column: 1, why, refused: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Vec<String> {
        let line = |line| match line {
            CrontabLine::Entry(entry) => {
                let entry = *entry;
                let jitter = entry.jitter.map(|jitter| format!(" + {jitter}"));
                let about = if entry.note.is_some() { " about" } else { "" };
                let name = entry.name.unwrap_or_default();
                format!("{name}: {}{}{about}", entry.schedule, jitter.unwrap_or_default())
            }
            CrontabLine::Bad { why, .. } => why.message,
            CrontabLine::Set { name, value } => format!("{name}={value}"),
            CrontabLine::Comment(text) => text,
            CrontabLine::Blank => String::new(),
        };
        lines(text.as_bytes()).into_iter().map(line).collect()
    }

    #[test]
    fn entries_run_when_anacron_would_first_run_them() {
        for (line, time) in [
            ("1 5 cron.daily x", "cron.daily: 35 7 * * *"),
            ("7\t10\tcron.weekly\tx", "cron.weekly: 40 7 * * 0"),
            ("@monthly 45 m x", "m: 15 8 1 * *"),
            ("@yearly 0 y x", "y: 30 7 1 1 *"),
            ("@daily 0 d x", "d: 30 7 * * *"),
            ("3 0 three x", "three: 30 7 1-28/3 * * about"),
            ("30 0 m x", "m: 30 7 1 * * about"),
            ("91 0 q x", "q: 30 7 1 1,4,7,10 * about"),
            ("365 0 y x", "y: 30 7 1 1 * about"),
            ("60 0 q x", "a timer cannot run every \"60\" days"),
            ("0 0 q x", "a timer cannot run every \"0\" days"),
            ("1 5 x", "\"1 5 x\" is no entry of an anacrontab"),
            ("1 b c d", "the delay is \"b\", not minutes"),
            ("1 1400 c d", "with the delay of 1400 minutes, it is due on the next day"),
            (" A = \"b  c\" ", "A= \"b  c\" "),
            ("# 1 5 a b", "# 1 5 a b"),
        ] {
            assert_eq!(times(line), [time], "{line}");
        }
        assert_eq!(
            times(
                "START_HOURS_RANGE=3-22\nRANDOM_DELAY=45\n1 5 a b\\\n c\n\nRANDOM_DELAY=0\n7 0 d e\n"
            ),
            ["", "", "a: 5 3 * * * + 45min", "", "", "", "d: 0 3 * * 0"]
        );
    }

    #[test]
    fn an_anacrontab_is_recognised() {
        let any = Path::new("x");
        assert!(is_anacrontab(Path::new("/etc/anacrontab"), b""));
        for text in [
            "1 5 cron.daily x\n@monthly 15 cron.monthly x\n",
            "SHELL=/bin/sh\n# why\n\n7 10 a \\\n b\n",
        ] {
            assert!(is_anacrontab(any, text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "A=1\n",
            "17 * * * * root x\n",
            "@daily 1000 conductor run\n",
            "1 5 cron.daily x\n17 * * * * root x\n",
            "1 5 1 * * x\n",
        ] {
            assert!(!is_anacrontab(any, text.as_bytes()), "{text}");
        }
    }
}
