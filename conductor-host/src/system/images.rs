//! Pulls and removes images with the engines' own commands, which know registries and credentials.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use conductor_core::release::Images;
use conductor_core::unit::{Engine, EngineImage, LocalImage};
use conductor_core::value::{HostPath, ImageReference};
use rayon::prelude::*;
use serde_json::{Map, Value};

/// Why an engine did not pull, make or remove something, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct EngineError {
    /// The engine's message, in one line.
    pub said: String,
    /// All that it wrote, if that is more; the last lines of much.
    pub output: Vec<String>,
}

impl EngineError {
    /// Creates the error from what an engine wrote: its message is the first line that says so, and may have
    /// more lines, such as a page of a registry or of a proxy in between.
    fn new(output: VecDeque<String>, or: impl FnOnce() -> String) -> Self {
        let is_error = |line: &&String| line.trim_start().to_lowercase().starts_with("error");
        let said = output.iter().find(is_error).or(output.back()).cloned().unwrap_or_else(or);
        let output = if output.len() > 1 { output.into() } else { Vec::new() };
        Self { said, output }
    }
}

/// How many lines of an engine's output are kept.
const LONGEST: usize = 50;

/// How many paths of an image are read.
const MOST_VOLUMES: usize = 100;

/// How often to check whether to cancel.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Returns what an engine has for an image; `None` also if the engine does not answer, because the pull then reports
/// why.
pub fn find(image: &EngineImage) -> Option<LocalImage> {
    let mut command = Command::new(image.engine.program());
    let format = "{{.Id}} {{json .RepoDigests}} {{json .Config.Volumes}}";
    command.args(["image", "inspect", "--format", format, "--", &image.reference]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| read(&image.reference, &String::from_utf8_lossy(&output.stdout)))?
}

/// Returns what engines have for images.
pub fn find_all(images: BTreeSet<EngineImage>) -> Images {
    let found = images.into_par_iter().filter_map(|image| {
        let local = find(&image)?;
        Some((image, local))
    });
    found.collect()
}

/// Reads an image's id, its digests and its volumes. The image is not trusted: what cannot be written into a unit is left
/// out.
fn read(reference: &str, line: &str) -> Option<LocalImage> {
    let mut words = line.trim().splitn(3, ' ');
    let (id, digests, volumes) = (words.next()?, words.next()?, words.next()?);
    let digests: Option<Vec<String>> = serde_json::from_str(digests).ok()?;
    // podman writes it without the algorithm.
    let id = if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") };
    let volumes: Option<Map<String, Value>> = serde_json::from_str(volumes).ok()?;
    let volumes = volumes.unwrap_or_default();
    let volumes: BTreeSet<HostPath> = volumes.keys().filter_map(|path| path.parse().ok()).collect();
    Some(LocalImage {
        id: id.parse().ok()?,
        volumes: volumes.into_iter().take(MOST_VOLUMES).collect(),
        source: digests.into_iter().flatten().find(|digest| is_of(digest, reference)),
    })
}

/// Returns whether a name with a digest is of the repository of an image's name.
fn is_of(digest: &str, reference: &str) -> bool {
    let (Ok(digest), Ok(reference)) =
        (digest.parse::<ImageReference>(), reference.parse::<ImageReference>())
    else {
        return false;
    };
    let (full, name) = (digest.name.as_str(), reference.name.as_str());
    // Of a name without a registry, podman writes the whole name, with the registry that had it.
    let is_longer = || full.strip_suffix(name).is_some_and(|registry| registry.ends_with('/'));
    // Docker leaves out its own registry.
    let shortened =
        name.strip_prefix("docker.io/").map(|name| name.strip_prefix("library/").unwrap_or(name));
    digest.digest.is_some() && (full == name || is_longer() || shortened == Some(full))
}

