//! Makes and removes networks of container engines.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use conductor_core::service::NetworkSettings;
use conductor_core::unit::{Engine, EngineNetwork};

use super::images::{self, EngineError};

/// The label of networks that conductor made, so that it removes no others.
const LABEL: &str = "CONDUCTOR_NETWORK";

/// The label with the digest of the settings of such a network, if it has any.
const SETTINGS: &str = "CONDUCTOR_NETWORK_SETTINGS";

/// Where podman looks for the server that knows names (containers.conf(5), `helper_binaries_dir`).
const HELPERS: [&str; 4] = [
    "/usr/local/libexec/podman",
    "/usr/local/lib/podman",
    "/usr/libexec/podman",
    "/usr/lib/podman",
];

/// The option with which docker names the bridge. For podman it is an option of the command.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

/// What is said of a network that has other settings.
pub const OTHERWISE: &str = "a network of that name is there, made otherwise";

/// What to do about it.
pub const NETWORK_OTHERWISE: &str = "to make it anew, stop what is in it, remove it with docker network rm or podman network rm, and apply \
     again; to use it as it is, remove internal, enable_ipv6, subnets, gateways and driver_opts from the definition";

/// Held while a network is looked for and made. docker before 25 takes a second one of a name, and then refuses both
/// as ambiguous. Services of one change are started at the same time, and only one conductor changes a host.
static MAKING: Mutex<()> = Mutex::new(());

/// Makes a network, unless the engine has one of that name.
///
/// # Errors
/// The engine refuses; it has a network of that name with other settings; or podman would give its containers no names.
pub fn make(network: &EngineNetwork, settings: &NetworkSettings) -> Result<(), EngineError> {
    let EngineNetwork { engine, .. } = network;
    let has_server = || HELPERS.iter().any(|at| Path::new(at).join("aardvark-dns").exists());
    if *engine == Engine::Podman && !has_server() {
        return Err(refused(
            "without aardvark-dns, containers of podman do not find each other by name",
        ));
    }
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(labels) = labels(network)? {
        return same(&labels, settings);
    }
    let mut command = Command::new(engine.program());
    command.args(create(network, settings)).stdin(Stdio::null());
    match images::run(&mut command, &mut |_| true) {
        // Somebody else was faster, such as a conductor that runs a command once.
        Err(error) => match labels(network) {
            Ok(Some(labels)) => same(&labels, settings),
            _ => Err(error),
        },
        made => made,
    }
}

/// Returns the arguments that make a network.
fn create(
    EngineNetwork { engine, name }: &EngineNetwork,
    settings: &NetworkSettings,
) -> Vec<String> {
    let NetworkSettings { internal, enable_ipv6, subnets, gateways: _, driver_opts } = settings;
    let mut words = ["network", "create"].map(str::to_owned).to_vec();
    words.push(format!("--label={LABEL}={name}"));
    if !settings.is_default() {
        words.push(format!("--label={SETTINGS}={}", settings.digest()));
    }
    words.extend(internal.then(|| "--internal".to_owned()));
    // docker takes no heed of a range of IPv6 without it.
    let has_ipv6 = *enable_ipv6 || subnets.iter().any(|subnet| subnet.is_ipv6());
    words.extend(has_ipv6.then(|| "--ipv6".to_owned()));
    // podman knows by their order which gateway is in which range.
    for (subnet, gateway) in settings.ranges() {
        words.push(format!("--subnet={subnet}"));
        words.extend(gateway.map(|gateway| format!("--gateway={gateway}")));
    }
    for (option, value) in driver_opts {
        words.push(match (engine, option.as_str()) {
            (Engine::Podman, BRIDGE_NAME) => format!("--interface-name={}", value.as_str()),
            (_, option) => format!("--opt={option}={}", value.as_str()),
        });
    }
    words.push(name.to_string());
    words
}

/// Checks that a network with these labels was made with these settings. One of somebody else has none.
fn same(labels: &str, settings: &NetworkSettings) -> Result<(), EngineError> {
    let made_with = (!settings.is_default()).then(|| settings.digest());
    match label(labels, SETTINGS) == made_with.as_deref() {
        true => Ok(()),
        false => Err(refused(OTHERWISE)),
    }
}

/// Returns the value of a label among those of a network, as the engine writes them.
fn label<'l>(labels: &'l str, name: &str) -> Option<&'l str> {
    labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix('='))
}

