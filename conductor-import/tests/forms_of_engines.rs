//! Forms that the engines read in their own way.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::service::{HealthCheck, Service};
use conductor_import::{Surroundings, compose, quadlet};

/// Imports one file, of which nothing may be left out, and returns its only service.
fn import(name: &str, text: &str) -> Service {
    let surroundings = Surroundings {
        read: &|path| Ok(path.ends_with(name).then(|| text.to_owned())),
        variable: &|_| None,
        directory: Path::new("/srv"),
        defined: BTreeMap::new(),
    };
    let files = vec![PathBuf::from(name)];
    let imported = if name.ends_with(".container") {
        let runtime = Runtime::Podman;
        let options = quadlet::Options { files, runtime, ..quadlet::Options::default() };
        quadlet::import(&options, &surroundings)
    } else {
        let runtime = Runtime::Docker;
        let options = compose::Options { files, runtime, ..compose::Options::default() };
        compose::import(&options, &surroundings)
    };
    let imported = imported.unwrap();
    assert_eq!(imported.left_out, []);
    Service::parse(Path::new("web.yaml"), &imported.definitions[0].text).unwrap()
}

fn container(lines: &str) -> Service {
    import("web.container", &format!("[Container]\nImage=docker.io/library/a:1\n{lines}"))
}

#[test]
fn a_doubled_dollar_is_one() {
    let service = container("Exec=echo $$HOME \"50%%\"\nEnvironment=A=$$5\n");
    let words: Vec<_> =
        service.command.iter().map(conductor_core::value::Argument::as_str).collect();
    assert_eq!(words, ["echo", "$HOME", "50%"]);
    assert_eq!(service.env.values().next().unwrap().as_str(), "$5");
}

#[test]
fn systemd_replaces_variables_in_what_quadlet_writes() {
    let container = "[Container]\nImage=docker.io/library/a:${TAG}-x\nVolume=${DIR}/a:/a\nExec=run $ARGS ${UNSET}x\n\
                     Environment=PASSWORD=${PASSWORD}\n[Service]\nEnvironment=TAG=1 ARGS='-a b'\nEnvironmentFile=/etc/%N.env\n";
    let surroundings = Surroundings {
        read: &|path| {
            let of_service = || Some("TAG=2\nPASSWORD=secret\n".to_owned());
            Ok(match path.to_str() {
                Some("/srv/web.container") => Some(container.to_owned()),
                Some("/etc/web.env") => of_service(),
                _ => None,
            })
        },
        variable: &|name| (name == "DIR").then(|| "/data".to_owned()),
        directory: Path::new("/srv"),
        defined: BTreeMap::new(),
    };
    let files = vec![PathBuf::from("web.container")];
    let options =
        quadlet::Options { files, runtime: Runtime::Podman, ..quadlet::Options::default() };
    let imported = quadlet::import(&options, &surroundings).unwrap();
    assert_eq!(imported.left_out, []);
    let service = Service::parse(Path::new("web.yaml"), &imported.definitions[0].text).unwrap();
    assert_eq!(service.revision.as_ref().unwrap().to_string(), "2-x");
    assert_eq!(service.volumes[0].to_string(), "/data/a:/a");
    let words: Vec<_> =
        service.command.iter().map(conductor_core::value::Argument::as_str).collect();
    assert_eq!(words, ["run", "-a", "b", "x"]);
    let notes: Vec<_> = imported.notes.iter().map(ToString::to_string).collect();
    let expected = "web.container:4:1: Container.Exec: the variable UNSET is not set: it is empty";
    assert!(notes.iter().any(|note| note == expected), "{notes:?}");

    // Without it, /a of the host would be mounted.
    let nothing = Surroundings { variable: &|_| None, ..surroundings };
    let left_out = quadlet::import(&options, &nothing).unwrap().left_out;
    let left_out: Vec<_> = left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        ["web.container:3:1: Container.Volume: left out: the variable DIR is not set\n  \
          hint: set it for the import: DIR=VALUE conductor import quadlet"]
    );
}

