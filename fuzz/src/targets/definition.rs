//! Definitions in three formats, and crontabs that become definitions.

use std::collections::BTreeMap;
use std::path::Path;

use conductor_core::crontab::{Importer, Owner, Source};
use conductor_core::service::{Service, ServiceFields};

use super::units;

/// How many instances are compiled at most, because all are alike.
const INSTANCES: u16 = 2;

/// Checks that a definition that is accepted compiles to units that are read as they were written.
///
/// # Panics
/// If they are not.
pub fn yaml(input: &[u8]) {
    definition("x.yaml", input);
}

/// Checks the same as [`yaml`].
///
/// # Panics
/// If the units are not read as they were written.
pub fn json(input: &[u8]) {
    definition("x.json", input);
}

/// Checks the same as [`yaml`].
///
/// # Panics
/// If the units are not read as they were written.
pub fn toml(input: &[u8]) {
    definition("x.toml", input);
}

fn definition(file: &str, input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    match Service::parse_all(Path::new(file), text) {
        Ok(services) => {
            for service in services {
                let few =
                    |fields: &mut ServiceFields| fields.instances = fields.instances.min(INSTANCES);
                units::compile(&service.unchecked(few));
            }
        }
        Err(problems) => {
            let told = problems.to_string();
            assert!(!told.is_empty() && told.starts_with(file), "{told}");
        }
    }
}

/// Checks that the definitions of any imported crontab are accepted, have all its entries, and are the same
/// each time.
///
/// # Panics
/// If they are not.
pub fn crontab(input: &[u8]) {
    let Some((how, text)) = input.split_first() else { return };
    let import = || {
        let owner = match how & 1 {
            0 => Owner::Column,
            _ => Owner::User("root".parse().expect("a name of a user")),
        };
        let mut importer = Importer::new(BTreeMap::new()).fold(how & 2 != 0);
        importer.add(&Source { file: Path::new("tab"), text, owner, id: None });
        importer.finish()
    };
    let imported = import();
    assert_eq!(imported, import());
    let mut entries = 0;
    for definition in &imported.definitions {
        // Jobs that are merged run in the image that the other definition names.
        let merged = match definition.text.starts_with("# Merge this") {
            true => format!("{}runtime: docker\nimage: app\n", definition.text),
            false => definition.text.clone(),
        };
        let service = Service::parse(Path::new("x.yaml"), &merged);
        let service = service.unwrap_or_else(|problems| panic!("{problems}\n{merged}"));
        assert_eq!(service.id, definition.id);
        entries += service.jobs.len();
        units::compile(&service);
    }
    assert_eq!(entries, imported.entries);
}
