//! Files that are no project: each error has its place.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_import::{Surroundings, compose, quadlet};

fn surrounded<T>(files: &[(&str, &str)], import: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let surroundings = Surroundings {
        read: &|path| {
            let name = path.strip_prefix("/srv/shop").unwrap_or(path);
            let file = files.iter().find(|(file, _)| Path::new(file) == name);
            Ok(file.map(|(_, text)| (*text).to_owned()))
        },
        variable: &|_| None,
        directory: Path::new("/srv/shop"),
        defined: BTreeMap::new(),
    };
    import(&surroundings)
}

/// Returns the errors of an import of the first file.
fn errors(files: &[(&str, &str)]) -> String {
    let options = compose::Options { files: vec![PathBuf::from(files[0].0)], ..Default::default() };
    let problems = surrounded(files, |it| compose::import(&options, it)).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_error_has_its_place() {
    let cycle = "services:\n  a:\n    extends: b\n  b:\n    extends: a\n";
    let across = "services:\n  a:\n    extends: {file: b.yaml, service: b}\n";
    let back = "services:\n  b:\n    extends: {file: a.yaml, service: a}\n";
    for (files, message) in [
        (&[("a.yaml", "services: [")][..], "a.yaml:2:1: not YAML"),
        (&[("a.yaml", "")], "a.yaml: the file is empty"),
        (&[("a.yaml", "- x")], "a.yaml:1:1: expected a mapping, found a list"),
        (&[("a.yaml", "id: web\n")], "a.yaml: there are no services: this is no Compose file"),
        (&[("a.yaml", "services:\n")], "a.yaml: there are no services"),
        (&[("a.yaml", cycle)], "a.yaml:3:14: services.a.extends: a cycle: a extends b extends a"),
        (&[("a.yaml", across), ("b.yaml", back)], "a cycle: a extends b extends a"),
        (
            &[("a.yaml", "services: {a: {extends: {service: x}}}")],
            "a.yaml:1:25: services.a.extends: there is no service x",
        ),
        (
            &[("a.yaml", "services: {a: {extends: {file: x.yaml, service: x}}}")],
            "a.yaml:1:25: services.a.extends: cannot read /srv/shop/x.yaml: there is no such file",
        ),
        (
            &[("a.yaml", "services:\n  a:\n    image: x:${TAG:?say which}\n")],
            "a.yaml:3:12: services.a.image: TAG must be set: say which",
        ),
        (
            &[("a.yaml", "services: {a: {image: \"x:${TAG\"}}")],
            "a.yaml:1:23: services.a.image: \"x:${TAG\" has an invalid variable",
        ),
        (&[("a.yaml", "services: {}"), (".env", "A=1\nB='")], ".env:2:1: the value of B"),
        (&[("a.yaml", "include: [a.yaml]\nservices: {a: {image: x}}")], "include each other"),
        (&[("b/a.yaml", "a: 1\na: 2")], "b/a.yaml:2:1: the key a is given twice"),
    ] {
        let errors = errors(files);
        assert!(errors.contains(message), "{message}\n{errors}");
    }
}

#[test]
fn files_that_are_missing_are_named() {
    let options = compose::Options { files: vec!["x.yaml".into()], ..Default::default() };
    let problems = surrounded(&[], |it| compose::import(&options, it)).unwrap_err();
    assert_eq!(problems[0].to_string(), "x.yaml: there is no such file");
    let options = compose::Options {
        files: vec!["x.yaml".into()],
        env_files: vec!["prod.env".into()],
        ..Default::default()
    };
    let problems = surrounded(&[("x.yaml", "")], |it| compose::import(&options, it)).unwrap_err();
    assert_eq!(problems[0].to_string(), "prod.env: there is no such file");
}

#[test]
fn what_is_no_unit_of_quadlet_is_refused() {
    for (files, message) in [
        (
            &[("a.container", "[Container]\nImage")][..],
            "a.container:2:1: not a line of a unit file",
        ),
        (&[("a.volume", "[Volume]\n")], "a.volume: there is no .container file"),
        (&[("a.txt", "x")], "a.txt: there is no .container file"),
    ] {
        let options = quadlet::Options { files: vec![files[0].0.into()], ..Default::default() };
        let problems = surrounded(files, |it| quadlet::import(&options, it)).unwrap_err();
        assert!(problems[0].to_string().contains(message), "{problems:?}");
    }
}
