//! The Debian file system that every sandbox boots, made once and shared.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::host::{Host, cache_directory, require_root};

/// What is in the tree. Podman also brings the Quadlet generator that benchmarks compare with. What
/// stands beside the engines is only recommended, but without it there are no bridges and no `--init`.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,redis-server,\
                        python3,curl,iproute2,procps,busybox-static,nftables,iptables,\
                        udev,kmod,squashfs-tools,nginx,wrk,openssh-server,\
                        podman,conmon,crun,netavark,aardvark-dns,catatonit,docker.io,docker-cli,tini";

/// What happens to the tree after its packages are installed; `$1` is its path.
const CUSTOMIZE: [&str; 8] = [
    // Nothing runs on its own, so that tests see only what they start.
    r#"systemctl --root="$1" --quiet disable redis-server.service nginx.service docker.service docker.socket \
        containerd.service podman.service podman.socket podman-restart.service ssh.service ssh.socket
        mkdir -p "$1/etc/systemd/system-generators"
        ln -s /dev/null "$1/etc/systemd/system-generators/systemd-ssh-generator""#,
    // What has no place in a container: modules, the host's consoles, disks and kernel.
    r#"systemctl --root="$1" --quiet mask apt-daily.timer apt-daily-upgrade.timer \
        dpkg-db-backup.timer fstrim.timer podman-auto-update.timer systemd-modules-load.service \
        modprobe@.service \
        systemd-pstore.service netavark-dhcp-proxy.socket netavark-dhcp-proxy.service \
        netavark-firewalld-reload.service getty@tty1.service console-getty.service \
        dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount"#,
    r#"systemctl --root="$1" --quiet set-default multi-user.target"#,
    // Debian has a group `operator` already, so the user cannot have one of its own by that name.
    r#"chroot "$1" useradd --create-home --uid 1000 --gid users --shell /bin/bash operator"#,
    concat!("chroot \"$1\" sh -eu <<'IMAGE'\n", include_str!("image.sh"), "IMAGE"),
    // The crontabs that Debian's packages bring, without the packages.
    include_str!("crontabs.sh"),
    // Where the host has no cgroup controllers to give, podman fails at its default limit of processes.
    r#"mkdir -p "$1/etc/containers/containers.conf.d"
        printf '[containers]\npids_limit = 0\n' >"$1/etc/containers/containers.conf.d/sandbox.conf""#,
    // Says that ldconfig and its like have seen this /usr; each boot would run them again.
    r#"echo sandbox >"$1/etc/hostname"; touch "$1/etc/.updated" "$1/var/.updated""#,
];

/// A bootable Debian trixie tree.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(crate) path: PathBuf,
    pub(crate) host: Host,
}

impl Tree {
    /// Makes the tree, or finds the one made earlier, and prepares the machine for sandboxes.
    ///
    /// It is kept in `/var/cache/conductor-sandbox`, or in the directory that the environment
    /// variable `CONDUCTOR_SANDBOX_DIR` names, as `trixie-<hash of its recipe>`; delete it freely
    /// while no sandbox runs. `progress` gets a line before everything that takes long.
    ///
    /// # Errors
    ///
    /// If the machine cannot run sandboxes (see [`Host::prepare`]) or the tree cannot be made.
    pub fn ensure(progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        Self::ensure_with(&[], progress)
    }

    /// Makes a tree that has more Debian packages, or finds it, like [`Tree::ensure`].
    ///
    /// It is another tree, so that those that need no more stay small.
    ///
    /// # Errors
    ///
    /// As for [`Tree::ensure`].
    pub fn ensure_with(packages: &[&str], progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        require_root()?;
        let cache = cache_directory();
        fs::create_dir_all(&cache).map_err(Error::at(&cache))?;
        // Guards apt-get as well: it does not wait for another one.
        let _lock = lock(&cache.join("lock"), progress)?;
        let host = Host::prepare(progress)?;
        let recipe = recipe(packages);
        let path = cache.join(format!("trixie-{:016x}", hash(&recipe.join("\n"))));
        if !path.exists() {
            make(&path, &recipe, progress)?;
        }
        Ok(Self { path, host })
    }

    /// Returns where the tree is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Waits until no other process prepares the machine; dropping the file lets the next one in.
pub(crate) fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::at(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another process that prepares this machine ...");
            file.lock().map_err(Error::at(path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::at(path)(source)),
    }
    Ok(file)
}

fn make(path: &Path, recipe: &[String], progress: &mut dyn FnMut(&str)) -> Result<(), Error> {
    progress("making the Debian tree (once, about half a minute) ...");
    let unfinished = path.with_extension("unfinished");
    // A maker that was killed may have left mounts in there: never follow them to the host's files.
    run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&unfinished))?;
    run(Command::new("mmdebstrap").args(recipe).arg("trixie").arg(&unfinished))?;
    fs::rename(&unfinished, path).map_err(Error::at(path))
}

/// Returns the options of mmdebstrap. Their hash names the tree, so that a changed recipe is a new tree.
fn recipe(packages: &[&str]) -> Vec<String> {
    let include = [&[PACKAGES], packages].concat().join(",");
    let options =
        ["--mode=root".to_owned(), "--variant=minbase".to_owned(), format!("--include={include}")];
    let hooks = CUSTOMIZE.map(|hook| format!("--customize-hook={hook}"));
    options.into_iter().chain(hooks).collect()
}

/// Hashes a text: FNV-1a, because std's hasher differs between Rust releases.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
