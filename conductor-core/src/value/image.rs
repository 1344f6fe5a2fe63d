//! References to container images (the grammar of the distribution project's `reference` package).

use std::fmt;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::name::{Revision, is_lower_hex};

/// The digest of an image, `sha256:` and 64 hexadecimal digits. Engines also use one as the id of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Returns the digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the form that engines show to people: `sha256:` and twelve digits.
    pub fn short(&self) -> &str {
        const SHORT: usize = "sha256:".len() + 12;
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = text.strip_prefix("sha256:").ok_or(())?;
        match hex.len() == 64 && hex.bytes().all(is_lower_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(()),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a container image, with a tag or digest that selects a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Registry and repository, such as `registry.example:5000/app/web`.
    pub name: String,
    /// The tag after the colon.
    pub tag: Option<String>,
    /// The digest after the `@`.
    pub digest: Option<Digest>,
}

impl ImageReference {
    /// Returns the version that the reference itself names: the digest, or else the tag.
    pub fn revision(&self) -> Option<Revision> {
        let digest = self.digest.as_ref().map(ToString::to_string);
        digest.or_else(|| self.tag.clone())?.parse().ok()
    }

    /// Returns the reference with this revision as its digest or tag.
    #[must_use]
    pub fn at(mut self, revision: &Revision) -> Self {
        if revision.is_digest() {
            self.digest = Some(Digest(revision.as_str().to_owned()));
        } else if self.digest.is_none() {
            self.tag = Some(revision.as_str().to_owned());
        }
        self
    }
}

impl FromStr for ImageReference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &str| {
            Invalid::new(format!("{} is not an image: {why}", shown(text))).hint(
                "write NAME, NAME:TAG or NAME@sha256:DIGEST, for example registry.example/app",
            )
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash begins the tag; one before it begins the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let digest = match digest.map(str::parse::<Digest>) {
            None => None,
            Some(Ok(digest)) => Some(digest),
            Some(Err(())) => {
                return Err(refuse("its digest is not sha256: and 64 hexadecimal digits"));
            }
        };
        if tag.is_some_and(|tag| tag.parse::<Revision>().is_err()) {
            return Err(refuse("its tag has other characters than letters, digits, '.', '_', '-'"));
        }
        check_name(name).map_err(refuse)?;
        Ok(Self { name: name.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    const LONGEST: usize = 255;
    if name.is_empty() || name.len() > LONGEST {
        return Err("its name is empty or longer than 255 characters");
    }
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, name),
    };
    if let Some(registry) = registry {
        let (host, port) = registry.split_once(':').unwrap_or((registry, "443"));
        // No dash at the beginning: an engine would read the name as an option.
        let label = |part: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !part.is_empty()
                && part.bytes().all(is_plain)
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if !host.split('.').all(label) || port.parse::<std::num::NonZeroU16>().is_err() {
            return Err("its registry is not a host name with or without a port");
        }
    }
    let component = |part: &str| {
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b))
    };
    match repository.split('/').all(component) {
        true => Ok(()),
        false => Err("its name has other characters than a-z, 0-9, '.', '_', '-' and '/'"),
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_registry_port_tag_and_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, name, revision) in [
            ("redis", "redis", None),
            ("redis:7.2", "redis", Some("7.2")),
            ("localhost:5000/app", "localhost:5000/app", None),
            ("registry.example:5000/team/app:v1", "registry.example:5000/team/app", Some("v1")),
            (&format!("registry.example/app@{digest}"), "registry.example/app", Some(&*digest)),
            (&format!("app:v1@{digest}"), "app", Some(&*digest)),
        ] {
            let image: ImageReference = text.parse().unwrap();
            assert_eq!(image.name, name);
            assert_eq!(image.revision().as_ref().map(Revision::as_str), revision);
            assert_eq!(image.to_string(), text);
        }
    }

    #[test]
    fn a_revision_becomes_tag_or_digest() {
        let image = || "registry.example/app".parse::<ImageReference>().unwrap();
        assert_eq!(image().at(&"v2".parse().unwrap()).to_string(), "registry.example/app:v2");
        let digest = format!("sha256:{}", "00".repeat(32));
        let at = image().at(&digest.parse().unwrap());
        assert_eq!(at.to_string(), format!("registry.example/app@{digest}"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in [
            "",
            "App",
            "a b",
            "a//b",
            "-a",
            "a:",
            "a@sha256:12",
            "a:b:c",
            "x.y:0/a",
            "--privileged",
            "--privileged.x/a",
            "-v.x/a",
            "-x:5000/a",
            "x.-y/a",
            "x-.y/a",
            "x.y/-a",
            "a\nb",
            "/srv/app",
            "a%b",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad:?}");
        }
    }
}
