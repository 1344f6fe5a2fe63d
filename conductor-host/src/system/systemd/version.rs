//! The oldest supported version of systemd.

/// The oldest version that has all directives of the units.
pub(crate) const OLDEST: u32 = 252;

/// Returns the version number if it is too old. `version` is the manager's property `Version`.
///
/// A text that does not begin with a number is accepted: custom builds can have any text.
pub(super) fn too_old(version: &str) -> Option<u32> {
    number(version).filter(|number| *number < OLDEST)
}

/// Reads the major number: `257.13-1~deb13u1` is 257, and `v249.11` is 249.
pub(crate) fn number(version: &str) -> Option<u32> {
    let version = version.trim_start();
    let version = version.strip_prefix('v').unwrap_or(version);
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_a_number_in_front() {
        for (version, read) in [
            ("257.13-1~deb13u1", Some(257)),
            ("252.39-1~deb12u1", Some(252)),
            ("252-rc1", Some(252)),
            ("v249.11", Some(249)),
            ("247", Some(247)),
            ("258~devel-g1a2b3c4", Some(258)),
            ("249.11-0ubuntu3.12", Some(249)),
            ("", None),
            ("main", None),
            ("99999999999", None),
        ] {
            assert_eq!(number(version), read, "{version}");
        }
    }

    #[test]
    fn what_is_older_than_252_is_too_old() {
        for (version, old) in [
            ("251.9", Some(251)),
            ("v249.11", Some(249)),
            ("247.3-7+deb11u4", Some(247)),
            ("252-rc1", None),
            ("252", None),
            ("257.13-1~deb13u1", None),
            ("a build of my own", None),
        ] {
            assert_eq!(too_old(version), old, "{version}");
        }
    }
}
