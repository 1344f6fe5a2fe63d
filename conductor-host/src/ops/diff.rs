//! What a plan would change, as a unified diff of files.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{Observed, Plan, ServicePlan, Step};
use conductor_core::unit::{Kind, Metadata, Unit};

/// The name of a file that does not exist, as in diff(1).
const NOTHING: &str = "/dev/null";

/// Writes the difference between the files on the host and those after a plan: units, and what proxies
/// are told.
///
/// A new instance is compared with the old one of its number, so that a changed variable shows as
/// one line although the unit has another name. When a release was deployed is no difference.
pub(super) fn diff(plan: &Plan, observed: &Observed) -> String {
    let (mut text, mut shared) = (String::new(), BTreeSet::new());
    for service in &plan.services {
        units(&mut text, service, observed, &mut shared);
        upstreams(&mut text, service, observed);
    }
    text
}

fn units<'p>(
    text: &mut String,
    service: &'p ServicePlan,
    observed: &'p Observed,
    shared: &mut BTreeSet<&'p UnitName>,
) {
    let (mut leaving, mut removed) = (BTreeMap::new(), BTreeMap::new());
    for step in service.all_steps() {
        let Some((name, unit)) =
            step.unit().and_then(|name| observed.set.units.get_key_value(name))
        else {
            continue;
        };
        match step {
            Step::Disable(_) => drop(leaving.insert(place(&unit.metadata, name), (name, unit))),
            Step::Remove(_) => drop(removed.insert(name, unit)),
            Step::RemoveShared(_) if shared.insert(name) => drop(removed.insert(name, unit)),
            _ => {}
        }
    }
    for step in service.all_steps() {
        if let Step::Write { name, unit, .. } = step {
            // Each service may write what all share.
            if unit.metadata.kind == Kind::Shared && !shared.insert(name) {
                continue;
            }
            let same_name = observed.set.units.get_key_value(name);
            let old = same_name.or_else(|| leaving.remove(&place(&unit.metadata, name)));
            if let Some((old, _)) = old {
                removed.remove(old);
            }
            push(text, old.map(side), Some(side((name, unit))));
        }
    }
    for gone in removed {
        push(text, Some(side(gone)), None);
    }
}

fn upstreams(text: &mut String, service: &ServicePlan, observed: &Observed) {
    let observed = |proxy: &ProxyName, id: &ServiceId| {
        let files = observed.upstreams.get(id)?;
        let file = files.iter().find(|file| file.proxy == *proxy)?;
        Some((format!("{proxy}: {id}"), file.text.clone()))
    };
    for step in service.all_steps() {
        match step {
            Step::WriteUpstream { file, .. } => {
                let new = (format!("{}: {}", file.proxy, file.service), file.text.clone());
                push(text, observed(&file.proxy, &file.service), Some(new));
            }
            Step::RemoveUpstream { proxy, service, .. } => {
                push(text, observed(proxy, service), None);
            }
            _ => {}
        }
    }
}

/// Returns what a unit is compared with: instances by number, others by name.
fn place(metadata: &Metadata, name: &UnitName) -> Result<u16, UnitName> {
    metadata.kind.instance().map(|instance| instance.number).ok_or_else(|| name.clone())
}

/// Returns one side of a difference: a name and a text.
fn side((name, unit): (&UnitName, &Unit)) -> (String, String) {
    (name.to_string(), unit.comparable())
}

fn push(text: &mut String, old: Option<(String, String)>, new: Option<(String, String)>) {
    let nothing = || (NOTHING.to_owned(), String::new());
    let ((old, before), (new, after)) = (old.unwrap_or_else(nothing), new.unwrap_or_else(nothing));
    if before == after {
        return;
    }
    let diff = TextDiff::from_lines(&before, &after);
    text.push_str(&diff.unified_diff().header(&old, &new).to_string());
}
