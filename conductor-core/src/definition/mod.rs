//! Service definitions as a person writes them, in YAML, JSON or TOML, with the position of each value.
//!
//! All three formats become one tree with positions ([`document`](self)), from which serde reads one raw
//! type, [`Definition`]. Reading continues after a wrong value, so that all problems of a file are found.

mod access;
pub(crate) mod defaults;
mod depends_on;
mod document;
mod field;
mod foreign;
mod format;
mod hooks;
mod json;
mod limits;
mod lines;
mod networks;
mod pod;
mod problem;
mod process;
mod processes;
mod raw;
mod reader;
mod schema;
mod shape;
mod text;
mod toml;
mod yaml;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use serde::Deserialize;

pub use depends_on::{Condition, Dependency, DependsOn};
pub use field::{Field, Located, Table};
pub use format::Format;
pub use hooks::{HookKeys, Hooks};
pub use limits::{CheckedLimits, LIMITS, LimitMeaning, Limits};
pub use networks::{Network, Networks};
pub use pod::{Pod, PodKeys};
pub use process::{Engines, MEANINGS, Meaning, Native, Process, ProcessKeys};
pub use processes::{OWN_KEYS, Processes};
pub use raw::{
    ChangedFiles, Children, Definition, Deploy, Health, Job, Method, NetworkMode, Order, Overlap,
    Proxy, PullPolicy, Runtime, ServiceType,
};
pub use schema::schema;
pub use text::DefinitionText;

pub(crate) use document::NodeId;
pub(crate) use problem::Fault;
pub(crate) use processes::{Part, Process as ProcessPlace};
pub(crate) use raw::{JOBS_AT_A_TIME, MOST_CHECKS, MOST_INSTANCES, MOST_PARALLEL, MOST_RELEASES};

use crate::error::Problem;
use document::{Document, ROOT, SyntaxError, Value};
use lines::Lines;
use problem::{Finding, Findings};

/// The extensions of files with definitions, in lower case; any case is accepted.
pub const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "toml"];

/// The longest file; one service needs a few kilobytes.
const LONGEST_FILE: usize = 1024 * 1024;

/// Refuses control characters that no format allows, before a parser reads a NUL as the end of the file.
fn refuse_control(text: &str) -> Result<(), Vec<SyntaxError>> {
    match text.find(|c: char| c < ' ' && !"\t\n\r".contains(c)) {
        None => Ok(()),
        Some(at) => {
            let control = text[at..].chars().next().unwrap_or_default();
            let message = format!("the file contains the control character {control:?}");
            let error = SyntaxError::new(Lines::new(text).position(at), message);
            Err(vec![match control {
                '\0' => error.hint("remove it: no value can contain a NUL"),
                _ => error.hint("write it as an escape in a quoted string, such as \"\\u001b\""),
            }])
        }
    }
}

/// A parsed file, with the problems found so far.
#[derive(Debug)]
pub(crate) struct Source<'i> {
    file: &'i Path,
    document: Document<'i>,
    findings: Findings,
    parts: Vec<Part>,
}

