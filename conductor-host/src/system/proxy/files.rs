//! Ownership of the files that proxies read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::ProxyError;
use super::observe::read;
use conductor_core::error::PathContext as _;
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::UpstreamFile;

/// Returns conductor's file at the path, if there is a file.
///
/// # Errors
/// The file is foreign.
pub(super) fn refuse_foreign(
    path: &Path,
    proxy: &ProxyName,
    service: &ServiceId,
) -> Result<Option<UpstreamFile>, ProxyError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at("read", path)?,
        Ok(_) => {}
    }
    let own = read(path, proxy, service)?;
    own.map(Some).ok_or_else(|| ProxyError::Foreign { path: path.to_owned() })
}
