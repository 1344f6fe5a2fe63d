//! Checks the keys that say how the processes of a service run.

use std::collections::BTreeMap;

use super::Check;
use super::data::Data;
use crate::definition::{Engines, Fault, Field, Native, NetworkMode, ProcessKeys, Runtime};
use crate::name::VolumeName;
use crate::value::{Device, Volume};

/// What to write in place of a container's name.
const AS_ALIAS: &str = "networks: {NETWORK: {aliases: [NAME]}} in place of container_name, for a name that several instances have";

impl Check<'_> {
    /// Refuses keys that mean nothing with the runtime.
    pub(super) fn process(&self, keys: &ProcessKeys, runtime: Option<Runtime>) {
        match runtime {
            Some(Runtime::Native) => self.native_process(keys),
            Some(Runtime::Docker) => {
                self.engine_process(keys);
                self.docker_process(keys);
            }
            Some(Runtime::Podman) => self.engine_process(keys),
            None => {}
        }
    }

    fn engine_process(&self, keys: &ProcessKeys) {
        for (meaning, place) in keys.given() {
            if let Engines::Refused(instead) = meaning.engines {
                let key = meaning.key;
                let fault = Fault::new(format!("{key} works only with runtime: native"));
                self.refuse(place.0, fault.hint(instead));
            }
        }
    }

    fn native_process(&self, keys: &ProcessKeys) {
        for (meaning, place) in keys.given() {
            if let Native::Refused(instead) = meaning.native {
                let key = meaning.key;
                let fault = Fault::new(format!("{key} works only with runtime: docker or podman"));
                self.refuse(place.0, fault.hint(instead));
            }
        }
        if let Field::Given(signal) = &keys.stop_signal
            && signal.value.as_str().parse::<probe_protocol::StopSignal>().is_err()
        {
            let fault = Fault::new(format!("{} does not stop a native service", signal.value));
            let hint = "write SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 or SIGWINCH";
            self.refuse(signal.at, fault.hint(hint));
        }
        let Field::Given(devices) = &keys.devices else { return };
        for device in &devices.value {
            let Field::Given(device) = device else { continue };
            if !matches!(&device.value, Device::Node { target: None, .. }) {
                let fault = Fault::new(format!(
                    "{} works only with runtime: docker or podman",
                    device.value
                ));
                let hint = "write the path that the device has on the host";
                self.refuse(device.at, fault.hint(hint));
            }
        }
    }

    /// Refuses what belongs to a namespace that the container does not have for itself: the engine refuses to start it.
    pub(super) fn namespaces(&self, keys: &ProcessKeys, mode: &Field<NetworkMode>) {
        let mode = mode.located().map(|mode| mode.value);
        let ipc = keys.ipc.located().map(|ipc| ipc.value.as_str());
        if let Field::Given(sysctls) = &keys.sysctls {
            for (name, _) in &sysctls.value.0 {
                let key = match name.value.as_str().starts_with("net.") {
                    true => (mode == Some(NetworkMode::Host)).then_some("network_mode"),
                    false => (ipc == Some("host")).then_some("ipc"),
                };
                if let Some(key) = key {
                    let fault =
                        Fault::new(format!("{} is the host's with {key}: host", name.value));
                    let hint = format!("write it into a file in /etc/sysctl.d, or remove {key}");
                    self.refuse(name.at, fault.hint(hint));
                }
            }
        }
        if let (Field::Given(size), Some(mode @ ("host" | "none"))) = (&keys.shm_size, ipc) {
            let whose = if mode == "host" { "is the host's" } else { "does not exist" };
            let fault = Fault::new(format!("/dev/shm {whose} with ipc: {mode}"));
            self.refuse(size.at, fault.hint("remove it, or remove ipc"));
        }
        if mode == Some(NetworkMode::None) {
            let servers = keys.dns.located().map(|servers| servers.at);
            let domains = keys.dns_search.located().map(|domains| domains.at);
            for at in servers.into_iter().chain(domains) {
                let fault = Fault::new("nothing is looked up without a network");
                self.refuse(at, fault.hint("remove it, or remove network_mode: none"));
            }
        }
    }

    /// Refuses a container's name for several instances. Returns it, which no two containers can have at the same time.
    pub(super) fn container_name(&self, keys: &ProcessKeys, instances: u16) -> Option<Data> {
        let Field::Given(name) = &keys.container_name else { return None };
        if instances > 1 {
            let fault = Fault::new(format!(
                "only one container can have a name, and there are {instances} instances"
            ));
            self.refuse(name.at, fault.hint(format!("write instances: 1; or {AS_ALIAS}")));
        }
        let text = format!("the container name {}", name.value);
        Some(Data { at: name.at, name: text, exclusive: Some(AS_ALIAS) })
    }

    /// Refuses names of engine volumes for what `volumes` does not have.
    pub(super) fn volume_names(&self, keys: &ProcessKeys, volumes: &Field<Vec<Field<Volume>>>) {
        let (Field::Given(names), Some(volumes)) = (&keys.volume_names, known(volumes)) else {
            return;
        };
        for (name, _) in &names.value.0 {
            if !volumes.iter().any(|volume| volume.name() == Some(&name.value)) {
                let fault = Fault::new(format!("no entry of volumes has the name {}", name.value));
                self.refuse(
                    name.at,
                    fault.hint(format!("add \"{}:/PATH\" to volumes", name.value)),
                );
            }
        }
    }

    /// Returns the places of the entries in `volume_names`.
    pub(super) fn volume_places(&self, keys: &ProcessKeys) -> BTreeMap<VolumeName, (usize, usize)> {
        let names = keys.volume_names.located().into_iter().flat_map(|names| &names.value.0);
        names.map(|(name, _)| (name.value.clone(), self.source.position(name.at))).collect()
    }

    fn docker_process(&self, keys: &ProcessKeys) {
        if let Field::Given(users) = &keys.userns
            && users.value.as_str() != "host"
        {
            let fault = Fault::new(format!("{} works only with runtime: podman", users.value));
            self.refuse(users.at, fault.hint("write host"));
        }
    }
}

/// Returns the volumes, or `None` if one of them was refused: no further problem is reported then.
fn known(volumes: &Field<Vec<Field<Volume>>>) -> Option<Vec<&Volume>> {
    match volumes {
        Field::Absent => Some(Vec::new()),
        Field::Refused => None,
        Field::Given(volumes) => {
            fn volume(volume: &Field<Volume>) -> Option<&Volume> {
                match volume {
                    Field::Given(volume) => Some(&volume.value),
                    Field::Absent | Field::Refused => None,
                }
            }
            volumes.value.iter().map(volume).collect()
        }
    }
}
