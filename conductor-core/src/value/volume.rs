//! Directories of the host, and named volumes, that an instance sees: `SOURCE:TARGET[:ro]`, as in `docker run -v`.

use std::fmt;
use std::str::FromStr;

use super::path::{HostPath, path_pattern};
use crate::error::{Invalid, shown};
use crate::name::VolumeName;
use crate::text::{Numbers, written_as_text};

/// A path of the host, or a named volume, that is mounted at a path inside the instance. Paths may contain tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// What is mounted.
    pub source: VolumeSource,
    /// The path inside the instance.
    pub target: HostPath,
    /// Whether the instance may only read it.
    pub read_only: bool,
}

/// What a volume mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// A path of the host.
    Path(HostPath),
    /// A volume of the service's own, which is created when it is first used.
    Named(VolumeName),
}

impl Volume {
    /// Returns the path of the host, unless it is a named volume.
    pub fn path(&self) -> Option<&HostPath> {
        match &self.source {
            VolumeSource::Path(path) => Some(path),
            VolumeSource::Named(_) => None,
        }
    }

    /// Returns the name, if it is a named volume.
    pub fn name(&self) -> Option<&VolumeName> {
        match &self.source {
            VolumeSource::Path(_) => None,
            VolumeSource::Named(name) => Some(name),
        }
    }
}

impl fmt::Display for VolumeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl FromStr for Volume {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const HINT: &str = "write /on/the/host:/inside, or name:/inside for a volume of the service; \
                            :ro at the end for read-only";
        let refuse = |why: &str| {
            Err(Invalid::new(format!("{} is not a volume: {why}", shown(text))).hint(HINT))
        };
        let mut parts = text.split(':');
        let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
            return refuse("it has no colon");
        };
        let read_only = match (parts.next(), parts.next()) {
            (None | Some("rw"), None) => false,
            (Some("ro"), None) => true,
            (Some(mode), None) => return refuse(&format!("{} is not ro or rw", shown(mode))),
            (_, Some(_)) => return refuse("it has more than two colons"),
        };
        let path = |path: &str| {
            path.parse::<HostPath>().map_err(|invalid| {
                Invalid::new(format!("{} is not a volume: {invalid}", shown(text))).hint(HINT)
            })
        };
        let source = match source.starts_with('/') {
            true => VolumeSource::Path(path(source)?),
            false => VolumeSource::Named(source.parse().map_err(|_| {
                let why = "is neither an absolute path nor a name of a-z, 0-9, _ and single -";
                let source = shown(source);
                Invalid::new(format!("{} is not a volume: {source} {why}", shown(text))).hint(HINT)
            })?),
        };
        let target = path(target)?;
        if target.as_str() == "/" {
            return refuse("it would hide the instance's whole file system");
        }
        Ok(Self { source, target, read_only })
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.read_only { ":ro" } else { "" };
        write!(f, "{}:{}{mode}", self.source, self.target)
    }
}

written_as_text!(
    Volume,
    concat!(
        "^(",
        path_pattern!(),
        "|(?=[^:]{1,64}:)[a-z0-9][a-z0-9_]*(-[a-z0-9_]+)*):(?!/(:|$))",
        path_pattern!(),
        "(:(ro|rw))?$"
    ),
    numbers: Numbers::Refused,
    "A directory of the host, or a named volume, that the instance sees: SOURCE:TARGET, or SOURCE:TARGET:ro for read-only."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_and_printed() {
        for (text, printed) in [
            ("/srv/uploads:/uploads:ro", "/srv/uploads:/uploads:ro"),
            ("/a:/b:rw", "/a:/b"),
            ("/a/{revision}:/b", "/a/{revision}:/b"),
            ("data:/data", "data:/data"),
            ("my-data_2:/data:ro", "my-data_2:/data:ro"),
        ] {
            assert_eq!(text.parse::<Volume>().unwrap().to_string(), printed);
        }
        for bad in [
            "/a",
            "Data:/data",
            "./data:/data",
            "data/x:/data",
            "da--ta:/data",
            "data:data",
            "data{instance}:/data",
            ":/data",
            "/a:b",
            "/a:/b:rx",
            "/a:/b:ro:x",
            "/a:/../b",
            "/a b:/c",
            "/a:/",
            "/a:/b\n",
            "/a:/b:ro\n",
            "",
        ] {
            assert!(bad.parse::<Volume>().is_err(), "{bad:?}");
        }
    }
}