/// Waits until no other thread changes tags of podman, whose versions before 4.4 read all tags of an image, and write
/// them back later: of four that tag one image at a time, one in four loses its tag (seen with 4.3.1).
fn only_one(engine: Engine) -> Option<MutexGuard<'static, ()>> {
    static TAGS: Mutex<()> = Mutex::new(());
    match engine {
        Engine::Docker => None,
        Engine::Podman => Some(TAGS.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Tags an image.
///
/// # Errors
/// The engine has no such image.
pub fn tag(image: &EngineImage, tag: &str) -> Result<(), EngineError> {
    let _alone = only_one(image.engine);
    let mut command = Command::new(image.engine.program());
    command.args(["tag", &image.reference, tag]).stdin(Stdio::null());
    run(&mut command, &mut |_| true)
}

/// Pulls an image. `watch` receives each line of the engine's output, and `None` at intervals; it returns
/// whether to continue.
///
/// # Errors
/// The engine cannot pull it.
pub fn pull(
    image: &EngineImage,
    watch: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), EngineError> {
    let mut command = Command::new(image.engine.program());
    command.args(["pull", "--", &image.reference]).stdin(Stdio::null());
    run(&mut command, watch)
}

/// Removes an image.
///
/// # Errors
/// The engine refuses, for example because a container uses the image.
pub fn remove(image: &EngineImage) -> Result<(), EngineError> {
    let _alone = only_one(image.engine);
    let mut command = Command::new(image.engine.program());
    command.args(["image", "rm", "--", &image.reference]).stdin(Stdio::null());
    run(&mut command, &mut |_| true)
}

/// Runs an engine's client; `watch` is as for [`pull`].
pub(super) fn run(
    command: &mut Command,
    watch: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), EngineError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: &io::Error| {
        EngineError::new(VecDeque::new(), || format!("cannot run {program}: {error}"))
    };
    let (reader, writer) = io::pipe().map_err(|error| failed(&error))?;
    let copy = writer.try_clone().map_err(|error| failed(&error))?;
    let mut child = command.stdout(copy).stderr(writer).spawn().map_err(|error| failed(&error))?;
    // The command holds write ends of the pipe, which would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, lines) = channel();
    let reading = thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        lines.map(|line| sender.send(line)).take_while(Result::is_ok).count()
    });
    let mut output = VecDeque::new();
    let mut go_on = true;
    loop {
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => {
                go_on &= watch(Some(&line));
                if !line.trim().is_empty() {
                    output.push_back(line);
                }
                if output.len() > LONGEST {
                    output.pop_front();
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
        false => Err(EngineError::new(output, || format!("{program} ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(script: &str) -> EngineError {
        let mut command = Command::new("sh");
        run(command.args(["-c", script]), &mut |_| true).unwrap_err()
    }

    #[test]
    fn an_image_is_read_as_either_engine_describes_it() {
        let digits = "0a".repeat(32);
        let read = |line: &str| {
            read("app:v1", line).map(|LocalImage { id, volumes, source }| {
                let volumes: Vec<_> = volumes.iter().map(HostPath::as_str).collect();
                (id.as_str().to_owned(), volumes.join(" "), source)
            })
        };
        let id = format!("sha256:{digits}");
        let found = |volumes: &str| Some((id.clone(), volumes.to_owned(), None));
        assert_eq!(read(&format!("{id} null null\n")), found(""));
        assert_eq!(read(&format!("{digits} [] {{\"/b/\":{{}},\"/a\":{{}}}}\n")), found("/a /b"));
        assert_eq!(read(&format!("{id} [] {{\"/a\\nb\":{{}},\"c\":{{}}}}")), found(""));
        assert_eq!(read("sha256:0a [] null"), None);
        assert_eq!(read(""), None);
        let source = format!("app@{id}");
        let digests = format!("[\"other@{id}\",\"app\",\"{source}\"]");
        assert_eq!(read(&format!("{id} {digests} null")).unwrap().2, Some(source));
    }

    #[test]
    fn a_digest_is_of_the_repository_of_the_name() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (full, name) in [
            ("r.example:5000/a/b", "r.example:5000/a/b:v1"),
            ("nginx", "nginx"),
            ("docker.io/library/nginx", "nginx:1"),
            ("nginx", "docker.io/library/nginx:1"),
            ("a/b", "docker.io/a/b"),
            ("quay.io/nginx", "nginx"),
        ] {
            assert!(is_of(&format!("{full}@{digest}"), name), "{full} {name}");
        }
        for (full, name) in
            [("r.example/a", "r.example/b"), ("mynginx", "nginx"), ("a/nginx-b", "b"), ("a", "a/b")]
        {
            assert!(!is_of(&format!("{full}@{digest}"), name), "{full} {name}");
        }
        assert!(!is_of("nginx:v1", "nginx"));
        assert!(!is_of(&format!("nginx@{digest}"), &digest));
    }

    #[test]
    fn a_failure_has_all_that_the_engine_said() {
        let page = "echo v1: Pulling; echo 'Error: unexpected content: <html>' >&2; echo '<h1>Forbidden' >&2; \
                    echo; echo '</html>' >&2; exit 1";
        let EngineError { said, output } = failed(page);
        assert_eq!(said, "Error: unexpected content: <html>");
        let all = ["v1: Pulling", "Error: unexpected content: <html>", "<h1>Forbidden", "</html>"];
        assert_eq!(output, all);
        assert_eq!(failed("echo no such host; exit 1").to_string(), "no such host");
        assert!(failed("echo no such host; exit 1").output.is_empty());
        assert_eq!(failed("exit 3").to_string(), "sh ended with exit status: 3");
        let EngineError { said, output } = failed("echo Error; seq 100; exit 1");
        assert_eq!((said.as_str(), output.len()), ("100", LONGEST));
    }
}
