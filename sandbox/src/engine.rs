//! Container engines in a sandbox, and the image for tests.

use crate::error::{Error, run};
use crate::sandbox::Sandbox;

/// Writes Debian packages as an archive that the engines can import.
const DEBIAN_IMAGE: &str = include_str!("debian_image.py");

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
        self.start(engine)?;
        let arguments = ["load", "--quiet", "--input", "/usr/share/conductor-sandbox/app.tar"];
        run(self.command(engine.program()).args(arguments))?;
        Ok(())
    }

    /// Makes an image out of Debian packages that the sandbox has, and of all that they depend on. Starts Docker
    /// if it is not running.
    ///
    /// # Errors
    ///
    /// Docker does not start, a package is not installed, or the engine cannot import the image.
    pub fn import_debian(
        &self,
        engine: Engine,
        image: &str,
        packages: &[&str],
    ) -> Result<(), Error> {
        self.start(engine)?;
        let archive = "/run/debian_image.tar";
        let script = format!("python3 -c \"$0\" \"$@\" >{archive}");
        run(self.command("sh").args(["-ec", &script, DEBIAN_IMAGE]).args(packages))?;
        run(self.command(engine.program()).args(["import", archive, image]))?;
        run(self.command("rm").arg(archive))?;
        Ok(())
    }

    fn start(&self, engine: Engine) -> Result<(), Error> {
        if engine == Engine::Docker {
            run(self.command("systemctl").args(["start", "docker.service"]))?;
        }
        Ok(())
    }
}
