//! The sandbox's Debian as a small virtual machine: with its own kernel, all cgroup controllers, and a
//! power switch.

mod disk;
mod machine;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, run};
use crate::host::cache_directory;
use crate::tree::Tree;
use disk::Disk;
use machine::{Machine, silent};

/// A running virtual machine; dropping it ends it and removes its disk.
///
/// It has two processors (one where it is emulated), 1.25 GB of memory, no network but its loopback, and what a sandbox has. Where
/// there is no KVM it is emulated: everything takes about ten times as long.
#[derive(Debug)]
pub struct Vm {
    disk: Disk,
    directory: PathBuf,
    /// `None` once it could not be turned on again.
    machine: Option<Machine>,
}

impl Vm {
    /// Boots a machine from a tree and returns once its systemd has started everything, after about
    /// half a minute.
    ///
    /// The kernel and the disk are made first if no machine had them before, and Debian packages that
    /// are missing are installed. `progress` gets a line before everything that takes long.
    ///
    /// # Errors
    ///
    /// If the host lacks packages, the disk cannot be made, or the machine does not come up; the error
    /// shows its console.
    pub fn boot(tree: &Tree, progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let disk = Disk::ensure(tree, progress)?;
        let directory = make_directory(&cache_directory())?;
        if let Err(error) = disk.copy_on_write(&directory.join("disk.qcow2")) {
            let _ = fs::remove_dir_all(&directory);
            return Err(error);
        }
        let mut vm = Self { disk, directory, machine: None };
        vm.turn_on()?;
        Ok(vm)
    }

    /// Runs a shell script in it, as root, in `/` and with `sh -e`, and returns how it went.
    ///
    /// # Errors
    ///
    /// If the machine does not answer within 10 minutes.
    pub fn run(&mut self, script: &str) -> Result<Output, Error> {
        self.request(script, &mut io::empty(), 0)
    }

    /// Runs a shell script like [`Vm::run`] and returns what it wrote.
    ///
    /// # Errors
    ///
    /// If it ends with anything but success, too.
    pub fn sh(&mut self, script: &str) -> Result<Output, Error> {
        let output = self.run(script)?;
        succeeded(script, output)
    }

    /// Copies a file or directory of the host into it, with its permissions.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or not be written in the machine.
    pub fn copy(&mut self, host: &Path, inside: &str) -> Result<(), Error> {
        let metadata = fs::metadata(host).map_err(Error::at(host))?;
        let inside = format!("'{}'", inside.replace('\'', r"'\''"));
        let (script, output) = if metadata.is_dir() {
            let archive = run(Command::new("tar").arg("-C").arg(host).args(["-c", "."]))?.stdout;
            let script = format!("mkdir -p {inside}; tar -x -C {inside}");
            let output = self.request(&script, &mut archive.as_slice(), archive.len() as u64)?;
            (script, output)
        } else {
            let mut file = File::open(host).map_err(Error::at(host))?;
            let mode = metadata.permissions().mode() & 0o7777;
            let script = format!("install -D -m {mode:o} /dev/stdin {inside}");
            let output = self.request(&script, &mut file, metadata.len())?;
            (script, output)
        };
        succeeded(&script, output)?;
        Ok(())
    }

    /// Cuts its power and boots it again: what was not synced to its disk is lost.
    ///
    /// # Errors
    ///
    /// If it does not come up again.
    pub fn power_cut(&mut self) -> Result<(), Error> {
        self.turn_off()?;
        self.turn_on()
    }

    /// Shuts it down in an orderly way and boots it again.
    ///
    /// # Errors
    ///
    /// If it does not go down, or not come up again.
    pub fn reboot(&mut self) -> Result<(), Error> {
        let result = self.machine.as_mut().map_or_else(|| Err(off()), Machine::shut_down);
        result.map_err(|source| silent(&self.directory, source))?;
        self.turn_off()?;
        self.turn_on()
    }

    fn turn_on(&mut self) -> Result<(), Error> {
        let machine = Machine::start(&self.disk, &self.directory).map_err(|source| {
            let _ = fs::remove_dir_all(&self.directory);
            Error::Run { command: "sh (the virtual machine's supervisor)".to_owned(), source }
        })?;
        let result = self.machine.insert(machine).wait_until_up();
        result.map_err(|source| silent(&self.directory, source))
    }

    fn turn_off(&mut self) -> Result<(), Error> {
        let result = self.machine.take().map_or(Ok(()), Machine::cut);
        result.map_err(|source| silent(&self.directory, source))
    }

    fn request(
        &mut self,
        script: &str,
        input: &mut dyn Read,
        length: u64,
    ) -> Result<Output, Error> {
        let machine = self.machine.as_mut();
        let result = machine.map_or_else(|| Err(off()), |vm| vm.run(script, input, length));
        result.map_err(|source| silent(&self.directory, source))
    }
}

fn succeeded(script: &str, output: Output) -> Result<Output, Error> {
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::Failed {
        command: format!("sh -e: {script}"),
        status: output.status,
        output: String::from_utf8_lossy(&text).trim_end().to_owned(),
    })
}

fn off() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "it is off")
}

/// Makes a directory of a name that nobody has, for a machine's disk and console.
fn make_directory(cache: &Path) -> Result<PathBuf, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = cache.join(format!("vm-{}-{number}", process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another pid namespace, or one whose supervisor was killed, too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::at(&path)(error)),
        }
    }
}
