//! Sets of units, from the compiler or from the unit directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::contents::ContentHash;
use super::hex;
use super::metadata::{self, Kind, Metadata, Record};
use crate::name::UnitName;
use crate::value::HostPath;

/// One unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its kind, and its service.
    pub metadata: Metadata,
    /// The whole text of the file, including the metadata.
    pub text: String,
}

impl Unit {
    /// Creates a unit from a rendered template and the metadata.
    pub(crate) fn new(mut rendered: String, mut metadata: Metadata) -> Self {
        use fmt::Write as _;
        if !rendered.ends_with('\n') {
            rendered.push('\n');
        }
        rendered.push('\n');
        metadata.rendered = Some(fingerprint(&rendered));
        // Writing to a String cannot fail.
        let _ = write!(rendered, "{metadata}");
        // Handlebars allocates at least 8 KiB for a text, and thousands of units are in memory.
        rendered.shrink_to_fit();
        Self { metadata, text: rendered }
    }

    /// Returns the text before the metadata, which is what systemd reads.
    pub fn body(&self) -> &str {
        self.text.rfind(metadata::HEADER).map_or(&self.text, |start| &self.text[..start])
    }

    /// Returns whether somebody changed what systemd reads since conductor wrote the file. Without a
    /// fingerprint, from an older version, this is not known.
    pub fn is_edited(&self) -> bool {
        let differs = |rendered: &String| *rendered != fingerprint(self.body());
        self.has_more() || self.metadata.rendered.as_ref().is_some_and(differs)
    }

    /// Returns whether systemd reads the same in both files.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.body() == other.body() && !self.has_more() && !other.has_more()
    }

    /// Returns whether somebody added a section after the metadata.
    fn has_more(&self) -> bool {
        let metadata = &self.text[self.body().len()..];
        metadata.lines().skip(1).any(|line| line.starts_with('['))
    }

    /// Returns the values of a directive, one for each of its lines.
    pub fn values<'u>(&'u self, directive: &'u str) -> impl Iterator<Item = &'u str> {
        self.body().lines().filter_map(move |line| line.strip_prefix(directive)?.strip_prefix('='))
    }

    /// Returns the unit of an instance or a job with another record of its deploy.
    #[must_use]
    pub fn recorded(&self, record: Option<Record>) -> Self {
        let mut metadata = self.metadata.clone();
        match &mut metadata.kind {
            Kind::Instance(instance) => instance.record = record,
            Kind::Job(job) => job.record = record,
            Kind::Target | Kind::Slice | Kind::Boot | Kind::Shared | Kind::Timer(_) => {}
        }
        self.with(metadata)
    }

    /// Returns the text as people compare it: without the record of the deploy and the fingerprint, which say
    /// nothing that the rest does not.
    pub fn comparable(&self) -> String {
        let unit = self.recorded(None);
        let metadata = Metadata { rendered: None, ..unit.metadata.clone() };
        unit.with(metadata).text
    }

    /// Returns the unit of an instance with other contents of the files that it reads.
    #[must_use]
    pub fn with_contents(&self, contents: BTreeMap<HostPath, ContentHash>) -> Self {
        let mut metadata = self.metadata.clone();
        if let Kind::Instance(instance) = &mut metadata.kind {
            instance.contents = contents;
        }
        self.with(metadata)
    }

    /// Returns the unit of a timer with another time of its pause, or without one.
    #[must_use]
    pub fn paused(&self, since: Option<Timestamp>) -> Self {
        let mut metadata = self.metadata.clone();
        if let Kind::Timer(timer) = &mut metadata.kind {
            timer.paused = since;
        }
        self.with(metadata)
    }

    /// Returns the unit with another description of what it is, and the same text for systemd.
    #[must_use]
    pub(crate) fn described(&self, kind: Kind) -> Self {
        self.with(Metadata { kind, ..self.metadata.clone() })
    }

    fn with(&self, metadata: Metadata) -> Self {
        let text = format!("{}{metadata}", self.body());
        Self { metadata, text }
    }
}

/// Returns the fingerprint of a rendered text: the first digits of its SHA-256.
fn fingerprint(rendered: &str) -> String {
    const BYTES: usize = 8;
    hex(&Sha256::digest(rendered)[..BYTES])
}

/// An enabled unit: the symbolic link `BY.wants/UNIT` that `systemctl enable` would make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The unit that wants.
    pub by: UnitName,
    /// The unit that is wanted.
    pub unit: UnitName,
}

impl Link {
    /// Returns the name of the link's directory.
    pub fn directory(&self) -> String {
        format!("{}.wants", self.by)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.directory(), self.unit)
    }
}

/// Units by name, and which of them are enabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitSet {
    /// The files.
    pub units: BTreeMap<UnitName, Unit>,
    /// The links.
    pub links: BTreeSet<Link>,
}
