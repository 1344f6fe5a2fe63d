//! Writes drafts as the processes of one application: what all of them have is written once.

use conductor_core::definition::OWN_KEYS;
use conductor_core::name::ServiceId;
use conductor_core::service::Service;
use conductor_core::yaml::Writer;

use crate::Definition;
use crate::draft::{Draft, Item, Val, in_order, write};

/// Returns one definition of drafts whose ids begin with that of the application; `None` if it would be refused, or one
/// of them is missing.
pub(crate) fn join(application: &ServiceId, drafts: &[&Draft]) -> Option<Definition> {
    let shared: Vec<Item> = match drafts {
        [first, others @ ..] if !others.is_empty() => {
            let own = |item: &&Item| !OWN_KEYS.contains(&item.key.as_str());
            first.fields().iter().filter(own).filter_map(|item| common(item, others)).collect()
        }
        _ => return None,
    };
    let mut out = Writer::default();
    drafts.iter().flat_map(|draft| &draft.comments).for_each(|comment| out.comment(comment));
    out.scalar("id", application.as_str());
    in_order(&shared).for_each(|item| write(&mut out, item));
    let mut is_named = true;
    out.map("processes", |out| {
        for draft in drafts {
            let name = draft.id.as_str().strip_prefix(application.as_str());
            let Some(name) = name.and_then(|name| name.strip_prefix('-')) else {
                is_named = false;
                continue;
            };
            let own: Vec<Item> = draft.fields().iter().filter_map(|it| rest(it, &shared)).collect();
            match own.is_empty() {
                true => out.plain(name, "{}"),
                false => out.map(name, |out| in_order(&own).for_each(|item| write(out, item))),
            }
        }
    });
    let text = out.finish();
    let file = format!("{application}.yaml");
    let services = Service::parse_all(file.as_ref(), &text).ok().filter(|_| is_named)?;
    let is_same = |(service, draft): (&Service, &&Draft)| service.id == draft.id;
    let are_same = services.len() == drafts.len() && services.iter().zip(drafts).all(is_same);
    let env_files = drafts.iter().filter_map(|draft| draft.env_file()).collect();
    are_same.then(|| Definition { id: application.clone(), text, env_files })
}

/// Returns what of an item all other drafts have, too: the whole, or the same values of a mapping.
fn common(item: &Item, others: &[&Draft]) -> Option<Item> {
    let values: Vec<&Val> =
        others.iter().map(|draft| draft.get(&item.key)).collect::<Option<_>>()?;
    if values.iter().all(|value| is_same(value, &item.value)) {
        return Some(item.clone());
    }
    let Val::Map(items) = &item.value else { return None };
    let have = |item: &Item| {
        values.iter().all(|value| match value {
            Val::Map(items) => items
                .iter()
                .any(|other| other.key == item.key && is_same(&other.value, &item.value)),
            _ => false,
        })
    };
    let items: Vec<_> = items.iter().filter(|item| have(item)).cloned().collect();
    let value = Val::Map(items);
    (value != Val::Map(Vec::new())).then(|| Item { value, ..item.clone() })
}

/// Returns what of an item is not shared.
fn rest(item: &Item, shared: &[Item]) -> Option<Item> {
    let Some(shared) = shared.iter().find(|shared| shared.key == item.key) else {
        return Some(item.clone());
    };
    if is_same(&shared.value, &item.value) {
        return None;
    }
    let (Val::Map(items), Val::Map(above)) = (&item.value, &shared.value) else {
        return Some(item.clone());
    };
    let own = |item: &&Item| !above.iter().any(|above| above.key == item.key);
    let items: Vec<_> = items.iter().filter(own).cloned().collect();
    (!items.is_empty()).then(|| Item { value: Val::Map(items), ..item.clone() })
}

/// Returns whether two values are written in the same way.
fn is_same(one: &Val, other: &Val) -> bool {
    let all = |one: &[Item], other: &[Item]| {
        one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| a.key == b.key && is_same(&a.value, &b.value))
    };
    match (one, other) {
        (Val::List(one), Val::List(other)) | (Val::Map(one), Val::Map(other)) => all(one, other),
        (one, other) => one == other,
    }
}
