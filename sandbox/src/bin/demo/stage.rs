//! Prepares the demo: builds conductor, boots a sandbox, and copies the examples into it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use conductor_sandbox::{Engine, Sandbox, Tree, build, stack};

use crate::failure::Failure;
use crate::options::Topic;
use crate::screen::Screen;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const DEFINITIONS: &str = "/etc/conductor/services";
const PROGRAMS: &str = "/srv";

/// A sandbox with conductor and the examples; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Stage {
    tree: Tree,
    sandbox: Sandbox,
}

impl Stage {
    /// Builds, boots and copies, and reports the parts that take long.
    pub(crate) fn set(screen: &Screen, topic: Topic) -> Result<Self, Failure> {
        // The tree is built even if the output is closed, so that the next run has it.
        let mut progress = |line: &str| drop(screen.progress(line));
        let mut tree = Tree::ensure(&mut progress)?;
        if topic == Topic::Stack {
            tree = tree.with_layer(&stack::PACKAGES, &mut progress)?;
        }
        screen.progress("building conductor (the first time takes a minute or two)")?;
        let program = build::conductor(false).map_err(Failure::Build)?;
        let probe = build::probe(false).map_err(Failure::Build)?;
        let began = Instant::now();
        let sandbox = Sandbox::builder(&tree)
            .bind_read_only(program, "/usr/local/bin/conductor")
            .bind_read_only(probe, "/usr/bin/conductor-probe")
            .boot()?;
        let stage = Self { tree, sandbox };
        stage.copy_examples()?;
        if topic == Topic::Stack {
            screen.progress("making images of the application")?;
            stack::make_images(&stage.sandbox, Engine::Docker)?;
        }
        screen.progress(&format!(
            "booted a sandbox with a systemd of its own in {:.1} s",
            began.elapsed().as_secs_f64()
        ))?;
        Ok(stage)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Returns the directory that is kept for the next run.
    pub(crate) fn tree(&self) -> &Path {
        self.tree.path()
    }

    /// Ends the sandbox. Fails if something of it is left.
    pub(crate) fn clear(self) -> Result<(), Failure> {
        Ok(self.sandbox.kill()?)
    }

    /// Copies the files in `examples/` to the definitions, and its directories to [`PROGRAMS`].
    fn copy_examples(&self) -> Result<(), Failure> {
        let definitions = self.sandbox.path(DEFINITIONS);
        make_directory(&definitions)?;
        for from in entries(Path::new(EXAMPLES))? {
            let Some(name) = from.file_name() else {
                continue;
            };
            if from.is_dir() {
                let to = self.sandbox.path(PROGRAMS).join(name);
                make_directory(&to)?;
                for file in entries(&from)?.iter().filter(|path| path.is_file()) {
                    copy_into(file, &to)?;
                }
            } else {
                copy_into(&from, &definitions)?;
            }
        }
        Ok(())
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    paths.map_err(Failure::at(directory))
}

/// Creates a directory that the services' users can read, independent of the umask.
fn make_directory(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(Failure::at(path))
}

fn copy_into(file: &Path, directory: &Path) -> Result<(), Failure> {
    let to = directory.join(file.file_name().unwrap_or_default());
    fs::copy(file, &to)
        .and_then(|_| fs::set_permissions(&to, Permissions::from_mode(0o644)))
        .map_err(Failure::at(file))
}
