//! Checks the networks of a service.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, list};
use crate::definition::{Fault, Field, Located, NetworkMode, Networks, Runtime};
use crate::name::{NetworkAlias, NetworkName};
use crate::value::{Listen, Port};

impl Check<'_> {
    /// Refuses what has no meaning with `network_mode`.
    pub(super) fn network_mode(
        &self,
        mode: &Field<NetworkMode>,
        networks: &Field<Networks>,
        port: &Field<Port>,
        listen: &Field<Listen>,
    ) {
        let Field::Given(mode) = mode else { return };
        if let Field::Given(networks) = networks {
            let fault = Fault::new("a service with a network_mode is in no other network");
            self.refuse(networks.at, fault.hint("remove networks, or remove network_mode"));
        }
        if mode.value != NetworkMode::None {
            return;
        }
        let is_address = |listen: &Located<Listen>| {
            matches!(listen.value, Listen::Address(_)).then_some(listen.at)
        };
        let listen = match listen {
            Field::Given(listen) => is_address(listen),
            Field::Absent | Field::Refused => None,
        };
        let port = match port {
            Field::Given(port) => Some(port.at),
            Field::Absent | Field::Refused => None,
        };
        for at in port.into_iter().chain(listen) {
            let fault = Fault::new("nobody reaches a port of a service without a network");
            self.refuse(at, fault.hint("remove it; listen: socket needs no network"));
        }
    }

    /// Reads the networks of a service.
    pub(super) fn networks(
        &self,
        networks: Field<Networks>,
        runtime: Option<Runtime>,
    ) -> BTreeMap<NetworkName, BTreeSet<NetworkAlias>> {
        let mut read = BTreeMap::new();
        let Some(networks) = networks.given() else { return read };
        if runtime == Some(Runtime::Native) {
            let fault = Fault::new("networks works only with runtime: docker or podman");
            let hint = "remove it: a native service is in the network of the host";
            self.refuse(networks.at, fault.hint(hint));
            return read;
        }
        for (name, network) in networks.value.0 {
            let network = network.into_value().flatten().unwrap_or_default();
            let aliases = list(network.aliases).into_iter().collect();
            if read.insert(name.value.clone(), aliases).is_some() {
                let fault = Fault::new(format!("{} is there twice", name.value));
                self.refuse(name.at, fault.hint("remove one of them"));
            }
        }
        read
    }
}
