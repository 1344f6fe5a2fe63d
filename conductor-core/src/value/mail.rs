//! Addresses to which the output of jobs is mailed.

use std::fmt;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// The longest address (RFC 5321: 64 characters, `@` and 255 characters, in a path of 256).
const LONGEST: usize = 254;
/// The most addresses.
const MOST: usize = 20;
/// What an address may contain besides ASCII letters and digits, as for cron. sendmail sees no option, no pipe and
/// no file in it.
const MARKS: &str = "@%_.+=-";

/// Addresses, or none. None in a job means that its output is not mailed, whatever its service says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailTo(Vec<String>);

impl MailTo {
    /// Returns the addresses.
    pub fn addresses(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for MailTo {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let addresses: Vec<_> = text.split(',').map(|address| address.trim_matches(' ')).collect();
        if let Some(bad) = addresses.iter().find(|address| !is_address(address)) {
            let invalid = Invalid::new(format!("{} is not an address for mail", shown(bad)));
            return Err(invalid.hint("write for example ops@example.org, or root,ops@example.org"));
        }
        if addresses.len() > MOST {
            let invalid = Invalid::new(format!("{} addresses", addresses.len()));
            return Err(invalid.hint(format!("write at most {MOST}, or the address of a list")));
        }
        Ok(Self(addresses.into_iter().map(str::to_owned).collect()))
    }
}

impl fmt::Display for MailTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.join(","))
    }
}

written_as_text!(
    MailTo,
    pattern(),
    numbers: Numbers::Refused,
    "Addresses for mail, separated by commas; empty for none."
);

fn is_address(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    text.starts_with(first) && text.chars().all(rest) && text.len() <= LONGEST
}

fn pattern() -> String {
    let address = format!("[A-Za-z0-9_][A-Za-z0-9{MARKS}]{{0,{}}}", LONGEST - 1);
    format!("^ *({address}( *, *{address}){{0,{}}})? *$", MOST - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_no_options_and_no_headers() {
        for (good, printed) in [
            ("", ""),
            ("  ", ""),
            ("root", "root"),
            (" a@x , b+c@y.example ", "a@x,b+c@y.example"),
            ("user%host@relay", "user%host@relay"),
        ] {
            assert_eq!(good.parse::<MailTo>().unwrap().to_string(), printed);
        }
        for bad in [
            "-oQ/tmp",
            "a@x,-bs",
            "a@x,",
            ",",
            "a b",
            "|/bin/sh",
            "/etc/passwd",
            ":include:/etc/shadow",
            "a@x\nBcc: b@y",
            "a@x\r",
            "a;b",
            "\"a\"@x",
            "a@\u{e4}",
        ] {
            assert!(bad.parse::<MailTo>().is_err(), "{bad:?}");
        }
        assert!(vec!["a"; MOST].join(",").parse::<MailTo>().is_ok());
        assert!(vec!["a"; MOST + 1].join(",").parse::<MailTo>().is_err());
        assert!("a".repeat(LONGEST + 1).parse::<MailTo>().is_err());
    }
}
