//! The steps that switch requests from the old instances to the new ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{ActiveState, Desired, Observed, Step};
use crate::name::{ProxyName, ServiceId};
use crate::proxy::{UpstreamChange, UpstreamFile};
use crate::unit::UnitSet;
use crate::value::{Endpoint, HostPath, Span};

/// The steps that change where requests go, by their place in a plan.
#[derive(Default)]
pub(super) struct Traffic {
    /// Before anything is changed.
    pub(super) test: Vec<Step>,
    /// Once the instances are up.
    pub(super) switch: Vec<Step>,
    /// The undo.
    pub(super) undo: Vec<Step>,
    /// The removal of what gets no requests any more.
    pub(super) finish: Vec<Step>,
}

/// The steps that undo the switch of the fixed names of sockets.
#[derive(Default)]
struct NamesUndo {
    /// They name the old sockets again.
    back: Vec<Step>,
    /// New names are removed.
    unused: Vec<Step>,
}

impl Traffic {
    /// Switches requests to the desired instances.
    pub(super) fn new(desired: &Desired<'_>, observed: &Observed) -> Self {
        let service = &desired.service.id;
        let drain = desired.service.deploy.drain;
        let sockets = sockets(&desired.units);
        let upstream = desired.upstream.as_ref();
        Self::plan(service, upstream, &sockets, drain, observed)
    }

    /// Stops all requests to a service.
    pub(super) fn none(service: &ServiceId, drain: Span, observed: &Observed) -> Self {
        Self::plan(service, None, &BTreeMap::new(), drain, observed)
    }

    fn plan(
        service: &ServiceId,
        upstream: Option<&UpstreamFile>,
        sockets: &BTreeMap<u16, HostPath>,
        drain: Span,
        observed: &Observed,
    ) -> Self {
        let mut traffic = Self::default();
        let names = traffic.switch_sockets(service, sockets, observed);
        traffic.write_upstreams(service, upstream, drain, !names.back.is_empty(), observed);
        // Until the proxy has read its old file, it sends requests to these names, and with the new file maybe those
        // for another service, whose upstream moves here. The old instances may not be up, or not start at boot.
        let is_drain = |step: &Step| matches!(step, Step::DrainProxy { .. });
        let (drains, files): (Vec<_>, Vec<_>) =
            std::mem::take(&mut traffic.undo).into_iter().partition(is_drain);
        traffic.undo = [files, names.back, drains, names.unused].concat();
        traffic.leave_sockets(service, sockets, drain, observed);
        traffic
    }

    /// Switches the fixed names of sockets. Returns the steps that undo it.
    fn switch_sockets(
        &mut self,
        service: &ServiceId,
        sockets: &BTreeMap<u16, HostPath>,
        observed: &Observed,
    ) -> NamesUndo {
        let mut undo = NamesUndo::default();
        let names = observed.sockets.get(service);
        for (&instance, socket) in sockets {
            let old = names.and_then(|names| names.get(&instance));
            if old == Some(socket) {
                continue;
            }
            let service = service.clone();
            match old {
                Some(old) => {
                    let (service, socket) = (service.clone(), old.clone());
                    undo.back.push(Step::Switch { service, instance, socket });
                }
                None => undo.unused.push(Step::Unswitch { service: service.clone(), instance }),
            }
            self.switch.push(Step::Switch { service, instance, socket: socket.clone() });
        }
        undo
    }

