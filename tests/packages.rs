//! What the public registry asks of the packages of this workspace.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a package needs besides its code.
const FILES: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// Names that belong to other projects in the public registry.
const TAKEN: [&str; 1] = ["conductor-core"];

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--locked", "--offline"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the packages that are published.
fn packages() -> Vec<Value> {
    let found = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let found: Value = serde_json::from_str(&found).unwrap();
    let all = found["packages"].as_array().unwrap().iter();
    // `publish = false` is an empty list of registries.
    all.filter(|package| package["publish"].is_null()).cloned().collect()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn directory(package: &Value) -> PathBuf {
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

#[test]
fn only_the_product_is_published() {
    let packages = packages();
    let names: BTreeSet<_> = packages.iter().map(name).collect();
    let product = [
        "conductor-cli",
        "conductor-compiler",
        "conductor-export",
        "conductor-host",
        "conductor-import",
        "conductor-probe",
        "conductor-probe-protocol",
        "conductor-unit-templates",
    ];
    assert_eq!(names, product.into());
    assert!(names.iter().all(|name| !TAKEN.contains(name)), "{names:?}");
}

#[test]
fn each_package_says_what_it_is() {
    for package in packages() {
        for key in ["description", "license", "repository", "readme"] {
            assert!(package[key].is_string(), "{}: {key}", name(&package));
        }
        for key in ["keywords", "categories"] {
            let count = package[key].as_array().unwrap().len();
            assert!((1..=5).contains(&count), "{}: {key}", name(&package));
        }
    }
}

#[test]
fn each_package_has_its_licences_and_a_readme() {
    for package in packages() {
        let list = cargo(&["package", "--list", "--allow-dirty", "--package", name(&package)]);
        for file in FILES {
            assert!(list.lines().any(|line| line == file), "{}: {file}", name(&package));
        }
    }
}

/// Returns the path without `..`, as it is written, whatever links there are.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            component => normal.push(component),
        }
    }
    normal
}

/// Returns the source files below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => sources(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            _ => {}
        }
    }
}

/// Returns the files that a source file includes, by their names in the text.
fn included(text: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\"", "include!(\"", "#[path = \""]
        .into_iter()
        .flat_map(move |begin| text.split(begin).skip(1))
        .filter_map(|rest| rest.split('"').next())
}

#[test]
fn no_source_file_includes_a_file_outside_its_package() {
    let mut count = 0;
    for package in packages() {
        let directory = directory(&package);
        let mut files = Vec::new();
        sources(&directory, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for path in included(&text) {
                count += 1;
                let target = normal(&file.parent().unwrap().join(path));
                assert!(target.starts_with(&directory), "{}: {path}", file.display());
            }
        }
    }
    // The templates and the help of the probe are among them.
    assert!(count > 20, "{count}");
}
