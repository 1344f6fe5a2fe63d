//! The settings of a host, in `/etc/conductor/host.yaml`.

use std::path::Path;

use serde::Deserialize;

use super::definitions::read_text;
use crate::definition::{Field, Source};
use crate::error::Problems;
use crate::value::PortRange;

/// What an operator sets once for a host, apart from its services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// The ports that are given to instances.
    pub ports: PortRange,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    ports: Field<PortRange>,
}

impl Settings {
    /// Reads the settings; a file that does not exist means the defaults.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong.
    pub fn read(file: &Path) -> Result<Self, Problems> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = read_text(file).map_err(|problem| Problems(vec![problem]))?;
        let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if text.lines().all(is_blank) {
            return Ok(Self::default());
        }
        let source = Source::parse(file, &text).map_err(Problems)?;
        let Raw { ports } = source.read().unwrap_or_default();
        let problems = source.problems();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        Ok(Self { ports: ports.into_value().unwrap_or_default() })
    }
}
