//! The files and directories of the host that a definition refers to.

use crate::value::Tokens;

/// A file or directory that has to be on the host before an instance starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFile {
    /// What it is for.
    pub purpose: Purpose,
    /// The path, with its tokens.
    pub path: String,
    /// The key in the definition, such as `volumes[0]`.
    pub key: String,
    /// Line and column of the key's value, both from 1.
    pub position: (usize, usize),
}

/// What a file or directory of the host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A native service's root.
    Image,
    /// A volume.
    Volume,
    /// Environment variables.
    EnvFile,
    /// A secret.
    Secret,
}

impl HostFile {
    /// Returns the path for one instance.
    pub fn path(&self, tokens: &Tokens<'_>) -> String {
        tokens.expand(&self.path).into_owned()
    }
}
