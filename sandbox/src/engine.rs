//! Container engines in a sandbox, and the image for tests.

use crate::error::{Error, run};
use crate::sandbox::Sandbox;

/// A container engine that every sandbox has. Neither is started at boot.
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
    /// Loads the image `localhost/app` with the tags `v1` and `v2` into an engine. Starts Docker if it is not
    /// running.
    ///
    /// There is no registry in a sandbox. The image has busybox, the users `root` and `app` (1000), and a
    /// small web server as its command; `/usr/bin/server` describes its answers. The same files are in
    /// `/usr/share/conductor-sandbox/root`, for services without an engine.
    ///
    /// # Errors
    ///
    /// Docker does not start, or the engine cannot load the image.
    pub fn load_image(&self, engine: Engine) -> Result<(), Error> {
        if engine == Engine::Docker {
            run(self.command("systemctl").args(["start", "docker.service"]))?;
        }
        let arguments = ["load", "--quiet", "--input", "/usr/share/conductor-sandbox/app.tar"];
        run(self.command(engine.program()).args(arguments))?;
        Ok(())
    }
}
