//! Values of hooks.

use super::character::{control, is_unfit};
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

text_type!(
    /// A word of the command of a hook, which is passed on as it is.
    HookText,
    check_text,
    concat!(r"^[^", control!(), r"]{0,4096}$"),
    numbers: Numbers::AsWritten,
    "A word of a command; it has no tokens."
);

text_type!(
    /// A URL to which an event is posted.
    HookUrl,
    check_url,
    r#"^https?://[A-Za-z0-9\[][^ "\\<>^`{|}]{0,2000}$"#,
    numbers: Numbers::Refused,
    "A URL: https://hooks.example.org/path."
);

/// The longest URL.
const LONGEST: usize = 2000;
const EXAMPLE: &str = "write for example https://hooks.example.org/services/a";

fn check_text(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 4096;
    if text.chars().any(is_unfit) {
        let invalid = Invalid::new(format!("{} has a control character", shown(text)));
        return Err(invalid.hint("write a script, and its path"));
    }
    match text.chars().count() <= LONGEST {
        true => Ok(()),
        false => Err(Invalid::new("the word is too long").hint("write a script, and its path")),
    }
}

fn check_url(text: &str) -> Result<(), Invalid> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        let invalid =
            Invalid::new(format!("{} is not a URL that conductor can post to", shown(text)));
        return Err(invalid.hint(EXAMPLE));
    };
    // RFC 3986 has none of these, and curl's configuration file would not read them as they are.
    let is_fit = |c: char| c.is_ascii_graphic() && !r#""\<>^`{|}"#.contains(c);
    let host = rest.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '[');
    match host && rest.len() <= LONGEST && rest.chars().all(is_fit) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a URL", shown(text))).hint(EXAMPLE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_word_of_http() {
        for good in [
            "https://hooks.slack.com/services/T0/B0/x",
            "http://127.0.0.1:9093/api?a=b&c=%20#d",
            "http://[::1]:80/",
        ] {
            assert!(good.parse::<HookUrl>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "example.org",
            "ftp://a",
            "file:///etc/shadow",
            "https://",
            "https:///a",
            "https://a b",
            "https://a\nurl = b",
            "https://a\"",
            "https://a\\",
            "https://\u{e4}.example",
            "HTTPS://a",
        ] {
            assert!(bad.parse::<HookUrl>().is_err(), "{bad:?}");
        }
    }
}
