//! Checks the networks of a service.

use std::collections::BTreeMap;

use super::data::Data;
use super::{Check, list, table};
use crate::definition::{Fault, Field, Located, Network, NetworkMode, Networks, Runtime};
use crate::name::NetworkName;
use crate::service::{Connection, NetworkSettings};
use crate::value::{FixedPort, Listen, NetworkAddress, Port};

/// What to write in place of a fixed address.
const AS_NAME: &str = "remove the address: others find the service by its id";

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

    /// Reads the networks of a service. Returns with them the first fixed address, which no two instances can have.
    pub(super) fn networks(
        &self,
        networks: Field<Networks>,
        runtime: Option<Runtime>,
        instances: u16,
    ) -> (BTreeMap<NetworkName, Connection>, Option<Data>) {
        let (mut read, mut fixed) = (BTreeMap::new(), None);
        let Some(networks) = networks.given() else { return (read, fixed) };
        if runtime == Some(Runtime::Native) {
            let fault = Fault::new("networks works only with runtime: docker or podman");
            let hint = "remove it: a native service is in the network of the host";
            self.refuse(networks.at, fault.hint(hint));
            return (read, fixed);
        }
        for (name, network) in networks.value.0 {
            let network = network.into_value().flatten().unwrap_or_default();
            let (connection, data) = self.network(network, instances);
            fixed = fixed.or(data);
            if read.insert(name.value.clone(), connection).is_some() {
                let fault = Fault::new(format!("{} is there twice", name.value));
                self.refuse(name.at, fault.hint("remove one of them"));
            }
        }
        (read, fixed)
    }

    fn network(&self, network: Network, instances: u16) -> (Connection, Option<Data>) {
        let Network {
            aliases,
            ipv4_address,
            ipv6_address,
            internal,
            enable_ipv6,
            subnets,
            gateways,
            driver_opts,
        } = network;
        let subnets = located(subnets);
        for (index, subnet) in subnets.iter().enumerate() {
            let mut before = subnets[..index].iter();
            if let Some(other) = before.find(|other| other.value.overlaps(subnet.value)) {
                let fault = Fault::new(format!("{} and {} overlap", other.value, subnet.value));
                self.refuse(subnet.at, fault.hint("remove one of them"));
            }
        }
        let range = |address| subnets.iter().find(|it| it.value.contains(address));
        let gateways = located(gateways);
        for (index, gateway) in gateways.iter().enumerate() {
            let fault = match range(gateway.value) {
                None => Fault::new(format!("{} is in none of the subnets", gateway.value))
                    .hint("add its range to subnets, or remove it"),
                Some(range) => {
                    match gateways[..index].iter().find(|it| range.value.contains(it.value)) {
                        None => continue,
                        Some(other) => Fault::new(format!(
                            "{} is a gateway of {}, too",
                            other.value, range.value
                        ))
                        .hint("remove one of them"),
                    }
                }
            };
            self.refuse(gateway.at, fault);
        }
        let mut fixed = None;
        let mut address = |field: Field<NetworkAddress>, is_ipv6| {
            let Located { value, at } = field.given()?;
            let fault = if value.is_ipv6() != is_ipv6 {
                let (is, key) = match is_ipv6 {
                    true => ("IPv4", "ipv4_address"),
                    false => ("IPv6", "ipv6_address"),
                };
                Some(
                    Fault::new(format!("{value} is an address of {is}"))
                        .hint(format!("write {key}")),
                )
            } else if !subnets.is_empty() && range(value).is_none() {
                let fault = Fault::new(format!("{value} is in none of the subnets"));
                Some(fault.hint("write an address in one of them"))
            } else if gateways.iter().any(|gateway| gateway.value == value) {
                let fault =
                    Fault::new(format!("{value} is the address of the host, as the gateway"));
                Some(fault.hint("write another one"))
            } else if instances > 1 {
                let fault = Fault::new(format!(
                    "only one container can have an address, and there are {instances} instances"
                ));
                Some(fault.hint("write instances: 1; or name the service in place of its address"))
            } else {
                None
            };
            if let Some(fault) = fault {
                self.refuse(at, fault);
            }
            let data =
                || Data { at, name: format!("the address {value}"), exclusive: Some(AS_NAME) };
            fixed.get_or_insert_with(data);
            Some(value)
        };
        let (ipv4_address, ipv6_address) =
            (address(ipv4_address, false), address(ipv6_address, true));
        let connection = Connection {
            aliases: list(aliases).into_iter().collect(),
            ipv4_address,
            ipv6_address,
            settings: NetworkSettings {
                internal: internal.into_value().unwrap_or_default(),
                enable_ipv6: enable_ipv6.into_value().unwrap_or_default(),
                subnets: subnets.into_iter().map(|subnet| subnet.value).collect(),
                gateways: gateways.into_iter().map(|gateway| gateway.value).collect(),
                driver_opts: table(driver_opts),
            },
        };
        (connection, fixed)
    }

    /// Refuses ports that nobody reaches, because all networks of the service are internal.
    pub(super) fn reached_from_outside(
        &self,
        networks: &BTreeMap<NetworkName, Connection>,
        port: &Field<Port>,
        ports: &[Located<FixedPort>],
    ) {
        if networks.is_empty() || networks.values().any(|it| !it.settings.internal) {
            return;
        }
        let port = port.located().map(|port| port.at);
        for at in port.into_iter().chain(ports.iter().map(|port| port.at)) {
            let fault =
                Fault::new("nobody reaches a port of a service whose networks are internal");
            let hint = "remove it; or add a network that is not internal";
            self.refuse(at, fault.hint(hint));
        }
    }
}

