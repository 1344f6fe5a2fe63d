//! Files that are no project: each error has its place.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
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

/// Returns the definitions of an import of the first file into a directory.
fn written(files: &[(&str, &str)]) -> conductor_import::Imported {
    let options = compose::Options {
        files: vec![PathBuf::from(files[0].0)],
        env_directory: Some(PathBuf::from("/etc/conductor/services")),
        runtime: Runtime::Docker,
        ..Default::default()
    };
    let lookup = |name: &str| (name == "FROM_OUTSIDE").then(|| "outside".to_owned());
    let imported = surrounded(files, |it| {
        compose::import(
            &options,
            &Surroundings { variable: &lookup, defined: BTreeMap::new(), ..*it },
        )
    })
    .unwrap();
    assert_eq!(imported.definitions.len(), 1, "{:?}", imported.left_out);
    imported
}

#[test]
fn values_of_variables_are_in_a_file_of_their_own() {
    let compose = "services:\n  web:\n    image: web:v1\n    command: [serve]\n    environment:\n      PASSWORD: ${PASSWORD}\n\
                   \x20     LINES: \"${LINES}\"\n      MODE: fast\n      UNSET: ${UNSET:-default}\n      FROM_OUTSIDE:\n";
    let env = "PASSWORD='pa # ss'\nLINES=\"one\ntwo\"\n";
    let imported = written(&[("a.yaml", compose), (".env", env)]);
    let definition = &imported.definitions[0];
    let file = &definition.env_files[0];
    assert_eq!(
        (file.name.as_str(), file.text.as_str()),
        ("web.env", "# From a.yaml, service web.\nPASSWORD=pa # ss\nFROM_OUTSIDE=outside\n")
    );
    // A line is all that the engines read.
    for text in [
        "MODE: fast",
        "UNSET: default",
        "one\\ntwo",
        "env_files: [/etc/conductor/services/web.env]",
    ] {
        assert!(definition.text.contains(text), "{text}: {}", definition.text);
    }
    assert!(!definition.text.contains("pa # ss") && !definition.text.contains("outside"));
    let notes: Vec<_> = imported.notes.iter().map(ToString::to_string).collect();
    let note =
        "2 values of variables: in /etc/conductor/services/web.env, which only its owner can read";
    assert!(notes.iter().any(|it| it.ends_with(note)), "{notes:?}");
    let without = surrounded(&[("a.yaml", compose), (".env", env)], |it| {
        compose::import(
            &compose::Options {
                files: vec![PathBuf::from("a.yaml")],
                runtime: Runtime::Docker,
                ..Default::default()
            },
            it,
        )
    });
    assert!(without.unwrap().definitions[0].env_files.is_empty());
}

#[test]
fn a_file_that_the_engines_read_otherwise_is_copied() {
    let compose = "services:\n  web:\n    image: web:v1\n    command: [serve]\n    env_file: [one.env, two.env]\n";
    let (one, two) = ("A=1\nB=\"two words\"\n", "A=2 # the second\nC=3\n");
    let imported = written(&[("a.yaml", compose), ("one.env", one), ("two.env", two)]);
    let definition = &imported.definitions[0];
    assert_eq!(
        definition.env_files[0].text,
        "# From a.yaml, service web.\nB=two words\nA=2\nC=3\n"
    );
    assert!(definition.text.contains("env_files: [/etc/conductor/services/web.env]"));
    assert!(imported.left_out.is_empty(), "{:?}", imported.left_out);
    // Files that are the same for both stay where they are.
    let imported = written(&[("a.yaml", compose), ("one.env", "A=1\n"), ("two.env", "B=2\n")]);
    let definition = &imported.definitions[0];
    assert!(definition.text.contains("env_files: [/srv/shop/one.env, /srv/shop/two.env]"));
    assert!(definition.env_files.is_empty());
}

#[test]
fn drop_ins_and_secrets_of_quadlet() {
    let file = "[Container]\nImage=docker.io/library/web:v1\nSecret=token,type=env,target=TOKEN\n";
    let files =
        [("web.container", file), ("web.container.d/more.conf", "[Container]\nEnvironment=A=b\n")];
    let import = |runtime| {
        let options = quadlet::Options {
            files: vec![PathBuf::from("web.container")],
            drop_ins: vec![("web.container".into(), PathBuf::from("web.container.d/more.conf"))],
            runtime,
            ..Default::default()
        };
        surrounded(&files, |it| quadlet::import(&options, it)).unwrap()
    };
    let imported = import(Runtime::Podman);
    let text = &imported.definitions[0].text;
    assert!(
        text.contains("A: b") && text.contains("--secret=token,type=env,target=TOKEN"),
        "{text}"
    );
    assert!(imported.left_out.is_empty(), "{:?}", imported.left_out);
    let imported = import(Runtime::Docker);
    assert!(!imported.definitions[0].text.contains("--secret"));
    assert_eq!(imported.left_out[0].message, "left out: docker has no option --secret");
}
