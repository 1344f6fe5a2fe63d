//! Ownership of the files that proxies read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::ProxyError;
use super::observe::read;
use conductor_core::error::PathContext as _;
use conductor_core::name::{ProxyName, ServiceId};

/// Checks that the path is free, or has conductor's file for this proxy and service.
pub(super) fn refuse_foreign(
    path: &Path,
    proxy: &ProxyName,
    service: &ServiceId,
) -> Result<(), ProxyError> {
    let own = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at("read", path)?,
        Ok(_) => read(path)?,
    };
    match own.is_some_and(|file| file.proxy == *proxy && file.service == *service) {
        true => Ok(()),
        false => Err(ProxyError::Foreign { path: path.to_owned() }),
    }
}
