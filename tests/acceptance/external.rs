//! A program of somebody else, outside of this workspace, that links the library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::host::Host;
use crate::pool::{Company, Pool};
use crate::ran::Ran;

/// The program's package.
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/external");
/// Where it is inside.
const INSIDE: &str = "/srv/external";

/// Returns the tests that need no sandbox.
pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let name = |name: &str| format!("external::{name}");
    let locked = |_: &Pool| {
        has_the_versions_of_the_workspace();
        Ok(())
    };
    let linked = |_: &Pool| links_the_library();
    vec![
        pool.trial(Company::Others, name("has_the_versions_of_the_workspace"), locked),
        pool.trial(Company::Others, name("links_the_library"), linked),
    ]
}

/// Returns the tests in a sandbox.
pub(crate) fn on_a_host(pool: &Arc<Pool>) -> Trial {
    let run = |pool: &Pool| {
        let program = build()?;
        pool.run(|host| changes_a_host(host, &program))
    };
    pool.trial(Company::Others, "external::changes_a_host_from_tokio".to_owned(), run)
}

/// Builds the program in the target directory of the workspace: most dependencies are compiled there already.
fn build() -> Result<PathBuf, Failed> {
    let manifest = Path::new(PACKAGE).join("Cargo.toml");
    let target = Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/.."));
    Ok(conductor_sandbox::build::outside(&manifest, target)?)
}

/// Without that, a build without the network fails, and the program tests other versions than users of this lock have.
fn has_the_versions_of_the_workspace() {
    let locked = |path: &Path| {
        let text = fs::read_to_string(path).expect("the lock is there");
        let packages = text.split("[[package]]").filter(|package| package.contains("source = "));
        let lines = packages.map(|package| {
            let line = |key: &str| package.lines().find(|line| line.starts_with(key));
            format!("{} {}", line("name").unwrap_or_default(), line("version").unwrap_or_default())
        });
        lines.collect::<BTreeSet<_>>()
    };
    let own = locked(&Path::new(PACKAGE).join("Cargo.lock"));
    let workspace = locked(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")));
    let others: Vec<_> = own.difference(&workspace).collect();
    assert!(own.len() > 50, "{own:?}");
    assert!(
        others.is_empty(),
        "not in Cargo.lock: {others:?}\ncopy it to {PACKAGE}, and run cargo check there"
    );
}

/// It works in memory, below a directory, and in tasks of tokio.
fn links_the_library() -> Result<(), Failed> {
    let ran = Ran::new(&mut Command::new(build()?)).exits(0);
    assert_eq!(ran.stdout, "done\n", "{ran}");
    Ok(())
}

/// With zbus's feature `tokio`, which another crate may turn on, it changes a host in and beside tasks of tokio.
fn changes_a_host(host: &Host, program: &Path) {
    let inside = host.path(INSIDE);
    fs::create_dir_all(inside.parent().expect("it is in a directory")).expect("/srv can be made");
    fs::copy(program, &inside).expect("the program can be copied");
    let ran = Ran::new(host.sandbox.command("timeout").args(["120", INSIDE, "host"])).exits(0);
    assert_eq!(ran.stdout, "done\n", "{ran}");
    assert!(host.instances().is_empty());
}
