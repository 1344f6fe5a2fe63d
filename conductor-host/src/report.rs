//! What was done, for people and, as JSON, for programs.

use std::error::Error as _;
use std::sync::Arc;

use conductor_core::error::PathError;
use conductor_core::name::{Revision, ServiceId, UnitName};
use conductor_core::plan::Step;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::system::{JobError, ProxyError, PullError};

/// The outcome of a command that changes a host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Whether anything on the host is different now.
    pub changed: bool,
    /// Whether every instance of every service is up; false where there is no systemd to ask.
    pub healthy: bool,
    /// Service by service.
    pub services: Vec<ServiceReport>,
    /// Services on the host that no definition names and that were left alone.
    pub orphans: Vec<ServiceId>,
}

/// The outcome for one service.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceReport {
    /// The service.
    pub id: ServiceId,
    /// The revision it is to run; null if the service went away.
    pub revision: Option<Revision>,
    /// Whether anything of it is different now.
    pub changed: bool,
    /// What was done, in order.
    pub steps: Vec<StepReport>,
    /// What was to be done and is not: it failed, or it was interrupted, where nothing is undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<StepObject>,
    /// Why it did not work out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A step as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct StepObject {
    /// What is done, in one word: `start`, `write`, `reload_proxy`, ...
    pub action: &'static str,
    /// The unit that it is about, if it is about one.
    pub unit: Option<UnitName>,
    /// The step in words.
    pub text: String,
}

impl From<&Step> for StepObject {
    fn from(step: &Step) -> Self {
        Self { action: step.action(), unit: step.unit().cloned(), text: step.to_string() }
    }
}

impl std::fmt::Display for StepObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A step that was carried out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepReport {
    /// What was done.
    pub step: StepObject,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usec: Option<u64>,
}

/// Why a service did not become what it should.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// The unit that failed, if one did.
    pub unit: Option<UnitName>,
    /// Why.
    pub cause: Cause,
    /// How the main process of the unit ended, if it did: "exited with status 1".
    pub end: Option<String>,
    /// What the last health check found, in words.
    pub status: Option<String>,
    /// The last lines that the unit wrote.
    pub journal: Vec<String>,
    /// Whether instances of the release before it serve as they did.
    pub old_serves: bool,
    /// Whether what was new is gone again. Else the unit was there before and is left as it is.
    pub undone: bool,
    /// Whether systemd goes on trying to start the unit, which is left as it is.
    pub retried: bool,
    /// Whether nothing failed, and somebody asked to stop.
    pub interrupted: bool,
}

impl Failure {
    /// Returns the cause with its own causes, and how the main process ended, in one line.
    pub fn reason(&self) -> String {
        match (&self.cause, &self.end) {
            (Cause::Interrupted, _) | (_, None) => self.cause.in_full(),
            (cause, Some(end)) => format!("{}: it {end}", cause.in_full()),
        }
    }
}

/// Why a step failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A job of systemd's did not do what it was for.
    #[error(transparent)]
    Job(#[from] JobError),
    /// An instance that was up is not any more.
    #[error("it did not stay up")]
    NotUp,
    /// systemd started an instance again while it was watched.
    #[error("it had to be started again")]
    Restarted,
    /// The probe finds fault with an instance that was well.
    #[error("it did not stay healthy: {status}")]
    Unhealthy {
        /// What the probe says.
        status: String,
    },
    /// An image was not pulled.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A proxy was not told, or did not listen.
    #[error(transparent)]
    Proxy(Arc<ProxyError>),
    /// The file system refused.
    #[error(transparent)]
    Path(Arc<PathError>),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<ProxyError> for Cause {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(Arc::new(error))
    }
}

impl From<PathError> for Cause {
    fn from(error: PathError) -> Self {
        Self::Path(Arc::new(error))
    }
}

impl Cause {
    /// Returns the kind of cause in one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Job(error) => error.kind(),
            Self::NotUp => "not_up",
            Self::Restarted => "restarted",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Pull(_) => "pull",
            Self::Proxy(_) => "proxy",
            Self::Path(_) => "file",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns the cause with its own causes, and what to do about it where that is known, in one line.
    fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.extend([": ", &error.to_string()]);
            source = error.source();
        }
        let text = text.replace('\n', "; ");
        match self {
            Self::Proxy(error) => match error.hint() {
                Some(hint) => format!("{text} ({hint})"),
                None => text,
            },
            _ => text,
        }
    }
}

/// A failure as programs read it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
/// Why a service did not become what it should.
struct FailureObject<'f> {
    /// The step that failed.
    step: StepObject,
    /// The unit that failed, if one did.
    unit: Option<&'f UnitName>,
    /// The kind of cause, in one word.
    kind: &'static str,
    /// How.
    reason: String,
    /// What the last health check found, in words.
    status: Option<&'f str>,
    /// The last lines that the unit wrote.
    journal: &'f [String],
    /// Whether instances of the release before it serve as they did.
    old_serves: bool,
    /// Whether what was new is gone again. Else the unit was there before and is left as it is.
    undone: bool,
    /// Whether systemd goes on trying to start the unit, which is left as it is.
    retried: bool,
    /// Whether nothing failed, and somebody asked to stop.
    interrupted: bool,
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            step,
            unit,
            cause,
            end: _,
            status,
            journal,
            old_serves,
            undone,
            retried,
            interrupted,
        } = self;
        let object = FailureObject {
            step: step.into(),
            unit: unit.as_ref(),
            kind: cause.kind(),
            reason: self.reason(),
            status: status.as_deref(),
            journal,
            old_serves: *old_serves,
            undone: *undone,
            retried: *retried,
            interrupted: *interrupted,
        };
        object.serialize(serializer)
    }
}

impl JsonSchema for Failure {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        FailureObject::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        FailureObject::json_schema(generator)
    }
}

impl Report {
    /// Gives the services that did not work out.
    pub fn failures(&self) -> impl Iterator<Item = (&ServiceReport, &Failure)> {
        self.services
            .iter()
            .filter_map(|service| service.failure.as_ref().map(|failure| (service, failure)))
    }
}
