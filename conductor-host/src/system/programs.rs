//! Installs conductor and its probe where sudo and units look for them.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use conductor_core::error::{PathContext as _, PathError, Problem};
use conductor_core::runtime::PROBE;
use elf::ElfBytes;
use elf::abi::PT_INTERP;
use elf::endian::AnyEndian;
use schemars::JsonSchema;
use serde::Serialize;
use tempfile::TempPath;

use super::atomic;
use super::open::{self, Links};

/// The names of the programs, the probe first: a new probe knows what an old conductor writes, and not the other way
/// round.
const NAMES: [&str; 2] = ["conductor-probe", "conductor"];
/// The longest program.
const LONGEST: u64 = 512 * 1024 * 1024;
/// What dpkg keeps about Debian's package.
const OF_DPKG: &str = "var/lib/dpkg/info/conductor.list";

/// A program that is where sudo and units look for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct InstalledProgram {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was written.
    pub changed: bool,
}

/// Why programs are not installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// They do not suit.
    #[error("{0}")]
    Unsuitable(Problem),
    /// An operation of the file system failed.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Returns whether a program runs without a C library of the system; `None` if it is none for Linux.
pub(crate) fn is_static(program: &[u8]) -> Option<bool> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(program).ok()?;
    Some(file.segments()?.iter().all(|segment| segment.p_type != PT_INTERP))
}

/// Returns whether the probe at the path that units use runs without a C library; `None` if that cannot be seen.
pub(crate) fn probe_is_static() -> Option<bool> {
    is_static(&open::read(Path::new(PROBE), Links::Followed, LONGEST).ok()?)
}

/// Copies conductor and the probe to `/usr/bin` of a root. Each file is replaced in one step, and nothing changes if one
/// of them does not suit. `is_here` says that the root is the running host.
pub(crate) fn install(
    root: &Path,
    is_here: bool,
    [probe, conductor]: [&Path; 2],
) -> Result<Vec<InstalledProgram>, InstallError> {
    let of_dpkg = root.join(OF_DPKG);
    if of_dpkg.exists() {
        let problem = Problem::of_file(&of_dpkg, "Debian's package conductor is installed");
        let hint =
            "install a newer package, or remove the package first: services go on without it";
        return Err(InstallError::Unsuitable(problem.hint(hint)));
    }
    let directory = root.join("usr/bin");
    atomic::remove_leftovers(&directory)?;
    let mut ready = Vec::new();
    for (name, from) in NAMES.into_iter().zip([probe, conductor]) {
        let bytes = open::read(from, Links::Followed, LONGEST);
        let bytes = bytes.map_err(io::Error::from).at("read", from)?;
        if name == NAMES[0] {
            has_no_library(from, &bytes)?;
        }
        let path = directory.join(name);
        let staged = match is_the_same(&path, &bytes) {
            true => None,
            false => Some(stage(&directory, &bytes)?),
        };
        // What runs is what was copied: the file that it came from may be another one by now.
        if is_here && name == NAMES[0] {
            tells_its_version(from, staged.as_deref().unwrap_or(&path))?;
        }
        ready.push((path, staged));
    }
    let mut installed = Vec::new();
    for (path, staged) in ready {
        let changed = staged.is_some();
        if let Some(staged) = staged {
            staged.persist(&path).map_err(|error| error.error).at("write", &path)?;
        }
        installed.push(InstalledProgram { path, changed });
    }
    File::open(&directory).and_then(|directory| directory.sync_all()).at("sync", &directory)?;
    Ok(installed)
}

fn has_no_library(probe: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let (message, hint) = match is_static(bytes) {
        Some(true) => return Ok(()),
        Some(false) => (
            "it needs the C library of the system, and images may have none or another one",
            "build it for a target such as x86_64-unknown-linux-musl, or with \
             RUSTFLAGS=-Ctarget-feature=+crt-static and --target x86_64-unknown-linux-gnu",
        ),
        None => ("it is no program", "name the conductor-probe that was built"),
    };
    Err(InstallError::Unsuitable(Problem::of_file(probe, message).hint(hint)))
}

fn tells_its_version(from: &Path, probe: &Path) -> Result<(), InstallError> {
    let expected = concat!("conductor-probe ", env!("CARGO_PKG_VERSION"));
    let output = Command::new(probe).arg("--version").env_clear().output().at("run", probe)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.trim_end() == expected {
        return Ok(());
    }
    let line: String = said.lines().next().unwrap_or_default().chars().take(80).collect();
    let problem =
        Problem::of_file(from, format!("it says {line:?} of its version, not {expected:?}"));
    let hint = "install the probe that was built together with this conductor";
    Err(InstallError::Unsuitable(problem.hint(hint)))
}

