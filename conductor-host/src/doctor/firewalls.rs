//! Firewalls that remove the rules of the engines.

use conductor_core::definition::{NetworkMode, Runtime};
use conductor_core::unit::Engine;

use super::{Check, Diagnosis, Facts, list};

/// The units that load a firewall, and the one that gives podman its rules back after firewalld.
pub(crate) const FIREWALLS: [&str; 4] = [NFTABLES, PERSISTENT, FIREWALLD, NETAVARK];

const NFTABLES: &str = "nftables.service";
const PERSISTENT: &str = "netfilter-persistent.service";
const FIREWALLD: &str = "firewalld.service";
pub(crate) const NETAVARK: &str = "netavark-firewalld-reload.service";

/// The firewalls of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Firewalls {
    /// Which of [`FIREWALLS`] are active.
    pub(crate) active: Vec<String>,
    /// The text of `/etc/nftables.conf`.
    pub(crate) nftables: String,
    /// Whether the host has the unit that gives podman its rules back; Debian 12 has none.
    pub(crate) has_netavark: bool,
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    let is_active = |unit: &str| facts.firewalls.active.iter().any(|active| active == unit);
    let in_network = |runtime: Runtime| {
        facts.ids(|service| {
            let mode = service.network_mode;
            service.runtime == runtime
                && !matches!(mode, Some(NetworkMode::Host | NetworkMode::None))
        })
    };
    let (docker, podman) = (in_network(Runtime::Docker), in_network(Runtime::Podman));
    let ids: Vec<_> = docker.union(&podman).copied().collect();
    if ids.is_empty() {
        return;
    }
    // After it, the rules are there again.
    let mut again = Vec::new();
    if !docker.is_empty() {
        again.push(format!("systemctl restart {}", Engine::Docker.program()));
    }
    if !podman.is_empty() {
        again.push("podman network reload --all".to_owned());
    }
    let again = again.join(" and ");
    let reached = format!("then nobody reaches the containers of {}", list(ids));
    if is_active(NFTABLES) {
        let is_flush = |line: &str| line.trim_start().starts_with("flush ruleset");
        let (when, remedy) = match facts.firewalls.nftables.lines().any(is_flush) {
            true => (
                "reloaded or restarted",
                format!(
                    "in /etc/nftables.conf, write destroy table inet filter (your own tables) in place of flush \
                     ruleset, and use systemctl reload; after a restart of it, {again}"
                ),
            ),
            false => (
                "restarted or stopped",
                format!("use systemctl reload nftables; after a restart of it, {again}"),
            ),
        };
        diagnosis.warning(
            Check::Firewall,
            format!("{NFTABLES} removes the rules of all others when it is {when}: {reached}"),
            remedy,
        );
    }
    if is_active(PERSISTENT) {
        diagnosis.warning(
            Check::Firewall,
            format!("{PERSISTENT} replaces the rules of all others when it is reloaded or restarted: {reached}"),
            format!("after that, {again}"),
        );
    }
    // docker hears of the reload, and makes its rules again. podman's go, or at least the zone of its networks, without
    // which names are not answered.
    if is_active(FIREWALLD) && !is_active(NETAVARK) && !podman.is_empty() {
        let by_hand = "after each reload podman network reload --all";
        diagnosis.warning(
            Check::Firewall,
            format!(
                "firewalld forgets the networks of podman when it is reloaded: then nobody reaches the containers of \
                 {}, or they find no names",
                list(podman)
            ),
            match facts.firewalls.has_netavark {
                true => format!("systemctl enable --now {NETAVARK}, or {by_hand}"),
                false => by_hand.to_owned(),
            },
        );
    }
}
