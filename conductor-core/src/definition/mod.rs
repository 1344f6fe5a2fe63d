//! What a person writes: a service in YAML, JSON or TOML, and where each value stands in the file.
//!
//! All three formats become one tree with positions ([`document`](self)), from which serde reads
//! one raw type, [`Definition`]. A wrong value does not end the reading: every problem of a file
//! is found in one go.

mod deserialize;
mod document;
mod field;
mod json;
mod raw;
mod schema;
mod toml;
mod yaml;

use std::path::Path;

use serde::Deserialize;

pub use field::{Field, Located, Table};
pub use raw::{Definition, Deploy, Health, Job, Limits, Nginx, Order, Proxy, Runtime};
pub use schema::schema;

pub(crate) use deserialize::Fault;
pub(crate) use document::{NodeId, ROOT};

use crate::error::Problem;
use deserialize::{Finding, Findings};
use document::Document;

/// The file names that hold definitions.
pub const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "toml"];

/// A file that was parsed, with what is wrong with it so far.
#[derive(Debug)]
pub(crate) struct Source<'i> {
    file: &'i Path,
    document: Document<'i>,
    findings: Findings,
}

impl<'i> Source<'i> {
    /// Parses a file by its extension.
    pub(crate) fn parse(file: &'i Path, text: &'i str) -> Result<Self, Vec<Problem>> {
        let extension = file.extension().and_then(|extension| extension.to_str());
        // A byte order mark is no part of the text (RFC 8259, section 8.1).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = match extension {
            Some("yaml" | "yml") => yaml::parse(text).map_err(|error| vec![error]),
            Some("json") => json::parse(text).map_err(|error| vec![error]),
            Some("toml") => toml::parse(text),
            _ => {
                let problem = Problem::of_file(file, "not a definition by its name");
                return Err(vec![problem.hint("name it *.yaml, *.json or *.toml")]);
            }
        };
        match document {
            Ok(document) => Ok(Self {
                file,
                document,
                findings: Findings::default(),
            }),
            Err(errors) => Err(errors
                .into_iter()
                .map(|error| error.into_problem(file))
                .collect()),
        }
    }

    /// Reads the raw type; `None` if the document is not even a mapping.
    pub(crate) fn read<'s, T: Deserialize<'s>>(&'s self) -> Option<T> {
        deserialize::from_document(&self.document, &self.findings)
    }

    /// Notes that a value is wrong.
    pub(crate) fn refuse(&self, at: NodeId, fault: Fault) {
        self.findings
            .push(self.document.position(at), self.document.path(at), fault);
    }

    /// Gives the path of a value in the document.
    pub(crate) fn path(&self, at: NodeId) -> String {
        self.document.path(at)
    }

    /// Gives line and column of a value, both from 1.
    pub(crate) fn position(&self, at: NodeId) -> (usize, usize) {
        self.document.position(at)
    }

    /// Makes a problem of a value that is not noted with the others.
    pub(crate) fn problem(&self, at: NodeId, fault: Fault) -> Problem {
        self.locate(fault.found(self.document.position(at), self.document.path(at)))
    }

    /// Gives the problems in the order of the file.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut findings = self.findings.take();
        findings.sort_by_key(|finding| finding.position);
        findings
            .into_iter()
            .map(|finding| self.locate(finding))
            .collect()
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

    /// Gives the file that was parsed.
    pub(crate) fn file(&self) -> &Path {
        self.file
    }
}
