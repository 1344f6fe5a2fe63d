//! Finds conductor's files in the directory of a proxy, and what is in their way.

use std::io::ErrorKind;
use std::path::Path;

use crate::system::open::{self, Links, ReadError};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::{UpstreamFile, Upstreams};
use conductor_core::release::PREFIX;

/// The longest file that is read; a thousand instances take 50 KiB.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Adds what is in one directory; one that does not exist has nothing in it.
pub(super) fn observe(
    proxy: &ProxyName,
    directory: &Path,
    suffix: &str,
    upstreams: &mut Upstreams,
) -> Result<(), PathError> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.at("read", directory)?,
    };
    for entry in entries {
        let entry = entry.at("read", directory)?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(suffix));
        let Some(service) = id.and_then(|id| id.parse::<ServiceId>().ok()) else { continue };
        match read(&entry.path())? {
            Some(file) if file.proxy == *proxy && file.service == service => {
                upstreams.files.insert(file);
            }
            _ => {
                upstreams.foreign.insert((proxy.clone(), service), entry.path());
            }
        }
    }
    Ok(())
}

/// Reads a file of conductor's; `None` if it is none.
pub(super) fn read(path: &Path) -> Result<Option<UpstreamFile>, PathError> {
    let bytes = match open::read(path, Links::Refused, LONGEST) {
        // Also a link to a file: what is behind it is somebody else's.
        Err(ReadError::NotRegular | ReadError::TooLong(_)) => return Ok(None),
        read => read.at("read", path)?,
    };
    Ok(String::from_utf8(bytes).ok().and_then(|text| UpstreamFile::parse(&text)))
}
