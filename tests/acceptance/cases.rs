//! One directory and one snapshot for each case: a small input, and the output of the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use insta::{Settings, assert_snapshot};
use libtest_mimic::{Failed, Trial};

use crate::pool::Pool;
use crate::ran::Ran;

/// The arguments of a case without a file `arguments`.
const ARGUMENTS: &str = "render services";
/// The placeholder in `arguments` for a new empty directory.
const TEMPORARY: &str = "{tmp}";

/// Returns the directory of all cases.
pub(crate) fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases"))
}

fn snapshots() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"))
}

/// Returns the names of all cases, in order.
pub(crate) fn names() -> Vec<String> {
    names_in(directory())
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().expect("the directory can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("the directory can be read").file_name();
        name.into_string().expect("names are UTF-8")
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

/// Returns the command line of a case.
pub(crate) fn arguments(case: &str) -> Vec<String> {
    let line = fs::read_to_string(directory().join(case).join("arguments"));
    let line = line.unwrap_or_else(|_| ARGUMENTS.to_owned());
    line.split_whitespace().map(str::to_owned).collect()
}

/// Returns whether a case succeeds, by its snapshot.
pub(crate) fn ends_well(case: &str) -> bool {
    let snapshot = snapshots().join(case).with_extension("snap");
    fs::read_to_string(snapshot).is_ok_and(|text| text.contains("\nexit status: 0\n"))
}

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for case in names() {
        let pool = Arc::clone(pool);
        let name = format!("cases::{case}");
        trials.push(Trial::test(name, move || check(pool.binary()?, &case)));
    }
    trials.push(Trial::test("cases::every_snapshot_has_a_case", || {
        let stem = |name: &String| name.split('.').next().unwrap_or_default().to_owned();
        let stray: Vec<_> = names_in(snapshots())
            .into_iter()
            .filter(|name| !names().contains(&stem(name)))
            .collect();
        assert_eq!(stray, Vec::<String>::new());
        Ok(())
    }));
    let pool = Arc::clone(pool);
    trials.push(Trial::test("cases::ten_megabytes", move || ten_megabytes(pool.binary()?)));
    trials
}

/// Runs the binary with no environment variables except HOME.
fn conductor(binary: &PathBuf) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("HOME", "/home/operator").env("XDG_RUNTIME_DIR", "/run/user/1000");
    command
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what a trial gives back, and a panic is its failure"
)]
fn check(binary: &PathBuf, case: &str) -> Result<(), Failed> {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let path = temporary.path().to_str().expect("its name is UTF-8");
    let arguments = arguments(case);
    let given = arguments.iter().map(|word| word.replace(TEMPORARY, path));
    let mut command = conductor(binary);
    command.current_dir(directory().join(case)).args(given);
    let Ran { status, stdout, stderr, .. } = Ran::new(&mut command);
    let version = concat!("Version=", env!("CARGO_PKG_VERSION"));
    let constant = |text: String| {
        let text = text.replace(path, TEMPORARY).replace(version, "Version=[version]");
        // Only what took long is said to be done; on a busy machine that may be anything.
        let lines = text.split_inclusive('\n').filter(|line| !line.contains(": done in "));
        lines.collect::<String>()
    };
    // Writing to a String cannot fail.
    let mut text = format!("$ conductor {}\n", arguments.join(" "));
    let _ = writeln!(text, "exit status: {}", status.unwrap_or(-1));
    for (stream, written) in [("standard output", stdout), ("standard error", stderr)] {
        if !written.is_empty() {
            let _ = write!(text, "════ {stream}\n{}", constant(written));
        }
    }
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(snapshots());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(case, text));
    Ok(())
}

/// A file that is too long to be a definition is rejected without being read.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what a trial gives back, and a panic is its failure"
)]
fn ten_megabytes(binary: &PathBuf) -> Result<(), Failed> {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    for extension in ["yaml", "json", "toml"] {
        let file = temporary.path().join("big").with_extension(extension);
        fs::write(&file, vec![b'#'; 10 << 20]).expect("the file can be written");
        let ran = Ran::new(conductor(binary).arg("check").arg(&file));
        ran.exits(2).complains(": longer than 1048576 bytes\n  hint: ");
    }
    Ok(())
}
