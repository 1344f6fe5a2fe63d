//! Checks the networks of a service.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, list};
use crate::definition::{Fault, Field, Networks, Runtime};
use crate::name::{NetworkAlias, NetworkName};

impl Check<'_> {
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
