//! Compose files and Quadlet units that become definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_core::service::Service;
use conductor_import::{Imported, Surroundings, compose as of_compose, quadlet as of_quadlet};

/// Checks that the definitions of any Compose file are accepted, have ids of their own, and are the same each time.
/// The first byte chooses the options.
///
/// # Panics
/// If they are not.
pub fn compose(input: &[u8]) {
    let Some((how, text)) = input.split_first() else { return };
    let Some(text) = super::text(text) else { return };
    let options = of_compose::Options {
        files: vec![PathBuf::from("compose.yaml")],
        profiles: vec!["*".to_owned()],
        runtime: match how % 3 {
            0 => Runtime::Docker,
            1 => Runtime::Podman,
            _ => Runtime::Native,
        },
        adopt_volumes: how & 4 != 0,
        prefix: how & 8 != 0,
        env_directory: (how & 16 != 0).then(|| PathBuf::from("/etc/conductor/services")),
        ..of_compose::Options::default()
    };
    check("compose.yaml", text, |surroundings| of_compose::import(&options, surroundings));
}

/// Checks the same as [`compose`], for a container of Quadlet.
///
/// # Panics
/// If it is not so.
pub fn quadlet(input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    let options = of_quadlet::Options {
        files: vec![PathBuf::from("web.container")],
        runtime: Runtime::Podman,
        adopt_volumes: true,
        ..of_quadlet::Options::default()
    };
    check("web.container", text, |surroundings| of_quadlet::import(&options, surroundings));
}

fn check(
    file: &str,
    text: &str,
    import: impl Fn(&Surroundings<'_>) -> Result<Imported, Vec<Problem>>,
) {
    let surroundings = Surroundings {
        read: &|path| Ok((path == Path::new("/srv/x").join(file)).then(|| text.to_owned())),
        variable: &|name| (name == "HOME").then(|| "/root".to_owned()),
        directory: Path::new("/srv/x"),
        defined: BTreeMap::new(),
    };
    let imported = import(&surroundings);
    assert_eq!(imported, import(&surroundings));
    let imported = match imported {
        Ok(imported) => imported,
        Err(problems) => {
            assert!(!problems.is_empty());
            return;
        }
    };
    let mut ids = BTreeSet::new();
    for definition in &imported.definitions {
        let service = Service::parse(Path::new("x.yaml"), &definition.text);
        let service = service.unwrap_or_else(|problems| panic!("{problems}\n{}", definition.text));
        assert_eq!(service.id, definition.id);
        assert!(ids.insert(service.id.clone()), "{} twice", service.id);
    }
}
