//! What a service is in its networks, and how they are made.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::name::NetworkAlias;
use crate::unit::hex;
use crate::value::{DriverOptionName, DriverOptionValue, NetworkAddress, Subnet};

/// What the instances of a service are in a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// Their names, besides the id of the service.
    pub aliases: BTreeSet<NetworkAlias>,
    /// The IPv4 address of the only instance.
    pub ipv4_address: Option<NetworkAddress>,
    /// Its IPv6 address.
    pub ipv6_address: Option<NetworkAddress>,
    /// How the network is made.
    pub settings: NetworkSettings,
}

impl Connection {
    /// Returns its fixed addresses.
    pub fn addresses(&self) -> impl Iterator<Item = NetworkAddress> {
        self.ipv4_address.into_iter().chain(self.ipv6_address)
    }
}

/// For the digest of a release. Once there were only aliases: those digests stay valid.
impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { aliases, ipv4_address, ipv6_address, settings } = self;
        if ipv4_address.is_none() && ipv6_address.is_none() && settings.is_default() {
            return aliases.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("aliases", aliases)?;
        map.serialize_entry("ipv4_address", ipv4_address)?;
        map.serialize_entry("ipv6_address", ipv6_address)?;
        map.serialize_entry("settings", settings)?;
        map.end()
    }
}

/// How a network is made. By default as the engine makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSettings {
    /// Whether containers reach nothing outside of it.
    #[serde(skip_serializing_if = "is_false")]
    pub internal: bool,
    /// Whether containers have an address of IPv6, too.
    #[serde(skip_serializing_if = "is_false")]
    pub enable_ipv6: bool,
    /// The ranges of its addresses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub subnets: BTreeSet<Subnet>,
    /// The addresses of the host in it, at most one for each range.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gateways: BTreeSet<NetworkAddress>,
    /// Options of its driver.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<DriverOptionName, DriverOptionValue>,
}

impl NetworkSettings {
    /// Returns whether the engine makes the network as it makes one without options.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns a short digest, by which it is seen whether a network was made with other settings.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.to_string())[..8])
    }

    /// Returns its ranges, each with the address of the host in it. Those that have one come first.
    pub fn ranges(&self) -> Vec<(Subnet, Option<NetworkAddress>)> {
        let gateway =
            |subnet: Subnet| self.gateways.iter().find(|it| subnet.contains(**it)).copied();
        let mut ranges: Vec<_> = self.subnets.iter().map(|it| (*it, gateway(*it))).collect();
        ranges.sort_by_key(|(_, gateway)| gateway.is_none());
        ranges
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Its canonical JSON, in one line.
impl std::fmt::Display for NetworkSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}
