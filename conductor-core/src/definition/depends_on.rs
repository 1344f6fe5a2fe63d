//! The services on which a service depends: a list, or a mapping with a condition for each.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::field::{Field, Located};
use crate::error::{Invalid, shown};
use crate::name::ServiceId;
use crate::text::serde_error;

/// The services on which a service depends, in the order of the file.
#[derive(Debug, Clone)]
pub struct DependsOn(pub Vec<(Located<ServiceId>, Field<Dependency>)>);

/// When what depends on a service may start.
#[derive(Debug, Clone, Default, DeriveDeserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Dependency {
    /// When what depends on the service may start. Unless given, when the service is up: `completed` for one
    /// with `type: oneshot`, `healthy` for one with a health check, and `started` for others.
    pub condition: Field<Condition>,
}

/// When what depends on a service may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// When its instances have been started.
    Started,
    /// When they are healthy.
    Healthy,
    /// When its command has ended with 0.
    Completed,
}

impl<'de> Deserialize<'de> for DependsOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DependsOnVisitor;

        impl<'de> Visitor<'de> for DependsOnVisitor {
            type Value = DependsOn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of services, or a mapping with a condition for each")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DependsOn, E> {
                let invalid = Invalid::new("expected a list of services, found text");
                Err(serde_error(invalid.hint(format!("write a list: [{}]", shown(text)))))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<DependsOn, E> {
                let invalid = Invalid::new("expected a list of services, found true or false");
                Err(serde_error(invalid.hint("write a list: [db]")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DependsOn, A::Error> {
                let mut services = Vec::new();
                while let Some(service) = seq.next_element::<Field<ServiceId>>()? {
                    services.extend(service.given().map(|service| (service, Field::Absent)));
                }
                Ok(DependsOn(services))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DependsOn, A::Error> {
                let mut services = Vec::new();
                while let Some((service, dependency)) =
                    map.next_entry::<Field<ServiceId>, Field<Dependency>>()?
                {
                    services.extend(service.given().map(|service| (service, dependency)));
                }
                Ok(DependsOn(services))
            }
        }

        deserializer.deserialize_any(DependsOnVisitor)
    }
}

impl JsonSchema for DependsOn {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DependsOn".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<ServiceId>();
        json_schema!({
            "anyOf": [
                {"type": "array", "items": id, "uniqueItems": true},
                {
                    "type": "object",
                    "propertyNames": id,
                    "additionalProperties": generator.subschema_for::<Dependency>(),
                },
            ],
        })
    }
}
