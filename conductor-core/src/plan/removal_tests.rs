//! Plans of removals, and of what all services share.

use std::collections::BTreeMap;

use super::tests::{desired, id, running, words};
use super::*;
use crate::release::{VERSION, slice_unit, start_link, target_unit};
use crate::runtime::Scope;
use crate::unit::{Kind, Metadata, Unit};
use crate::value::Span;

#[test]
fn a_service_goes_with_everything_it_has_and_nothing_else() {
    let desired = desired("");
    let observed = running(&desired);
    let (id, drain) = (&desired.service.id, Span::from_secs(30));
    assert!(!remove(&"other".parse().unwrap(), drain, &[], &observed).changes());
    let plan = remove(id, drain, &[], &observed);
    let steps: Vec<_> = plan.all_steps().collect();
    let last_stop = steps.iter().rfind(|step| matches!(step, Step::Stop(_))).unwrap();
    assert_eq!(last_stop.unit(), Some(&slice_unit(id)));
    let removed = steps.iter().filter(|step| matches!(step, Step::Remove(_))).count();
    assert_eq!(removed, desired.units.units.len());
    assert!(steps.contains(&&Step::Stop(target_unit(id))));
}

#[test]
fn what_all_services_share_goes_with_the_last_one() {
    let (web, drain) = (desired(""), Span::from_secs(30));
    let alone = running(&web);
    let api = api();
    let mut set = alone.set.clone();
    set.units.insert(target_unit(&api), target_of(&api));
    set.links.insert(start_link(&api, Scope::System));
    let both = Observed { states: alone.states.clone(), ..Observed::new(set, BTreeMap::new()) };
    assert_eq!(both.services().count(), 2);
    let removes = |observed: &Observed, ids: &[&ServiceId], more: Option<ServicePlan>| {
        let plans = ids.iter().map(|id| remove(id, drain, &[], observed)).chain(more);
        let plan = Plan::new(plans.collect(), observed);
        let steps = plan.services.iter().flat_map(ServicePlan::all_steps);
        steps.filter(|step| matches!(step, Step::RemoveShared(_))).count()
    };
    assert_eq!(removes(&alone, &[&id()], None), 3);
    assert_eq!(removes(&both, &[&id()], None), 0);
    // The one that is removed last removes them.
    assert_eq!(removes(&both, &[&id(), &api], None), 6);
    assert_eq!(removes(&both, &[&api], converge(&web, &both).ok()), 0);

    // They are compared, and written again.
    let name: UnitName = "conductor-start@.timer".parse().unwrap();
    let mut edited = alone;
    let unit = edited.set.units.get_mut(&name).unwrap();
    unit.text = format!("# edited\n{}", unit.text);
    assert_eq!(words(&converge(&web, &edited).unwrap()), ["rewrite conductor-start@.timer"]);
}

/// A unit that is damaged belongs to no service, so only the link says that there is one.
#[test]
fn a_link_that_starts_a_service_belongs_to_it() {
    let link = start_link(&api(), Scope::System);
    let set = UnitSet { links: [link.clone()].into(), ..UnitSet::default() };
    let observed = Observed::new(set, BTreeMap::new());
    assert_eq!(
        words(&remove(&api(), Span::from_secs(0), &[], &observed)),
        [format!("disable {} in {}", link.unit, link.by)]
    );
}

fn api() -> ServiceId {
    "web-api".parse().unwrap()
}

fn target_of(id: &ServiceId) -> Unit {
    let version = VERSION.to_owned();
    let (service, kind) = (Some(id.clone()), Kind::Target);
    let metadata = Metadata { version, rendered: None, service, application: None, kind };
    Unit { text: format!("[Unit]\n\n{metadata}"), metadata }
}
