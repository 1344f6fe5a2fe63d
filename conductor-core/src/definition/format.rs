//! The formats of definitions and host settings.

use std::path::Path;

use crate::error::Problem;

/// The format of a definition, or of host settings. All three say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// JSON (RFC 8259).
    Json,
    /// TOML 1.0.
    Toml,
}

impl Format {
    /// Returns the format that the extension of a file says, in any case.
    ///
    /// # Errors
    /// The extension is none of those of definitions.
    pub fn of(file: &Path) -> Result<Self, Problem> {
        let extension = file.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            Some("toml") => Ok(Self::Toml),
            Some("container" | "pod" | "kube" | "volume" | "network") => {
                let problem =
                    Problem::of_file(file, "this is a file of Quadlet, and not a definition");
                let hint =
                    "conductor import quadlet FILE converts .container files, with the others";
                Err(problem.hint(hint))
            }
            _ => {
                let problem = Problem::of_file(file, "the file name has no known extension");
                Err(problem.hint("name it *.yaml, *.json or *.toml"))
            }
        }
    }

    /// Returns the extension of files in the format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Toml => "toml",
        }
    }
}
