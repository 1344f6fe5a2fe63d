//! The networks of a service: a list of names, or a mapping with more about each.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::field::{Field, Located};
use crate::error::{Invalid, shown};
use crate::name::{NetworkAlias, NetworkName};
use crate::text::serde_error;

/// The networks of a service, in the order of the file.
#[derive(Debug)]
pub struct Networks(pub Vec<(Located<NetworkName>, Field<Option<Network>>)>);

/// What a service is in a network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Network {
    /// Names of its instances in the network, besides the service's id.
    pub aliases: Field<Vec<Field<NetworkAlias>>>,
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
