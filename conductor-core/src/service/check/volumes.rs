//! Checks options of volumes that not every runtime has, and volumes that are in each other.

use std::collections::BTreeSet;
use std::path::Path;

use super::Check;
use super::advice::given;
use crate::definition::{Fault, Field, NodeId, ProcessKeys, Runtime};
use crate::error::shown;
use crate::value::{Volume, VolumeOption};

impl Check<'_> {
    /// Refuses options that mean nothing with the runtime.
    pub(super) fn volumes(&self, volumes: &Field<Vec<Field<Volume>>>, runtime: Option<Runtime>) {
        let Field::Given(volumes) = volumes else { return };
        self.nested(&volumes.value);
        let Some(runtime) = runtime else { return };
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

    /// Refuses a directory that is in one that the service can write to. The service could replace it by a link to any
    /// other, which root would mount at the next start.
    fn nested(&self, volumes: &[Field<Volume>]) {
        for (at, path, _) in volumes.iter().filter_map(source) {
            let holds = |&(_, other, read_only): &(_, &Path, bool)| {
                !read_only && path != other && path.starts_with(other)
            };
            if let Some((_, outer, _)) = volumes.iter().filter_map(source).find(holds) {
                let (path, outer) = (path.display(), outer.display());
                let fault = Fault::new(format!(
                    "{path} is in {outer}, which the service can write to: it could replace it by a link to any \
                     directory of the host"
                ));
                let hint = format!(
                    "leave it out: the service sees it where it sees {outer}; or add :ro to {outer}, or move one of them"
                );
                self.refuse(at, fault.hint(hint));
            }
        }
    }
}

/// Returns the directory of the host that is a volume, with its place, and whether the service can only read it.
fn source(volume: &Field<Volume>) -> Option<(NodeId, &Path, bool)> {
    match volume {
        Field::Given(volume) => {
            Some((volume.at, volume.value.path()?.as_path(), volume.value.read_only))
        }
        Field::Absent | Field::Refused => None,
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

#[cfg(test)]
mod tests {
    use crate::service::Service;
    use std::path::Path;

    fn refused(volumes: &str) -> Vec<String> {
        let text = format!("id: web\ncommand: [/bin/x]\nvolumes: {volumes}\n");
        match Service::parse(Path::new("web.yaml"), &text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_is_in_a_writable_volume_is_no_volume() {
        assert_eq!(
            refused("[/srv/app/cache:/cache:ro, /srv/app:/app]"),
            [
                "web.yaml:3:11: volumes[0]: /srv/app/cache is in /srv/app, which the service can write to: it could \
                 replace it by a link to any directory of the host\n  hint: leave it out: the service sees it where \
                 it sees /srv/app; or add :ro to /srv/app, or move one of them"
            ]
        );
        for good in [
            "[/srv/app/cache:/cache, /srv/app:/app:ro]",
            "[/srv/app:/app, /srv/app:/other]",
            "[/srv/app:/app, /srv/app2:/other]",
            "['data:/data', /srv/app:/data/app]",
        ] {
            assert_eq!(refused(good), [""; 0], "{good}");
        }
    }
}