    fn write_upstreams(
        &mut self,
        service: &ServiceId,
        upstream: Option<&UpstreamFile>,
        drain: Span,
        names_go_back: bool,
        observed: &Observed,
    ) {
        let files = observed.upstreams.get(service).map_or(&[][..], Vec::as_slice);
        let mut touched: BTreeSet<&ProxyName> = BTreeSet::new();
        for old in files.iter().filter(|old| upstream.is_none_or(|new| new.proxy != old.proxy)) {
            let (proxy, service) = (old.proxy.clone(), service.clone());
            self.test(&proxy, &service, None);
            self.switch.push(Step::RemoveUpstream { proxy, service, restore: false });
            self.undo.push(Step::WriteUpstream { file: old.clone(), restore: true });
            touched.insert(&old.proxy);
        }
        if let Some(new) = upstream.filter(|new| !files.contains(new)) {
            self.test(&new.proxy, service, Some(&new.text));
            self.switch.push(Step::WriteUpstream { file: new.clone(), restore: false });
            self.undo.push(match files.iter().find(|old| old.proxy == new.proxy) {
                Some(old) => Step::WriteUpstream { file: old.clone(), restore: true },
                None => Step::RemoveUpstream {
                    proxy: new.proxy.clone(),
                    service: service.clone(),
                    restore: true,
                },
            });
            touched.insert(&new.proxy);
        }
        // An earlier process wrote these files, and may have ended before the proxy took them over.
        touched.extend(observed.pending.get(service).into_iter().flatten());
        if observed.states.is_none() {
            return;
        }
        for proxy in touched {
            let proxy = proxy.clone();
            let reload =
                [Step::ReloadProxy(proxy.clone()), Step::DrainProxy { proxy, longest: drain }];
            self.switch.extend(reload.clone());
            if names_go_back || !self.undo.is_empty() {
                self.undo.extend(reload);
            }
        }
    }

    fn test(&mut self, proxy: &ProxyName, service: &ServiceId, text: Option<&str>) {
        let (proxy, service, text) = (proxy.clone(), service.clone(), text.map(str::to_owned));
        let changes = vec![UpstreamChange { service, text }];
        self.test.push(Step::TestProxy { proxy, changes });
    }

    /// Drains the sockets of old instances, and removes their fixed names.
    fn leave_sockets(
        &mut self,
        service: &ServiceId,
        sockets: &BTreeMap<u16, HostPath>,
        drain: Span,
        observed: &Observed,
    ) {
        let instances = observed.units_of(service).filter_map(|(name, unit)| {
            let up = observed.state(name).is_some_and(ActiveState::is_up);
            unit.metadata.kind.instance().filter(|_| up)
        });
        let leaving = instances.filter_map(|instance| match &instance.endpoint {
            Some(Endpoint::Socket(path)) if sockets.get(&instance.number) != Some(path) => {
                Some(path.clone())
            }
            _ => None,
        });
        let leaving: Vec<_> = leaving.collect();
        if !leaving.is_empty() {
            let service = service.clone();
            self.switch.push(Step::DrainSockets { service, sockets: leaving, longest: drain });
        }
        let names = observed.sockets.get(service).into_iter().flatten();
        let unused = names.filter(|(number, _)| !sockets.contains_key(number));
        self.finish.extend(
            unused.map(|(&instance, _)| Step::Unswitch { service: service.clone(), instance }),
        );
    }
}

/// Returns whether requests may already go to an instance of the desired release: a proxy has it in its
/// configuration, or may have it.
pub(super) fn may_be_asked(desired: &Desired<'_>, observed: &Observed) -> bool {
    let service = &desired.service.id;
    let files = observed.upstreams.get(service).map_or(&[][..], Vec::as_slice);
    let names = observed.sockets.get(service);
    let is_named = |endpoint: &Endpoint| match endpoint {
        // Whatever the syntax of the file, it contains the digits of a port.
        Endpoint::Tcp { port, .. } => {
            files.iter().any(|file| file.text.contains(&port.to_string()))
        }
        Endpoint::Socket(path) => names.is_some_and(|names| names.values().any(|to| to == path)),
    };
    let instances = desired.units.units.values().filter_map(|unit| unit.metadata.kind.instance());
    observed.pending.contains_key(service)
        || instances.filter_map(|instance| instance.endpoint.as_ref()).any(is_named)
}

/// Returns the sockets of instances by number.
fn sockets(units: &UnitSet) -> BTreeMap<u16, HostPath> {
    let instances = units.units.values().filter_map(|unit| unit.metadata.kind.instance());
    let sockets = instances.filter_map(|instance| match &instance.endpoint {
        Some(Endpoint::Socket(path)) => Some((instance.number, path.clone())),
        _ => None,
    });
    sockets.collect()
}