fn refused(said: &str) -> EngineError {
    EngineError { said: said.to_owned(), output: Vec::new() }
}

/// Removes a network that conductor made.
///
/// # Errors
/// The engine refuses, for example because a container uses the network.
pub fn remove(network: &EngineNetwork) -> Result<(), EngineError> {
    if labels(network)?.is_none_or(|labels| label(&labels, LABEL).is_none()) {
        return Ok(());
    }
    let EngineNetwork { engine, name } = network;
    let mut command = Command::new(engine.program());
    command.args(["network", "rm", name.as_str()]).stdin(Stdio::null());
    images::run(&mut command, &mut |_| true)
}

/// Returns the labels of the network of this name, if the engine has it, as the engine writes them. `inspect` would
/// also take the beginning of an id.
fn labels(EngineNetwork { engine, name }: &EngineNetwork) -> Result<Option<String>, EngineError> {
    let mut found = None;
    let mut command = Command::new(engine.program());
    command.args(["network", "ls", "--format", "{{.Name}} {{.Labels}}"]).stdin(Stdio::null());
    images::run(&mut command, &mut |line| {
        let split = line.map(|line| line.split_once(' ').unwrap_or((line, "")));
        if let Some((_, labels)) = split.filter(|(line, _)| *line == name.as_str()) {
            found = Some(labels.to_owned());
        }
        true
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> NetworkSettings {
        NetworkSettings {
            internal: true,
            enable_ipv6: false,
            subnets: ["10.1.0.0/16", "10.2.0.0/16", "fd00::/64"]
                .map(|it| it.parse().unwrap())
                .into(),
            gateways: ["10.2.0.9".parse().unwrap()].into(),
            driver_opts: [(BRIDGE_NAME.parse().unwrap(), "br-shop".parse().unwrap())].into(),
        }
    }

    #[test]
    fn each_setting_is_an_option_of_the_engine() {
        let create = |engine, settings: &NetworkSettings| {
            let name = "shop".parse().unwrap();
            create(&EngineNetwork { engine, name }, settings).join(" ")
        };
        let plain = "network create --label=CONDUCTOR_NETWORK=shop shop";
        assert_eq!(create(Engine::Docker, &NetworkSettings::default()), plain);
        let digest = settings().digest();
        for (engine, bridge) in [
            (Engine::Docker, "--opt=com.docker.network.bridge.name=br-shop"),
            (Engine::Podman, "--interface-name=br-shop"),
        ] {
            assert_eq!(
                create(engine, &settings()),
                format!(
                    "network create --label=CONDUCTOR_NETWORK=shop \
                     --label=CONDUCTOR_NETWORK_SETTINGS={digest} --internal --ipv6 \
                     --subnet=10.2.0.0/16 --gateway=10.2.0.9 --subnet=10.1.0.0/16 \
                     --subnet=fd00::/64 {bridge} shop"
                )
            );
        }
    }

    #[test]
    fn a_network_made_otherwise_is_refused() {
        let (plain, set) = (NetworkSettings::default(), settings());
        let other = NetworkSettings { internal: false, ..settings() };
        let labels = format!("CONDUCTOR_NETWORK=a,{SETTINGS}={}", set.digest());
        for (labels, settings, is_same) in [
            ("", &plain, true),
            ("CONDUCTOR_NETWORK=a", &plain, true),
            ("", &set, false),
            ("CONDUCTOR_NETWORK=a", &set, false),
            (&labels, &set, true),
            (&labels, &plain, false),
            (&labels, &other, false),
            (&format!("OTHER_{SETTINGS}={}", set.digest()), &set, false),
        ] {
            assert_eq!(same(labels, settings).is_ok(), is_same, "{labels}: {settings}");
        }
    }

    #[test]
    fn a_label_of_somebody_else_is_no_label_of_conductor() {
        let labels = "b=CONDUCTOR_NETWORK=x,NO_CONDUCTOR_NETWORK=y,CONDUCTOR_NETWORK_SETTINGS=z";
        assert_eq!(label(labels, LABEL), None);
        assert_eq!(label(labels, SETTINGS), Some("z"));
        assert_eq!(label("a=b,CONDUCTOR_NETWORK=shop", LABEL), Some("shop"));
    }
}
