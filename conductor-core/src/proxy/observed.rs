//! The observed state of the proxies' directories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::UpstreamFile;
use crate::name::{ProxyName, ServiceId};

/// The files in the directories of the proxies, and the state of the proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstreams {
    /// The files of conductor.
    pub files: BTreeSet<UpstreamFile>,
    /// What is at the path of a service's file and is not conductor's.
    pub foreign: BTreeMap<(ProxyName, ServiceId), PathBuf>,
    /// The services whose file was changed, each with the proxies that are not known to have taken over the
    /// change and to have drained the old connections.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
    /// The files of conductor where the host settings have no proxy any more. Nobody changes them.
    pub left: Vec<(ServiceId, PathBuf)>,
}
