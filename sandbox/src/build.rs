//! Builds the programs that run in a sandbox.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// Builds the binary `conductor` and returns its path.
///
/// A test cannot get a binary of another package from cargo, so it is built here, by the same cargo and in
/// the same target directory. Nothing is compiled twice.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn conductor(release: bool) -> Result<PathBuf, Error> {
    build("conductor-cli", ["--bin", "conductor"], profile(release), &[])
}

/// Builds the binary `demo`, and returns its path.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn demo() -> Result<PathBuf, Error> {
    build("conductor-sandbox", ["--bin", "demo"], &[], &[])
}

/// Builds an example of a package of this workspace, and returns its path.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn example(package: &str, name: &str) -> Result<PathBuf, Error> {
    build(package, ["--example", name], &[], &[])
}

/// Builds the binary `conductor-probe` and returns its path, like [`conductor`]. The released one has a profile
/// of its own, which makes it small.
///
/// It is linked statically, because it also runs in file systems without a C library. Only its own crate is
/// compiled with that option, so that its dependencies are not compiled twice.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn probe(release: bool) -> Result<PathBuf, Error> {
    let profile: &[&str] = if release { &["--profile", "probe"] } else { &[] };
    build("conductor-probe", ["--bin", "conductor-probe"], profile, &STATIC)
}

/// Builds a binary of a package of this workspace like [`probe`], and returns its path.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn linked_statically(package: &str, name: &str, release: bool) -> Result<PathBuf, Error> {
    build(package, ["--bin", name], profile(release), &STATIC)
}

/// Asks cargo to say what it built.
const MESSAGES: [&str; 2] = ["--message-format", "json-render-diagnostics"];

/// Options of the compiler for a program without a C library; a panic ends it at once.
const STATIC: [&str; 5] = ["--", "-C", "target-feature=+crt-static", "-C", "panic=abort"];

/// Builds the binary of a package that is not in this workspace, from what cargo has downloaded already, and returns
/// its path. What it compiles is kept in `target`.
///
/// # Errors
/// cargo cannot be run, or the build fails; the compiler's messages are on standard error.
pub fn outside(manifest: &Path, target: &Path) -> Result<PathBuf, Error> {
    let mut command = Command::new(cargo());
    command.args(["build", "--quiet", "--locked", "--offline", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(target).args(MESSAGES);
    executable(command)
}

const fn profile(release: bool) -> &'static [&'static str] {
    if release { &["--release"] } else { &[] }
}

fn build(
    package: &str,
    target: [&str; 2],
    profile: &[&str],
    options: &[&str],
) -> Result<PathBuf, Error> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = Command::new(cargo());
    command.args(["rustc", "--quiet", "--package", package]).args(target);
    command.args(["--manifest-path", manifest]).args(profile);
    // The options of the compiler are the last.
    command.args(MESSAGES).args(options);
    executable(command)
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a build, and returns the path of the executable that it says at last.
fn executable(mut command: Command) -> Result<PathBuf, Error> {
    let text = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Run { command: text.clone(), source })?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let executable = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .next_back();
    match executable {
        Some(path) if output.status.success() => Ok(path),
        _ => Err(Error::Failed { command: text, status: output.status, output: String::new() }),
    }
}
