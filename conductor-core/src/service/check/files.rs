//! Collects the files and directories of the host that a definition refers to.

use super::Check;
use crate::definition::{Definition, Field, NodeId, Runtime};
use crate::service::{HostFile, Purpose};

impl Check<'_> {
    /// Returns the files of a definition.
    pub(super) fn files(&self, definition: &Definition) -> Vec<HostFile> {
        let Definition { runtime, image, volumes, env_files, secrets, .. } = definition;
        let mut files = Vec::new();
        let mut add = |purpose, at: NodeId, path: &str| {
            // The path in the document and the position, as a problem there would have them.
            let (key, position) = self.source.place(at);
            files.push(HostFile { purpose, path: path.to_owned(), key, position });
        };
        let native = matches!(runtime, Field::Absent)
            || matches!(runtime, Field::Given(runtime) if runtime.value == Runtime::Native);
        if let (Field::Given(image), true) = (image, native) {
            add(Purpose::Image, image.at, image.value.as_str());
        }
        if let Field::Given(volumes) = volumes {
            for volume in &volumes.value {
                if let Field::Given(volume) = volume
                    && let Some(path) = volume.value.path()
                {
                    add(Purpose::Volume, volume.at, path.as_str());
                }
            }
        }
        if let Field::Given(env_files) = env_files {
            for file in &env_files.value {
                if let Field::Given(file) = file {
                    add(Purpose::EnvFile, file.at, file.value.as_str());
                }
            }
        }
        if let Field::Given(secrets) = secrets {
            for (_, secret) in &secrets.value.0 {
                if let Field::Given(secret) = secret {
                    add(Purpose::Secret, secret.at, secret.value.as_str());
                }
            }
        }
        files
    }
}
