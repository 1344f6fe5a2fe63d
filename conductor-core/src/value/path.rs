//! Absolute paths that are safe to write into a unit.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::character::is_unfit;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// An absolute path without `.`, `..`, `//`, white space, and characters that are special in a unit file, a
/// glob or a mount option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(String);

impl HostPath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl HostPath {
    /// Reads a path that may contain spaces, for a place where it is quoted.
    ///
    /// # Errors
    /// It is not an absolute path, or has other characters that are special.
    pub(crate) fn with_spaces(text: &str) -> Result<Self, Invalid> {
        Self::read(text, true)
    }

    fn read(text: &str, has_spaces: bool) -> Result<Self, Invalid> {
        const FORBIDDEN: &str = "\"'\\:*?[]$;#`|&<>";
        const LONGEST: usize = 4095;
        let error = |what: &str| Invalid::new(format!("{} {what}", shown(text)));
        if !text.starts_with('/') {
            return Err(error("is not an absolute path").hint("begin it with /"));
        }
        if text.len() > LONGEST {
            return Err(error("is longer than 4095 bytes"));
        }
        let is_space = |c: char| c.is_whitespace() && !(has_spaces && c == ' ');
        let forbidden = |c: &char| is_unfit(*c) || is_space(*c) || FORBIDDEN.contains(*c);
        if let Some(bad) = text.chars().find(forbidden) {
            let hint = match bad {
                '$' => "variables are not replaced: write the path itself",
                _ => "write a path without white space, quotes, colons and wildcards",
            };
            return Err(error(&format!("contains {bad:?}")).hint(hint));
        }
        let parts = text[1..].strip_suffix('/').unwrap_or(&text[1..]);
        if text != "/" && parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(error("is not a plain path").hint("leave out '.', '..' and double slashes"));
        }
        Ok(Self(if text == "/" { text.to_owned() } else { format!("/{parts}") }))
    }
}

impl FromStr for HostPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::read(text, false)
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path as a pattern: components other than `.` and `..`, and an optional slash at the end.
macro_rules! path_pattern {
    () => {
        concat!(
            r"(/|(/(?!\.{1,2}(/|:|$))[^\s",
            super::character::control!(),
            r##"/"'\\:*?\[\]$;#`|&<>]+)+/?)"##
        )
    };
}

/// The same with spaces.
macro_rules! spaced_pattern {
    () => {
        concat!(
            r"(/|(/(?!\.{1,2}(/|:|$))([^\s",
            super::character::control!(),
            r##"/"'\\:*?\[\]$;#`|&<>]| )+)+/?)"##
        )
    };
}

pub(super) use path_pattern;
pub(super) use spaced_pattern;

written_as_text!(
    HostPath,
    concat!("^", path_pattern!(), "$"),
    numbers: Numbers::Refused,
    "An absolute path on the host."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_pass() {
        for good in ["/", "/srv/a-b_c.d", "/srv/%n", "/srv/größe", "/srv/x/"] {
            assert!(good.parse::<HostPath>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "srv",
            "./a",
            "/../etc",
            "/a/../b",
            "/a//b",
            "/a b",
            "/a\nb",
            "/a\0",
            "/a*",
            "//",
            "/a//",
            "/a\u{fffe}",
            "/a\u{85}",
            "/a\u{2028}b",
        ] {
            assert!(bad.parse::<HostPath>().is_err(), "{bad:?}");
        }
        assert_eq!("/srv/x/".parse::<HostPath>().unwrap().as_str(), "/srv/x");
    }
}
