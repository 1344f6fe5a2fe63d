//! The names of Linux capabilities.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, nearest, written_as_text};

/// The names in capabilities(7), without their prefix `CAP_`.
const NAMES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// The engines' word for all capabilities.
const ALL: &str = "ALL";
/// The prefix that a name may have.
const PREFIX: &str = "CAP_";

static PATTERN: LazyLock<String> =
    LazyLock::new(|| format!("^({ALL}|({PREFIX})?({}))$", NAMES.join("|")));

/// A Linux capability, or all of them. It is read with or without its prefix, and written without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(&'static str);

impl Capability {
    /// Returns the name without its prefix `CAP_`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns whether all capabilities are meant.
    pub fn is_all(self) -> bool {
        self.0 == ALL
    }
}

impl FromStr for Capability {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == ALL {
            return Ok(Self(ALL));
        }
        let name = text.strip_prefix(PREFIX).unwrap_or(text);
        if let Some(known) = NAMES.iter().find(|known| **known == name) {
            return Ok(Self(known));
        }
        let upper = text.to_ascii_uppercase();
        let upper = upper.strip_prefix(PREFIX).unwrap_or(&upper);
        let longer = NAMES.into_iter().find(|name| upper.contains('_') && name.starts_with(upper));
        let all = (upper == ALL).then_some(ALL);
        let hint = match all.or(longer).or_else(|| nearest(upper, &NAMES)) {
            Some(name) => format!("did you mean {name}?"),
            None => "write a name from capabilities(7), for example NET_BIND_SERVICE".to_owned(),
        };
        Err(Invalid::new(format!("{} is not a capability", shown(text))).hint(hint))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

written_as_text!(
    Capability,
    PATTERN,
    numbers: Numbers::Refused,
    "A capability of capabilities(7), with or without CAP_; docker and podman: or ALL."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_with_and_without_its_prefix() {
        for text in ["NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE"] {
            assert_eq!(text.parse::<Capability>().unwrap().to_string(), "NET_BIND_SERVICE");
        }
        assert!("ALL".parse::<Capability>().unwrap().is_all());
    }

    #[test]
    fn an_unknown_name_has_a_hint() {
        for (text, hint) in [
            ("NET_BIND_SERVICES", "did you mean NET_BIND_SERVICE?"),
            ("NET_BIND", "did you mean NET_BIND_SERVICE?"),
            ("cap_net_bind_service", "did you mean NET_BIND_SERVICE?"),
            ("CAP_SYS_ADMN", "did you mean SYS_ADMIN?"),
            ("all", "did you mean ALL?"),
            ("CAP_ALL", "did you mean ALL?"),
            ("", "write a name from capabilities(7), for example NET_BIND_SERVICE"),
            ("é", "write a name from capabilities(7), for example NET_BIND_SERVICE"),
        ] {
            let error = text.parse::<Capability>().unwrap_err();
            assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
        }
    }
}
