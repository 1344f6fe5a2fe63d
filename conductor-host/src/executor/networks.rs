//! Removes a network or a pod when no service of a change needs it any more.

use std::collections::{BTreeMap, BTreeSet};

use conductor_core::name::ServiceId;
use conductor_core::plan::{Common, ServicePlan, Step};

use super::Executor;
use crate::event::Event;
use crate::host::Host;

/// For each network and pod, the services that may still need it: services carry out their plans side by side, and one
/// may start in a network that another one leaves.
#[derive(Default)]
pub(super) struct Networks(BTreeMap<Common, BTreeSet<ServiceId>>);

impl Networks {
    pub(super) fn of(plans: &[ServicePlan]) -> Self {
        let mut networks = Self::default();
        for plan in plans {
            for common in plan.all_steps().chain(&plan.undo).filter_map(Common::of) {
                let services = networks.0.entry(common).or_default();
                services.insert(plan.service.clone());
            }
        }
        networks
    }

    /// Notes that a service no longer needs something. Returns whether no other does.
    fn leave(&mut self, common: Common, service: &ServiceId) -> bool {
        let services = self.0.entry(common).or_default();
        services.remove(service);
        services.is_empty()
    }
}

impl<H: Host> Executor<'_, H> {
    /// Removes a network or a pod, unless another service of this change needs it. If something else uses it, it stays,
    /// which is not a failure.
    pub(super) async fn remove_common(&self, step: &Step, service: &ServiceId) {
        let Some(common) = Common::of(step) else { return };
        if !self.networks.borrow_mut().leave(common.clone(), service) {
            return;
        }
        let (what, removed) = match &common {
            Common::Pod(pod) => (format!("the pod {pod}"), self.host.remove_pod(pod).await),
            Common::Network(network) => {
                (format!("the network {}", network.name), self.host.remove_network(network).await)
            }
        };
        if let Err(error) = removed {
            let text = format!("{what} was not removed: {error}");
            self.tell(Event::note(service, text));
        }
    }
}
