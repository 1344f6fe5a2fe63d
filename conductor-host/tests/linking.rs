//! What a program meets that links the library: mistakes that only a caller can make, and what comes from memory.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_core::definition::{DefinitionText, Format};
use conductor_core::service::Service;
use conductor_core::settings::Settings;
use conductor_core::unit::{Override, Templates};
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
            let carried_out = conductor.carry_out(&change, &mut |_: Event| {}).map(drop);
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

/// A program may be without `/etc/conductor`, or must not be told by it what to render.
#[test]
fn settings_and_templates_come_from_memory() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::below(root.path()).unwrap();
    fs::create_dir_all(paths.settings.parent().unwrap()).unwrap();
    fs::write(&paths.settings, "this is wrong").unwrap();
    let text = "ports: 30000-30001\nmax_parallel: 3\n";
    let settings = Settings::parse_as(Format::Yaml, Path::new("given"), text).unwrap();
    let target = "[Unit]\nDescription=own {{id}}\n".to_owned();
    let own = Override { file: "service.target.hbs".into(), text: target };
    let conductor = || Conductor::new(paths.clone(), None).unwrap().offline();
    let value = json!({"id": "web", "command": ["/bin/web"], "port": 80, "instances": 2});
    let services = [Service::from_value(&value).unwrap()];
    // The host's own are wrong.
    assert_eq!(conductor().render(&services).map(drop).unwrap_err().kind(), ErrorKind::Definition);
    let conductor = conductor().with_settings(settings.clone());
    let conductor = conductor.with_templates(Templates::new(&[own]).unwrap());
    assert_eq!(conductor.settings().unwrap(), settings);
    let units = conductor.render(&services).unwrap().units;
    let text = |end: &str| {
        let found = units.iter().filter(|(name, _)| name.as_str().ends_with(end));
        found.map(|(_, unit)| unit.text.as_str()).collect::<String>()
    };
    assert!(text("conductor-web.target").contains("Description=own web\n"));
    for port in ["PORT=30000", "PORT=30001"] {
        assert!(text(".service").contains(port), "{}", text(".service"));
    }
    let apply = Change::Apply(Apply { services: services.to_vec(), ..Apply::default() });
    assert!(conductor.carry_out(&apply, &mut |_: Event| {}).unwrap().changed);
    let status = conductor.status(None).unwrap();
    assert_eq!(status.services[0].instances[1].port, Some(30001));
}

