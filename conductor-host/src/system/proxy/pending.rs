//! Notes about services whose files were changed while a proxy may still use the old ones.
//!
//! A note remains if the process is killed before the proxy was reloaded and has closed the old connections.
//! A reboot may remove it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::system::atomic::temporary;
use crate::system::open::{make_own_directory, read_note};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ProxyName, ServiceId};

/// Returns all notes: for each service, the proxies. A note has one proxy on each line.
pub(super) fn all(runtime: &Path) -> Result<BTreeMap<ServiceId, BTreeSet<ProxyName>>, PathError> {
    let directory = directory(runtime);
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.at("read", &directory)?,
    };
    let mut notes = BTreeMap::new();
    for entry in entries {
        let entry = entry.at("read", &directory)?;
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(service) = id {
            notes.insert(service, read(&entry.path())?);
        }
    }
    Ok(notes)
}

/// Writes a note that a service's file for a proxy is about to change.
pub(super) fn note(
    runtime: &Path,
    proxy: &ProxyName,
    service: &ServiceId,
) -> Result<(), PathError> {
    let directory = directory(runtime);
    make_own_directory(&directory)?;
    let path = directory.join(service.as_str());
    let mut proxies = read(&path)?;
    proxies.insert(proxy.clone());
    let mut file = temporary(&directory)?;
    for proxy in proxies {
        writeln!(file, "{proxy}").at("write", &path)?;
    }
    file.persist(&path).map_err(|error| error.error).at("write", &path)?;
    Ok(())
}

/// Removes a note.
pub(super) fn forget(runtime: &Path, service: &ServiceId) -> Result<(), PathError> {
    let path = directory(runtime).join(service.as_str());
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .at("remove", &path)
}

fn directory(runtime: &Path) -> PathBuf {
    runtime.join("proxy-pending")
}

fn read(path: &Path) -> Result<BTreeSet<ProxyName>, PathError> {
    let text = read_note(path)?.unwrap_or_default();
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}
