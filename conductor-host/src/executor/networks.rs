//! Removes a network when no service of a change needs it any more.

use std::collections::{BTreeMap, BTreeSet};

use conductor_core::name::ServiceId;
use conductor_core::plan::{ServicePlan, Step};
use conductor_core::unit::EngineNetwork;

use super::Executor;
use crate::event::Event;
use crate::host::Host;

/// For each network, the services that may still need it: services carry out their plans side by side, and one may
/// start in a network that another one leaves.
#[derive(Default)]
pub(super) struct Networks(BTreeMap<EngineNetwork, BTreeSet<ServiceId>>);

impl Networks {
    pub(super) fn of(plans: &[ServicePlan]) -> Self {
        let mut networks = Self::default();
        for plan in plans {
            for step in plan.all_steps().chain(&plan.undo) {
                if let Step::MakeNetwork(network, _) | Step::RemoveNetwork(network) = step {
                    let services = networks.0.entry(network.clone()).or_default();
                    services.insert(plan.service.clone());
                }
            }
        }
        networks
    }

    /// Notes that a service no longer needs a network. Returns whether no other does.
    fn leave(&mut self, network: &EngineNetwork, service: &ServiceId) -> bool {
        let services = self.0.entry(network.clone()).or_default();
        services.remove(service);
        services.is_empty()
    }
}

impl<H: Host> Executor<'_, H> {
    /// Removes a network, unless another service of this change needs it. If something else uses it, it stays, which
    /// is not a failure.
    pub(super) async fn remove_network(&self, network: &EngineNetwork, service: &ServiceId) {
        if !self.networks.borrow_mut().leave(network, service) {
            return;
        }
        if let Err(error) = self.host.remove_network(network).await {
            let text = format!("the network {} was not removed: {error}", network.name);
            self.tell(Event::note(service, text));
        }
    }
}
