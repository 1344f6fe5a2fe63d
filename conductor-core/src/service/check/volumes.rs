//! Checks options of volumes that not every runtime has.

use std::collections::BTreeSet;

use super::Check;
use super::advice::given;
use crate::definition::{Fault, Field, ProcessKeys, Runtime};
use crate::error::shown;
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

impl Check<'_> {
    /// Refuses a second volume, or file system in memory, at one path: the engines do not start such a container.
    pub(super) fn targets(&self, volumes: &Field<Vec<Field<Volume>>>, keys: &ProcessKeys) {
        let volumes = given(volumes).map(|it| (it.at, it.value.target.as_str()));
        let in_memory = given(&keys.tmpfs).map(|it| (it.at, it.value.target.as_str()));
        let mut taken = BTreeSet::new();
        for (at, path) in volumes.chain(in_memory) {
            if !taken.insert(path.trim_end_matches('/')) {
                let fault = Fault::new(format!("something else is mounted at {}", shown(path)));
                self.refuse(at, fault.hint("remove one of them, or give it another path inside"));
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
        (VolumeOption::MappedIds, Runtime::Native | Runtime::Docker) => {
            Some(("works only with runtime: podman", "remove it"))
        }
        (VolumeOption::Owner, Runtime::Native | Runtime::Docker) => {
            Some(("works only with runtime: podman", "remove it, and set the owner with chown"))
        }
        _ => None,
    }
}
