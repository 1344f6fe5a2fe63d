//! The result of a change, for people and, as JSON, for programs.

use std::borrow::Cow;
use std::sync::Arc;

use conductor_core::error::{PathError, with_sources};
use conductor_core::name::{Revision, ServiceId, UnitName};
use conductor_core::plan::{Action, Step};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ops::Error;
use crate::system::networks::{NETWORK_OTHERWISE, OTHERWISE};
use crate::system::pods;
use crate::system::{EngineError, JobError, ProxyError};
use crate::words::CauseKind;

/// The outcome of a command that changes a host.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
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
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<StepObject>,
    /// Why the change failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The JSON form of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct StepObject {
    /// The action, in one word: `start`, `write`, `reload_proxy`, ...
    pub action: Action,
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
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct StepReport {
    /// The step.
    pub step: StepObject,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usec: Option<u64>,
}

/// Why the change of a service failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "FailureObject", from = "FailureObject")]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
pub struct Failure {
    /// The step that failed.
    pub step: StepObject,
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
    /// A pod could not be made.
    #[error("{0}")]
    Pod(EngineError),
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
    /// Another process carried out the change, and this is what its report says.
    #[error("{reason}")]
    Told {
        /// The kind of cause; see [`Cause::kind`].
        kind: CauseKind,
        /// The cause, with how the unit's main process ended.
        reason: String,
    },
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
    pub fn kind(&self) -> CauseKind {
        match self {
            Self::Job(error) => error.kind(),
            Self::HookTimeout => CauseKind::JobTimeout,
            Self::NotUp => CauseKind::NotUp,
            Self::Restarted => CauseKind::Restarted,
            Self::Unhealthy { .. } => CauseKind::Unhealthy,
            Self::Pull(_) => CauseKind::Pull,
            Self::Network(_) => CauseKind::Network,
            Self::Pod(_) => CauseKind::Pod,
            Self::ImageGone { .. } => CauseKind::ImageGone,
            Self::Plan(_) => CauseKind::Plan,
            Self::Proxy(_) => CauseKind::Proxy,
            Self::Path(_) => CauseKind::File,
            Self::Together { .. } | Self::Application { .. } => CauseKind::Together,
            Self::Dependency { .. } => CauseKind::Dependency,
            Self::Dependent { .. } => CauseKind::Dependent,
            Self::Interrupted => CauseKind::Interrupted,
            Self::Told { kind, .. } => kind.clone(),
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
            Self::Pod(error) => pods::hint(error).map(Into::into),
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
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Failure")]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
/// Why the change of a service failed.
struct FailureObject {
    /// The step that failed.
    step: StepObject,
    /// The unit that failed, if any.
    unit: Option<UnitName>,
    /// The kind of the cause, in one word.
    kind: CauseKind,
    /// The cause as text.
    reason: String,
    /// The result of the last health check, as text.
    status: Option<String>,
    /// The last lines of the unit's output, then systemd's about it; or of the engine's, if it could not pull.
    journal: Vec<String>,
    /// What an operator can do about it.
    hint: Option<String>,
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

impl From<Failure> for FailureObject {
    fn from(failure: Failure) -> Self {
        let (kind, reason) = (failure.cause.kind(), failure.reason());
        let Failure {
            step,
            unit,
            cause: _,
            end: _,
            status,
            journal,
            hint,
            old_serves,
            undone,
            retried,
            interrupted,
        } = failure;
        Self {
            step,
            unit,
            kind,
            reason,
            status,
            journal,
            hint,
            old_serves,
            undone,
            retried,
            interrupted,
        }
    }
}

impl From<FailureObject> for Failure {
    fn from(object: FailureObject) -> Self {
        let FailureObject {
            step,
            unit,
            kind,
            reason,
            status,
            journal,
            hint,
            old_serves,
            undone,
            retried,
            interrupted,
        } = object;
        let cause = Cause::Told { kind, reason };
        Self {
            step,
            unit,
            cause,
            end: None,
            status,
            journal,
            hint,
            old_serves,
            undone,
            retried,
            interrupted,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_newer_version_are_kept() {
        let failure = r#"{"step":{"action":"fly","unit":null,"text":"fly"},"unit":null,"kind":"fell","reason":"it fell",
            "status":null,"journal":[],"hint":null,"old_serves":true,"undone":true,"retried":false,"interrupted":false}"#;
        let failure: Failure = serde_json::from_str(failure).unwrap();
        assert_eq!(failure.step.action, Action::Other("fly".to_owned()));
        let kind = failure.cause.kind();
        assert_eq!((kind.as_str(), CauseKind::KNOWN.contains(&kind)), ("fell", false));
        let written = serde_json::to_value(&failure).unwrap();
        assert_eq!((&written["kind"], &written["step"]["action"]), (&"fell".into(), &"fly".into()));
        for known in CauseKind::KNOWN {
            assert_eq!(&CauseKind::from(known.as_str()), known);
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let unit: UnitName = "conductor-web-v2.7f3ac2-1.service".parse().unwrap();
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = PathError { action: "write", path: "/a/file".into(), source };
        let failure = Failure {
            step: StepObject::from(&Step::Start(unit.clone())),
            unit: Some(unit.clone()),
            cause: error.into(),
            end: Some("exited with status 1".to_owned()),
            status: None,
            journal: vec!["boom".to_owned()],
            hint: None,
            old_serves: true,
            undone: false,
            retried: true,
            interrupted: false,
        };
        let step = StepObject::from(&Step::Stop(unit));
        let service = ServiceReport {
            id: "web".parse().unwrap(),
            revision: Some("1.10".parse().unwrap()),
            changed: true,
            steps: vec![StepReport { step: step.clone(), usec: None }],
            left: vec![step],
            failure: Some(failure),
        };
        let orphans = vec!["old".parse().unwrap()];
        let report = Report { changed: true, healthy: false, services: vec![service], orphans };
        let written = serde_json::to_string(&report).unwrap();
        let read: Report = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
        let (_, failure) = read.failures().next().unwrap();
        assert_eq!(failure.cause.kind(), CauseKind::File);
        assert_eq!(
            failure.reason(),
            "cannot write /a/file: no storage space: it exited with status 1"
        );
    }
}