/// Returns the definitions in a directory: their names, modes and texts.
fn files(directory: &Path) -> Vec<(String, u32, String)> {
    let entries = directory.read_dir().unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            let name = entry.file_name().into_string().unwrap();
            (name, mode, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_definition_is_installed_and_taken_back() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::below(root.path()).unwrap();
    let directory = paths.definitions.clone();
    let conductor = Conductor::new(paths, None).unwrap().offline();
    let web = |command: &str| {
        DefinitionText::from_value(&json!({"id": "web", "command": [command]})).unwrap()
    };
    let file = |mode, definition: &DefinitionText| {
        vec![("web.json".to_owned(), mode, definition.text().to_owned())]
    };

    let installed = conductor.install_definition(&web("/bin/a")).unwrap();
    assert!(installed.changed());
    assert_eq!(installed.file(), Some(directory.join("web.json")));
    assert_eq!(files(&directory), file(0o644, &web("/bin/a")));
    assert_eq!(conductor.read(&[]).unwrap()[0].command[0].as_str(), "/bin/a");
    // The same again changes nothing, and taking it back neither.
    let again = conductor.install_definition(&web("/bin/a")).unwrap();
    assert!(!again.changed());
    again.undo().unwrap();
    assert_eq!(files(&directory), file(0o644, &web("/bin/a")));
    // What takes the first one back leaves none.
    installed.undo().unwrap();
    assert_eq!(files(&directory), []);

    // One in another format is replaced. If only its owner could read it, the new one is the same.
    let yaml = directory.join("web.yml");
    fs::write(&yaml, "id: web\ncommand: [/bin/old]\n").unwrap();
    fs::set_permissions(&yaml, Permissions::from_mode(0o600)).unwrap();
    let before = files(&directory);
    let installed = conductor.install_definition(&web("/bin/b")).unwrap();
    assert_eq!(files(&directory), file(0o600, &web("/bin/b")));
    installed.undo().unwrap();
    assert_eq!(files(&directory), before);

    let removed = conductor.uninstall_definition(&"web".parse().unwrap()).unwrap();
    assert_eq!((removed.changed(), removed.file()), (true, None));
    assert_eq!(files(&directory), []);
    removed.undo().unwrap();
    assert_eq!(files(&directory), before);
}

#[test]
fn what_excludes_another_definition_is_not_installed() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::below(root.path()).unwrap();
    let directory = paths.definitions.clone();
    let conductor = Conductor::new(paths, None).unwrap().offline();
    fs::create_dir_all(&directory).unwrap();
    let other = "id: web\ncommand: [/bin/a]\n";
    fs::write(directory.join("other.yaml"), other).unwrap();
    // What is wrong with others is not about this one.
    fs::write(directory.join("bad.yaml"), "id: [").unwrap();
    symlink(directory.join("other.yaml"), directory.join("link.toml")).unwrap();
    let before = files(&directory);
    for (id, message) in [
        ("web", "web.json:5:9: id: web is also the id of another service"),
        ("link", "link.toml: the file is a symbolic link"),
    ] {
        let value = json!({"id": id, "command": ["/bin/b"]});
        let definition = DefinitionText::from_value(&value).unwrap();
        let error = conductor.install_definition(&definition).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(files(&directory), before);
    }
    let value = json!({"id": "more", "command": ["/bin/b"]});
    assert!(
        conductor
            .install_definition(&DefinitionText::from_value(&value).unwrap())
            .unwrap()
            .changed()
    );
}

/// The thread of a watcher already waits for systemd, and has the lock.
#[test]
fn a_watcher_can_ask_and_cannot_change() {
    let value = json!({"id": "web", "command": ["/bin/web"]});
    let services = vec![Service::from_value(&value).unwrap()];
    let apply = Change::Apply(Apply { services, ..Apply::default() });
    let roots = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [conductor, other] = roots
        .each_ref()
        .map(|root| Conductor::new(Paths::below(root.path()).unwrap(), None).unwrap().offline());
    let (fake, _host) = self::conductor();
    let mut asked = 0;
    let mut watcher = |_: Event| {
        assert!(conductor.status(None).is_ok() && conductor.plan(&apply).is_ok());
        for refusal in [
            // Of another host, of the same one, and of one whose lock the watcher's caller would wait for.
            other.carry_out(&apply, &mut |_: Event| {}).unwrap_err(),
            conductor.carry_out(&apply, &mut |_: Event| {}).unwrap_err(),
            fake.carry_out(&apply, &mut |_: Event| {}).unwrap_err(),
        ] {
            assert_eq!(refusal.kind(), ErrorKind::Locked);
            assert!(refusal.to_string().contains("watcher"), "{refusal}");
        }
        asked += 1;
    };
    assert!(conductor.carry_out(&apply, &mut watcher).unwrap().changed);
    assert!(asked > 1);
    // Afterwards, the thread changes hosts as before.
    assert!(other.carry_out(&apply, &mut |_: Event| {}).unwrap().changed);
    let mut refused = 0;
    let mut watcher = |_: Event| {
        for refusal in [fake.status(None).map(drop), fake.plan(&apply).map(drop)] {
            assert_eq!(refusal.unwrap_err().kind(), ErrorKind::Locked);
        }
        refused += 1;
    };
    assert!(fake.carry_out(&apply, &mut watcher).unwrap().changed);
    assert!(refused > 1);
}
