//! The pod of a service, and how it is made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Connection;
use crate::name::{NetworkAlias, NetworkName, PodName};
use crate::value::{
    EngineOption, ExtraHost, FixedPort, HostName, Memory, NameServer, SearchDomain, UserNamespace,
};

/// The pod of a service: its containers have one address, and reach each other at 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pod {
    /// Its name.
    pub name: PodName,
    /// The ports of the host that lead to its containers.
    pub ports: Vec<FixedPort>,
    /// Its networks, each with what it is in it.
    pub networks: BTreeMap<NetworkName, Connection>,
    /// The name that its containers have for themselves.
    pub hostname: Option<HostName>,
    /// Names in their `/etc/hosts`.
    pub extra_hosts: Vec<ExtraHost>,
    /// The addresses of their name servers.
    pub dns: Vec<NameServer>,
    /// Domains in which they look up names.
    pub dns_search: Vec<SearchDomain>,
    /// Whose users they have.
    pub userns: Option<UserNamespace>,
    /// The size of `/dev/shm`.
    pub shm_size: Option<Memory>,
    /// More options with which it is made.
    pub options: Vec<EngineOption>,
}

impl Pod {
    /// Returns the options of `podman pod create` that say how it is made.
    pub(crate) fn words(&self) -> Vec<String> {
        // Without `..`: for each new field it must be decided here what it becomes.
        let Self {
            // podman gives it to the pod in its networks, too.
            name: _,
            ports,
            networks,
            hostname,
            extra_hosts,
            dns,
            dns_search,
            userns,
            shm_size,
            options,
        } = self;
        let mut words = Vec::new();
        for (network, Connection { aliases, ipv4_address, ipv6_address, settings: _ }) in networks {
            let aliases = aliases.iter().map(NetworkAlias::as_str);
            let mut about: Vec<_> = aliases.map(|alias| format!("alias={alias}")).collect();
            about.extend(ipv4_address.map(|address| format!("ip={address}")));
            about.extend(ipv6_address.map(|address| format!("ip6={address}")));
            let colon = if about.is_empty() { "" } else { ":" };
            words.push(format!("--network={network}{colon}{}", about.join(",")));
        }
        words.extend(ports.iter().map(|port| format!("--publish={port}")));
        words.extend(hostname.iter().map(|name| format!("--hostname={name}")));
        words.extend(extra_hosts.iter().map(|host| format!("--add-host={host}")));
        words.extend(dns.iter().map(|server| format!("--dns={server}")));
        words.extend(dns_search.iter().map(|domain| format!("--dns-search={domain}")));
        words.extend(userns.iter().map(|users| format!("--userns={users}")));
        words.extend(shm_size.iter().map(|size| format!("--shm-size={size}")));
        words.extend(options.iter().map(ToString::to_string));
        words
    }
}
