//! The Debian file system that every sandbox boots, created once and shared.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::host::{Host, cache_directory, require_root};
use crate::release::Release;

/// The packages of the tree. Podman includes the Quadlet generator, with which benchmarks compare. Some
/// packages are only recommended by the engines, but bridges and `--init` need them.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,redis-server,\
                        python3,curl,iproute2,procps,busybox-static,nftables,iptables,\
                        udev,kmod,squashfs-tools,nginx,wrk,openssh-server,\
                        podman,conmon,crun,netavark,aardvark-dns,catatonit,docker.io,tini";

/// Installs Debian packages on top of a tree.
const LAYER: &str = include_str!("layer.sh");

/// Scripts that change the tree after its packages are installed; `$1` is its path.
const CUSTOMIZE: [&str; 7] = [
    // No unit is started by default, so that tests see only what they start.
    r#"systemctl --root="$1" --quiet disable redis-server.service nginx.service docker.service docker.socket \
        containerd.service podman.service podman.socket podman-restart.service ssh.service ssh.socket
        mkdir -p "$1/etc/systemd/system-generators"
        ln -s /dev/null "$1/etc/systemd/system-generators/systemd-ssh-generator""#,
    // Units that do not work in a container: modules, consoles, disks and kernel.
    r#"systemctl --root="$1" --quiet mask apt-daily.timer apt-daily-upgrade.timer \
        dpkg-db-backup.timer fstrim.timer podman-auto-update.timer systemd-modules-load.service \
        modprobe@.service \
        systemd-pstore.service netavark-dhcp-proxy.socket netavark-dhcp-proxy.service \
        netavark-firewalld-reload.service getty@tty1.service console-getty.service \
        dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount"#,
    r#"systemctl --root="$1" --quiet set-default multi-user.target"#,
    // Debian already has a group `operator`, so the user's own group needs another name.
    r#"chroot "$1" useradd --create-home --uid 1000 --gid users --shell /bin/bash operator"#,
    concat!("chroot \"$1\" sh -eu <<'IMAGE'\n", include_str!("image.sh"), "IMAGE"),
    // If the host delegates no cgroup controllers, podman fails because of its default PIDs limit.
    r#"mkdir -p "$1/etc/containers/containers.conf.d"
        printf '[containers]\npids_limit = 0\n' >"$1/etc/containers/containers.conf.d/sandbox.conf""#,
    // Marks /usr as up to date for ldconfig and similar units, which would run at each boot.
    r#"echo sandbox >"$1/etc/hostname"; touch "$1/etc/.updated" "$1/var/.updated""#,
];

/// A bootable Debian tree.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(crate) path: PathBuf,
    /// Directories on top of it, the uppermost first.
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) release: Release,
    pub(crate) host: Host,
}

impl Tree {
    /// Creates the tree, or finds an existing one, and prepares the machine for sandboxes.
    ///
    /// It is kept in `/var/cache/conductor-sandbox`, or in the directory in `CONDUCTOR_SANDBOX_DIR`, as
    /// `trixie-<hash of its recipe>`, and may be deleted while no sandbox runs. `CONDUCTOR_SANDBOX_DEBIAN`
    /// chooses another release of Debian, see [`Release`]. `progress` receives a line before each long part.
    ///
    /// # Errors
    ///
    /// The machine cannot run sandboxes (see [`Host::prepare`]) or the tree cannot be created.
    pub fn ensure(progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        Self::ensure_with(&[], progress)
    }

    /// Creates or finds a tree with more Debian packages, like [`Tree::ensure`].
    ///
    /// It is a separate tree, so that the default tree stays small.
    ///
    /// # Errors
    ///
    /// As for [`Tree::ensure`].
    pub fn ensure_with(packages: &[&str], progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        require_root()?;
        let cache = cache_directory();
        fs::create_dir_all(&cache).map_err(Error::at(&cache))?;
        // This also guards apt-get, which does not wait for another process.
        let _lock = lock(&cache.join("lock"), progress)?;
        let release = Release::chosen()?;
        let host = Host::prepare(progress)?;
        let recipe = recipe(release, packages);
        let path = cache.join(format!("{}-{:016x}", release.name(), hash(&recipe.join("\n"))));
        if !path.exists() {
            make(&path, release, &recipe, progress)?;
        }
        Ok(Self { path, layers: Vec::new(), release, host })
    }

    /// Adds a layer with more Debian packages, which is created once and kept next to the tree.
    ///
    /// Unlike [`Tree::ensure_with`], it installs only what the tree lacks. The packages' units are not
    /// enabled. A sandbox on a tree with layers keeps its files when it is rebooted.
    ///
    /// # Errors
    ///
    /// The packages cannot be installed.
    pub fn with_layer(
        mut self,
        packages: &[&str],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let _lock = lock(&cache_directory().join("lock"), progress)?;
        let mut name = self.path.as_os_str().to_owned();
        let recipe = [&[LAYER], packages].concat().join("\n");
        name.push(format!("-layer-{:016x}", hash(&recipe)));
        let path = PathBuf::from(name);
        if !path.exists() {
            progress("installing more packages in the Debian tree (once, about a minute) ...");
            let unfinished = path.with_extension("unfinished");
            run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&unfinished))?;
            fs::create_dir(&unfinished).map_err(Error::at(&unfinished))?;
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-ec", LAYER]).arg(&unfinished).arg(&self.path);
            run(command.args(packages))?;
            fs::rename(&unfinished, &path).map_err(Error::at(&path))?;
        }
        self.layers.insert(0, path);
        Ok(self)
    }

    /// Returns the path of the tree, without its layers.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Acquires the lock for preparing the machine; dropping the file releases it.
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

fn make(
    path: &Path,
    release: Release,
    recipe: &[String],
    progress: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    progress("making the Debian tree (once, about half a minute) ...");
    let unfinished = path.with_extension("unfinished");
    // A killed process may have left mounts in it: never follow them to the host's files.
    run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&unfinished))?;
    run(Command::new("mmdebstrap").args(recipe).arg(release.name()).arg(&unfinished))?;
    fs::rename(&unfinished, path).map_err(Error::at(path))
}

/// Returns the options of mmdebstrap. Their hash names the tree, so that a changed recipe is a new tree.
fn recipe(release: Release, packages: &[&str]) -> Vec<String> {
    let include = [&[PACKAGES], release.packages(), packages].concat().join(",");
    let options =
        ["--mode=root".to_owned(), "--variant=minbase".to_owned(), format!("--include={include}")];
    let more = release.options().iter().map(|&option| option.to_owned());
    let hooks = CUSTOMIZE.iter().chain(release.hooks());
    let hooks = hooks.map(|hook| format!("--customize-hook={hook}"));
    options.into_iter().chain(more).chain(hooks).collect()
}

/// Hashes a text: FNV-1a, because std's hasher differs between Rust releases.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
