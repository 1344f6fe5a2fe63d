//! Finds and removes the named volumes of services.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::open;
use super::paths::Paths;
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ServiceId, VOLUMES, VolumeName, engine_volume};
use conductor_core::runtime::Scope;
use conductor_core::unit::{Engine, NamedVolume};

/// Returns the named volumes of a service that are on the host, whether a unit uses them or not; and what an operator
/// should know about engines that do not list theirs. `engines` has those that run the service; `None` if nothing of it is
/// on the host.
///
/// # Errors
/// A directory cannot be read; or an engine that is installed does not answer, and runs the service or may have run it.
pub(crate) fn of(
    service: &ServiceId,
    engines: Option<&BTreeSet<Engine>>,
    paths: &Paths,
) -> Result<(Vec<NamedVolume>, Vec<String>), PathError> {
    let (mut volumes, mut notes) = (BTreeSet::new(), Vec::new());
    for directory in directories(service, paths) {
        let entries = match directory.read_dir() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.at("read", &directory)?,
        };
        for entry in entries {
            let name = entry.at("read", &directory)?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.parse().ok()) {
                volumes.insert(NamedVolume { engine: None, name });
            }
        }
    }
    let is_known = engines.is_some() || !volumes.is_empty();
    let runs_it = |engine| engines.is_some_and(|engines| engines.contains(&engine));
    for engine in [Engine::Docker, Engine::Podman] {
        let names = match in_engine(engine, service) {
            // Many users cannot use the engines of their host.
            Err(_) if paths.scope == Scope::User && !runs_it(engine) => continue,
            // It had some only if it ran there earlier.
            Err(error) if is_known && !runs_it(engine) => {
                notes.push(format!(
                    "{} does not list its volumes ({}): if {service} has some there, they are left",
                    engine.program(),
                    error.source
                ));
                continue;
            }
            names => names?,
        };
        volumes.extend(names.into_iter().map(|name| NamedVolume { engine: Some(engine), name }));
    }
    Ok((volumes.into_iter().collect(), notes))
}

/// Returns those of the names of which an engine has no volume.
///
/// # Errors
/// The engine does not answer.
pub(crate) fn missing(
    engine: Engine,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, PathError> {
    let listed = ask(engine, &["volume", "ls", "--format", "{{.Name}}"]);
    let listed = listed.at("list the volumes of", Path::new(engine.program()))?;
    let there: BTreeSet<_> = listed.lines().collect();
    Ok(names.iter().filter(|name| !there.contains(name.as_str())).cloned().collect())
}

/// Removes a volume with all data in it. One that is not there is not an error.
///
/// # Errors
/// Something still uses it, or a file in it cannot be removed.
pub(crate) fn remove(
    service: &ServiceId,
    volume: &NamedVolume,
    paths: &Paths,
) -> Result<(), PathError> {
    let NamedVolume { engine, name } = volume;
    let Some(engine) = engine else {
        // The link before the directory. Neither call follows links, whatever the service left in the directory.
        for path in directories(service, paths).map(|directory| directory.join(name.as_str())) {
            let removed = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => fs::remove_file(&path),
                Ok(_) => fs::remove_dir_all(&path),
                Err(error) => Err(error),
            };
            open::gone(removed).at("remove", &path)?;
        }
        for directory in directories(service, paths) {
            // It stays if there is another volume in it.
            let _ = fs::remove_dir(directory);
        }
        return Ok(());
    };
    let name = engine_volume(service, name);
    let result = ask(*engine, &["volume", "rm", "--force", "--", &name]);
    result.map(drop).at("remove", Path::new(&name))
}

/// Returns the directories of a native service's volumes.
fn directories(service: &ServiceId, paths: &Paths) -> impl Iterator<Item = PathBuf> {
    paths.state.iter().map(move |state| state.join(VOLUMES).join(service.as_str()))
}

/// Returns the directory of a native service's volume.
pub(crate) fn directory(service: &ServiceId, name: &VolumeName, paths: &Paths) -> PathBuf {
    let all = || directories(service, paths).map(|directory| directory.join(name.as_str()));
    all().find(|path| path.exists()).or_else(|| all().next()).unwrap_or_default()
}

/// Where docker has its volumes, unless it is configured otherwise.
const DOCKER_VOLUMES: &str = "/var/lib/docker/volumes";

/// Returns the volumes of a service in an engine; none if the engine is not installed, or if docker is stopped and
/// has none on disk.
fn in_engine(engine: Engine, service: &ServiceId) -> Result<Vec<VolumeName>, PathError> {
    let volume = |line: &str| {
        let (_, name) = line.split_once('.')?;
        let name: VolumeName = name.parse().ok()?;
        (engine_volume(service, &name) == line).then_some(name)
    };
    let on_disk = || {
        let mut entries = Path::new(DOCKER_VOLUMES).read_dir().into_iter().flatten().flatten();
        entries.any(|entry| volume(&entry.file_name().to_string_lossy()).is_some())
    };
    let listed = match ask(engine, &["volume", "ls", "--format", "{{.Name}}"]) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(_) if engine == Engine::Docker && !on_disk() => return Ok(Vec::new()),
        listed => listed.at("list the volumes of", Path::new(engine.program()))?,
    };
    Ok(listed.lines().filter_map(volume).collect())
}

/// Returns what an engine writes; if it fails, the error has its message.
fn ask(engine: Engine, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(engine.program()).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(io::Error::other(said))
}
