//! Reads the services on which a service depends.

use std::collections::BTreeMap;

use super::Check;
use crate::definition::{DependsOn, Fault, Field, Part};
use crate::name::ServiceId;
use crate::service::Dependency;

impl Check<'_> {
    /// Reads the dependencies of a service. Whether they exist is checked with all services.
    pub(super) fn depends_on(
        &self,
        depends_on: Field<DependsOn>,
        own: &ServiceId,
        application: Option<&ServiceId>,
        parts: &[Part],
    ) -> BTreeMap<ServiceId, Dependency> {
        let services = depends_on.into_value().map_or(Vec::new(), |DependsOn(services)| services);
        let mut all = BTreeMap::new();
        for (mut service, dependency) in services {
            if let Some(sibling) = sibling(&service.value, application, parts) {
                service.value = sibling;
            }
            if service.value == *own {
                let fault = Fault::new(format!("{own} depends on itself"));
                self.refuse(service.at, fault.hint("remove it"));
                continue;
            }
            let condition = dependency.into_value().and_then(|it| it.condition.into_value());
            let (path, position) = self.source.place(service.at);
            let path = match application {
                Some(_) => path,
                None => format!("depends_on.{}", service.value),
            };
            let name = service.value.clone();
            if all.insert(service.value, Dependency { condition, path, position }).is_some() {
                let fault = Fault::new(format!("{name} is there twice"));
                self.refuse(service.at, fault.hint("remove one of them"));
            }
        }
        all
    }
}

/// Returns the id of the process that a name means within its application, before any other service.
fn sibling(name: &ServiceId, application: Option<&ServiceId>, parts: &[Part]) -> Option<ServiceId> {
    let mut processes = parts.iter().filter_map(|part| part.process.as_ref());
    let process = processes.find(|process| process.name.as_str() == name.as_str())?;
    ServiceId::of_process(application?, &process.name).ok()
}
