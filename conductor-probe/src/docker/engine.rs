//! The part of Docker's HTTP API that a client in the foreground needs.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::check::socket::Endpoint;
use crate::check::transport::Route;
use crate::print::reason;

/// The timeout of an answer, unless it waits for a container.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call of the engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EngineError {
    #[error("cannot reach the engine on {socket}: {}", reason(.cause))]
    Reach { socket: String, cause: ureq::Error },
    #[error("{message}")]
    Refused { status: u16, message: String },
    #[error("the engine could not wait: {0}")]
    Ended(String),
    #[error("the container no longer exists")]
    Gone,
    #[error("the engine's answer cannot be read")]
    Answer(#[source] serde_json::Error),
    #[error("the connection to the engine broke")]
    Broken(#[source] io::Error),
    #[error("the engine's answer has no {0}")]
    Incomplete(&'static str),
}

impl EngineError {
    /// Returns whether the container does not exist, or does not run.
    pub(crate) fn is_not_running(&self) -> bool {
        matches!(self, Self::Gone | Self::Refused { status: 409, .. })
    }
}

/// The engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    agent: Agent,
    socket: String,
}

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContainerState {
    pub(crate) running: bool,
    /// The PID of its first process on the host; 0 if there is none.
    pub(crate) pid: i64,
    pub(crate) exit_code: i64,
    /// Whether the engine removes the container when it has ended.
    pub(crate) removed: bool,
}

/// The event that ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The next end of the container, which may not have been started yet.
    NextExit,
    /// The removal of the container.
    Removed,
    /// The container does not run.
    NotRunning,
}

/// A wait for the end of a container.
#[derive(Debug)]
pub(crate) struct Wait(Response<Body>);

impl Engine {
    pub(crate) fn new(socket: &Path) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .input_buffer_size(16 * 1024)
            .output_buffer_size(4 * 1024);
        let route = Route(Endpoint::Unix(socket.to_owned()));
        Self { agent: route.agent(config.build()), socket: socket.display().to_string() }
    }

    /// Returns the state of a container.
    pub(crate) fn inspect(&self, id: &str) -> Result<ContainerState, EngineError> {
        let request = self.agent.get(format!("http://docker/containers/{id}/json"));
        let answer = request.config().timeout_global(Some(PATIENCE)).build().call();
        let container = json(self.accepted(answer)?)?;
        let state = container.get("State").ok_or(EngineError::Incomplete("State"))?;
        let removed = container.pointer("/HostConfig/AutoRemove").and_then(Value::as_bool);
        Ok(ContainerState {
            running: state.get("Running").and_then(Value::as_bool).unwrap_or_default(),
            pid: state.get("Pid").and_then(Value::as_i64).unwrap_or_default(),
            exit_code: state.get("ExitCode").and_then(Value::as_i64).unwrap_or(1),
            removed: removed.unwrap_or_default(),
        })
    }

    /// Begins to wait. When this returns, the engine has registered the wait.
    pub(crate) fn wait(&self, id: &str, condition: Condition) -> Result<Wait, EngineError> {
        let condition = match condition {
            Condition::NextExit => "next-exit",
            Condition::Removed => "removed",
            Condition::NotRunning => "not-running",
        };
        self.post(&format!("{id}/wait?condition={condition}"), None).map(Wait)
    }

    /// Starts a container.
    pub(crate) fn start(&self, id: &str) -> Result<(), EngineError> {
        self.post(&format!("{id}/start"), None).map(drop)
    }

    /// Returns whether a container of this name runs. The engine also answers while it starts one.
    pub(crate) fn runs(&self, name: &str) -> Result<bool, EngineError> {
        // {"name":["NAME"]}
        let filters = format!("%7B%22name%22%3A%5B%22{name}%22%5D%7D");
        let request = self.agent.get(format!("http://docker/containers/json?filters={filters}"));
        let answer = request.config().timeout_global(Some(PATIENCE)).build().call();
        let running = json(self.accepted(answer)?)?;
        Ok(running.as_array().is_some_and(|running| !running.is_empty()))
    }

    /// Sends a signal to a container.
    pub(crate) fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        self.post(&format!("{id}/kill?signal={signal}"), Some(PATIENCE)).map(drop)
    }

    /// Sets the size of a container's terminal. When this returns, the size is set.
    pub(crate) fn resize(&self, id: &str, rows: u16, columns: u16) -> Result<(), EngineError> {
        self.post(&format!("{id}/resize?h={rows}&w={columns}"), Some(PATIENCE)).map(drop)
    }

    /// Removes a container, even if it runs.
    pub(crate) fn remove(&self, id: &str) -> Result<(), EngineError> {
        let request = self.agent.delete(format!("http://docker/containers/{id}?force=true&v=true"));
        match self.accepted(request.call()) {
            // 409: it is already being removed, for example by the engine itself after --rm.
            Ok(_) | Err(EngineError::Gone | EngineError::Refused { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn post(&self, what: &str, timeout: Option<Duration>) -> Result<Response<Body>, EngineError> {
        let request = self.agent.post(format!("http://docker/containers/{what}"));
        self.accepted(request.config().timeout_global(timeout).build().send_empty())
    }

    fn accepted(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, EngineError> {
        let reach = |cause| EngineError::Reach { socket: self.socket.clone(), cause };
        let answer = answer.map_err(reach)?;
        match answer.status().as_u16() {
            // 304: it already has this state.
            200..=299 | 304 => Ok(answer),
            404 => Err(EngineError::Gone),
            status => {
                let message = json(answer).ok();
                let message = message.as_ref().and_then(|it| it.get("message")?.as_str());
                let message = message.map_or_else(|| format!("status {status}"), str::to_owned);
                Err(EngineError::Refused { status, message })
            }
        }
    }
}

impl Wait {
    /// Waits, and returns the exit status.
    pub(crate) fn exit_status(self) -> Result<i64, EngineError> {
        let end = json(self.0)?;
        if let Some(message) = end.pointer("/Error/Message").and_then(Value::as_str) {
            return Err(EngineError::Ended(message.to_owned()));
        }
        end.get("StatusCode").and_then(Value::as_i64).ok_or(EngineError::Incomplete("StatusCode"))
    }
}

fn json(answer: Response<Body>) -> Result<Value, EngineError> {
    let mut text = Vec::new();
    io::Read::read_to_end(&mut answer.into_body().into_reader(), &mut text)
        .map_err(EngineError::Broken)?;
    serde_json::from_slice(&text).map_err(EngineError::Answer)
}
