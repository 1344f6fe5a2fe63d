//! Checked texts: arguments, environment, users, descriptions.

use super::character::{control, is_noncharacter, is_unfit};
use super::tokens::literal;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

/// The highest user id; the next number means "no user".
const HIGHEST_ID: u64 = u32::MAX as u64 - 1;
/// Linux accepts at most 128 KiB for one argument, including its final NUL (execve(2)).
const LONGEST_ARGUMENT: usize = 131_071;

text_type!(
    /// An argument of a command: any text without NUL, at most 131071 bytes.
    Argument,
    check_argument,
    r"^[^\u0000]*$",
    numbers: Numbers::AsWritten,
    "An argument, passed on byte for byte; {id}, {revision}, {instance} and {port} are replaced."
);

text_type!(
    /// The value of an environment variable: any text without NUL, at most 131071 bytes.
    EnvValue,
    check_argument,
    r"^[^\u0000]*$",
    numbers: Numbers::AsWritten,
    "A value, passed on byte for byte; {id}, {revision}, {instance} and {port} are replaced."
);

text_type!(
    /// One line of text that describes a service to people.
    Description,
    check_description,
    concat!(
        r"^[^\s",
        control!(),
        r"]([^",
        control!(),
        r"]{0,198}[^\s",
        control!(),
        r"])?$"
    ),
    numbers: Numbers::Refused,
    "One line that says what the service is."
);

text_type!(
    /// The name of a user, or a numeric user id.
    UserName,
    check_user,
    "^([A-Za-z_][A-Za-z0-9_-]{0,30}|0|[1-9][0-9]{0,9})$",
    numbers: Numbers::Whole(0, HIGHEST_ID),
    "The user to run as, by name or number."
);

text_type!(
    /// The name of a systemd credential, which is a file name (systemd.exec(5)).
    CredentialName,
    check_credential,
    "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$",
    numbers: Numbers::Refused,
    "The name of the secret's file, as the instance sees it."
);

text_type!(
    /// The path of an HTTP request, with its query.
    RequestPath,
    check_request_path,
    "^/[!-~]{0,2047}$",
    numbers: Numbers::Refused,
    "The path to request, for example /health."
);

text_type!(
    /// The name of an nginx upstream.
    UpstreamName,
    check_upstream,
    "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
    numbers: Numbers::Refused,
    "The name of the upstream that nginx proxies to."
);

text_type!(
    /// The end of the names of files that a proxy reads: a dot, and letters or digits.
    FileSuffix,
    check_suffix,
    "^\\.[a-z0-9]{1,16}$",
    numbers: Numbers::Refused,
    "The end of the files' names, for example .conf."
);

impl Argument {
    /// Returns an argument whose text is literal: it has no tokens.
    #[must_use]
    pub fn literal(&self) -> Self {
        Self(literal(&self.0).into_owned())
    }
}

impl EnvValue {
    /// Returns a value whose text is literal: it has no tokens.
    #[must_use]
    pub fn literal(&self) -> Self {
        Self(literal(&self.0).into_owned())
    }
}

fn check_argument(text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new(format!("{} contains a NUL", shown(text)))
            .hint("remove it: the kernel ends an argument at a NUL"));
    }
    if let Some(bad) = text.chars().find(|c| is_noncharacter(*c)) {
        return Err(Invalid::new(format!("{} contains {bad:?}", shown(text)))
            .hint("systemd rejects it as invalid UTF-8; put it into a file"));
    }
    if text.len() > LONGEST_ARGUMENT {
        return Err(Invalid::new(format!(
            "{} has {} bytes; Linux takes at most {LONGEST_ARGUMENT}",
            shown(text),
            text.len()
        ))
        .hint("put it into a file"));
    }
    Ok(())
}

fn check_description(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 200;
    if text.is_empty() || text.trim() != text || text.chars().any(is_unfit) {
        return Err(Invalid::new(format!("{} is not one line of text", shown(text)))
            .hint("write one line without control characters or white space around it"));
    }
    if text.chars().count() > LONGEST {
        return Err(Invalid::new(format!("{} is longer than {LONGEST} characters", shown(text))));
    }
    Ok(())
}

fn check_user(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 31;
    // systemd accepts neither leading zeros nor the two numbers that mean "no user".
    let number = (text == "0" || !text.starts_with('0'))
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|id| id <= HIGHEST_ID && id != u64::from(u16::MAX));
    // Some of Debian's own users have capitals: Debian-exim.
    let name = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    match number || (name && text.len() <= LONGEST) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a user", shown(text)))
            .hint("write a user's name, or a number")),
    }
}

fn check_credential(text: &str) -> Result<(), Invalid> {
    check_token(text, "the name of a secret", 255)
}

fn check_upstream(text: &str) -> Result<(), Invalid> {
    check_token(text, "the name of an upstream", 128)
}

fn check_suffix(text: &str) -> Result<(), Invalid> {
    let good = |rest: &str| {
        (1..=16).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match text.strip_prefix('.').is_some_and(good) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the end of a file name", shown(text)))
            .hint("write a dot and letters or digits, such as .conf")),
    }
}

fn check_token(text: &str, what: &str, longest: usize) -> Result<(), Invalid> {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if first && rest && text.len() <= longest {
        return Ok(());
    }
    Err(Invalid::new(format!("{} is not {what}", shown(text)))
        .hint("use letters, digits, '_', '-' and '.'"))
}

fn check_request_path(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 2048;
    if text.starts_with('/') && text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic())
    {
        return Ok(());
    }
    Err(Invalid::new(format!("{} is not the path of a request", shown(text)))
        .hint("begin it with /; write all but printable ASCII characters as %XX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_take_everything_but_nul() {
        for good in ["", "a\nb", "50%", "$HOME", "\u{1}", "ü"] {
            assert_eq!(good.parse::<Argument>().unwrap().as_str(), good);
        }
        assert!("a\0b".parse::<Argument>().is_err());
        assert!("x".repeat(131_072).parse::<Argument>().is_err());
    }

    #[test]
    fn names_are_narrow() {
        for bad in ["", "a b", "root:root", "a/b", "99999999999", "Ä", "a\nb", "%n"] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
        }
        for good in ["www-data", "Debian-exim", "_apt", "0"] {
            assert!(good.parse::<UserName>().is_ok(), "{good:?}");
        }
        for bad in ["", "a/b", "..", "a:b", "a b", "a;b"] {
            assert!(bad.parse::<CredentialName>().is_err(), "{bad:?}");
            assert!(bad.parse::<UpstreamName>().is_err(), "{bad:?}");
        }
        for bad in ["", "health", "/a b", "/a\n", "/ä"] {
            assert!(bad.parse::<RequestPath>().is_err(), "{bad:?}");
        }
        for bad in ["", " a", "a\nb", "a\u{7f}"] {
            assert!(bad.parse::<Description>().is_err(), "{bad:?}");
        }
    }
}
