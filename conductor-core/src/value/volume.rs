//! Directories of the host, and named volumes, that an instance sees: `SOURCE:TARGET[:ro]`, as in `docker run -v`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::path::{HostPath, spaced_pattern};
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
    /// Its other options.
    pub options: BTreeSet<VolumeOption>,
}

/// An option of a volume, other than whether it is read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeOption {
    /// `z`: its files get the label of `SELinux` that all containers may use.
    SharedLabel,
    /// `Z`: its files get the label of this container.
    OwnLabel,
    /// `U`: its files get the owner that the container's user is on the host.
    Owner,
    /// `idmap`: the container's users are those of the files, whatever users it has on the host.
    MappedIds,
    /// `rslave`: file systems that the host mounts there later are seen.
    Slave,
    /// `rshared`: and the host sees those of the container.
    Shared,
    /// `rprivate`: neither.
    Private,
}

/// What an option is about: a volume has one of each kind.
#[derive(PartialEq)]
enum Kind {
    Label,
    Owner,
    Ids,
    Propagation,
}

impl VolumeOption {
    /// All of them, and how they are written.
    const ALL: [(Self, &'static str); 7] = [
        (Self::SharedLabel, "z"),
        (Self::OwnLabel, "Z"),
        (Self::Owner, "U"),
        (Self::MappedIds, "idmap"),
        (Self::Slave, "rslave"),
        (Self::Shared, "rshared"),
        (Self::Private, "rprivate"),
    ];

    /// Returns how it is written.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(option, _)| *option == self).map_or("", |(_, word)| word)
    }

    /// Returns whether it says how mounts are seen on the other side.
    pub fn is_propagation(self) -> bool {
        self.kind() == Kind::Propagation
    }

    fn kind(self) -> Kind {
        match self {
            Self::SharedLabel | Self::OwnLabel => Kind::Label,
            Self::Owner => Kind::Owner,
            Self::MappedIds => Kind::Ids,
            Self::Slave | Self::Shared | Self::Private => Kind::Propagation,
        }
    }
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

/// The options, as a message lists them.
const OPTIONS: &str = "ro, rw, z, Z, U, idmap, rslave, rshared, rprivate";

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
        let (words, end) = (parts.next(), parts.next());
        if end.is_some() {
            return refuse("it has more than two colons");
        }
        let mut read_only = None;
        let mut options = BTreeSet::new();
        for word in words.into_iter().flat_map(|words| words.split(',')) {
            let option = VolumeOption::ALL.iter().find(|(_, name)| *name == word);
            let is_new = match (word, option) {
                ("ro" | "rw", _) => read_only.replace(word == "ro").is_none(),
                (_, Some((option, _))) => {
                    let is_taken =
                        options.iter().any(|it: &VolumeOption| it.kind() == option.kind());
                    options.insert(*option) && !is_taken
                }
                (_, None) => {
                    return refuse(&format!("{} is none of {}", shown(word), OPTIONS));
                }
            };
            if !is_new {
                return refuse(&format!("{word} contradicts or repeats another option"));
            }
        }
        let read_only = read_only.unwrap_or_default();
        let path = |path: &str| {
            HostPath::with_spaces(path).map_err(|invalid| {
                let hint = match path.contains('$') {
                    true => "variables are not replaced: write the path itself",
                    false => HINT,
                };
                Invalid::new(format!("{} is not a volume: {invalid}", shown(text))).hint(hint)
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
        Ok(Self { source, target, read_only, options })
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.target)?;
        let read_only = self.read_only.then_some("ro");
        let words = read_only.into_iter().chain(self.options.iter().map(|it| it.as_str()));
        for (at, word) in words.enumerate() {
            write!(f, "{}{word}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

written_as_text!(
    Volume,
    concat!(
        "^(",
        spaced_pattern!(),
        "|(?=[^:]{1,64}:)[a-z0-9][a-z0-9_]*(-[a-z0-9_]+)*):(?!/(:|$))",
        spaced_pattern!(),
        "(:(ro|rw|[zZU]|idmap|r(slave|shared|private))(,(ro|rw|[zZU]|idmap|r(slave|shared|private)))*)?$"
    ),
    numbers: Numbers::Refused,
    "A directory of the host, or a named volume, that the instance sees: SOURCE:TARGET, and options after another colon: ro for read-only, z, Z, U, idmap, rslave, rshared, rprivate."
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
            ("/a b/c:/d e:rslave,ro,z", "/a b/c:/d e:ro,z,rslave"),
            ("data:/data:U,Z", "data:/data:Z,U"),
            ("data:/data:idmap,z", "data:/data:z,idmap"),
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
            "/a\tb:/c",
            "/a:/b:",
            "/a:/b:z,Z",
            "/a:/b:ro,rw",
            "/a:/b:rslave,rshared",
            "/a:/b:z,z",
            "/a:/b:cached",
            "/a:/",
            "/a:/b\n",
            "/a:/b:ro\n",
            "",
        ] {
            assert!(bad.parse::<Volume>().is_err(), "{bad:?}");
        }
    }
}
