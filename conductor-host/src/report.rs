//! The result of a change, for people and, as JSON, for programs.

use std::borrow::Cow;
use std::sync::Arc;

use conductor_core::error::{PathError, with_sources};
use conductor_core::name::{Revision, ServiceId, UnitName};
use conductor_core::plan::Step;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::ops::Error;
use crate::system::networks::{NETWORK_OTHERWISE, OTHERWISE};
use crate::system::{EngineError, JobError, ProxyError};

/// The outcome of a command that changes a host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Whether anything on the host was changed.
    pub changed: bool,
    /// Whether every instance of every service is up; false if there is no systemd to ask.
    pub healthy: bool,
    /// The outcome for each service.
    pub services: Vec<ServiceReport>,
    /// Services on the host that have no definition and were not touched.
    pub orphans: Vec<ServiceId>,
}

/// The outcome for one service.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceReport {
    /// The service.
    pub id: ServiceId,
    /// The desired revision; null if the service was removed.
    pub revision: Option<Revision>,
    /// Whether anything of the service was changed.
    pub changed: bool,
    /// The steps that were carried out, in order.
    pub steps: Vec<StepReport>,
    /// Steps that were not carried out, because of a failure or an interruption, and were not undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<StepObject>,
    /// Why the change failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The JSON form of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct StepObject {
    /// The action, in one word: `start`, `write`, `reload_proxy`, ...
    pub action: &'static str,
    /// The unit that the step acts on, if any.
    pub unit: Option<UnitName>,
    /// The step as text.
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
    /// The step.
    pub step: StepObject,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usec: Option<u64>,
}

/// Why the change of a service failed.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// The unit that failed, if any.
    pub unit: Option<UnitName>,
    /// The cause.
    pub cause: Cause,
    /// How the unit's main process ended, if it did: "exited with status 1".
    pub end: Option<String>,
    /// The result of the last health check, as text.
    pub status: Option<String>,
    /// The last lines of the unit's output, then systemd's about it; or of the engine's, if it could not pull.
    pub journal: Vec<String>,
    /// What an operator can do about it.
    pub hint: Option<String>,
    /// Whether the previous release still serves, or the service that was to be removed.
    pub old_serves: bool,
    /// Whether the change was undone: new units were removed, and the files of proxies are as before. Otherwise
    /// nothing had been changed, or the unit existed before and stays as it is.
    pub undone: bool,
    /// Whether systemd keeps trying to start the unit, which stays as it is.
    pub retried: bool,
    /// Whether the change was interrupted, and nothing failed.
    pub interrupted: bool,
}

impl Failure {
    /// Returns the cause with its sources, and how the main process ended, in one line.
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
    /// A systemd job failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A hook took longer than it may.
    #[error("it took longer than deploy.before_timeout, and was ended")]
    HookTimeout,
    /// An instance did not stay up.
    #[error("it did not stay up")]
    NotUp,
    /// systemd restarted an instance while it was watched.
    #[error("systemd had to restart it")]
    Restarted,
    /// A healthy instance became unhealthy.
    #[error("it did not stay healthy: {status}")]
    Unhealthy {
        /// The probe's status text.
        status: String,
    },
    /// An image could not be pulled.
    #[error(transparent)]
    Pull(#[from] EngineError),
    /// A network could not be made.
    #[error(transparent)]
    Network(EngineError),
    /// The image of a release is gone, and its name means another one.
    #[error("{said}")]
    ImageGone {
        /// Which image.
        said: String,
    },
    /// The service could not be planned with the image that was pulled.
    #[error(transparent)]
    Plan(Arc<Error>),
    /// A proxy could not be switched to the instances.
    #[error(transparent)]
    Proxy(Arc<ProxyError>),
    /// A file operation failed.
    #[error(transparent)]
    Path(Arc<PathError>),
    /// Another service failed, with which this one changes its files for proxies together.
    #[error("its upstream changes together with that of {service}, which failed")]
    Together {
        /// The other service.
        service: ServiceId,
    },
    /// Another process of its application failed.
    #[error("{service} failed, and the processes of {application} change together")]
    Application {
        /// The application.
        application: ServiceId,
        /// The other process.
        service: ServiceId,
    },
    /// Another service failed, on which this one depends.
    #[error("it depends on {service}, which failed")]
    Dependency {
        /// The other service.
        service: ServiceId,
    },
    /// Another service depends on this one, and was to be removed with it, or to run without it; and was not.
    #[error("{service} depends on it, and still runs")]
    Dependent {
        /// The other service.
        service: ServiceId,
    },
    /// The change was interrupted.
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
            Self::HookTimeout => "job_timeout",
            Self::NotUp => "not_up",
            Self::Restarted => "restarted",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Pull(_) => "pull",
            Self::Network(_) => "network",
            Self::ImageGone { .. } => "image_gone",
            Self::Plan(_) => "plan",
            Self::Proxy(_) => "proxy",
            Self::Path(_) => "file",
            Self::Together { .. } | Self::Application { .. } => "together",
            Self::Dependency { .. } => "dependency",
            Self::Dependent { .. } => "dependent",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns what an operator can do about it, as far as that follows from the cause alone.
    pub(crate) fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::ImageGone { .. } => Some(
                "pull or load that image again; or deploy the service with the image that the name means now".into(),
            ),
            Self::Network(error) if error.said.contains("aardvark-dns") => {
                Some("install it: apt install aardvark-dns".into())
            }
            Self::Network(error) if error.said == OTHERWISE => Some(NETWORK_OTHERWISE.into()),
            Self::Dependent { service } => Some(
                format!(
                    "it was kept because {service} still needs it: mend what failed in {service}, and run the command \
                     again; to stop this one nevertheless, remove it by itself"
                )
                .into(),
            ),
            _ => None,
        }
    }

    /// Returns the cause with its sources, and a hint where there is one, in one line.
    fn in_full(&self) -> String {
        let text = with_sources(self).replace('\n', "; ");
        match self {
            Self::Proxy(error) => match error.hint() {
                Some(hint) => format!("{text} ({hint})"),
                None => text,
            },
            _ => text,
        }
    }
}

/// The JSON form of a failure.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
/// Why the change of a service failed.
struct FailureObject<'f> {
    /// The step that failed.
    step: StepObject,
    /// The unit that failed, if any.
    unit: Option<&'f UnitName>,
    /// The kind of the cause, in one word.
    kind: &'static str,
    /// The cause as text.
    reason: String,
    /// The result of the last health check, as text.
    status: Option<&'f str>,
    /// The last lines of the unit's output, then systemd's about it; or of the engine's, if it could not pull.
    journal: &'f [String],
    /// What an operator can do about it.
    hint: Option<&'f str>,
    /// Whether the previous release still serves, or the service that was to be removed.
    old_serves: bool,
    /// Whether the change was undone: new units were removed, and the files of proxies are as before. Otherwise
    /// nothing had been changed, or the unit existed before and stays as it is.
    undone: bool,
    /// Whether systemd keeps trying to start the unit, which stays as it is.
    retried: bool,
    /// Whether the change was interrupted, and nothing failed.
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
            hint,
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
            hint: hint.as_deref(),
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
    /// Returns the services that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&ServiceReport, &Failure)> {
        self.services
            .iter()
            .filter_map(|service| service.failure.as_ref().map(|failure| (service, failure)))
    }
}
