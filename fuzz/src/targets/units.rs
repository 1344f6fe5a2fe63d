//! Unit files: what is written into them is read again.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use conductor_core::name::Revision;
use conductor_core::release::{Release, shared_units};
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::{Metadata, Override, Templates, UnitSet};

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::new(&[]).expect("the embedded templates load"));

/// The values for a user's template.
const SERVICE: &str = r#"{
    "id": "web", "command": ["/bin/x", "a b", "50%"], "env": {"A": "b\nc"}, "port": 80,
    "health": {"http": "/"}, "cron": {"tidy": {"schedule": "@daily", "command": ["/bin/y"]}}
}"#;

static RENDERED: LazyLock<Service> = LazyLock::new(|| {
    Service::parse("web.json".as_ref(), SERVICE).unwrap_or_else(|error| panic!("{error}"))
});

/// Checks that metadata that is read from a file is the same after it was written and read again.
///
/// # Panics
/// If it is not.
pub fn metadata(input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    let Some(found) = Metadata::parse(text) else { return };
    let written = found.to_string();
    let again = Metadata::parse(&written);
    assert_eq!(again.as_ref(), Some(&found), "{written:?} from {text:?}");
    assert_eq!(again.map(|again| again.to_string()), Some(written));
}

/// Checks that units of any user's template keep their metadata, or that there is an error.
///
/// # Panics
/// If they do not.
pub fn template(input: &[u8]) {
    let Some((which, text)) = input.split_first() else { return };
    let Some(text) = super::text(text) else { return };
    let all = unit_templates::ALL;
    let file = all[usize::from(which.wrapping_sub(b'0')) % all.len()].file;
    let Ok(templates) = Templates::new(&[Override { file: file.into(), text: text.into() }]) else {
        return;
    };
    check(&RENDERED, &templates);
}

/// Compiles a service with the embedded templates, and checks that its units are valid.
pub(super) fn compile(service: &Service) {
    check(service, &TEMPLATES);
}

fn check(service: &Service, templates: &Templates) {
    for scope in [Scope::System, Scope::User] {
        let Some(set) = units(service, scope, templates) else { continue };
        for (name, unit) in &set.units {
            let read = Metadata::parse(&unit.text);
            assert_eq!(read.as_ref(), Some(&unit.metadata), "{name}: {:?}", unit.text);
            let odd = |c: &char| c.is_ascii_control() && !matches!(c, '\n' | '\t');
            assert_eq!(unit.text.chars().find(odd), None, "{name}: {:?}", unit.text);
            assert!(!name.as_str().contains('/') && name.as_str().len() < 256, "{name:?}");
        }
        let texts: BTreeMap<_, _> =
            set.units.iter().map(|(name, unit)| (name.as_str(), unit.text.as_str())).collect();
        let printed = serde_json::to_string(&texts).expect("units have a JSON form");
        let read: BTreeMap<String, String> =
            serde_json::from_str(&printed).expect("what is printed is JSON");
        assert!(read.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(texts));
        assert_eq!(units(service, scope, templates), Some(set), "units differ from run to run");
    }
}

/// Compiles the units of a service, with those of its jobs.
fn units(service: &Service, scope: Scope, templates: &Templates) -> Option<UnitSet> {
    let own = service.own_revision().or_else(|| service.default_revision());
    let revision: Revision = own.or_else(|| "v1".parse().ok())?;
    let release = Release::new(service, revision, templates);
    let ports = (1..=service.instances).filter_map(|number| Some((number, "20001".parse().ok()?)));
    let mut set = release.compile(&ports.collect(), None, scope, templates).ok()?;
    set.units.extend(shared_units(scope, templates).ok()?.units);
    let jobs = release.compile_jobs(&release.name(), None, None, scope, templates).ok()?;
    set.units.extend(jobs.units);
    set.links.extend(jobs.links);
    Some(set)
}
