//! Plans of services that take upstreams from each other.

use super::tests::{desired, running};
use super::*;
use crate::proxy::{ProxyTemplates, UpstreamFile};
use crate::service::Proxy;
use crate::value::Span;

fn id(id: &str) -> ServiceId {
    id.parse().unwrap()
}

/// Returns a file that has an upstream.
fn file(service: &str, upstream: &str) -> UpstreamFile {
    let proxy = Proxy { name: ProxyName::nginx(), upstream: upstream.parse().unwrap() };
    ProxyTemplates::new([]).unwrap().render(&proxy, &id(service), &[]).unwrap()
}

/// Returns a service whose instances are as in any other, with an upstream.
fn wants(service: &str, upstream: &str, more: &str) -> Desired<'static> {
    let text = format!("port: 80\nproxy: {{nginx: {{upstream: {upstream}}}}}\n{more}");
    let desired = desired(&text);
    let service = desired.service.clone().with(|fields| fields.id = id(service));
    let upstream = Some(file(service.id.as_str(), upstream));
    Desired { upstream, service: Box::leak(Box::new(service)), ..desired }
}

/// Returns a host with these files.
fn host(files: &[(&str, &str)]) -> Observed {
    let mut observed = Observed { states: Some(BTreeMap::new()), ..Observed::default() };
    for (service, upstream) in files {
        observed.upstreams.insert(id(service), vec![file(service, upstream)]);
    }
    observed
}

/// Returns the members of the group of each plan.
fn groups(plan: &Plan) -> Vec<Vec<&str>> {
    let members = |plan: &'_ ServicePlan| match plan.together.as_ref() {
        Some(together) => together.members.iter().map(ServiceId::to_string).collect(),
        None => Vec::new(),
    };
    let all: Vec<Vec<String>> = plan.services.iter().map(members).collect();
    all.into_iter().map(|all| all.into_iter().map(|id| &*id.leak()).collect()).collect()
}

fn converged(services: &[Desired<'_>], observed: &Observed) -> Vec<ServicePlan> {
    services.iter().map(|desired| converge(desired, observed).unwrap()).collect()
}

#[test]
fn a_renamed_service_and_its_old_name_change_together() {
    let observed = host(&[("old", "app"), ("other", "other")]);
    let mut plans = converged(&[wants("new", "app", ""), wants("other", "own", "")], &observed);
    let taken = taken(&plans, &observed).unwrap();
    assert_eq!(taken.to_string(), "the upstream app of new is still in the file of old for nginx");
    plans.push(remove(&id("old"), Span::from_secs(1), &[], &observed));
    assert_eq!(super::taken(&plans, &observed), None);
    let plan = Plan::new(plans, &observed);
    assert_eq!(groups(&plan), [vec!["new", "old"], vec![], vec!["new", "old"]]);
    let tested = |plan: &ServicePlan| match plan.steps.iter().next() {
        Some(Step::TestProxy { changes, .. }) => changes.len(),
        step => panic!("{step:?}"),
    };
    assert_eq!(plan.services.iter().map(tested).collect::<Vec<_>>(), [2, 1, 2]);
    let text = plan.to_string();
    assert!(text.contains("its upstream changes together with that of old"), "{text}");
}

#[test]
fn swaps_and_longer_rings_are_one_group_and_what_is_near_is_not() {
    let observed = host(&[("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")]);
    let ring = |names: &[(&str, &str)]| {
        let services: Vec<_> = names.iter().map(|(id, name)| wants(id, name, "")).collect();
        let plans = converged(&services, &observed);
        assert_eq!(taken(&plans, &observed), None);
        groups(&Plan::new(plans, &observed)).iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(ring(&[("a", "two"), ("b", "one")]), [2, 2]);
    assert_eq!(ring(&[("a", "two"), ("b", "three"), ("c", "one"), ("d", "five")]), [3, 3, 3, 0]);
    // The last of a chain takes a name that nobody has.
    assert_eq!(ring(&[("b", "five"), ("a", "two"), ("c", "six")]), [2, 2, 0]);
    let plans = converged(&[wants("a", "two", ""), wants("c", "one", "")], &observed);
    assert_eq!(taken(&plans, &observed).unwrap().holder, id("b"));
}

#[test]
fn what_a_killed_process_left_in_between_is_one_group() {
    // The new file was written, and the old one not removed.
    let mut observed = host(&[("new", "app"), ("old", "app")]);
    observed.pending.insert(id("new"), [ProxyName::nginx()].into());
    let new = wants("new", "app", "");
    let observed = Observed {
        upstreams: BTreeMap::from([
            (id("new"), new.upstream.clone().into_iter().collect()),
            (id("old"), vec![file("old", "app")]),
        ]),
        ..observed
    };
    let mut plans = converged(&[new], &observed);
    assert_eq!(taken(&plans, &observed).unwrap().holder, id("old"));
    plans.push(remove(&id("old"), Span::from_secs(1), &[], &observed));
    assert_eq!(groups(&Plan::new(plans, &observed)), [["new", "old"], ["new", "old"]]);
}

#[test]
fn the_old_name_of_a_service_that_stops_first_stops_first() {
    // The old name, `web`, runs.
    let old = desired("port: 80\n");
    let observed = running(&old);
    let upstreams = BTreeMap::from([(id("web"), vec![file("web", "app")])]);
    let observed = Observed { upstreams, ..observed };
    for (more, turns) in [
        ("deploy: {order: stop-first}\n", [Turn::StopsFirst, Turn::Vacates]),
        ("", [Turn::AtOnce, Turn::AtOnce]),
    ] {
        let new = Desired { units: UnitSet::default(), ..wants("new", "app", more) };
        let mut plans = converged(&[new], &observed);
        plans.push(remove(&id("web"), Span::from_secs(1), &[], &observed));
        let plan = Plan::new(plans, &observed);
        let own: Vec<_> =
            plan.services.iter().map(|plan| plan.together.as_ref().unwrap().turn).collect();
        assert_eq!(own, turns);
        let stops = |step: &Step| matches!(step, Step::Stop(unit) if unit.as_str().contains("-1."));
        let [_, removed] = &plan.services[..] else { panic!("{plan:?}") };
        let stops_first = turns[1] == Turn::Vacates;
        assert_eq!(removed.steps.iter().any(stops), stops_first);
        assert_eq!(removed.finish.iter().any(stops), !stops_first);
        assert_eq!(removed.downtime, stops_first);
        let back = removed.undo.iter().any(|step| matches!(step, Step::Start(_)));
        assert_eq!(back, stops_first);
    }
}
