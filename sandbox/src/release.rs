//! The releases of Debian that a sandbox can be.

use std::env;

use crate::error::Error;

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Debian 12, with systemd 252.
    Bookworm,
    /// Debian 13, with systemd 257; the default.
    Trixie,
    /// What becomes the next Debian, with the newest systemd. Its tree is as old as the day on which it was made.
    Sid,
}

impl Release {
    /// Returns the release that `CONDUCTOR_SANDBOX_DEBIAN` names, or the default.
    ///
    /// # Errors
    ///
    /// It names something else.
    pub fn chosen() -> Result<Self, Error> {
        let Some(name) = env::var_os("CONDUCTOR_SANDBOX_DEBIAN") else { return Ok(Self::Trixie) };
        [Self::Bookworm, Self::Trixie, Self::Sid]
            .into_iter()
            .find(|release| name == release.name())
            .ok_or_else(|| Error::UnknownRelease { name: name.to_string_lossy().into_owned() })
    }

    /// Returns its code name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }

    /// Returns the packages of the tree that other releases do not have.
    pub(crate) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Bookworm => &[],
            Self::Trixie | Self::Sid => &["docker-cli"],
        }
    }

    /// Returns the options of mmdebstrap that other releases do not need.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Bookworm | Self::Trixie => &[],
            // Its list of packages is valid for a week, and a mirror may be older.
            Self::Sid => &[r#"--aptopt=Acquire::Check-Valid-Until "false""#],
        }
    }

    /// Returns the scripts that change its tree and not those of other releases.
    pub(crate) fn hooks(self) -> &'static [&'static str] {
        match self {
            // Its crun insists on an unlimited RLIMIT_MEMLOCK, which a machine without CAP_SYS_RESOURCE cannot set.
            // runc, which docker brings, does without.
            Self::Bookworm => &[
                r#"printf '[engine]\nruntime = "runc"\n' >"$1/etc/containers/containers.conf.d/runtime.conf""#,
            ],
            Self::Trixie | Self::Sid => &[],
        }
    }
}
