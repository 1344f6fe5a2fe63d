//! The images of a release: which ones it needs, and under which tags an engine keeps them.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::engine_image;
use super::{CompileError, Release};
use crate::name::{ReleaseName, VolumeName, image_volume};
use crate::unit::{EngineImage, LocalImage, Pin};
use crate::value::{HostPath, Tokenized as _, Tokens};

/// What engines have for images.
pub type Images = BTreeMap<EngineImage, LocalImage>;

/// The repository of the tags that keep the images of releases. The name `localhost` stands for images that are only
/// here.
const PINS: &str = "localhost/conductor";

/// The longest tag, in the OCI distribution specification.
const LONGEST_TAG: usize = 128;

impl Release<'_> {
    /// Returns the release with what the engine has for its images.
    #[must_use]
    pub fn with_images(self, images: Option<Images>) -> Self {
        Self { images, ..self }
    }

    /// Returns the images of its instances.
    ///
    /// # Errors
    /// An image is invalid with its tokens replaced.
    pub fn engine_images(&self) -> Result<BTreeSet<EngineImage>, CompileError> {
        let mut images = BTreeSet::new();
        if self.differs_by_instance() && self.service.instances > 0 {
            for instance in 1..=self.service.instances {
                let (instance, tokens) = (instance.to_string(), self.task_tokens());
                images.extend(engine_image(self, &Tokens { instance: &instance, ..tokens })?);
            }
        } else {
            images.extend(self.engine_image()?);
        }
        Ok(images)
    }

    /// Returns how the image of commands that run once is kept for the release of this name, if it is. The paths at
    /// which it keeps data are empty for each run.
    ///
    /// # Errors
    /// The image is invalid with its tokens replaced.
    pub fn task_pin(&self, name: &ReleaseName) -> Result<Option<Pin>, CompileError> {
        let image = self.engine_image()?;
        let pin = image.and_then(|image| self.pin(name, &image, &self.task_tokens()));
        Ok(pin.map(|Pin { tag, image }| {
            let image = image.map(|image| LocalImage { volumes: Vec::new(), ..image });
            Pin { tag, image }
        }))
    }

    /// Returns how an image is kept for the release of this name, if it is.
    pub(super) fn pin(
        &self,
        name: &ReleaseName,
        image: &EngineImage,
        tokens: &Tokens<'_>,
    ) -> Option<Pin> {
        let images = self.images.as_ref()?;
        let covered = |path: &HostPath| {
            let mut targets = self.service.volumes.iter().map(|volume| &volume.target);
            path.as_str() == "/" || targets.any(|target| is_at(target, tokens, path))
        };
        let image = images.get(image).map(|LocalImage { id, volumes, source }| {
            let volumes = volumes.iter().filter(|path| !covered(path)).cloned().collect();
            // While no job runs, nothing holds the image, and it may have to come again. That of instances is in use.
            let source = source.clone().filter(|_| self.service.instances == 0);
            LocalImage { id: id.clone(), volumes, source }
        });
        Some(Pin { tag: self.tag(name, tokens.instance, image.as_ref()), image })
    }

    /// Returns the tag of conductor's own for an instance. An id has no dot, and the name of a release has one.
    fn tag(&self, name: &ReleaseName, instance: &str, image: Option<&LocalImage>) -> String {
        let number = match (self.service.instances, image) {
            // Jobs are not renewed under another name when the image changes, so the tag has another one.
            (0, Some(image)) => {
                let digits = image.id.short().rsplit_once(':').map_or("", |(_, digits)| digits);
                format!(".{digits}")
            }
            _ if self.differs_by_instance() => format!(".{instance}"),
            _ => String::new(),
        };
        let tag = format!("{}.{}{number}", self.service.id, name);
        let tag = match tag.len() > LONGEST_TAG {
            // The digest is also that of the revision.
            true => {
                let digits = name.as_str().rsplit_once('.').map_or("", |(_, digits)| digits);
                format!("{}.{digits}{number}", self.service.id)
            }
            false => tag,
        };
        format!("{PINS}:{tag}")
    }

    /// Returns whether instances may have different images.
    fn differs_by_instance(&self) -> bool {
        let image = self.service.image.as_ref();
        let uses = |token| image.is_some_and(|image| image.as_str().uses(token));
        uses("instance") || uses("port") || uses("socket")
    }
}

/// Returns the engine's volumes for the paths at which the image of an instance keeps data.
pub(super) fn volumes(instance: u16, pin: Option<&Pin>) -> Vec<(VolumeName, HostPath)> {
    let paths = pin.map_or(&[][..], Pin::volumes).iter();
    paths.map(|path| (image_volume(instance, path), path.clone())).collect()
}

/// Returns whether the target of a volume is this path.
fn is_at(target: &HostPath, tokens: &Tokens<'_>, path: &HostPath) -> bool {
    tokens.expand(target.as_str()).parse::<HostPath>().is_ok_and(|target| target == *path)
}
