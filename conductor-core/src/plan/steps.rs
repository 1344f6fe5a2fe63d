//! The single steps of a plan.

use std::fmt;

use crate::name::UnitName;
use crate::unit::{Link, Unit};

/// One idempotent change to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write a unit file.
    Write {
        /// The file's name.
        name: UnitName,
        /// Its content.
        unit: Box<Unit>,
        /// Whether systemd cannot hold another text of this name.
        new: bool,
    },
    /// Make a unit start with another, at boot too.
    Enable(Link),
    /// Start a unit and wait until it is up.
    Start(UnitName),
    /// Stop and start a unit whose file was not as conductor writes it.
    Restart(UnitName),
    /// Stop a unit and wait until it is down.
    Stop(UnitName),
    /// Undo an `Enable`.
    Disable(Link),
    /// Remove a unit file.
    Remove(UnitName),
}

impl Step {
    /// Gives the unit the step is about.
    pub fn unit(&self) -> &UnitName {
        match self {
            Self::Enable(link) | Self::Disable(link) => &link.unit,
            Self::Write { name, .. }
            | Self::Start(name)
            | Self::Restart(name)
            | Self::Stop(name)
            | Self::Remove(name) => name,
        }
    }

    /// Tells whether the step changes files only, not what runs.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Enable(_) | Self::Disable(_) | Self::Remove(_))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { name, new: true, .. } => write!(f, "write {name}"),
            Self::Write { name, new: false, .. } => write!(f, "rewrite {name}"),
            Self::Enable(link) => write!(f, "enable {} in {}", link.unit, link.by),
            Self::Start(name) => write!(f, "start {name}"),
            Self::Restart(name) => write!(f, "restart {name}"),
            Self::Stop(name) => write!(f, "stop {name}"),
            Self::Disable(link) => write!(f, "disable {} in {}", link.unit, link.by),
            Self::Remove(name) => write!(f, "remove {name}"),
        }
    }
}

/// Steps in the order in which they are done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// Adds steps behind the others.
    pub fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.0.extend(steps);
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the steps in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Step> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Steps {
    type Item = &'a Step;
    type IntoIter = std::slice::Iter<'a, Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Steps {
    type Item = Step;
    type IntoIter = std::vec::IntoIter<Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
