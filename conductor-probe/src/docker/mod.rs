//! `docker`: replaces Docker's client in the foreground, which takes 31 MB.
//!
//! The client only creates the container; the probe waits for it and signals it over the engine's socket. The
//! container's log driver writes the output to the journal, so nothing has to be copied.

mod create;
mod engine;
mod signals;

use std::ffi::OsString;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use probe_protocol::{Docker, StatusText};

use self::create::{CreateError, create};
use self::engine::{Condition, Wait};
pub(crate) use self::engine::{Engine, EngineError};
pub(crate) use self::signals::SIGNALS;
use self::signals::Signals;
use crate::notify::Message;
use crate::prepare::{PrepareError, Prepared, prepare};
use crate::print::{Whole, complain};
use crate::supervise::close_to_others;
use crate::watch::Prober;

/// How long the engine may be unreachable.
const ABSENCE: Duration = Duration::from_secs(10);

/// Why the container does not run, or why its exit status is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DockerError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error("cannot start the health checks")]
    Check(#[source] io::Error),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("the container was not started")]
    Start(#[source] EngineError),
    #[error("the exit status of the container is unknown")]
    Lost(#[source] EngineError),
}

/// Runs a container, and returns its exit status.
pub(crate) fn run(options: Docker, arguments: &[OsString]) -> Result<u8, DockerError> {
    close_to_others();
    let prepared = prepare(options.watch.as_ref(), &options.name.display().to_string())?;
    let id = create(&options, arguments, &prepared)?;
    let signals = Signals::keep().map_err(|error| DockerError::Signals(error.into()))?;
    let engine = Engine::new(&options.socket);
    let wait = start(&engine, &id).map_err(DockerError::Start).inspect_err(|_| {
        if let Err(error) = engine.remove(&id) {
            complain(format_args!("cannot remove the container: {}", Whole(&error)));
        }
    })?;
    let prober = tell(options, prepared).map_err(DockerError::Check)?;
    signals.pass_on(engine.clone(), id.clone(), prober);
    let status = exit_status(&engine, &id, wait)?;
    Ok(u8::try_from(status).unwrap_or(1))
}

/// Starts the container.
fn start(engine: &Engine, id: &str) -> Result<Wait, EngineError> {
    let state = engine.inspect(id)?;
    let condition = if state.removed { Condition::Removed } else { Condition::NextExit };
    // A wait that begins after the start may miss the end.
    let wait = engine.wait(id, condition)?;
    engine.start(id).map(|()| wait)
}

/// Starts the checks of the container, or notifies systemd that it runs.
fn tell(options: Docker, prepared: Prepared) -> io::Result<Option<Prober>> {
    let Prepared { check, notifier, .. } = prepared;
    match (check, options.watch, notifier) {
        (Some(check), Some(watch), Some(notifier)) => {
            Prober::start(check, options.share_socket, watch.timing, notifier).map(Some)
        }
        (_, _, notifier) => {
            let mut message = Message::default();
            message.line("READY=1").status(StatusText::Running);
            if let Some(Err(error)) = notifier.map(|it| it.send(&message)) {
                complain(format_args!("cannot notify systemd: {error}"));
            }
            Ok(None)
        }
    }
}

/// Waits for the end, also while the engine restarts: with live-restore the container keeps running.
fn exit_status(engine: &Engine, id: &str, wait: Wait) -> Result<i64, DockerError> {
    let mut result = wait.exit_status();
    let mut lost = Instant::now();
    loop {
        let error = match result {
            Ok(status) => return Ok(status),
            Err(error) => error,
        };
        if matches!(error, EngineError::Gone) || lost.elapsed() > ABSENCE {
            return Err(DockerError::Lost(error));
        }
        thread::sleep(Duration::from_millis(100));
        result = match engine.inspect(id) {
            Ok(state) if !state.running => Ok(state.exit_code),
            Ok(_) => {
                let again = engine.wait(id, Condition::NotRunning).and_then(Wait::exit_status);
                // The engine was reachable, so the time begins again.
                lost = Instant::now();
                again
            }
            Err(error) => Err(error),
        };
    }
}
