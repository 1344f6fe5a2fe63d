//! What `apply` would change, as a unified diff of unit files.

use std::collections::BTreeMap;

use similar::TextDiff;

use crate::name::{ServiceId, UnitName};
use crate::plan::{Observed, Plan, Step};
use crate::unit::{Metadata, Unit};

/// Stands for a file that is not there, as in diff(1).
const NOTHING: &str = "/dev/null";

/// Writes the difference between the unit files on the host and those after a plan.
///
/// A new instance is compared with the old one of its number, so that a changed variable shows as
/// one line although the unit has another name.
pub fn diff(plan: &Plan, observed: &Observed) -> String {
    let mut text = String::new();
    for service in &plan.services {
        let mut leaving: BTreeMap<_, _> = BTreeMap::new();
        for step in &service.steps {
            if let Step::Remove(name) = step
                && let Some(unit) = observed.set.units.get(name)
            {
                leaving.insert(place(&unit.metadata, name), (name, unit));
            }
        }
        for step in &service.steps {
            if let Step::Write { name, unit, .. } = step {
                let same_name = observed.set.units.get_key_value(name);
                let old = same_name.or_else(|| leaving.remove(&place(&unit.metadata, name)));
                push(&mut text, old, Some((name, unit)));
            }
        }
        for (name, unit) in leaving.into_values() {
            push(&mut text, Some((name, unit)), None);
        }
    }
    text
}

/// Tells what a unit takes the place of: instances by number, others by name.
fn place(metadata: &Metadata, name: &UnitName) -> (ServiceId, Result<u16, UnitName>) {
    let key = metadata.kind.instance().map(|instance| instance.number).ok_or_else(|| name.clone());
    (metadata.service.clone(), key)
}

fn push(text: &mut String, old: Option<(&UnitName, &Unit)>, new: Option<(&UnitName, &Unit)>) {
    let name = |side: Option<(&UnitName, &Unit)>| {
        side.map_or_else(|| NOTHING.to_owned(), |(name, _)| name.to_string())
    };
    let content = |side: Option<(&UnitName, &Unit)>| {
        side.map_or("", |(_, unit)| unit.text.as_str()).to_owned()
    };
    let (before, after) = (content(old), content(new));
    let diff = TextDiff::from_lines(&before, &after);
    text.push_str(&diff.unified_diff().header(&name(old), &name(new)).to_string());
}
