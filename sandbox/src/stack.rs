//! The application in `examples/stack`: the Debian packages that it needs, and its images.

use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::error::{Error, run};
use crate::sandbox::Sandbox;

/// The packages that [`make_images`] needs beside those that every sandbox has, as a layer of the tree.
pub const PACKAGES: [&str; 3] = ["postgresql", "python3-psycopg2", "python3-redis"];

/// The revisions that there are images of.
const REVISIONS: [&str; 2] = ["v1", "v2"];

/// Returns the directory of the application in this repository.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/stack")
}

/// Makes the images `localhost/stack:v1` and `:v2` by the application's `Containerfile`, which is in `/srv/stack`. There
/// is no registry in a sandbox: the base image is made of the packages that the sandbox has.
///
/// # Errors
///
/// The engine cannot import or build an image.
pub fn make_images(sandbox: &Sandbox, engine: Engine) -> Result<(), Error> {
    let base = "localhost/debian:13";
    let packages = [&["curl", "redis-server"], &PACKAGES[..]].concat();
    sandbox.import_debian(engine, base, &packages)?;
    for revision in REVISIONS {
        let arguments =
            ["build", "--quiet", "--network=none", "--build-arg", &format!("BASE={base}")];
        let mut command = sandbox.command(engine.program());
        command.args(arguments).args(["--build-arg", &format!("VERSION={revision}")]);
        command.args(["--tag", &format!("localhost/stack:{revision}")]);
        run(command.args(["--file", "/srv/stack/Containerfile", "/srv/stack"]))?;
    }
    Ok(())
}
