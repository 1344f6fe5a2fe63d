//! The control node: the real Ansible, installed once, and the collection.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use conductor_sandbox::host::install_packages;
use libtest_mimic::Failed;

use crate::ran::Ran;

/// The collection.
pub(crate) const COLLECTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integrations/ansible");
/// The directory that is kept between runs of the tests.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/ansible");
/// Returns whether this Python has `venv`, and is supported by Ansible.
const GOOD_PYTHON: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
/// The time limit of a run of Ansible, in seconds.
const PATIENCE: &str = "900";

/// An installed Ansible.
pub(crate) struct Control {
    programs: PathBuf,
    /// The path for `ANSIBLE_COLLECTIONS_PATH`.
    pub(crate) collections: PathBuf,
}

impl Control {
    /// Returns the installation of this run; the first caller installs it.
    pub(crate) fn get() -> Result<&'static Self, Failed> {
        static CONTROL: OnceLock<Result<Control, String>> = OnceLock::new();
        let control = CONTROL.get_or_init(|| {
            Self::install().map_err(|failed| {
                failed.message().unwrap_or("Ansible cannot be installed").to_owned()
            })
        });
        control.as_ref().map_err(Failed::from)
    }

    /// Returns a command that runs a program of Ansible in a directory, with its own home.
    pub(crate) fn command(&self, program: &str, directory: &Path, home: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.arg(PATIENCE).arg(program).current_dir(directory).env("HOME", home);
        // Besides Ansible's Python, only Debian's is on the PATH: others may be wrappers that do not work
        // here.
        let path =
            format!("{}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", self.programs.display());
        command
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("ANSIBLE_NOCOLOR", "1")
            .env("NO_COLOR", "1");
        command
    }

    /// Returns the home for `ansible-test`, which keeps its installations there.
    pub(crate) fn home() -> PathBuf {
        Path::new(CACHE).join("home")
    }

    fn install() -> Result<Self, Failed> {
        let cache = Path::new(CACHE);
        fs::create_dir_all(cache)?;
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;
        let programs = environment(&cache.join("venv"))?;
        let collections = cache.join("collections");
        let control = Self { programs, collections };
        copy_collection(&control.collections.join("ansible_collections/conductor/conductor"))?;
        Ok(control)
    }
}

/// Installs Ansible from the requirements, unless it is installed, and returns the directory of its programs.
fn environment(venv: &Path) -> Result<PathBuf, Failed> {
    let programs = venv.join("bin");
    let wanted = fs::read_to_string(Path::new(COLLECTION).join("tests/requirements.txt"))?;
    let installed = venv.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(programs);
    }
    eprintln!("installing Ansible (once, about half a minute) ...");
    install_packages(
        &[("openssh-client", "/usr/bin/ssh"), ("binutils", "/usr/bin/strip")],
        &mut |line| eprintln!("{line}"),
    )?;
    run(Command::new("rm").arg("-rf").arg(venv))?;
    run(Command::new(python()?).args(["-m", "venv"]).arg(venv))?;
    let requirements = venv.join("wanted.txt");
    fs::write(&requirements, &wanted)?;
    let mut pip = Command::new(programs.join("pip"));
    run(pip.args(["install", "--quiet", "--requirement"]).arg(&requirements))?;
    fs::rename(&requirements, &installed)?;
    Ok(programs)
}

/// Returns a Python for the environment.
pub(crate) fn python() -> Result<&'static str, Failed> {
    let is_good = |python: &str| {
        let output = Command::new(python).args(["-c", GOOD_PYTHON]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let (any, debian) = ("python3", "/usr/bin/python3");
    if is_good(any) {
        return Ok(any);
    }
    // Debian's Python has ensurepip in a package of its own.
    let of_debian_12 = fs::read_to_string("/etc/debian_version")?.starts_with("12");
    let proof = match of_debian_12 {
        true => "/usr/lib/python3.11/ensurepip/__init__.py",
        false => "/usr/lib/python3.13/ensurepip/__init__.py",
    };
    install_packages(&[("python3-venv", proof)], &mut |line| eprintln!("{line}"))?;
    if is_good(debian) { Ok(debian) } else { Err("Ansible needs Python 3.11 or newer".into()) }
}

/// Copies the collection to a path with its namespace and name.
pub(crate) fn copy_collection(to: &Path) -> Result<(), Failed> {
    run(Command::new("rm").arg("-rf").arg(to))?;
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    run(Command::new("cp").arg("-r").arg(COLLECTION).arg(to))
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    match Ran::new(command) {
        Ran { status: Some(0), .. } => Ok(()),
        ran => Err(ran.to_string().into()),
    }
}
