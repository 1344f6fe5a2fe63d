//! Checks that need all services of a host.

use std::collections::BTreeMap;

use super::{Connection, Origin, Pod, Proxy, Service};
use crate::error::{Problem, Problems, shown_path};
use crate::name::{NetworkName, ServiceId, job_unit};
use crate::value::FixedPort;

/// Checks that no two services of a host use the same id, the same upstream of a proxy, the same port of the host, the
/// same name of a container, the same address in a network, or the same name of a job's unit, and that they agree on how a network or a pod is made.
///
/// # Errors
/// One problem for each service that uses what another one uses.
pub fn check_conflicts(services: &[Service]) -> Result<(), Problems> {
    let mut ids = BTreeMap::new();
    let (mut upstreams, mut units) = (BTreeMap::new(), BTreeMap::new());
    let mut containers = BTreeMap::new();
    let (mut networks, mut addresses) = (BTreeMap::new(), BTreeMap::new());
    let mut pods: BTreeMap<_, (&Pod, &Service)> = BTreeMap::new();
    let mut ports: Vec<(&FixedPort, (usize, usize), &Service)> = Vec::new();
    let mut problems = Vec::new();
    for service in services {
        let Origin { file, position, path: own, upstream, jobs, keys, .. } = &service.origin;
        let below = |key: String| if own.is_empty() { key } else { format!("{own}.{key}") };
        let mut refuse = |position, path: String, message, other: &Origin, what| {
            problems.push(Problem {
                file: file.clone(),
                position: Some(position),
                path,
                message,
                hint: Some(format!(
                    "the other is in {}; give one of them another {what}",
                    shown_path(&other.file)
                )),
            });
        };
        if let Some(other) = ids.insert(&service.id, &service.origin) {
            let message = format!("{} is also the id of another service", service.id);
            let path = if own.is_empty() { "id" } else { own };
            refuse(*position, path.to_owned(), message, other, "id");
            // Of a service in two files, only the id is reported.
            continue;
        }
        for (name, place) in jobs {
            let unit = job_unit(&service.id, name);
            if let Some((other, job)) = units.insert(unit.clone(), (service, name)) {
                let message = format!("{unit} is also the unit of job {job} of {}", other.id);
                refuse(*place, below(format!("cron.{name}")), message, &other.origin, "name");
            }
        }
        // The ports of a pod are those of the first service in it.
        let of_pod = service.pod.as_ref();
        let of_pod = of_pod.map(|pod| (pod, *pods.entry(&pod.name).or_insert((pod, service))));
        if let Some((pod, (first, other))) = of_pod
            && first != pod
        {
            let message = format!("{} says otherwise how the pod {} is made", other.id, pod.name);
            let place = keys.of("pod").unwrap_or(*position);
            let what = "pod, or say the same in both";
            refuse(place, below("pod".to_owned()), message, &other.origin, what);
        }
        let of_pod = of_pod.filter(|(_, (_, first))| first.id == service.id).map(|(pod, _)| pod);
        for (key, port, at) in fixed_ports(service, of_pod) {
            let shared = |(other, ..): &&(&FixedPort, _, _)| other.shared_with(port).is_some();
            // That a service has a port twice is reported already.
            let others = ports.iter().filter(|(.., other)| other.id != service.id);
            let other = others.into_iter().find(shared);
            if let Some((other, (line, column), by)) = other {
                let protocol = port.protocol.as_str();
                let message = format!(
                    "port {}/{protocol} of the host is also that of {}, at {line}:{column} of its file",
                    other.shared_with(port).unwrap_or_default(),
                    by.id
                );
                refuse(at, below(key), message, &by.origin, "port");
            }
            ports.push((port, at, service));
        }
        for (inside, (name, connection)) in connections(service) {
            let network = (service.runtime, name);
            let place = keys.of(&format!("{inside}networks.{name}")).unwrap_or(*position);
            let path = || below(format!("{inside}networks.{name}"));
            let (settings, other) =
                *networks.entry(network).or_insert((&connection.settings, service));
            if *settings != connection.settings {
                let message = format!("{} says otherwise how the network {name} is made", other.id);
                refuse(place, path(), message, &other.origin, "network, or say the same in both");
            }
            for address in connection.addresses().filter(|_| service.instances > 0) {
                if let Some(other) = addresses.insert((network, address), service)
                    && !share_a_pod(other, service)
                {
                    let message = format!("{address} is also the address of {}", other.id);
                    refuse(place, path(), message, &other.origin, "address");
                }
            }
        }
        let container = service.process.container_name.as_ref();
        if let Some(name) = container.filter(|_| service.instances > 0)
            && let Some(other) = containers.insert((service.runtime, name), service)
        {
            let message = format!("{name} is also the container of {}", other.id);
            let place = keys.of("container_name").unwrap_or(*position);
            refuse(place, below("container_name".to_owned()), message, &other.origin, "name");
        }
        let Some(Proxy { name, upstream: listed }) = &service.proxy else { continue };
        if let Some(other) = upstreams.insert((name, listed), service) {
            let message = format!("{listed} is also the upstream of {}", other.id);
            let path = below(format!("proxy.{name}.upstream"));
            refuse(upstream.unwrap_or(*position), path, message, &other.origin, "upstream");
        }
    }
    problems.extend(applications(services, &ids));
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Returns the ports of the host that a service always has, and those of its pod if it is the first service in it, each
/// with its key and its place.
fn fixed_ports<'s>(
    service: &'s Service,
    of_pod: Option<&'s Pod>,
) -> Vec<(String, &'s FixedPort, (usize, usize))> {
    let Origin { ports: at, keys, position, .. } = &service.origin;
    let own = service.ports.iter().zip(at).filter(|_| service.instances > 0).enumerate();
    let own = own.map(|(number, (port, at))| (format!("ports[{number}]"), port, *at));
    let of_pod = of_pod.into_iter().flat_map(|pod| pod.ports.iter().enumerate());
    let of_pod = of_pod.map(|(number, port)| {
        let key = format!("pod.ports[{number}]");
        let at = keys.of(&key).unwrap_or(*position);
        (key, port, at)
    });
    own.chain(of_pod).collect()
}

