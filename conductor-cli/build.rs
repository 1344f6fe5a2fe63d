//! Finds the commit that is built, for `conductor --version`.
//!
//! It is that of `CONDUCTOR_COMMIT`, or of the package that cargo made, or of git. A build from a source archive has
//! none. Nothing else of the machine or of the time is part of the build, so that it can be reproduced.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable of whoever builds without git.
const VARIABLE: &str = "CONDUCTOR_COMMIT";
/// What cargo writes into a package.
const PACKAGED: &str = ".cargo_vcs_info.json";
/// The directory of this package in its repository.
const DIRECTORY: &str = "conductor-cli/";
/// How many digits of a commit are shown.
const DIGITS: usize = 12;

fn main() {
    let directory = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let given = env::var(VARIABLE).ok().and_then(|commit| short(&commit));
    let commit = given.or_else(|| packaged(&directory)).or_else(|| {
        let (commit, changes) = checked_out(&directory)?;
        println!("cargo::rerun-if-changed={}", changes.display());
        Some(commit)
    });
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match commit {
        Some(commit) => {
            println!("cargo::rustc-env=CONDUCTOR_VERSION={version} ({commit})");
            println!("cargo::rustc-env=CONDUCTOR_BUILT_COMMIT={commit}");
        }
        None => println!("cargo::rustc-env=CONDUCTOR_VERSION={version}"),
    }
}

/// Returns the beginning of a commit's name; `None` if it is none.
fn short(commit: &str) -> Option<String> {
    let commit = commit.trim();
    let is_name = commit.len() >= DIGITS && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then(|| commit[..DIGITS].to_ascii_lowercase())
}

/// Returns the commit of which cargo made a package.
pub(crate) fn packaged(directory: &Path) -> Option<String> {
    let text = fs::read_to_string(directory.join(PACKAGED)).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    // Behind it come a colon, and the name in quotes.
    short(rest.split('"').nth(1)?)
}

/// Returns the commit that is checked out, and the file that changes with it. A source archive that lies in the
/// repository of something else has none.
pub(crate) fn checked_out(directory: &Path) -> Option<(String, PathBuf)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(directory).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim_end_matches('\n').to_owned())
    };
    if git(&["rev-parse", "--show-prefix"])? != DIRECTORY {
        return None;
    }
    let commit = short(&git(&["rev-parse", "HEAD"])?)?;
    // A commit adds a line to the first; a repository without such records has the second.
    let files = ["logs/HEAD", "HEAD"].into_iter();
    let files = files.filter_map(|file| git(&["rev-parse", "--git-path", file]));
    let file = files.map(|file| directory.join(file)).find(|file| file.exists())?;
    Some((commit, file))
}
