//! What a program meets that links the library: mistakes that only a caller can make, and what comes from memory.

use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_core::service::Service;
use conductor_host::fake::FakeHost;
use conductor_host::system::Paths;
use conductor_host::{Apply, Change, Conductor, Deploy, ErrorKind, Event, Restart, Rollback};
use serde_json::json;

/// Returns a conductor for a host without files, and the host.
fn conductor() -> (Conductor, Arc<Mutex<FakeHost>>) {
    let host = Arc::new(Mutex::new(FakeHost::default()));
    let paths = Paths::system(Path::new("/nonexistent"));
    (Conductor::new(paths, None).unwrap().with_fake(Arc::clone(&host)), host)
}

fn service(id: &str, port: u16) -> Service {
    let ports = [format!("{port}:80")];
    let value = json!({
        "id": id, "runtime": "docker", "image": "registry.example/web:v1", "ports": ports,
    });
    Service::from_value(&value).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn services_that_exclude_each_other_are_refused() {
    let (conductor, host) = conductor();
    let twice = || vec![service("web", 80), service("web", 81)];
    let same_port = || vec![service("web", 80), service("api", 80)];
    for (services, message) in [
        (twice as fn() -> Vec<Service>, "web.json:2:9: id: web is also the id of another service"),
        (same_port, "api.json:5:5: ports[0]: port 80/tcp of the host is also that of web"),
    ] {
        let apply = Change::Apply(Apply { services: services(), ..Apply::default() });
        let deploy = Deploy::all(&services(), &"v1".parse().unwrap()).unwrap();
        let restart = Change::Restart(Restart { services: services() });
        let rollback = Change::Rollback(Rollback { services: services(), to: None });
        for change in [apply, Change::Deploy(deploy), restart, rollback] {
            let planned = conductor.plan(&change).map(drop);
            let carried_out = conductor.carry_out(&change, &mut |_: &Event<'_>| {}).map(drop);
            for result in [planned, carried_out] {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Definition, "{change}: {error}");
                assert!(error.to_string().contains(message), "{change}: {error}");
            }
        }
        let error = conductor.render(&services()).map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(host.lock().unwrap().state().units.units.is_empty());
}
