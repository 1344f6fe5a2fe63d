//! Plans for units that something else changed: an operator, or another build of conductor.

use super::tests::{desired, running, words};
use super::*;
use crate::unit::{Metadata, Record};

#[test]
fn a_file_that_was_edited_by_hand_is_restored_and_its_instance_restarted() {
    let desired = desired("");
    let mut observed = running(&desired);
    let (name, unit) =
        desired.units.units.iter().find(|(name, _)| name.as_str().contains("host.")).unwrap();
    for text in [format!("# edited\n{}", unit.text), format!("{}[Service]\nNice=1\n", unit.text)] {
        observed.set.units.insert(name.clone(), Unit { text, ..unit.clone() });
        let steps = words(&converge(&desired, &observed).unwrap());
        assert_eq!(steps, ["rewrite conductor-web--1.service", "restart conductor-web--1.service"]);
    }
}

#[test]
fn another_build_restarts_nothing_by_itself() {
    let desired = desired("");
    for (version, fingerprint) in [
        ("0.0.1", false),
        ("0.0.1", true),
        (crate::release::VERSION, false),
        (crate::release::VERSION, true),
    ] {
        let mut observed = running(&desired);
        for unit in observed.set.units.values_mut() {
            let metadata =
                Metadata { version: version.to_owned(), rendered: None, ..unit.metadata.clone() };
            let own = match unit.metadata.kind.is_instance() {
                true => format!("# another template\n{}", unit.body()),
                false => unit.body().trim_end().to_owned(),
            };
            *unit = Unit::new(own, metadata);
            if !fingerprint {
                unit.metadata.rendered = None;
                unit.text = format!("{}{}", unit.body(), unit.metadata);
            }
        }
        let plan = converge(&desired, &observed).unwrap();
        assert!(!plan.changes(), "{version}, {fingerprint}: {:?}", words(&plan));
    }
}

#[test]
fn the_record_of_another_builds_instance_changes_and_its_text_does_not() {
    let mut desired = desired("");
    let mut observed = running(&desired);
    let is_instance = |unit: &&mut Unit| unit.metadata.kind.is_instance();
    let unit = observed.set.units.values_mut().find(is_instance).unwrap();
    *unit = Unit::new(format!("# another template\n{}", unit.body()), unit.metadata.clone());
    let deployed = jiff::Timestamp::from_second(1).unwrap();
    let record = Record { deployed, replaces: None, undoes: None, definition: None };
    let new = desired.units.units.values_mut().find(is_instance).unwrap();
    *new = new.recorded(Some(record));
    let plan = converge(&desired, &observed).unwrap();
    assert_eq!(words(&plan), ["record in conductor-web--1.service"]);
    let Some(Step::Write { unit, .. }) = plan.steps.iter().next() else { panic!("{plan:?}") };
    assert!(unit.text.starts_with("# another template\n") && unit.text.contains("Deployed="));
    assert!(!unit.is_edited());
}

#[test]
fn a_running_unit_without_its_file_is_written_and_restarted() {
    let desired = desired("");
    let observed = Observed { states: running(&desired).states, ..Observed::default() };
    let steps = words(&converge(&desired, &observed).unwrap());
    assert!(steps.contains(&"rewrite conductor-web--1.service".to_owned()), "{steps:?}");
    assert!(steps.contains(&"restart conductor-web--1.service".to_owned()), "{steps:?}");
}
