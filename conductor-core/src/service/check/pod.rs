//! Checks the pod of a service.

use std::collections::BTreeMap;

use super::data::Data;
use super::{Check, list};
use crate::definition::{
    self, Fault, Field, Located, Networks, NodeId, PodKeys, ProcessKeys, Runtime,
};
use crate::name::NetworkName;
use crate::service::{Connection, Pod};
use crate::value::FixedPort;

/// What to write to have two instances of a container.
const AS_NETWORK: &str =
    "networks: [NAME] in place of pod, where each instance has an address of its own";

/// Keys of a service that belong to its pod.
const OF_POD: [&str; 7] =
    ["hostname", "extra_hosts", "dns", "dns_search", "userns", "shm_size", "ipc"];

/// What begins the options of a pod that conductor gives itself.
const OWN: [&str; 4] = ["--infra", "--exit-policy", "--share", "--restart"];

/// What stands beside a pod in a definition.
pub(super) struct Beside<'d> {
    pub(super) process: &'d ProcessKeys,
    /// The keys that are given, each with its place.
    pub(super) keys: Vec<(&'static str, NodeId)>,
}

impl Check<'_> {
    /// Reads the pod of a service. Returns with it its ports, and the pod as what no two instances can have: they would
    /// listen at the same ports of one address.
    pub(super) fn pod(
        &self,
        pod: Field<definition::Pod>,
        runtime: Option<Runtime>,
        instances: u16,
        beside: &Beside<'_>,
    ) -> Option<(Pod, Vec<Located<FixedPort>>, Data)> {
        let Located { value, at } = pod.given()?;
        let keys = match value {
            definition::Pod::Named(name) => {
                PodKeys { name: Field::Given(Located { value: name, at }), ..PodKeys::default() }
            }
            definition::Pod::Made(keys) => *keys,
        };
        if let Some(runtime @ (Runtime::Docker | Runtime::Native)) = runtime {
            let fault = Fault::new("pod works only with runtime: podman");
            let hint = match runtime {
                Runtime::Docker => {
                    "docker has no pods: write networks, in which services find each other by their ids"
                }
                _ => {
                    "remove it: native services are in the network of the host, and reach each other at 127.0.0.1"
                }
            };
            self.refuse(at, fault.hint(hint));
            return None;
        }
        self.not_beside(beside);
        if instances > 1 {
            let fault = Fault::new(format!(
                "containers of a pod have one address, and there are {instances} instances"
            ));
            self.refuse(at, fault.hint(format!("write instances: 1; or {AS_NETWORK}")));
        }
        let PodKeys {
            name,
            ports,
            networks,
            hostname,
            extra_hosts,
            dns,
            dns_search,
            userns,
            shm_size,
            options,
        } = keys;
        if name.is_absent() {
            let fault = Fault::new("the key name is missing");
            self.refuse(at, fault.hint("add name: NAME, the name of the pod"));
        }
        let name = name.into_value()?;
        let ports = self.ports(ports, false, &Field::Absent, 1);
        let networks = self.networks_of_pod(networks);
        self.reached_from_outside(&networks, &Field::Absent, &ports);
        self.options_of_pod(&options);
        let data = Data {
            at,
            name: format!("the address of the pod {name}"),
            exclusive: Some(AS_NETWORK),
        };
        let pod = Pod {
            name,
            ports: ports.iter().map(|port| port.value.clone()).collect(),
            networks,
            hostname: hostname.into_value(),
            extra_hosts: list(extra_hosts),
            dns: list(dns),
            dns_search: list(dns_search),
            userns: userns.into_value(),
            shm_size: shm_size.into_value(),
            options: list(options),
        };
        Some((pod, ports, data))
    }

    fn networks_of_pod(&self, networks: Field<Networks>) -> BTreeMap<NetworkName, Connection> {
        // A pod has one address, also while an instance takes over from another one.
        self.networks(networks, Some(Runtime::Podman), 1).0
    }

    /// Refuses keys that belong to the pod, or that mean nothing in one.
    fn not_beside(&self, beside: &Beside<'_>) {
        let of_pod = beside.process.given().filter(|(meaning, _)| OF_POD.contains(&meaning.key));
        let of_pod = of_pod.map(|(meaning, place)| (meaning.key, place.0));
        for (key, at) in beside.keys.iter().copied().chain(of_pod) {
            let (message, hint) = match key {
                "port" => (
                    "a container of a pod has no port that conductor chooses".to_owned(),
                    "write pod.ports: [\"8080:80\"] for a port of the host; or listen: socket for a proxy".to_owned(),
                ),
                "network_mode" => (
                    "a container of a pod is in the network of the pod".to_owned(),
                    "remove network_mode, or remove pod".to_owned(),
                ),
                "ipc" => (
                    "the containers of a pod share their memory segments".to_owned(),
                    "remove ipc, or remove pod".to_owned(),
                ),
                _ => (
                    format!("the containers of a pod share this: {key} belongs to the pod"),
                    format!("move it below pod: {{name: NAME, {key}: ...}}, the same for each service in it"),
                ),
            };
            self.refuse(at, Fault::new(message).hint(hint));
        }
        // Those that a container may have are of its network or its shared memory.
        if let Field::Given(sysctls) = &beside.process.sysctls {
            for (name, _) in &sysctls.value.0 {
                let fault = Fault::new(format!("{} is that of the pod", name.value));
                let hint = format!("write pod: {{options: [\"--sysctl={}=VALUE\"]}}", name.value);
                self.refuse(name.at, fault.hint(hint));
            }
        }
    }

    fn options_of_pod(&self, options: &Field<Vec<Field<crate::value::EngineOption>>>) {
        let options = options.located().into_iter().flat_map(|options| &options.value);
        for option in options.filter_map(Field::located) {
            if let Some(own) = OWN.iter().find(|own| option.value.as_str().starts_with(**own)) {
                let fault = Fault::new(format!("{own} is not for options of a pod"));
                self.refuse(
                    option.at,
                    fault.hint("remove it: conductor makes and starts the pod itself"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::definition::Order;
    use crate::service::Service;

    fn parse(runtime: &str, more: &str) -> Result<Service, String> {
        let text = format!("id: app\nimage: app\nruntime: {runtime}\n{more}\n");
        Service::parse(Path::new("app.yaml"), &text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_pod_is_a_name_or_a_mapping_with_its_name() {
        let named = parse("podman", "pod: shop").unwrap();
        let mapped = parse("podman", "pod: {name: shop}").unwrap();
        assert_eq!(named.pod, mapped.pod);
        assert_eq!(named.pod.as_ref().unwrap().name.as_str(), "shop");
        // Two containers of one address do not listen at one port.
        assert_eq!(named.deploy.order, Order::StopFirst);
        assert!(named.pod.as_ref().unwrap().words().is_empty());
    }

    #[test]
    fn what_belongs_to_the_pod_is_an_option_of_it() {
        let pod = "pod: {name: shop, ports: ['127.0.0.1:8080:80'], networks: {front: {aliases: [web]}, back: {}}, \
                   hostname: shop.example, extra_hosts: ['db:10.0.0.1'], dns: [10.0.0.2], dns_search: [example], \
                   userns: auto, shm_size: 32M, options: ['--dns-option=ndots:1']}";
        let service = parse("podman", &format!("{pod}\nhealth: {{http: /}}")).unwrap();
        assert_eq!(
            service.pod.as_ref().unwrap().words().join(" "),
            "--network=back --network=front:alias=web --publish=127.0.0.1:8080:80 \
             --hostname=shop.example --add-host=db:10.0.0.1 --dns=10.0.0.2 --dns-search=example \
             --userns=auto --shm-size=32M --dns-option=ndots:1"
        );
        assert_eq!(service.health.as_ref().unwrap().port.unwrap().number(), 8080);
    }

    #[test]
    fn what_cannot_be_in_a_pod_is_refused() {
        for (runtime, more, messages) in [
            (
                "podman",
                "pod: shop\nhealth: {http: /}",
                ["the service has no port to check", "add to its pod ports: [NUMBER:NUMBER]"],
            ),
            (
                "docker",
                "pod: shop",
                ["app.yaml:4:6: pod: pod works only with runtime: podman", "docker has no pods"],
            ),
            (
                "native",
                "command: [/bin/x]\npod: shop",
                ["pod works only with runtime: podman", "127.0.0.1"],
            ),
            ("podman", "pod: {ports: ['80:80']}", ["the key name is missing", "add name: NAME"]),
            ("podman", "pod: a b", ["\"a b\" is not the name of a pod", "for example shop"]),
            (
                "podman",
                "pod: shop\ninstances: 2",
                ["and there are 2 instances", "networks: [NAME] in place of pod"],
            ),
            (
                "podman",
                "pod: shop\ndeploy: {order: start-first}",
                ["two instances cannot have the address of the pod shop", "write stop-first"],
            ),
            ("podman", "pod: shop\nport: 80", ["has no port that conductor chooses", "pod.ports"]),
            (
                "podman",
                "pod: shop\nports: ['80:80']",
                ["app.yaml:5:8: ports: ", "below pod: {name: NAME, ports: ...}"],
            ),
            (
                "podman",
                "pod: shop\nnetworks: [a]",
                ["networks belongs to the pod", "the same for each service in it"],
            ),
            (
                "podman",
                "pod: shop\nnetwork_mode: host",
                ["in the network of the pod", "remove network_mode"],
            ),
            ("podman", "pod: shop\nhostname: a", ["hostname belongs to the pod", "hostname: ..."]),
            ("podman", "pod: shop\ndns: [1.1.1.1]", ["dns belongs to the pod", "dns: ..."]),
            ("podman", "pod: shop\nuserns: auto", ["userns belongs to the pod", "userns: ..."]),
            ("podman", "pod: shop\nipc: host", ["share their memory segments", "remove ipc"]),
            (
                "podman",
                "pod: shop\nsysctls: {net.core.somaxconn: 9}",
                ["net.core.somaxconn is that of the pod", "--sysctl=net.core.somaxconn=VALUE"],
            ),
            ("podman", "pod: {name: shop, ports: [80]}", ["names no port of the host", "80:80"]),
            (
                "podman",
                "pod: {name: shop, options: ['--infra=false']}",
                ["--infra is not for options of a pod", "remove it"],
            ),
            (
                "podman",
                "pod: {name: shop, options: ['--publish=80:80']}",
                ["--publish is not for options", "use ports"],
            ),
            (
                "podman",
                "pod: {name: shop, networks: {a: {internal: true}}, ports: ['80:80']}",
                ["nobody reaches a port", "add a network that is not internal"],
            ),
        ] {
            let problems = parse(runtime, more).unwrap_err();
            for message in messages {
                assert!(problems.contains(message), "{runtime} {more}: {message}: {problems}");
            }
        }
    }
}
