//! Pulls and removes images with the engines' own commands, which know registries and credentials.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use conductor_core::unit::EngineImage;

/// Why an image was not pulled or removed, in the engine's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct PullError {
    /// The engine's message, in one line.
    pub said: String,
}

/// How often to check whether to cancel.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Returns whether an engine has an image; false if the engine does not answer, because the pull then reports
/// why.
pub fn is_present(image: &EngineImage) -> bool {
    let mut command = Command::new(image.engine.program());
    command.args(["image", "inspect", "--format", "{{.Id}}", "--", &image.reference]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Pulls an image. `watch` receives each line of the engine's output, and `None` at intervals; it returns
/// whether to continue.
///
/// # Errors
/// The engine cannot pull it.
pub fn pull(
    image: &EngineImage,
    watch: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), PullError> {
    let mut command = Command::new(image.engine.program());
    command.args(["pull", "--", &image.reference]).stdin(Stdio::null());
    run(command, watch)
}

/// Removes an image.
///
/// # Errors
/// The engine refuses, for example because a container uses the image.
pub fn remove(image: &EngineImage) -> Result<(), PullError> {
    let mut command = Command::new(image.engine.program());
    command.args(["image", "rm", "--", &image.reference]).stdin(Stdio::null());
    run(command, &mut |_| true)
}

fn run(mut command: Command, watch: &mut dyn FnMut(Option<&str>) -> bool) -> Result<(), PullError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: &io::Error| PullError { said: format!("cannot run {program}: {error}") };
    let (reader, writer) = io::pipe().map_err(|error| failed(&error))?;
    let copy = writer.try_clone().map_err(|error| failed(&error))?;
    let mut child = command.stdout(copy).stderr(writer).spawn().map_err(|error| failed(&error))?;
    // It holds write ends of the pipe, which would keep it open.
    drop(command);
    let (sender, lines) = channel();
    let reading = thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        lines.map(|line| sender.send(line)).take_while(Result::is_ok).count()
    });
    let mut last = String::new();
    let mut go_on = true;
    loop {
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => {
                go_on &= watch(Some(&line));
                if !line.trim().is_empty() {
                    last = line;
                }
            }
            Err(RecvTimeoutError::Timeout) => go_on &= watch(None),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !go_on {
            child.kill().map_err(|error| failed(&error))?;
        }
    }
    // The pipe is closed, so the thread ends.
    let _ = reading.join();
    let status = child.wait().map_err(|error| failed(&error))?;
    match status.success() {
        true => Ok(()),
        false if last.is_empty() => {
            Err(PullError { said: format!("{program} ended with {status}") })
        }
        false => Err(PullError { said: last }),
    }
}