/// Returns whether a file has this content, belongs to the caller, and can be executed by all and written by its owner.
fn is_the_same(path: &Path, bytes: &[u8]) -> bool {
    let Ok((old, metadata)) = open::read_with_metadata(path, Links::Refused, LONGEST) else {
        return false;
    };
    let owner = rustix::process::geteuid().as_raw();
    old == bytes && metadata.mode() & 0o7777 == open::ENTERED && metadata.uid() == owner
}

fn stage(directory: &Path, bytes: &[u8]) -> Result<TempPath, PathError> {
    let mut file = atomic::temporary(directory)?;
    file.write_all(bytes).at("write", file.path())?;
    open::set_mode(file.as_file(), open::ENTERED).at("write", file.path())?;
    file.as_file().sync_all().at("sync", file.path())?;
    // A program that is open for writing cannot be executed.
    Ok(file.into_temp_path())
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Returns a small program: its header, and one segment of a type.
    fn program(segment: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..20].copy_from_slice(&[2, 0, 62, 0]);
        bytes[20] = 1;
        bytes[32] = 64;
        bytes[52..58].copy_from_slice(&[64, 0, 56, 0, 1, 0]);
        bytes[64..68].copy_from_slice(&segment.to_le_bytes());
        bytes
    }

    fn said(error: InstallError) -> String {
        match error {
            InstallError::Unsuitable(Problem { message, .. }) => message,
            InstallError::Path(error) => format!("{error}: {}", error.source),
        }
    }

    #[test]
    fn a_program_with_an_interpreter_is_not_static() {
        assert_eq!(is_static(&program(PT_INTERP)), Some(false));
        assert_eq!(is_static(&program(elf::abi::PT_LOAD)), Some(true));
        for other in [&b""[..], b"#!/bin/sh\n", &program(1)[..70]] {
            assert_eq!(is_static(other), None);
        }
        // Tests are linked dynamically.
        let own = fs::read(env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&own), Some(false));
    }

    #[test]
    fn both_programs_are_replaced_or_none() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        let [probe, conductor] = ["probe", "one"].map(|name| root.path().join(name));
        fs::write(&probe, program(elf::abi::PT_LOAD)).unwrap();
        fs::write(&conductor, "new").unwrap();
        let install = || {
            let installed = install(root.path(), false, [&probe, &conductor])?;
            Ok::<_, InstallError>(installed.iter().map(|it| it.changed).collect::<Vec<_>>())
        };
        let names = || {
            let entries = bin.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = entries.collect();
            names.sort();
            names
        };
        assert_eq!(install().unwrap(), [true, true]);
        assert_eq!(names(), ["conductor", "conductor-probe"]);
        assert_eq!(install().unwrap(), [false, false]);
        let installed = bin.join("conductor");
        // Its mode is part of it.
        fs::set_permissions(&installed, Permissions::from_mode(0o775)).unwrap();
        assert_eq!(install().unwrap(), [false, true]);
        assert_eq!(installed.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        // A link is replaced, and not followed.
        let target = root.path().join("target");
        fs::rename(&installed, &target).unwrap();
        std::os::unix::fs::symlink(&target, &installed).unwrap();
        fs::write(&conductor, "newer").unwrap();
        assert_eq!(install().unwrap(), [false, true]);
        assert_eq!(fs::read_to_string(&installed).unwrap(), "newer");
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        // What a killed process left is removed.
        fs::write(bin.join(".conductor-left"), "").unwrap();
        fs::write(&conductor, "newest").unwrap();
        fs::write(&probe, program(PT_INTERP)).unwrap();
        assert!(said(install().unwrap_err()).starts_with("it needs the C library"));
        fs::write(&probe, "").unwrap();
        assert_eq!(said(install().unwrap_err()), "it is no program");
        fs::remove_file(&probe).unwrap();
        assert!(said(install().unwrap_err()).ends_with("No such file or directory (os error 2)"));
        assert_eq!(fs::read_to_string(&installed).unwrap(), "newer");
        assert_eq!(names(), ["conductor", "conductor-probe"]);
    }

    #[test]
    fn what_a_package_installed_is_left_to_it() {
        let root = tempfile::tempdir().unwrap();
        let list = root.path().join(OF_DPKG);
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(&list, "/usr/bin/conductor\n").unwrap();
        let error = install(root.path(), false, [&list, &list]).unwrap_err();
        assert_eq!(said(error), "Debian's package conductor is installed");
    }

    #[test]
    fn a_probe_of_another_version_is_refused() {
        let error = tells_its_version(Path::new("a"), Path::new("/bin/echo")).unwrap_err();
        assert!(said(error).ends_with(concat!(
            "not \"conductor-probe ",
            env!("CARGO_PKG_VERSION"),
            "\""
        )));
    }
}
