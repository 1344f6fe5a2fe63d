//! Imports of the files below `inputs`: definitions, notes, and what was left out, each in a snapshot.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::service::{Service, check_conflicts};
use conductor_import::{Imported, Surroundings, compose, quadlet};

const ROOT: &str = "/srv/shop";

/// Reads a file of `inputs/NAME` as if it were in `ROOT`.
fn read(name: &str, path: &Path) -> Option<String> {
    let path = path.strip_prefix(ROOT).ok()?;
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs");
    fs::read_to_string(inputs.join(name).join(path)).ok()
}

fn with<T>(name: &str, import: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let surroundings = Surroundings {
        read: &|path| Ok(read(name, path)),
        variable: &|name| (name == "HOME").then(|| "/root".to_owned()),
        directory: Path::new(ROOT),
        defined: BTreeMap::from([("redis".parse().unwrap(), "redis.yaml".into())]),
    };
    import(&surroundings)
}

fn compose(name: &str, options: compose::Options) -> String {
    let files = match options.files.is_empty() {
        true => vec![PathBuf::from("compose.yaml")],
        false => options.files,
    };
    let options = compose::Options { files, ..options };
    shown(&with(name, |surroundings| compose::import(&options, surroundings)).unwrap())
}

fn docker() -> compose::Options {
    compose::Options { runtime: Runtime::Docker, ..compose::Options::default() }
}

/// Checks that the definitions are valid together, and returns all of the result as text.
fn shown(imported: &Imported) -> String {
    let mut text = String::new();
    let mut services = Vec::new();
    for definition in &imported.definitions {
        let path = format!("{}.yaml", definition.id);
        services.extend(Service::parse_all(Path::new(&path), &definition.text).unwrap());
        writeln!(text, "──── {path}\n{}", definition.text.trim_end()).unwrap();
    }
    check_conflicts(&services).unwrap();
    writeln!(text, "──── left out").unwrap();
    imported.left_out.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── notes").unwrap();
    imported.notes.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    text
}

#[test]
fn a_shop() {
    insta::assert_snapshot!(compose("shop", docker()));
}

#[test]
fn a_shop_with_its_volumes() {
    let options = compose::Options {
        adopt_volumes: true,
        prefix: true,
        runtime: Runtime::Podman,
        ..docker()
    };
    insta::assert_snapshot!(compose("shop", options));
}

#[test]
fn an_application() {
    insta::assert_snapshot!(compose(
        "application",
        compose::Options { application: true, ..docker() }
    ));
}

#[test]
fn every_key() {
    let profiles = vec!["x".to_owned()];
    insta::assert_snapshot!(compose("every-key", compose::Options { profiles, ..docker() }));
}

#[test]
fn every_key_for_native() {
    let profiles = vec!["*".to_owned()];
    let options = compose::Options { profiles, runtime: Runtime::Native, ..docker() };
    insta::assert_snapshot!(compose("every-key", options));
}

#[test]
fn left_out() {
    insta::assert_snapshot!(compose("left-out", docker()));
}

#[test]
fn keys_of_a_definition() {
    insta::assert_snapshot!(compose("extension", docker()));
}

#[test]
fn forms() {
    insta::assert_snapshot!(compose("forms", docker()));
}

#[test]
fn layers() {
    let files = vec!["compose.yaml".into(), "override.yaml".into()];
    let profiles = vec!["more".to_owned()];
    let options = compose::Options { files, profiles, ..docker() };
    insta::assert_snapshot!(compose("layers", options));
}

#[test]
fn containers_of_quadlet() {
    let files = [
        "web.container",
        "db.container",
        "queue.container",
        "lost.container",
        "app.network",
        "data.volume",
        "web.image",
        "all.pod",
        "README",
    ];
    let options = quadlet::Options {
        files: files.map(PathBuf::from).into(),
        runtime: Runtime::Podman,
        adopt_volumes: true,
        ..quadlet::Options::default()
    };
    let imported = with("quadlet", |surroundings| quadlet::import(&options, surroundings));
    insta::assert_snapshot!(shown(&imported.unwrap()));
}

#[test]
fn an_import_is_the_same_each_time() {
    let once = || compose("left-out", docker());
    assert_eq!(once(), once());
}
