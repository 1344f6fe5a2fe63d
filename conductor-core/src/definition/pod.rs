//! The pod of a service: a name, or a mapping with how the pod is made.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::field::Field;
use super::networks::Networks;
use crate::name::PodName;
use crate::text::serde_error;
use crate::value::{
    EngineOption, ExtraHost, FixedPort, HostName, Memory, NameServer, SearchDomain, UserNamespace,
};

/// The pod of a service.
#[derive(Debug)]
pub enum Pod {
    /// Only its name.
    Named(PodName),
    /// More about it.
    Made(Box<PodKeys>),
}

/// How a pod is made. What is said of it must be the same for each service in it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Pod", deny_unknown_fields, extend("required" = ["name"]))]
pub struct PodKeys {
    /// The name of the pod.
    pub name: Field<PodName>,
    /// Ports of the host that lead to the containers of the pod, as in `ports` of a service.
    pub ports: Field<Vec<Field<FixedPort>>>,
    /// The networks of the pod, as in `networks` of a service. Others find the pod in them by its name.
    pub networks: Field<Networks>,
    /// The name that its containers have for themselves. Otherwise the name of the pod.
    pub hostname: Field<HostName>,
    /// Names in `/etc/hosts` of its containers: `NAME:ADDRESS`, or `NAME:host-gateway` for the host.
    pub extra_hosts: Field<Vec<Field<ExtraHost>>>,
    /// The addresses of name servers.
    pub dns: Field<Vec<Field<NameServer>>>,
    /// Domains in which names without a dot are looked up.
    pub dns_search: Field<Vec<Field<SearchDomain>>>,
    /// Whose users its containers have: `host`, `auto`, `nomap`, `keep-id` or `private`.
    pub userns: Field<UserNamespace>,
    /// The size of `/dev/shm`, which its containers share: `256M`. Otherwise 64 MiB.
    pub shm_size: Field<Memory>,
    /// Options of `podman pod create` that have no key, as they are: `--NAME=VALUE`.
    pub options: Field<Vec<Field<EngineOption>>>,
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PodVisitor)
    }
}

struct PodVisitor;

impl<'de> Visitor<'de> for PodVisitor {
    type Value = Pod;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a pod, or a mapping with its name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pod, E> {
        text.parse().map(Pod::Named).map_err(serde_error)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pod, A::Error> {
        PodKeys::deserialize(MapAccessDeserializer::new(map)).map(|keys| Pod::Made(keys.into()))
    }
}

impl JsonSchema for Pod {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PodOrName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, keys) =
            (generator.subschema_for::<PodName>(), generator.subschema_for::<PodKeys>());
        schemars::json_schema!({"anyOf": [name, keys]})
    }
}
