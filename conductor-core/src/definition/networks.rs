//! The networks of a service: a list of names, or a mapping with more about each.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::field::{Field, Located, Table};
use crate::error::{Invalid, shown};
use crate::name::{NetworkAlias, NetworkName};
use crate::text::serde_error;
use crate::value::{DriverOptionName, DriverOptionValue, NetworkAddress, Subnet};

/// The networks of a service, in the order of the file.
#[derive(Debug)]
pub struct Networks(pub Vec<(Located<NetworkName>, Field<Option<Network>>)>);

/// What a service is in a network, and how the network is made. What is said of the network must be the same for each
/// service in it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Network {
    /// Names of its instances in the network, besides the service's id.
    pub aliases: Field<Vec<Field<NetworkAlias>>>,
    /// The IPv4 address of its instance in the network. Only one container can have it, so the service has one
    /// instance, and the old one stops before the new one starts.
    pub ipv4_address: Field<NetworkAddress>,
    /// The same for IPv6.
    pub ipv6_address: Field<NetworkAddress>,
    /// The network: containers reach each other, and nothing outside of it.
    #[schemars(extend("default" = false))]
    pub internal: Field<bool>,
    /// The network: containers have an address of IPv6, too. Not needed with a range of IPv6 in `subnets`.
    #[schemars(extend("default" = false))]
    pub enable_ipv6: Field<bool>,
    /// The network: the ranges of its addresses, such as `172.28.0.0/16`. The engine chooses one if none is given.
    pub subnets: Field<Vec<Field<Subnet>>>,
    /// The network: the addresses of the host in it, at most one for each range.
    pub gateways: Field<Vec<Field<NetworkAddress>>>,
    /// The network: options of its driver, which is a bridge, such as `com.docker.network.driver.mtu`.
    pub driver_opts: Field<Table<DriverOptionName, DriverOptionValue>>,
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworksVisitor)
    }
}

struct NetworksVisitor;

impl<'de> Visitor<'de> for NetworksVisitor {
    type Value = Networks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a mapping of networks")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Networks, E> {
        let invalid = Invalid::new("expected a list or a mapping of networks, found text");
        Err(serde_error(invalid.hint(format!("write a list: [{}]", shown(text)))))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Networks, E> {
        let invalid = Invalid::new("expected a list or a mapping of networks, found true or false");
        Err(serde_error(invalid.hint("write a list: [backend]")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Networks, A::Error> {
        let mut networks = Vec::new();
        while let Some(name) = seq.next_element::<Field<NetworkName>>()? {
            networks.extend(name.given().map(|name| (name, Field::Absent)));
        }
        Ok(Networks(networks))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Networks, A::Error> {
        let mut networks = Vec::new();
        while let Some((name, network)) = map.next_entry::<Field<_>, Field<_>>()? {
            networks.extend(name.given().map(|name| (name, network)));
        }
        Ok(Networks(networks))
    }
}

impl JsonSchema for Networks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Networks".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, network) =
            (generator.subschema_for::<NetworkName>(), generator.subschema_for::<Network>());
        schemars::json_schema!({
            "anyOf": [
                {"type": "array", "items": name, "uniqueItems": true},
                {
                    "type": "object",
                    "propertyNames": name,
                    "additionalProperties": {"anyOf": [network, {"type": "null"}]},
                },
            ],
        })
    }
}
