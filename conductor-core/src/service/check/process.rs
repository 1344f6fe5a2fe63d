//! Checks the keys that say how the processes of a service run.

use super::Check;
use crate::definition::{Fault, Field, Native, ProcessKeys, Runtime};
use crate::value::{Device, Volume};

impl Check<'_> {
    /// Refuses keys that mean nothing with the runtime.
    pub(super) fn process(&self, keys: &ProcessKeys, runtime: Option<Runtime>) {
        match runtime {
            Some(Runtime::Native) => self.native_process(keys),
            Some(Runtime::Docker) => self.docker_process(keys),
            Some(Runtime::Podman) | None => {}
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
