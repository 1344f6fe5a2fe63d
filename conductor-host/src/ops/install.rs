//! Installs the programs themselves.

use std::path::Path;

use super::Conductor;
use super::error::Error;
use crate::system::{InstalledProgram, Lock, Trust, programs};
use conductor_core::error::Problem;
use conductor_core::runtime::{PROBE, Scope};

impl Conductor {
    /// Copies conductor and its probe to `/usr/bin`, where sudo finds the one, and units the other; below the other
    /// root, if there is one. Each file is replaced in one step. Returns both, the probe first.
    ///
    /// # Errors
    /// The probe is of another version, needs a C library, or cannot be read; a package manager has installed them;
    /// users other than root can write to the directory.
    pub fn install_programs(
        &self,
        conductor: &Path,
        probe: &Path,
    ) -> Result<Vec<InstalledProgram>, Error> {
        if self.paths.scope == Scope::User {
            let problem = Problem::of_file(PROBE, "units of users look for the probe here, too");
            return Err(Error::Install(problem.hint("install it as root, for all users").into()));
        }
        let other_root = self.paths.root.as_deref();
        let root = other_root.unwrap_or(Path::new("/"));
        if other_root.is_none() {
            Trust::new(Scope::System)
                .check(&root.join("usr/bin"))
                .map_err(|problem| Error::Install(problem.into()))?;
        }
        let _lock = Lock::wait(&self.paths.runtime, "install", self.lock_timeout, &mut |_| true)?;
        Ok(programs::install(root, other_root.is_none(), [probe, conductor])?)
    }
}
