//! The image of a release as its engine has it, and the tag under which conductor keeps it.

use std::fmt;

use crate::value::{Digest, HostPath};

/// An image as an engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// The engine's id of the image.
    pub id: Digest,
    /// The paths at which containers of the image keep data (`VOLUME`).
    pub volumes: Vec<HostPath>,
    /// From where exactly this image comes again: its name with the digest that its registry has for it; `None` for
    /// one that was built here.
    pub source: Option<String>,
}

/// The tag that conductor gives to the image of a release. Instances start the image by this tag, so it is the same
/// image at each start, whatever the definition's tag means by then, and the engine does not prune it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The tag, with its repository.
    pub tag: String,
    /// The image; `None` before it was pulled. Its volumes are those that no volume of the definition covers.
    pub image: Option<LocalImage>,
}

impl Pin {
    /// Returns the id of the image, if it is known.
    pub fn id(&self) -> Option<&Digest> {
        self.image.as_ref().map(|image| &image.id)
    }

    /// Returns from where exactly this image comes again, if units that start it need that.
    pub fn source(&self) -> Option<&str> {
        self.image.as_ref()?.source.as_deref()
    }

    /// Returns the paths at which the image keeps data, and that no volume of the definition covers.
    pub fn volumes(&self) -> &[HostPath] {
        self.image.as_ref().map_or(&[], |image| &image.volumes)
    }
}

/// Formats the pin as lines of the metadata.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Tag={}", self.tag)?;
        if let Some(id) = self.id() {
            writeln!(f, "ImageId={}", id.as_str())?;
        }
        if let Some(source) = self.source() {
            writeln!(f, "ImageSource={source}")?;
        }
        self.volumes().iter().try_for_each(|path| writeln!(f, "ImageVolume={path}"))
    }
}
