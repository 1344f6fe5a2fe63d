//! Reads the services on which a service depends.

use std::collections::BTreeMap;

use super::Check;
use crate::definition::{DependsOn, Fault, Field};
use crate::name::ServiceId;
use crate::service::Dependency;

impl Check<'_> {
    /// Reads the dependencies of a service. Whether they exist is checked with all services.
    pub(super) fn depends_on(
        &self,
        depends_on: Field<DependsOn>,
        own: &ServiceId,
    ) -> BTreeMap<ServiceId, Dependency> {
        let services = depends_on.into_value().map_or(Vec::new(), |DependsOn(services)| services);
        let mut all = BTreeMap::new();
        for (service, dependency) in services {
            if service.value == *own {
                let fault = Fault::new(format!("{own} depends on itself"));
                self.refuse(service.at, fault.hint("remove it"));
                continue;
            }
            let condition = dependency.into_value().and_then(|it| it.condition.into_value());
            let position = self.source.position(service.at);
            let name = service.value.clone();
            if all.insert(service.value, Dependency { condition, position }).is_some() {
                let fault = Fault::new(format!("{name} is there twice"));
                self.refuse(service.at, fault.hint("remove one of them"));
            }
        }
        all
    }
}
