//! Makes and removes pods of podman.

use std::path::Path;
use std::process::{Command, Stdio};

use conductor_core::name::{PodName, pod_container, pod_file};
use conductor_core::unit::{Engine, EnginePod};

use super::SystemdError;
use super::images::{self, EngineError};
use super::systemd_jobs::JobError;

/// The label of pods that conductor made, with a digest of how.
const LABEL: &str = "CONDUCTOR_POD";

/// What is said of a pod that was made otherwise.
const OTHERWISE: &str = "a pod of that name is there, made otherwise";

/// What to do about it.
const POD_OTHERWISE: &str = "to make it anew, systemctl stop conductor-pod@NAME stops it and what is in it, podman pod rm NAME removes it; \
     then apply again";

/// What is said of a pod of somebody else.
const FOREIGN: &str = "a pod of that name is there, which conductor did not make";

/// What to do about it.
const POD_FOREIGN: &str = "write another name, or remove it with podman pod rm NAME";

/// Makes a pod, unless podman has it. `runtime` is conductor's directory below that of systemd.
///
/// # Errors
/// podman refuses; or it has a pod of that name that was made otherwise, or by somebody else.
pub fn make(pod: &EnginePod, runtime: &Path) -> Result<(), EngineError> {
    if let Some(label) = label(&pod.name)? {
        return same(&label, pod);
    }
    let made = podman(&create(pod, runtime.parent().unwrap_or(runtime)), &mut |_| {});
    match made {
        // Another service of this change was faster.
        Err(error) => match label(&pod.name) {
            Ok(Some(label)) => same(&label, pod),
            _ => Err(error),
        },
        made => made,
    }
}

/// Returns the arguments that make a pod. With another policy than `continue`, the pod would end with the last of its
/// containers, while a deploy starts the next one.
fn create(EnginePod { name, options }: &EnginePod, runtime: &Path) -> Vec<String> {
    let mut words = ["pod", "create"].map(str::to_owned).to_vec();
    words.push(format!("--name={name}"));
    words.push(format!("--label={LABEL}={}", digest(name, options)));
    words.push("--exit-policy=continue".to_owned());
    words.push(format!("--infra-name={}", pod_container(name.as_str())));
    let file = runtime.join(pod_file(name.as_str()));
    words.push(format!("--infra-conmon-pidfile={}", file.display()));
    words.extend(options.iter().cloned());
    words
}

fn digest(name: &PodName, options: &[String]) -> String {
    EnginePod { name: name.clone(), options: options.to_vec() }.digest()
}

/// Checks that the pod with this label was made with these options.
fn same(label: &str, pod: &EnginePod) -> Result<(), EngineError> {
    match label {
        "" => Err(refused(FOREIGN)),
        label if label == pod.digest() => Ok(()),
        _ => Err(refused(OTHERWISE)),
    }
}

/// Returns what to do about a pod that was not made, as far as it is known.
pub fn hint(error: &EngineError) -> Option<&'static str> {
    match error.said.as_str() {
        OTHERWISE => Some(POD_OTHERWISE),
        FOREIGN => Some(POD_FOREIGN),
        _ => None,
    }
}

fn refused(said: &str) -> EngineError {
    EngineError { said: said.to_owned(), output: Vec::new() }
}

/// Returns whether podman has a pod that conductor made.
///
/// # Errors
/// podman refuses, or another container is in it.
pub fn is_unused(pod: &PodName) -> Result<bool, EngineError> {
    if label(pod)?.is_none_or(|label| label.is_empty()) {
        return Ok(false);
    }
    let own = pod_container(pod.as_str());
    let mut others = Vec::new();
    let filter = format!("pod={pod}");
    let list = ["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"];
    podman(&list.map(str::to_owned), &mut |line| {
        others.extend(Some(line.to_owned()).filter(|name| *name != own));
    })?;
    match others.is_empty() {
        true => Ok(true),
        false => Err(refused(&format!("other containers are in it: {}", others.join(", ")))),
    }
}

/// Returns what to say if the unit of a pod was not stopped.
pub fn not_stopped(stopped: &Result<Result<(), JobError>, SystemdError>) -> Option<String> {
    match stopped {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Removes a pod that is stopped.
///
/// # Errors
/// podman refuses.
pub fn remove(pod: &PodName) -> Result<(), EngineError> {
    podman(&["pod", "rm", "--ignore", pod.as_str()].map(str::to_owned), &mut |_| {})
}

/// Returns conductor's label of the pod of this name, if podman has it: empty if conductor did not make it. `inspect`
/// would also take the beginning of an id.
fn label(pod: &PodName) -> Result<Option<String>, EngineError> {
    let mut found = None;
    let format = format!("{{{{.Name}}}} {{{{index .Labels \"{LABEL}\"}}}}");
    podman(&["pod", "ls", "--format", &format].map(str::to_owned), &mut |line| {
        let (name, label) = line.split_once(' ').unwrap_or((line, ""));
        if name == pod.as_str() {
            found = Some(label.to_owned());
        }
    })?;
    Ok(found)
}

fn podman(arguments: &[String], line: &mut dyn FnMut(&str)) -> Result<(), EngineError> {
    let mut command = Command::new(Engine::Podman.program());
    command.args(arguments).stdin(Stdio::null());
    images::run(&mut command, &mut |said| {
        said.into_iter().for_each(&mut *line);
        true
    })
}
