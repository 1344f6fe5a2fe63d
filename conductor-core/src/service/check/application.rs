//! Names the processes of an application, and checks what they cannot share.

use std::collections::BTreeMap;

use super::Check;
use crate::definition::{Fault, Field, Located, ProcessKeys, ProcessPlace};
use crate::error::Problem;
use crate::name::{ServiceId, VolumeName};
use crate::service::Service;
use crate::value::Volume;

/// The names of a service, and its place in the file.
pub(super) struct Named {
    pub(super) id: ServiceId,
    pub(super) application: Option<ServiceId>,
    pub(super) position: (usize, usize),
    pub(super) path: String,
}

impl Check<'_> {
    /// Returns the id of a service: that of its definition, or of a process, that and the name of the process.
    pub(super) fn named(
        &self,
        id: Located<ServiceId>,
        process: Option<&ProcessPlace>,
    ) -> Option<Named> {
        let Some(ProcessPlace { name, position }) = process else {
            let (position, path) = (self.source.position(id.at), String::new());
            return Some(Named { id: id.value, application: None, position, path });
        };
        let Ok(service) = ServiceId::of_process(&id.value, name) else {
            let message = format!("{}-{name}, the id of the process, is too long", id.value);
            let hint = "the id of the application and the name of the process have at most 63 characters \
                        together";
            self.refuse(self.root, Fault::new(message).hint(hint));
            return None;
        };
        let (path, _) = self.source.place(self.root);
        Some(Named { id: service, application: Some(id.value), position: *position, path })
    }

    /// Returns the places of the named volumes that are the service's own.
    pub(super) fn places_of(
        &self,
        volumes: &Field<Vec<Field<Volume>>>,
        process: &ProcessKeys,
    ) -> BTreeMap<VolumeName, (String, (usize, usize))> {
        let Field::Given(volumes) = volumes else { return BTreeMap::new() };
        let given = match &process.volume_names {
            Field::Given(given) => &given.value.0[..],
            Field::Absent | Field::Refused => &[],
        };
        let is_own = |name: &VolumeName| !given.iter().any(|(given, _)| given.value == *name);
        let places = volumes.value.iter().filter_map(|volume| match volume {
            Field::Given(volume) => Some((volume.value.name()?.clone(), volume.at)),
            Field::Absent | Field::Refused => None,
        });
        let own = places.filter(|(name, _)| is_own(name));
        own.map(|(name, at)| (name, self.source.place(at))).collect()
    }
}

/// Refuses a named volume of two processes: each would have one of its own, where people expect one for both.
pub(in crate::service) fn shared_volumes(services: &[Service]) -> Vec<Problem> {
    let mut users: BTreeMap<&VolumeName, Vec<&Service>> = BTreeMap::new();
    for service in services {
        for name in service.origin.volumes.keys() {
            users.entry(name).or_default().push(service);
        }
    }
    let problem = |(name, services): (&VolumeName, Vec<&Service>)| {
        let [first, .., last] = services.as_slice() else { return None };
        let (path, position) = last.origin.volumes.get(name)?.clone();
        Some(Problem {
            file: last.origin.file.clone(),
            position: Some(position),
            path,
            message: format!(
                "{} and {} would each have a volume {name} of their own",
                first.id, last.id
            ),
            hint: Some(format!(
                "for one that both use, write a path of the host; or, with docker and podman, add \
                 volume_names: {{{name}: NAME}}, which is the engine's name for it"
            )),
        })
    };
    users.into_iter().filter_map(problem).collect()
}
