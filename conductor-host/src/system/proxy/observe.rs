//! Finds conductor's files in a proxy's directory, and foreign files in their place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::system::open::{self, Links, ReadError};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::{UpstreamFile, Upstreams};
use conductor_core::release::PREFIX;

/// The longest file that is read; a file with a thousand instances has 50 KiB.
pub(super) const LONGEST: u64 = 4 * 1024 * 1024;

/// Adds the files in one directory, which may be missing.
pub(super) fn observe(
    proxy: &ProxyName,
    directory: &Path,
    suffix: &str,
    upstreams: &mut Upstreams,
) -> Result<(), PathError> {
    for (service, path) in of_services(directory, suffix)? {
        match read(&path, proxy, &service)? {
            Some(file) => {
                upstreams.files.insert(file);
            }
            None => {
                upstreams.foreign.insert((proxy.clone(), service), path);
            }
        }
    }
    Ok(())
}

/// Finds conductor's files for any proxy in a directory that no proxy has any more. What cannot be read is left out:
/// somebody else may have put it there since, and it must not block changes.
pub(super) fn own_files(directory: &Path, suffix: &str) -> Vec<(ServiceId, PathBuf)> {
    let mut found = of_services(directory, suffix).unwrap_or_default();
    found.retain(|(_, path)| parse(path).is_ok_and(|file| file.is_some()));
    found
}

/// Returns what is at the paths of services' files in a directory, sorted.
fn of_services(directory: &Path, suffix: &str) -> Result<Vec<(ServiceId, PathBuf)>, PathError> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("read", directory)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("read", directory)?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(suffix));
        let service = id.and_then(|id| id.parse::<ServiceId>().ok());
        found.extend(service.map(|service| (service, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Reads the file of a service for a proxy; `None` if it is not conductor's.
///
/// No two proxies of a host have the same files, so one with conductor's mark is for this proxy, even if the mark
/// has the name that the proxy had before. It may have the text of another service, if a process was killed that
/// moved upstreams between them.
pub(super) fn read(
    path: &Path,
    proxy: &ProxyName,
    service: &ServiceId,
) -> Result<Option<UpstreamFile>, PathError> {
    let file = parse(path)?;
    Ok(file.map(|file| UpstreamFile { proxy: proxy.clone(), service: service.clone(), ..file }))
}

/// Reads a file of conductor's; `None` if it is not.
fn parse(path: &Path) -> Result<Option<UpstreamFile>, PathError> {
    let bytes = match open::read(path, Links::Refused, LONGEST) {
        // This includes a link to a file, which belongs to someone else.
        Err(ReadError::NotRegular | ReadError::TooLong(_)) => return Ok(None),
        read => read.at("read", path)?,
    };
    Ok(String::from_utf8(bytes).ok().and_then(|text| UpstreamFile::parse(&text)))
}
