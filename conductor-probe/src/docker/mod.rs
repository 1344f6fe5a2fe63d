//! `docker`: stands in for Docker's client in the foreground, which takes 31 MB.
//!
//! The client only makes the container; it is waited for and signalled over the engine's socket. Output
//! goes from the container to the journal by its log driver, so nothing has to be copied.

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

/// How long the engine may be away.
const ABSENCE: Duration = Duration::from_secs(10);

/// Why the container does not run, or how it ended is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DockerError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error("cannot start to check")]
    Check(#[source] io::Error),
    #[error("cannot keep signals")]
    Signals(#[source] io::Error),
    #[error("the container was not started")]
    Start(#[source] EngineError),
    #[error("how the container ended is not known")]
    Lost(#[source] EngineError),
}

/// Runs a container and gives its exit status.
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
    // Who waits after the start may miss the end.
    let wait = engine.wait(id, condition)?;
    engine.start(id).map(|()| wait)
}

/// Starts to check the container, or tells systemd that it runs.
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
                complain(format_args!("cannot tell systemd: {error}"));
            }
            Ok(None)
        }
    }
}

/// Waits for the end, also while the engine is restarted: with live-restore the container lives on.
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
                // The engine was there; if it goes again, it may be away for as long again.
                lost = Instant::now();
                again
            }
            Err(error) => Err(error),
        };
    }
}
