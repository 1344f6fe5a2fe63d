//! What is known of a host before it is judged.

use std::collections::{BTreeMap, BTreeSet};

use conductor_core::definition::CheckedLimits;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Engine;

use super::{
    Docker, Firewalls, FoundProbe, FoundProxy, Journald, Manager, Podman, Swap, UnknownZone,
};

/// A fact, or why it could not be seen.
pub(crate) type Seen<T> = Result<T, Unseeable>;

/// Why a fact could not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseeable {
    /// This user may not see it.
    Denied(String),
    /// There is something wrong with it.
    Broken(String),
}

/// What is known of a host.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Whether it is about the host, or about a user's services.
    pub(crate) scope: Scope,
    /// The services that are defined.
    pub(crate) services: Vec<Service>,
    /// The engines that run services which are defined, or are on the host.
    pub(crate) engines: BTreeSet<Engine>,
    /// Why definitions or settings could not be read.
    pub(crate) unread: Vec<String>,
    /// systemd.
    pub(crate) manager: Seen<Manager>,
    /// The controllers of the control groups; `None` if these are not of version 2.
    pub(crate) controllers: Option<BTreeSet<String>>,
    /// The swap of the host.
    pub(crate) swap: Swap,
    /// Whether the user's systemd runs without a session, and the user's name; `None` for the host.
    pub(crate) lingers: Option<(String, bool)>,
    /// The probe at the path that units use.
    pub(crate) probe: FoundProbe,
    /// Whether it runs without a C library; `None` if that cannot be seen.
    pub(crate) probe_is_static: Option<bool>,
    /// The proxies that services are behind.
    pub(crate) proxies: Vec<FoundProxy>,
    /// The texts of needrestart's configuration, if it is installed.
    pub(crate) needrestart: Option<Vec<String>>,
    /// docker, if it is used; `None` if it is not installed.
    pub(crate) docker: Option<Seen<Docker>>,
    /// podman, if it is used; `None` if it is not installed.
    pub(crate) podman: Option<Podman>,
    /// The host's firewalls.
    pub(crate) firewalls: Firewalls,
    /// journald.
    pub(crate) journald: Seen<Journald>,
    /// Jobs in time zones that the host does not have.
    pub(crate) unknown_zones: Vec<UnknownZone>,
    /// What is wrong with the host's own time zone.
    pub(crate) local_zone: Option<String>,
}

impl Facts {
    /// Returns the ids of the services of which something is true.
    pub(super) fn ids(&self, is_it: impl Fn(&Service) -> bool) -> BTreeSet<&str> {
        let services = self.services.iter().filter(|service| is_it(service));
        services.map(|service| service.id.as_str()).collect()
    }

    /// Returns the limits that are set, each with the services that set it.
    pub(super) fn limits(&self) -> BTreeMap<&'static str, BTreeSet<&str>> {
        let mut limits: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for service in &self.services {
            let jobs = service.jobs.values().map(|job| &job.limits);
            let all = std::iter::once(&service.limits).chain(jobs);
            for (key, _) in all.flat_map(CheckedLimits::written) {
                limits.entry(key).or_default().insert(service.id.as_str());
            }
        }
        limits
    }
}
