//! Where everything is on a host.

use std::path::{Path, PathBuf};

use crate::runtime::Scope;

/// The paths of a host, or of another root, or of a user.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Whose they are.
    pub scope: Scope,
    /// Where the definitions are.
    pub definitions: PathBuf,
    /// The host's own settings.
    pub settings: PathBuf,
    /// Where the unit files go.
    pub units: PathBuf,
    /// What has to be gone after a reboot: the lock.
    pub runtime: PathBuf,
}

impl Paths {
    /// Gives the paths of a host whose root directory is `root`, usually `/`.
    pub fn system(root: &Path) -> Self {
        Self {
            scope: Scope::System,
            definitions: root.join("etc/conductor/services"),
            settings: root.join("etc/conductor/host.yaml"),
            units: root.join("etc/systemd/system"),
            runtime: root.join("run/conductor"),
        }
    }

    /// Gives the paths of a user, from `$XDG_CONFIG_HOME` and `$XDG_RUNTIME_DIR`.
    pub fn user(config: &Path, runtime: &Path) -> Self {
        Self {
            scope: Scope::User,
            definitions: config.join("conductor/services"),
            settings: config.join("conductor/host.yaml"),
            units: config.join("systemd/user"),
            runtime: runtime.join("conductor"),
        }
    }
}
