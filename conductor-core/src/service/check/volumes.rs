//! Checks options of volumes that not every runtime has.

use super::Check;
use crate::definition::{Fault, Field, Runtime};
use crate::value::{Volume, VolumeOption};

impl Check<'_> {
    /// Refuses options that mean nothing with the runtime.
    pub(super) fn volumes(&self, volumes: &Field<Vec<Field<Volume>>>, runtime: Option<Runtime>) {
        let (Field::Given(volumes), Some(runtime)) = (volumes, runtime) else { return };
        for volume in &volumes.value {
            let Field::Given(volume) = volume else { continue };
            let is_named = volume.value.name().is_some();
            let refused = volume
                .value
                .options
                .iter()
                .find_map(|option| Some((*option, why_not(*option, is_named, runtime)?)));
            if let Some((option, (why, hint))) = refused {
                let fault = Fault::new(format!("the option {} {why}", option.as_str()));
                self.refuse(volume.at, fault.hint(hint));
            }
        }
    }
}

/// Returns why a volume cannot have an option, and what to do instead.
fn why_not(
    option: VolumeOption,
    is_named: bool,
    runtime: Runtime,
) -> Option<(&'static str, &'static str)> {
    const ENGINES: &str = "works only with runtime: docker or podman";
    match (option, runtime) {
        (VolumeOption::Slave, Runtime::Native) if !is_named => None,
        (VolumeOption::Slave | VolumeOption::Shared | VolumeOption::Private, _) if is_named => {
            Some((
                "is for directories of the host",
                "remove it: nothing is mounted in a named volume",
            ))
        }
        (VolumeOption::Shared | VolumeOption::Private, Runtime::Native) => {
            Some((ENGINES, "remove it, or write MountFlags= under systemd"))
        }
        (VolumeOption::SharedLabel | VolumeOption::OwnLabel, Runtime::Native) => {
            Some((ENGINES, "remove it: a native service needs no label"))
        }
        (VolumeOption::Owner, Runtime::Native | Runtime::Docker) => {
            Some(("works only with runtime: podman", "remove it, and set the owner with chown"))
        }
        _ => None,
    }
}
