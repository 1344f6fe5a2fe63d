//! The paths that conductor uses on a host.

use std::io;
use std::path::{Path, PathBuf};

use conductor_core::error::{PathContext as _, PathError};
use conductor_core::runtime::Scope;

/// The paths of a host, or of another root, or of a user.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Whether they belong to the host or to a user.
    pub scope: Scope,
    /// The directory of definitions.
    pub definitions: PathBuf,
    /// The file with the host's settings.
    pub settings: PathBuf,
    /// The directory of unit files.
    pub units: PathBuf,
    /// The runtime directory, with the lock and notes; a reboot empties it.
    pub runtime: PathBuf,
    /// The directory of transient units.
    pub transient: PathBuf,
    /// The directory of the fixed socket names that proxies use.
    pub sockets: PathBuf,
    /// The key with which the contents of files are hashed.
    pub content_key: PathBuf,
    /// The record of the directories that have files for proxies.
    pub proxy_directories: PathBuf,
    /// The directories in which systemd has `StateDirectory=`. For the host: for users, and for dynamic users, of which
    /// there are links in the first. For a user: since systemd 254, and before.
    pub state: [PathBuf; 2],
    /// The other root, if these paths are below one.
    pub root: Option<PathBuf>,
}

impl Paths {
    /// Returns the paths of a host whose root directory is `root`, usually `/`.
    pub fn system(root: &Path) -> Self {
        Self {
            scope: Scope::System,
            definitions: root.join("etc/conductor/services"),
            settings: root.join("etc/conductor/host.yaml"),
            units: root.join("etc/systemd/system"),
            runtime: root.join("run/conductor"),
            transient: root.join("run/systemd/system"),
            sockets: root.join("var/lib/conductor/sockets"),
            content_key: root.join("var/lib/conductor/content-key"),
            proxy_directories: root.join("var/lib/conductor/proxy-directories"),
            state: [root.join("var/lib"), root.join("var/lib/private")],
            root: (root != Path::new("/")).then(|| root.to_owned()),
        }
    }

    /// Returns the paths of a host below another root, such as that of an image.
    ///
    /// # Errors
    /// The directory does not exist, or a symbolic link leads out of it, so that files of the image would be
    /// written to this host.
    pub fn below(root: &Path) -> Result<Self, PathError> {
        let paths = Self::system(root);
        let Self { definitions, settings, units, runtime, sockets, proxy_directories, .. } = &paths;
        for path in [definitions, settings, units, runtime, sockets, proxy_directories] {
            stays_below(root, path)?;
        }
        Ok(paths)
    }

    /// Returns the paths of a user, from `$XDG_CONFIG_HOME`, `$XDG_STATE_HOME` and `$XDG_RUNTIME_DIR`.
    pub fn user(config: &Path, state: &Path, runtime: &Path) -> Self {
        Self {
            scope: Scope::User,
            definitions: config.join("conductor/services"),
            settings: config.join("conductor/host.yaml"),
            units: config.join("systemd/user"),
            runtime: runtime.join("conductor"),
            transient: runtime.join("systemd/user"),
            sockets: config.join("conductor/sockets"),
            content_key: config.join("conductor/content-key"),
            proxy_directories: config.join("conductor/proxy-directories"),
            state: [state.to_owned(), config.to_owned()],
            root: None,
        }
    }
}

/// Checks that no symbolic link in a path leads out of the root.
pub(super) fn stays_below(root: &Path, path: &Path) -> Result<(), PathError> {
    let real_root = root.canonicalize().at("use", root)?;
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(root);
    let real = existing.canonicalize().at("use", existing)?;
    if real.starts_with(&real_root) {
        return Ok(());
    }
    let source = io::Error::other("a symbolic link leads out of the root");
    Err(PathError { action: "use", path: existing.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_root_that_leads_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        assert!(Paths::below(&root).is_err());
        fs::create_dir_all(root.join("etc/systemd")).unwrap();
        assert!(Paths::below(&root).is_ok());
        fs::create_dir(directory.path().join("elsewhere")).unwrap();
        symlink(directory.path().join("elsewhere"), root.join("etc/systemd/system")).unwrap();
        let error = Paths::below(&root).unwrap_err();
        assert!(error.path.ends_with("etc/systemd/system"), "{error}");
    }
}
