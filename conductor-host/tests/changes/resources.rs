//! Networks, pods, ports and volumes, which services share or nobody else has.

use std::path::Path;

use conductor_core::service::Service;
use conductor_host::{Apply, Change, Prune, Remove, Rollback};

use crate::{World, apply};

/// Returns a service in a container at a revision, with networks.
fn connected(id: &str, revision: &str, networks: &str) -> Service {
    let text = format!(
        "id: {id}\nruntime: podman\nimage: {id}\nrevision: {revision}\nnetworks: [{networks}]\ndeploy: {{keep: 0}}\n"
    );
    Service::parse(Path::new("x.yaml"), &text).unwrap()
}

#[test]
fn a_network_is_there_as_long_as_it_has_a_user() {
    let world = World::new();
    let networks = || {
        let host = world.host.lock().unwrap();
        let names: Vec<_> =
            host.state().networks.iter().map(|network| network.name.to_string()).collect();
        names.join(" ")
    };
    let (a, b) =
        (|networks| connected("a", "v1", networks), |networks| connected("b", "v1", networks));
    world.change(&apply(vec![a("x, y"), b("y")]));
    assert_eq!(networks(), "x y");
    assert!(!world.change(&apply(vec![a("x, y"), b("y")])).changed);
    // One takes what the other leaves.
    world.change(&apply(vec![a("y"), b("x, y")]));
    assert_eq!(networks(), "x y");
    world.change(&apply(vec![a("z"), b("y")]));
    assert_eq!(networks(), "y z");
    // A service that does not start leaves no network, and takes none from another one.
    let report = world.try_to(&apply(vec![connected("c", "bad", "y, q"), b("y, q")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(networks(), "q y z");
    let report = world.try_to(&apply(vec![connected("c", "bad", "y, r")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(networks(), "q y z");
    world.change(&Change::Remove(Remove { service: "a".parse().unwrap(), volumes: false }));
    assert_eq!(networks(), "q y");
    world.change(&apply(vec![a("y"), b("y")]));
    assert_eq!(networks(), "y");
    // The last users leave it together.
    world.change(&Change::RemoveAll);
    assert_eq!(networks(), "");
}

#[test]
fn a_pod_is_there_as_long_as_it_has_a_user() {
    let world = World::new();
    let held = || {
        let host = world.host.lock().unwrap();
        let state = host.state();
        let pods = state.pods.iter().map(ToString::to_string);
        let networks = state.networks.iter().map(|network| network.name.to_string());
        pods.chain(networks).collect::<Vec<_>>().join(" ")
    };
    let member = |id: &str, revision: &str, pod: &str| {
        let text = format!(
            "id: {id}\nruntime: podman\nimage: {id}\nrevision: {revision}\n\
             pod: {{name: {pod}, networks: [net]}}\ndeploy: {{keep: 0}}\n"
        );
        Service::parse(Path::new("x.yaml"), &text).unwrap()
    };
    world.change(&apply(vec![member("a", "v1", "shop"), member("b", "v1", "shop")]));
    assert_eq!(held(), "shop net");
    assert!(
        !world.change(&apply(vec![member("a", "v1", "shop"), member("b", "v1", "shop")])).changed
    );
    // What does not start leaves no pod.
    let report = world.try_to(&apply(vec![member("c", "bad", "till")])).unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(held(), "shop net");
    // One of two moves on.
    world.change(&apply(vec![member("a", "v1", "till")]));
    assert_eq!(held(), "shop till net");
    world.change(&apply(vec![member("b", "v2", "till")]));
    assert_eq!(held(), "till net");
    let status = world.conductor.status(Some(&"a".parse().unwrap())).unwrap();
    assert_eq!(status.services[0].pods[0].as_str(), "till");
    world.change(&Change::RemoveAll);
    assert_eq!(held(), "");
}

#[test]
fn a_fixed_port_is_nobody_elses() {
    let world = World::new();
    let native = |id: &str, more: &str| {
        let text = format!("id: {id}\ncommand: [/bin/x]\n{more}\n");
        Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
    };
    let port = |id: &str| {
        let status = world.conductor.status(Some(&id.parse().unwrap())).unwrap();
        status.services[0].instances[0].port.unwrap()
    };
    let said = |services: Vec<Service>| {
        let error = world.try_to(&apply(services)).unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    // It is not given to an instance of another service.
    let a = native("a", "ports: ['20000']");
    let b = native("b", "port: 80");
    world.change(&apply(vec![b.clone(), a.clone()]));
    assert_eq!(port("b"), 20001);
    assert!(!world.change(&apply(vec![b.clone(), a.clone()])).changed);
    world.change(&apply(vec![b.clone(), native("a", "ports: ['20000']\nenv: {A: b}")]));
    assert_eq!(
        said(vec![native("c", "ports: [20001]")]),
        "/etc/x.yaml:3:9: ports[0]: b has port 20001/tcp of the host\n  hint: write another port, or give it up in b \
         (defined in /etc/x.yaml) and apply that first; nothing was changed"
    );
    // What is removed has stopped before.
    let swap = Change::Apply(Apply {
        services: vec![native("c", "ports: [20001]")],
        prune: Prune::Remove,
        ..Apply::default()
    });
    assert!(world.change(&swap).healthy);
    // Something listens that is not conductor's.
    world.host.lock().unwrap().state_mut().listeners = vec!["127.0.0.1:53:53/udp".parse().unwrap()];
    let dns = |ports: &str| native("dns", ports);
    assert!(
        said(vec![dns("ports: [53/udp]")]).contains("something else has port 53/udp of the host")
    );
    world.change(&apply(vec![dns("ports: [53]")]));
    assert!(said(vec![dns("ports: [53, 53/udp]")]).contains(":3:13: ports[1]: something else has"));
    // The release before has another port, which is taken now.
    world.change(&apply(vec![native("old", "ports: [81]")]));
    world.change(&apply(vec![native("old", "ports: [82]")]));
    world.host.lock().unwrap().state_mut().listeners.push("81:81".parse().unwrap());
    let back =
        Change::Rollback(Rollback { services: vec![native("old", "ports: [82]")], to: None });
    let error = world.try_to(&back).unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "/etc/x.yaml: something else has port 81/tcp of the host, which the release before has to have\n  hint: \
          ss -ltnp 'sport = 81' shows what it is: stop that; nothing was changed"
        ]
    );
    world.host.lock().unwrap().state_mut().listeners.pop();
    assert!(world.change(&back).healthy);
    // What ran without the key may be what listens.
    world.change(&apply(vec![dns("")]));
    world.change(&apply(vec![dns("ports: [53/udp]")]));
}

#[test]
fn a_volume_of_somebody_else_has_to_be_there() {
    let world = World::new();
    let db = |more: &str| {
        let text = format!(
            "id: db\nruntime: docker\nimage: localhost/app:v1\nvolumes: ['data:/data']\n\
             volume_names: {{data: shop_data}}\n{more}"
        );
        Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
    };
    let said = |services: Vec<Service>| {
        let error = world.try_to(&apply(services)).unwrap_err();
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        said(vec![db("")]),
        "/etc/x.yaml:5:22: volume_names.data: docker has no volume shop_data\n  hint: docker volume ls lists those \
         that it has; docker volume create shop_data makes an empty one; nothing was changed"
    );
    assert!(world.conductor.status(None).unwrap().services.is_empty());
    let volumes = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        world.host.lock().unwrap().state_mut().volumes = names;
    };
    volumes(&["shop_data"]);
    assert!(world.change(&apply(vec![db("")])).healthy);
    // Nothing changes, so nothing fails.
    volumes(&[]);
    assert!(!world.change(&apply(vec![db("")])).changed);
    assert!(said(vec![db("env: {A: b}")]).contains("docker has no volume shop_data"));
}
