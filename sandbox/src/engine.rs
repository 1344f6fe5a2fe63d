//! Container engines in a sandbox, and the image that tests run in them.

use crate::error::{Error, run};
use crate::sandbox::Sandbox;

/// A container engine that every sandbox has; neither runs after boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, whose daemon is a unit, `docker.service`.
    Docker,
    /// Podman, which has no daemon.
    Podman,
}

impl Engine {
    /// Returns the name of its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl Sandbox {
    /// Loads into an engine the image `localhost/app`, with the tags `v1` and `v2`; Docker is started if it
    /// does not run.
    ///
    /// There is no registry in a sandbox. The image holds busybox, the users `root` and `app` (1000),
    /// and, as what it runs, a small web server that says in `/usr/bin/server` what it answers. The same
    /// files are in `/usr/share/conductor-sandbox/root`, for services without an engine.
    ///
    /// # Errors
    ///
    /// If Docker does not start, or the engine does not take the image.
    pub fn load_image(&self, engine: Engine) -> Result<(), Error> {
        if engine == Engine::Docker {
            run(self.command("systemctl").args(["start", "docker.service"]))?;
        }
        let arguments = ["load", "--quiet", "--input", "/usr/share/conductor-sandbox/app.tar"];
        run(self.command(engine.program()).args(arguments))?;
        Ok(())
    }
}