/// Returns the values of a list, each with its place.
fn located<T>(field: Field<Vec<Field<T>>>) -> Vec<Located<T>> {
    field.into_value().unwrap_or_default().into_iter().filter_map(Field::given).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::definition::Order;
    use crate::service::Service;

    fn parse(runtime: &str, network: &str, more: &str) -> Result<Service, String> {
        let text = format!(
            "id: db\nimage: db\nruntime: {runtime}\nnetworks: {{backend: {{{network}}}}}\n{more}\n"
        );
        Service::parse(Path::new("db.yaml"), &text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_contradicts_itself_in_a_network_is_refused() {
        let range = "subnets: [10.9.0.0/24]";
        for (network, more, message) in [
            ("subnets: [10.9.0.0/16, 10.9.1.0/24]", "", "10.9.0.0/16 and 10.9.1.0/24 overlap"),
            ("gateways: [10.9.0.1]", "", "10.9.0.1 is in none of the subnets"),
            (
                "subnets: [10.9.0.0/24], gateways: [10.9.0.1, 10.9.0.2]",
                "",
                "10.9.0.1 is a gateway of 10.9.0.0/24, too",
            ),
            ("ipv4_address: 'fd00::1'", "", "write ipv6_address"),
            ("ipv6_address: 10.9.0.5", "", "write ipv4_address"),
            (&format!("{range}, ipv4_address: 10.8.0.5"), "", "10.8.0.5 is in none of the subnets"),
            (
                &format!("{range}, gateways: [10.9.0.5], ipv4_address: 10.9.0.5"),
                "",
                "10.9.0.5 is the address of the host",
            ),
            ("ipv4_address: 10.9.0.5", "instances: 2", "and there are 2 instances"),
            (
                "ipv4_address: 10.9.0.5",
                "deploy: {order: start-first}",
                "two instances cannot have the address 10.9.0.5",
            ),
            ("internal: true", "port: 80", "db.yaml:5:7: port: nobody reaches a port"),
            ("internal: true", "ports: [80]", "db.yaml:5:9: ports[0]: nobody reaches a port"),
        ] {
            for runtime in ["docker", "podman"] {
                let problems = parse(runtime, network, more).unwrap_err();
                assert!(problems.contains(message), "{network} {more}: {problems}");
            }
        }
    }

    #[test]
    fn the_old_instance_gives_its_address_to_the_new_one() {
        let service = parse("docker", "ipv4_address: 10.9.0.5", "port: 80").unwrap();
        assert_eq!(service.deploy.order, Order::StopFirst);
        let service = parse("docker", "subnets: [10.9.0.0/24]", "port: 80").unwrap();
        assert_eq!(service.deploy.order, Order::StartFirst);
    }
}
