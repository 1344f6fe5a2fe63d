//! Checks limits that not every runtime has.

use super::Check;
use crate::definition::{Fault, Field, Limits, Runtime};
use crate::service::Limits as Checked;

impl Check<'_> {
    /// Reads the limits of a service, or of a job, which has those of its service unless it has its own.
    pub(super) fn limits(
        &self,
        limits: Field<Limits>,
        runtime: Option<Runtime>,
        service_has_memory: bool,
    ) -> Checked {
        let Some(limits) = limits.into_value() else { return Checked::default() };
        if runtime == Some(Runtime::Docker) {
            self.limits_of_docker(&limits, service_has_memory);
        }
        limits.checked()
    }

    /// Refuses limits that docker does not have.
    fn limits_of_docker(&self, limits: &Limits, service_has_memory: bool) {
        for (meaning, place) in limits.given() {
            if let Err(instead) = meaning.docker {
                let key = meaning.key;
                let fault = Fault::new(format!("{key} works only with runtime: native or podman"));
                self.refuse(place.0, fault.hint(instead));
            }
        }
        if let Field::Given(swap) = &limits.memory_swap
            && limits.memory.is_absent()
            && !service_has_memory
        {
            let fault = Fault::new("docker limits swap only together with memory");
            self.refuse(swap.at, fault.hint("add memory: SIZE"));
        }
    }
}