/// Returns the networks of a service and of its pod, each with what stands before its key.
fn connections(
    service: &Service,
) -> impl Iterator<Item = (&'static str, (&NetworkName, &Connection))> {
    let of_pod = service.pod.iter().flat_map(|pod| &pod.networks).map(|of| ("pod.", of));
    service.networks.iter().map(|of| ("", of)).chain(of_pod)
}

/// Returns whether two services are in one pod, whose address they have.
fn share_a_pod(one: &Service, other: &Service) -> bool {
    let pod = |of: &Service| of.pod.as_ref().map(|pod| pod.name.clone());
    pod(one).is_some() && pod(one) == pod(other)
}

/// Refuses an application whose id is that of a service, or of an application in another file: commands take either.
fn applications(services: &[Service], ids: &BTreeMap<&ServiceId, &Origin>) -> Vec<Problem> {
    let mut files: BTreeMap<&ServiceId, &Origin> = BTreeMap::new();
    let mut problems = Vec::new();
    for service in services {
        let Some(application) = &service.application else { continue };
        let first = *files.entry(application).or_insert(&service.origin);
        let other = match ids.get(application) {
            Some(other) if first.position == service.origin.position => Some(("service", *other)),
            _ if first.file != service.origin.file => Some(("application", first)),
            _ => None,
        };
        if let Some((what, other)) = other {
            files.insert(application, &service.origin);
            let hint =
                format!("the other is in {}; give one of them another id", shown_path(&other.file));
            problems.push(Problem {
                file: service.origin.file.clone(),
                position: None,
                path: "id".to_owned(),
                message: format!("{application} is also the id of another {what}"),
                hint: Some(hint),
            });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn service(id: &str, more: &str) -> Service {
        let text = format!("id: {id}\ncommand: [/bin/x]\nport: 80\n{more}\n");
        Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
    }

    #[test]
    fn a_unit_belongs_to_one_job() {
        let job = |name: &str| format!("cron:\n  {name}: {{schedule: \"@daily\", command: [x]}}");
        let a = service("web", &job("a-tidy"));
        assert_eq!(check_conflicts(&[a.clone(), service("web-b", &job("tidy"))]), Ok(()));
        assert_eq!(
            check_conflicts(&[a, service("web-a", &job("tidy"))]).unwrap_err().to_string(),
            "web-a.yaml:5:9: cron.tidy: conductor-web-a-tidy.service is also the unit of job a-tidy \
             of web\n  hint: the other is in web.yaml; give one of them another name"
        );
    }

    #[test]
    fn a_port_of_the_host_belongs_to_one_service() {
        let a = service("a", "instances: 1\nports: [53, 53/udp]");
        for other in ["ports: [54/udp]", "ports: [5353]", "ports: [53]\ninstances: 0"] {
            assert_eq!(check_conflicts(&[a.clone(), service("b", other)]), Ok(()), "{other}");
        }
        let b = service("b", "ports: ['9100', '127.0.0.1:53:53/udp']");
        assert_eq!(
            check_conflicts(&[a, b]).unwrap_err().to_string(),
            "b.yaml:4:17: ports[1]: port 53/udp of the host is also that of a, at 5:13 of its file\n  \
             hint: the other is in a.yaml; give one of them another port"
        );
    }

    #[test]
    fn a_container_name_belongs_to_one_service_of_an_engine() {
        let container = |id: &str, more: &str| {
            let text = format!("id: {id}\nimage: app\ncontainer_name: db\n{more}\n");
            Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
        };
        let a = container("a", "runtime: docker");
        for other in ["runtime: podman", "runtime: docker\ninstances: 0"] {
            assert_eq!(check_conflicts(&[a.clone(), container("b", other)]), Ok(()), "{other}");
        }
        let b = container("b", "runtime: docker");
        assert_eq!(
            check_conflicts(&[a, b]).unwrap_err().to_string(),
            "b.yaml:3:17: container_name: db is also the container of a\n  \
             hint: the other is in a.yaml; give one of them another name"
        );
    }

    #[test]
    fn services_agree_on_how_a_pod_is_made() {
        let in_pod = |id: &str, pod: &str| {
            let text = format!("id: {id}\nimage: app\nruntime: podman\npod: {pod}\n");
            Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
        };
        let pod = "{name: shop, ports: ['80:80'], networks: {a: {ipv4_address: 10.9.0.5}}}";
        // All of them say the same: they share its ports and its address.
        check_conflicts(&[in_pod("a", pod), in_pod("b", pod)]).unwrap();
        let problems = check_conflicts(&[in_pod("a", pod), in_pod("b", "shop")]).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "b.yaml:4:6: pod: a says otherwise how the pod shop is made\n  \
             hint: the other is in a.yaml; give one of them another pod, or say the same in both"
        );
        let other = pod.replace("shop", "till");
        let problems =
            check_conflicts(&[in_pod("a", pod), in_pod("b", &other)]).unwrap_err().to_string();
        for message in [
            "pod.ports[0]: port 80/tcp of the host is also that of a",
            "10.9.0.5 is also the address of a",
        ] {
            assert!(problems.contains(message), "{message}: {problems}");
        }
    }

    #[test]
    fn services_agree_on_how_a_network_is_made() {
        let connected = |id: &str, runtime: &str, network: &str| {
            let text = format!(
                "id: {id}\nimage: app\nruntime: {runtime}\nnetworks:\n  backend: {{{network}}}\n"
            );
            Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
        };
        let made = "subnets: [10.9.0.0/24, 'fd00::/64'], internal: true";
        let a = connected("a", "docker", &format!("{made}, ipv4_address: 10.9.0.5"));
        for (runtime, other) in [
            ("podman", ""),
            ("docker", "internal: true, subnets: ['fd00::/64', 10.9.0.0/24]"),
            ("docker", &format!("{made}, ipv4_address: 10.9.0.6")),
        ] {
            let services = [a.clone(), connected("b", runtime, other)];
            assert_eq!(check_conflicts(&services), Ok(()), "{other}");
        }
        for (other, expected) in [
            (
                "",
                "b.yaml:5:12: networks.backend: a says otherwise how the network backend is made\n  \
                 hint: the other is in a.yaml; give one of them another network, or say the same in both",
            ),
            (
                &format!("{made}, ipv4_address: 10.9.0.5"),
                "b.yaml:5:12: networks.backend: 10.9.0.5 is also the address of a\n  \
                 hint: the other is in a.yaml; give one of them another address",
            ),
        ] {
            let services = [a.clone(), connected("b", "docker", other)];
            let problems = check_conflicts(&services).unwrap_err().to_string();
            assert_eq!(problems, expected, "{other}");
        }
    }

    #[test]
    fn an_upstream_belongs_to_one_service() {
        let a = service("a", "proxy: {nginx: {upstream: app}}");
        let others = ["", "proxy: {nginx: {upstream: b}}", "proxy: {edge: {upstream: app}}"];
        for other in others {
            assert_eq!(check_conflicts(&[a.clone(), service("b", other)]), Ok(()), "{other}");
        }
        let b = service("b", "proxy:\n  nginx: {upstream: app}");
        assert_eq!(
            check_conflicts(&[a, b]).unwrap_err().to_string(),
            "b.yaml:5:21: proxy.nginx.upstream: app is also the upstream of a\n  \
             hint: the other is in a.yaml; give one of them another upstream"
        );
    }
}
