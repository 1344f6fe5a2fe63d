//! What of conductor's is in the directories of the proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::UpstreamFile;
use crate::name::{ProxyName, ServiceId};

/// What of conductor's is in the directories of the proxies, and what is in its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstreams {
    /// The files of conductor's.
    pub files: BTreeSet<UpstreamFile>,
    /// What stands where a file of a service would go and is not conductor's.
    pub foreign: BTreeMap<(ProxyName, ServiceId), PathBuf>,
    /// The services of which a file was changed, each with the proxies that have not been seen to
    /// take the change over and to be done with the old connections.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
}
