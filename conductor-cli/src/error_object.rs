//! The JSON form of errors.

use conductor_core::error::Problem;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a command failed; the only line, or the last one.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorObject {
    /// The error, or the first of several.
    pub(crate) error: ErrorDetails,
    /// All errors in definitions or crontabs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ErrorDetails>,
}

/// One error, warning or note, with its place.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ErrorDetails {
    /// Its kind, in a stable word: `definition`, `locked`, `usage`, ...
    pub(crate) kind: &'static str,
    /// The message, for people.
    pub(crate) message: String,
    /// What to do about it, for people.
    pub(crate) hint: Option<String>,
    /// The file that it is in.
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
    /// Describes an error without a place in a file.
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
            // A file name need not be UTF-8, and JSON is.
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
