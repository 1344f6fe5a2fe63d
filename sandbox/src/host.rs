//! Prepares a machine to run sandboxes.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::kernel::takes_bpf_programs;
use crate::tree::lock;

/// The Debian packages that a host needs, each with one of its files, by which it is detected.
const PACKAGES: [(&str, &str); 4] = [
    ("systemd-container", "/usr/bin/systemd-nspawn"),
    ("mmdebstrap", "/usr/bin/mmdebstrap"),
    ("util-linux", "/usr/bin/nsenter"),
    ("debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg"),
];

/// The same for virtual machines.
pub(crate) const VM_PACKAGES: [(&str, &str); 4] = [
    ("qemu-system-x86", "/usr/bin/qemu-system-x86_64"),
    ("qemu-utils", "/usr/bin/qemu-img"),
    ("e2fsprogs", "/usr/sbin/mke2fs"),
    ("kmod", "/usr/sbin/depmod"),
];

/// A machine that can run sandboxes.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where cgroup v2 is mounted.
    pub(crate) cgroup2: PathBuf,
    /// Where the `name=systemd` v1 hierarchy is, on a hybrid host. systemd-nspawn creates the same
    /// directories there as in v2, and they must be removed, too.
    pub(crate) mirror: Option<PathBuf>,
    /// Whether seccomp filters can be used, see [`crate::kernel`].
    pub(crate) seccomp: bool,
}

impl Host {
    /// Checks the machine, and installs the Debian packages that are missing.
    ///
    /// # Errors
    ///
    /// It is not run by root, has no cgroup v2, or lacks packages that cannot be installed.
    pub fn prepare(progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        require_root()?;
        install_missing(&PACKAGES, progress)?;
        let mounts = Path::new("/proc/self/mountinfo");
        let mountinfo = fs::read_to_string(mounts).map_err(Error::at(mounts))?;
        let seccomp = takes_bpf_programs();
        if !seccomp {
            progress("this kernel hangs in loading BPF programs until it is rebooted");
            progress("so sandboxes run without seccomp filters, and without logind");
        }
        Ok(Self {
            seccomp,
            cgroup2: mount_point(&mountinfo, "cgroup2", "").ok_or(Error::NoCgroup2)?,
            mirror: mount_point(&mountinfo, "cgroup", "name=systemd"),
        })
    }
}

/// Fails unless root runs this.
pub(crate) fn require_root() -> Result<(), Error> {
    let process = Path::new("/proc/self");
    let owner = fs::metadata(process).map_err(Error::at(process))?.uid();
    if owner == 0 { Ok(()) } else { Err(Error::NotRoot) }
}

/// Installs Debian packages that a test needs on the machine itself, each given with one of its files, by
/// which it is detected.
///
/// # Errors
///
/// It is not run by root, or they cannot be installed.
pub fn install_packages(
    packages: &[(&'static str, &str)],
    progress: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    require_root()?;
    let cache = cache_directory();
    fs::create_dir_all(&cache).map_err(Error::at(&cache))?;
    // This lock guards apt-get, which does not wait for another process.
    let _lock = lock(&cache.join("lock"), progress)?;
    install_missing(packages, progress)
}

/// Installs the packages whose file is missing.
///
/// It tries twice: an installation may remove a package with an incompatible version, as Debian 12's
/// `qemu-system-x86` removes the `qemu-utils` of backports.
pub(crate) fn install_missing(
    packages: &[(&'static str, &str)],
    progress: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let missing = || -> Vec<&str> {
        let absent = packages.iter().filter(|(_, proof)| !Path::new(proof).exists());
        absent.map(|(package, _)| *package).collect()
    };
    for _ in 0..2 {
        let missing = missing();
        if !missing.is_empty() {
            install(&missing, progress)?;
        }
    }
    match missing().as_slice() {
        [] => Ok(()),
        missing => Err(Error::MissingPackages { packages: missing.join(" ") }),
    }
}

fn install(packages: &[&str], progress: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let apt = Path::new("/usr/bin/apt-get");
    if !apt.exists() {
        return Err(Error::MissingPackages { packages: packages.join(" ") });
    }
    progress(&format!("installing {}", packages.join(" ")));
    let apt = || {
        let mut command = Command::new(apt);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))?;
    Ok(())
}

/// Returns where the first file system with this type and super block option is mounted (proc(5)).
fn mount_point(mountinfo: &str, kind: &str, option: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, super_block) = line.split_once(" - ")?;
        let mut super_block = super_block.split(' ');
        let found = super_block.next()? == kind
            && (option.is_empty() || super_block.nth(1)?.split(',').any(|each| each == option));
        found.then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    })
}

/// Returns the directory where trees are kept: `CONDUCTOR_SANDBOX_DIR`, or
/// `/var/cache/conductor-sandbox`.
pub(crate) fn cache_directory() -> PathBuf {
    env::var_os("CONDUCTOR_SANDBOX_DIR")
        .map_or_else(|| PathBuf::from("/var/cache/conductor-sandbox"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_cgroup_mounts_of_hybrid_and_pure_hosts() {
        let hybrid = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      40 31 0:37 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,name=systemd\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let pure = "25 20 0:22 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        for (mountinfo, cgroup2, mirror) in [
            (hybrid, Some("/sys/fs/cgroup/unified"), Some("/sys/fs/cgroup/systemd")),
            (pure, Some("/sys/fs/cgroup"), None),
            ("", None, None),
        ] {
            let found = |kind, option| mount_point(mountinfo, kind, option);
            assert_eq!(found("cgroup2", ""), cgroup2.map(PathBuf::from));
            assert_eq!(found("cgroup", "name=systemd"), mirror.map(PathBuf::from));
        }
    }
}