#[test]
fn systemd_replaces_variables_in_the_networks_of_quadlet() {
    let network = "[Network]\nSubnet=${RANGE}\nGateway=${NONE}\nPodmanArgs=\"--interface-name=br-$$%%\"\n\
                   [Service]\nEnvironment=RANGE=10.9.0.0/24\n";
    let surroundings = Surroundings {
        read: &|path| {
            let container = "[Container]\nImage=docker.io/library/a:1\nNetwork=app.network\n";
            Ok(Some(if path.ends_with("app.network") { network } else { container }.to_owned()))
        },
        variable: &|_| None,
        directory: Path::new("/srv"),
        defined: BTreeMap::new(),
    };
    let files = ["web.container", "app.network"].map(PathBuf::from).to_vec();
    let options =
        quadlet::Options { files, runtime: Runtime::Podman, ..quadlet::Options::default() };
    let imported = quadlet::import(&options, &surroundings).unwrap();
    let left_out: Vec<_> = imported.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        ["app.network:3:1: Network.Gateway: left out: the variable NONE is not set\n  \
          hint: write the value out"]
    );
    let service = Service::parse(Path::new("web.yaml"), &imported.definitions[0].text).unwrap();
    let settings = &service.networks.values().next().unwrap().settings;
    let subnets: Vec<_> = settings.subnets.iter().map(ToString::to_string).collect();
    assert_eq!(subnets, ["10.9.0.0/24"]);
    let options: Vec<_> = settings.driver_opts.values().map(ToString::to_string).collect();
    assert_eq!(options, ["br-$%"]);
}

#[test]
fn a_list_is_run_without_a_shell() {
    let service = container(
        "HealthCmd=[\"pg_isready\", \"-d\", \"a, b\"]\nEntrypoint=[\"/bin/tini\", \"a,b\"]\n",
    );
    let entrypoint: Vec<_> =
        service.entrypoint.iter().flatten().map(conductor_core::value::Argument::as_str).collect();
    assert_eq!(entrypoint, ["/bin/tini", "a,b"]);
    let Some(HealthCheck::Command(command)) =
        service.into_fields().health.map(|health| health.check)
    else {
        panic!("it is checked by a command")
    };
    let words: Vec<_> = command.iter().map(conductor_core::value::Argument::as_str).collect();
    assert_eq!(words, ["pg_isready", "-d", "a, b"]);
}

#[test]
fn each_alias_in_a_network_counts() {
    let service = container("Network=back:alias=db,alias=postgres\n");
    let aliases: Vec<_> = service
        .networks
        .values()
        .flat_map(|network| &network.aliases)
        .map(conductor_core::name::NetworkAlias::as_str)
        .collect();
    assert_eq!(aliases, ["db", "postgres"]);
}

#[test]
fn no_swap_is_what_conductor_gives() {
    let service =
        import("compose.yaml", "services: {web: {image: a, mem_limit: 512m, memswap_limit: 512m}}");
    assert_eq!(service.limits.memory.unwrap().bytes(), 512 << 20);
    assert_eq!(service.limits.memory_swap, None);
    let service = container("PodmanArgs=--memory=512m --memory-swap=640m --oom-score-adj=-100\n");
    assert_eq!(service.limits.memory_swap.unwrap().bytes(), 128 << 20);
    assert_eq!(service.limits.oom_score_adjust.unwrap().number(), -100);
}

#[test]
fn the_port_that_conductor_tells_is_not_told_twice() {
    let text =
        "services: {web: {image: a, ports: [\"8000\"], environment: {PORT: \"8000\", A: b}}}";
    let service = import("compose.yaml", text);
    assert_eq!(
        service.env.keys().map(conductor_core::value::EnvName::as_str).collect::<Vec<_>>(),
        ["A"]
    );
}

#[test]
fn the_deadline_of_podman_is_that_of_the_program() {
    let text = "StopTimeout=120\n\n[Service]\nTimeoutStopSec=130\n";
    let service = container(text);
    assert_eq!(service.deploy.stop_timeout.duration().as_secs(), 120);
}