impl<'i> Source<'i> {
    /// Parses text in a format.
    pub(crate) fn parse_as(
        format: Format,
        file: &'i Path,
        text: &'i str,
    ) -> Result<Self, Vec<Problem>> {
        // A byte order mark is not part of the text (RFC 8259, section 8.1).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parse = match format {
            Format::Yaml => yaml::parse,
            Format::Json => json::parse,
            Format::Toml => toml::parse,
        };
        if text.len() > LONGEST_FILE {
            let problem = Problem::of_file(file, format!("the file has {} bytes", text.len()));
            let hint = format!("write one service for each file, in at most {LONGEST_FILE} bytes");
            return Err(vec![problem.hint(hint)]);
        }
        let document = refuse_control(text).and_then(|()| parse(text));
        let document = document.map_err(|errors| {
            let errors = errors.into_iter();
            errors.map(|error| error.into_problem(file)).collect::<Vec<_>>()
        })?;
        Ok(Self { file, document, findings: Findings::default(), parts: Vec::new() })
    }

    /// Returns the services of the file: itself, or its processes.
    pub(crate) fn parts(&mut self) -> Vec<Part> {
        self.parts = processes::parts(&mut self.document, &self.findings);
        self.parts.clone()
    }

    /// Reads the raw type; `None` if the document is not a mapping.
    pub(crate) fn read<'s, T: Deserialize<'s>>(&'s self) -> Option<T> {
        reader::from_document(&self.document, ROOT, &self.findings)
    }

    /// Reads one of its services, and then what is found is about that one.
    pub(crate) fn read_part<'s, T: Deserialize<'s>>(&'s self, part: usize) -> Option<T> {
        self.findings.begin(part);
        reader::from_document(&self.document, self.parts.get(part)?.root, &self.findings)
    }

    /// Notes that a value is wrong.
    pub(crate) fn refuse(&self, at: NodeId, fault: Fault) {
        self.findings.push(self.document.position(at), self.document.path(at), fault);
    }

    /// Reads a number from 1 to `most`, and notes that it is wrong; `what` follows it in the message.
    pub(crate) fn number<T>(&self, field: Field<T>, what: &str, most: T) -> Option<T>
    where
        T: Copy + Default + PartialOrd + Display,
    {
        let located = field.given()?;
        let fault = |hint: String| Fault::new(format!("{} {what}", located.value)).hint(hint);
        if located.value == T::default() {
            self.refuse(located.at, fault("write 1 or more".to_owned()));
        } else if located.value > most {
            self.refuse(located.at, fault(format!("write at most {most}")));
        }
        Some(located.value)
    }

    /// Returns a text or a number as it was written.
    pub(crate) fn written(&self, at: NodeId) -> Option<&str> {
        match self.document.value(at) {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether a value is an empty mapping.
    pub(crate) fn is_empty(&self, at: NodeId) -> bool {
        matches!(self.document.value(at), Value::Map(entries) if entries.is_empty())
    }

    /// Returns line and column of a value, both from 1.
    pub(crate) fn position(&self, at: NodeId) -> (usize, usize) {
        self.document.position(at)
    }

    /// Returns the path of a value in the document, and its line and column.
    pub(crate) fn place(&self, at: NodeId) -> (String, (usize, usize)) {
        (self.document.path(at), self.document.position(at))
    }

    /// Returns the keys and items below a value, each with its path from there.
    pub(crate) fn below(&self, at: NodeId) -> Vec<(String, NodeId)> {
        /// `cron.NAME.jitter`, `volumes[0]`
        const DEPTH: usize = 3;
        self.document.below(at, DEPTH)
    }

    /// Returns a problem of a value, without noting it.
    pub(crate) fn problem(&self, at: NodeId, fault: Fault) -> Problem {
        self.locate(fault.found(self.document.position(at), self.document.path(at)))
    }

    /// Returns the problems in the order of the file.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let found = self.findings.take().into_iter();
        let mut findings: Vec<_> =
            found.map(|(finding, parts)| self.of_processes(finding, &parts)).collect();
        findings.extend(self.document.duplicates().map(|(position, fault)| {
            // The path would be that of both.
            fault.found(position, String::new())
        }));
        findings.sort_by_key(|finding| finding.position);
        findings.into_iter().map(|finding| self.locate(finding)).collect()
    }

    /// Names the processes in a problem of a shared value that only some of them have.
    fn of_processes(&self, finding: Finding, parts: &BTreeSet<usize>) -> Finding {
        let is_own = finding.path.starts_with(processes::PROCESSES);
        if is_own || parts.is_empty() || parts.len() == self.parts.len() {
            return finding;
        }
        let names = parts.iter().filter_map(|part| self.parts.get(*part)?.process.as_ref());
        let names: Vec<_> = names.map(|process| process.name.as_str()).collect();
        let message = format!("{} (in process {})", finding.message, names.join(", "));
        Finding { message, ..finding }
    }

    fn locate(&self, finding: Finding) -> Problem {
        Problem {
            file: self.file.to_owned(),
            position: Some(finding.position),
            path: finding.path,
            message: finding.message,
            hint: finding.hint,
        }
    }

    /// Returns the file that was parsed.
    pub(crate) fn file(&self) -> &Path {
        self.file
    }
}
