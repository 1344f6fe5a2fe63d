//! Makes and removes networks of container engines.

use std::path::Path;
use std::process::{Command, Stdio};

use conductor_core::unit::{Engine, EngineNetwork};

use super::images::{self, EngineError};

/// The label of networks that conductor made, so that it removes no others.
const LABEL: &str = "CONDUCTOR_NETWORK";

/// Where podman looks for the server that knows names (containers.conf(5), `helper_binaries_dir`).
const HELPERS: [&str; 4] = [
    "/usr/local/libexec/podman",
    "/usr/local/lib/podman",
    "/usr/libexec/podman",
    "/usr/lib/podman",
];

/// Makes a network, unless the engine has one of that name.
///
/// # Errors
/// The engine refuses; or podman would give its containers no names.
pub fn make(network: &EngineNetwork) -> Result<(), EngineError> {
    let EngineNetwork { engine, name } = network;
    let has_server = || HELPERS.iter().any(|at| Path::new(at).join("aardvark-dns").exists());
    if *engine == Engine::Podman && !has_server() {
        let said = "without aardvark-dns, containers of podman do not find each other by name";
        return Err(EngineError { said: said.to_owned(), output: Vec::new() });
    }
    if has(network, &[])? {
        return Ok(());
    }
    let label = format!("--label={LABEL}={name}");
    let mut command = Command::new(engine.program());
    command.args(["network", "create", &label, name.as_str()]).stdin(Stdio::null());
    match images::run(&mut command, &mut |_| true) {
        // Another service of this change was faster.
        Err(error) => match has(network, &[]) {
            Ok(true) => Ok(()),
            _ => Err(error),
        },
        made => made,
    }
}

/// Removes a network that conductor made.
///
/// # Errors
/// The engine refuses, for example because a container uses the network.
pub fn remove(network: &EngineNetwork) -> Result<(), EngineError> {
    if !has(network, &["--filter", &format!("label={LABEL}")])? {
        return Ok(());
    }
    let EngineNetwork { engine, name } = network;
    let mut command = Command::new(engine.program());
    command.args(["network", "rm", name.as_str()]).stdin(Stdio::null());
    images::run(&mut command, &mut |_| true)
}

/// Returns whether the engine has a network of this name. `inspect` would also take the beginning of an id.
fn has(
    EngineNetwork { engine, name }: &EngineNetwork,
    filter: &[&str],
) -> Result<bool, EngineError> {
    let mut names = Vec::new();
    let mut command = Command::new(engine.program());
    command.args(["network", "ls", "--format", "{{.Name}}"]).args(filter).stdin(Stdio::null());
    images::run(&mut command, &mut |line| {
        names.extend(line.map(str::to_owned));
        true
    })?;
    Ok(names.iter().any(|line| line == name.as_str()))
}
