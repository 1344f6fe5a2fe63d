//! Directories of the host that an instance sees: `SOURCE:TARGET[:ro]`, as in `docker run -v`.

use std::fmt;
use std::str::FromStr;

use super::path::{HostPath, path_pattern};
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// A path of the host that is mounted at a path inside the instance. Both may contain tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The path on the host.
    pub source: HostPath,
    /// The path inside the instance.
    pub target: HostPath,
    /// Whether the instance may only read it.
    pub read_only: bool,
}

impl FromStr for Volume {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const HINT: &str = "write /on/the/host:/inside, or /on/the/host:/inside:ro for read-only";
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
        let (source, target) = (path(source)?, path(target)?);
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
    concat!("^", path_pattern!(), ":(?!/(:|$))", path_pattern!(), "(:(ro|rw))?$"),
    numbers: Numbers::Refused,
    "A directory of the host that the instance sees: SOURCE:TARGET, or SOURCE:TARGET:ro for read-only."
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
        ] {
            assert_eq!(text.parse::<Volume>().unwrap().to_string(), printed);
        }
        for bad in [
            "/a",
            "data:/data",
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
