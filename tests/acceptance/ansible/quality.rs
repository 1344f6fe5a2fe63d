//! The collection passes Ansible's own tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use super::FleetTest;
use super::control::{COLLECTION, Control, copy_collection};
use crate::pool::Pool;
use crate::ran::Ran;

pub(crate) const TESTS: &[FleetTest] = &[
    ("the_collection_is_sane", is_sane),
    ("the_collection_is_lint_free_and_complete", is_lint_free),
];

/// Replaces the script that `ansible-test` would download to install pip, which Python includes.
const GET_PIP: (&str, &str) = ("get_pip_24_2.py", "import ensurepip\n\nensurepip.bootstrap()\n");

/// Runs all tests of `ansible-test sanity` whose programs are installed.
fn is_sane(_pool: &Pool) -> Result<(), Failed> {
    let control = Control::get()?;
    let home = Control::home();
    let cache = home.join(".ansible/test/cache");
    fs::create_dir_all(&cache)?;
    fs::write(cache.join(GET_PIP.0), GET_PIP.1)?;
    let copy = Copy::new()?;
    let mut command = control.command("ansible-test", &copy.collection, &home);
    let ran = Ran::new(command.args(["sanity", "--color", "no"])).exits(0);
    // Tests without their programs are skipped; these need none.
    for test in
        ["validate-modules", "pylint", "pep8", "yamllint", "import", "compile", "ansible-doc"]
    {
        let line = format!("Running sanity test \"{test}\"");
        assert!(ran.stderr.contains(&line) || ran.stdout.contains(&line), "no {test}\n{ran}");
    }
    Ok(())
}

fn is_lint_free(pool: &Pool) -> Result<(), Failed> {
    let (control, copy) = (Control::get()?, Copy::new()?);
    unit_tests(control, pool.binary()?)?;
    lint(control, &copy.collection)?;
    builds(control, &copy.collection)
}

/// Builds the archive of the collection, and looks whether it is complete without the repository.
fn builds(control: &Control, collection: &Path) -> Result<(), Failed> {
    let directory = TempDir::new()?;
    let mut command = control.command("ansible-galaxy", directory.path(), directory.path());
    Ran::new(command.args(["collection", "build"]).arg(collection)).exits(0);
    let mut tar = Command::new("tar");
    let archive = format!("conductor-conductor-{}.tar.gz", env!("CARGO_PKG_VERSION"));
    Ran::new(tar.arg("-xf").arg(&archive).current_dir(directory.path())).exits(0);
    let read = |name: &str| fs::read_to_string(directory.path().join(name));
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        assert_eq!(read(name)?, fs::read_to_string(ours)?, "{name}");
    }
    for name in ["README.md", "CHANGELOG.md"] {
        let text = read(name)?;
        // Only a link with a host leads anywhere from the archive.
        let links = text.split("](").skip(1);
        let inside: Vec<_> = links.filter(|link| !link.starts_with("https://")).collect();
        assert!(inside.is_empty(), "{name} has links into the repository: {inside:?}");
    }
    let manifest: Value = serde_json::from_str(&read("MANIFEST.json")?)?;
    let info = &manifest["collection_info"];
    let cargo = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))?;
    let repository = info["repository"].as_str().unwrap_or_default();
    assert!(cargo.contains(&format!("\nrepository = \"{repository}\"\n")), "{info}");
    assert_eq!(info["license"], serde_json::json!(["MIT", "Apache-2.0"]));
    assert!(!directory.path().join(".ansible-lint").exists());
    Ok(())
}

/// Runs the tests of the Python code, each file by itself.
fn unit_tests(control: &Control, conductor: &Path) -> Result<(), Failed> {
    let home = TempDir::new()?;
    let directory = Path::new(COLLECTION).join("tests/unit/plugins/module_utils");
    let mut files = 0;
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "py") {
            let mut command = control.command("python", &directory, home.path());
            command.env("PYTHONPATH", &control.collections).env("PYTHONDONTWRITEBYTECODE", "1");
            Ran::new(command.env("CONDUCTOR", conductor).arg(&path)).exits(0).complains("OK");
            files += 1;
        }
    }
    assert!(files > 0, "there are no tests");
    Ok(())
}

/// Copies the collection out of the repository, because Ansible's tools skip files that git ignores.
struct Copy {
    _directory: TempDir,
    collection: PathBuf,
}

impl Copy {
    fn new() -> Result<Self, Failed> {
        let directory = TempDir::new()?;
        let collection = directory.path().join("ansible_collections/conductor/conductor");
        copy_collection(&collection)?;
        Ok(Self { _directory: directory, collection })
    }
}

/// Asserts that ansible-lint, with its strictest profile, reports nothing about a directory.
pub(crate) fn lint(control: &Control, directory: &Path) -> Result<(), Failed> {
    let home = TempDir::new()?;
    let mut command = control.command("ansible-lint", directory, home.path());
    command.env("ANSIBLE_COLLECTIONS_PATH", &control.collections);
    let ran = Ran::new(command.args(["--offline", "--strict", "--profile", "production"]));
    let ran = ran.exits(0).complains("0 failure(s), 0 warning(s)");
    assert!(!ran.stderr.contains("in 0 files"), "it looked at nothing\n{ran}");
    Ok(())
}
