//! The JSON form of what is wrong.

use conductor_core::error::Problem;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a command did not do what it was asked; the only line then, or the last one.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorObject {
    /// What is wrong, or the first of all that is.
    pub(crate) error: ErrorDetails,
    /// Everything that is wrong with definitions or crontabs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ErrorDetails>,
}

/// One thing that is wrong, or worth a note, and where it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ErrorDetails {
    /// What kind it is, in a word that stays the same: `definition`, `locked`, `usage`, ...
    pub(crate) kind: &'static str,
    /// What is wrong, for people.
    pub(crate) message: String,
    /// What to do about it, for people.
    pub(crate) hint: Option<String>,
    /// The file that it stands in.
    pub(crate) file: Option<String>,
    /// The line, from 1.
    pub(crate) line: Option<usize>,
    /// The column, from 1, in characters.
    pub(crate) column: Option<usize>,
    /// The path in the document, such as `limits.memory`; empty for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

impl ErrorDetails {
    /// Describes what has no place in a file.
    pub(crate) fn new(kind: &'static str, message: String, hint: Option<String>) -> Self {
        Self { kind, message, hint, file: None, line: None, column: None, path: None }
    }

    /// Describes a problem in a file.
    pub(crate) fn of(kind: &'static str, problem: &Problem) -> Self {
        let (line, column) = problem.position.unzip();
        Self {
            kind,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            // A name may be no text, and JSON is.
            file: Some(problem.file.display().to_string()),
            line,
            column,
            path: Some(problem.path.clone()),
        }
    }

    /// Describes problems in files.
    pub(crate) fn list<'p>(
        kind: &'static str,
        problems: impl IntoIterator<Item = &'p Problem>,
    ) -> Vec<Self> {
        problems.into_iter().map(|problem| Self::of(kind, problem)).collect()
    }
}
