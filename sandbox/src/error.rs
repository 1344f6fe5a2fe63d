//! Errors, with messages that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Why a sandbox could not be created, booted, used or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Namespaces and cgroups need root.
    #[error("a sandbox needs root: run the same command as root, for example with sudo")]
    NotRoot,

    /// The sandbox's systemd needs the unified hierarchy.
    #[error(
        "no cgroup v2 hierarchy is mounted: boot the host with systemd.unified_cgroup_hierarchy=1"
    )]
    NoCgroup2,

    /// `CONDUCTOR_SANDBOX_DEBIAN` is not one of the releases.
    #[error(
        "CONDUCTOR_SANDBOX_DEBIAN: \"{name}\" is no release that a sandbox can be: write bookworm, trixie or sid"
    )]
    UnknownRelease {
        /// What it is.
        name: String,
    },

    /// Packages are missing, and there is no `apt-get` to install them.
    #[error(
        "missing: {packages}, and there is no apt-get here; on a Debian host type: \
         apt-get install {packages}"
    )]
    MissingPackages {
        /// Their Debian names, separated by spaces.
        packages: String,
    },

    /// A file or directory could not be read, written or removed.
    #[error("{}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// A program could not be started or waited for.
    #[error("cannot run {command}")]
    Run {
        /// The program and its arguments.
        command: String,
        /// The error of the operating system.
        source: io::Error,
    },

    /// A program ran and failed.
    #[error("{command}: {status}\n{output}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its output, standard error last.
        output: String,
    },

    /// The sandbox stopped by itself before it was up.
    #[error("the sandbox ended while it booted; its console:\n{console}")]
    Ended {
        /// The output of systemd-nspawn and the sandbox's systemd.
        console: String,
    },

    /// The sandbox was not up in time.
    #[error("the sandbox was not up within {seconds} s; its console:\n{console}")]
    Deadline {
        /// The time limit.
        seconds: u64,
        /// The output of systemd-nspawn and the sandbox's systemd.
        console: String,
    },

    /// A virtual machine ended, or did not come up or answer in time.
    #[error("the virtual machine does not answer; its console ends with:\n{console}")]
    Silent {
        /// The last output of its kernel and its systemd.
        console: String,
        /// The error of reading the answer.
        source: io::Error,
    },

    /// The sandbox ended, but something of it could not be removed.
    #[error("{} is still there after the sandbox ended", path.display())]
    Leftover {
        /// The cgroup that is left.
        path: PathBuf,
    },
}

impl Error {
    /// Returns a function that adds the path to an I/O error.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Path { path: path.to_owned(), source }
    }
}

/// Runs a program to its end and returns its output.
///
/// # Errors
///
/// It cannot be started, or fails.
pub(crate) fn run(command: &mut Command) -> Result<Output, Error> {
    let output =
        command.output().map_err(|source| Error::Run { command: describe(command), source })?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::Failed {
        command: describe(command),
        status: output.status,
        output: String::from_utf8_lossy(&text).trim_end().to_owned(),
    })
}

/// Returns a program and its arguments for messages, without the prefix that enters the sandbox, which ends
/// with `--`.
pub(crate) fn describe(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let start = words.iter().rposition(|word| word == "--");
    words[start.map_or(0, |dashes| dashes + 1)..].join(" ")
}
