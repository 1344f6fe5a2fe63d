//! The kernel and the disk that all virtual machines boot, made once and shared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::host::{VM_PACKAGES, cache_directory, install_missing};
use crate::tree::{Tree, hash, lock};

/// Makes a disk.
const RECIPE: &str = include_str!("disk.sh");
/// Runs scripts in the machine.
const AGENT: [&str; 2] = [include_str!("agent.sh"), include_str!("agent.service")];

/// A kernel, and a disk image that nobody writes to.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) kernel: PathBuf,
    pub(super) image: PathBuf,
}

impl Disk {
    /// Makes the disk of a tree, or finds the one made earlier, next to the tree.
    pub(super) fn ensure(tree: &Tree, progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let _lock = lock(&cache_directory().join("lock"), progress)?;
        install_missing(&VM_PACKAGES, progress)?;
        let recipe = hash(&[RECIPE, AGENT[0], AGENT[1]].join("\n"));
        let mut name = tree.path().as_os_str().to_owned();
        name.push(format!("-vm-{recipe:016x}"));
        let path = PathBuf::from(name);
        if !path.exists() {
            make(&path, tree, progress)?;
        }
        Ok(Self { kernel: path.join("kernel"), image: path.join("root.ext4") })
    }

    /// Makes a disk that begins as this one and keeps what is written to it in a file of its own.
    pub(super) fn copy_on_write(&self, path: &Path) -> Result<(), Error> {
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
        run(command.arg(&self.image).arg(path))?;
        Ok(())
    }
}

fn make(path: &Path, tree: &Tree, progress: &mut dyn FnMut(&str)) -> Result<(), Error> {
    progress("making the disk of the virtual machines (once, about ten seconds) ...");
    let unfinished = path.with_extension("unfinished");
    run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&unfinished))?;
    fs::create_dir(&unfinished).map_err(Error::at(&unfinished))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", RECIPE]).arg(&unfinished);
    command.arg(tree.path()).arg(tree.release.name()).args(AGENT);
    run(&mut command)?;
    fs::rename(&unfinished, path).map_err(Error::at(path))
}
