//! What came by an import and goes by an export to the same engine keeps its meaning: imported again, it is the same
//! definition, but for what the export named.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use conductor_core::definition::{Condition, Runtime};
use conductor_core::name::ServiceId;
use conductor_core::service::{Origin, Places, Service};
use conductor_export::{Exported, Target, export};
use conductor_import::{Imported, Surroundings, compose, quadlet};
use similar::TextDiff;

const ROOT: &str = "/srv/shop";

/// Reads a file of the inputs of the imports as if it were in `ROOT`.
fn read(name: &str, path: &Path) -> Option<String> {
    let path = path.strip_prefix(ROOT).ok()?;
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conductor-import/tests/inputs");
    fs::read_to_string(inputs.join(name).join(path)).ok()
}

/// Imports with files that are read by `read`.
fn with(
    read: &dyn Fn(&Path) -> Option<String>,
    import: impl FnOnce(&Surroundings<'_>) -> Result<Imported, Vec<conductor_core::error::Problem>>,
) -> Imported {
    let surroundings = Surroundings {
        read: &|path| Ok(read(path)),
        variable: &|name| (name == "HOME").then(|| "/root".to_owned()),
        directory: Path::new(ROOT),
        defined: BTreeMap::new(),
    };
    import(&surroundings).unwrap()
}

fn services(imported: &Imported) -> Vec<Service> {
    let parse = |definition: &conductor_import::Definition| {
        let path = format!("{}.yaml", definition.id);
        Service::parse(Path::new(&path), &definition.text).unwrap()
    };
    imported.definitions.iter().map(parse).collect()
}

/// Returns what each definition means, without its places.
fn meanings(imported: &Imported) -> BTreeMap<String, String> {
    let all = services(imported);
    let up = |id: &ServiceId| match all.iter().find(|service| service.id == *id) {
        Some(service) if service.is_oneshot() => Condition::Completed,
        Some(service) if service.health.is_some() => Condition::Healthy,
        _ => Condition::Started,
    };
    let meaning = |mut service: Service| {
        service.origin = Origin {
            file: PathBuf::new(),
            position: (1, 1),
            path: String::new(),
            volumes: BTreeMap::new(),
            ports: Vec::new(),
            upstream: None,
            jobs: BTreeMap::new(),
            files: Vec::new(),
            volume_names: BTreeMap::new(),
            hooks: BTreeMap::new(),
            keys: Places::default(),
        };
        service.advice.clear();
        for (id, dependency) in &mut service.depends_on {
            dependency.position = (1, 1);
            // Without one, it is that of a service that is up.
            dependency.condition.get_or_insert(up(id));
        }
        (service.id.to_string(), format!("{service:#?}\n"))
    };
    all.iter().cloned().map(meaning).collect()
}

/// Returns the files, what was said, and how the definitions differ when the files are imported again.
///
/// A definition of which nothing was left out must not differ.
fn shown(exported: &Exported, first: &Imported, again: &Imported) -> String {
    let mut text = String::new();
    for file in &exported.files {
        writeln!(text, "──── {}\n{}", file.name, file.text.trim_end()).unwrap();
    }
    writeln!(text, "──── left out").unwrap();
    exported.left_out.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── notes").unwrap();
    exported.notes.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── imported again").unwrap();
    let (first, again) = (meanings(first), meanings(again));
    for (id, definition) in &first {
        let other = again.get(id).map_or("", String::as_str);
        if definition != other {
            let diff = TextDiff::from_lines(definition.as_str(), other);
            let diff = diff.unified_diff().context_radius(0).to_string();
            let file = format!("{id}.yaml");
            let is_told = exported.left_out.iter().any(|problem| problem.file == Path::new(&file));
            assert!(is_told, "{id} differs, and nothing says why:\n{diff}");
            writeln!(text, "{id}:\n{diff}").unwrap();
        }
    }
    text
}

fn compose(name: &str, options: compose::Options) -> String {
    let files = match options.files.is_empty() {
        true => vec![PathBuf::from("compose.yaml")],
        false => options.files,
    };
    let options = compose::Options { files, ..options };
    let first = with(&|path| read(name, path), |s| compose::import(&options, s));
    let exported = export(Target::Compose, &services(&first));
    let options =
        compose::Options { files: vec![PathBuf::from("exported.yaml")], prefix: false, ..options };
    let of_export = |path: &Path| match path.ends_with("exported.yaml") {
        true => Some(exported.files[0].text.clone()),
        false => read(name, path),
    };
    let again = with(&of_export, |s| compose::import(&options, s));
    shown(&exported, &first, &again)
}

fn docker() -> compose::Options {
    compose::Options { runtime: Runtime::Docker, ..compose::Options::default() }
}

#[test]
fn a_shop() {
    insta::assert_snapshot!(compose("shop", docker()));
}

#[test]
fn a_shop_with_its_volumes() {
    let options = compose::Options { adopt_volumes: true, runtime: Runtime::Podman, ..docker() };
    insta::assert_snapshot!(compose("shop", options));
}

#[test]
fn every_key() {
    let profiles = vec!["*".to_owned()];
    insta::assert_snapshot!(compose("every-key", compose::Options { profiles, ..docker() }));
}

#[test]
fn forms() {
    insta::assert_snapshot!(compose("forms", docker()));
}

#[test]
fn layers() {
    let files = vec!["compose.yaml".into(), "override.yaml".into()];
    insta::assert_snapshot!(compose("layers", compose::Options { files, ..docker() }));
}

#[test]
fn containers_of_quadlet() {
    let files = ["web.container", "db.container", "app.network", "data.volume", "web.image"];
    let options = quadlet::Options {
        files: files.map(PathBuf::from).into(),
        runtime: Runtime::Podman,
        adopt_volumes: true,
        ..quadlet::Options::default()
    };
    let first = with(&|path| read("quadlet", path), |s| quadlet::import(&options, s));
    let exported = export(Target::Quadlet, &services(&first));
    let names = exported.files.iter().map(|file| PathBuf::from(&file.name));
    let options = quadlet::Options { files: names.collect(), ..options };
    let of_export = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let file = exported.files.iter().find(|file| file.name == name);
        file.map(|file| file.text.clone())
    };
    let again = with(&of_export, |s| quadlet::import(&options, s));
    insta::assert_snapshot!(shown(&exported, &first, &again));
}
