//! Parts of HTTP requests and answers in health checks (RFC 9110).

use probe_protocol::Statuses;

use super::character::{control, is_unfit};
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

text_type!(
    /// The name of a header field.
    HeaderName,
    check_header_name,
    "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
    numbers: Numbers::Refused,
    "The name of a header field, for example Host."
);

text_type!(
    /// The value of a header field: printable ASCII on one line.
    HeaderValue,
    check_header_value,
    "^[!-~]([ -~]{0,2046}[!-~])?$",
    numbers: Numbers::Refused,
    "The value of a header field: printable ASCII."
);

text_type!(
    /// The status codes that count as healthy: `200-399`, or `200-299,304`.
    StatusCodes,
    check_status_codes,
    "^[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?)*$",
    numbers: Numbers::Whole(100, 599),
    "Status codes of HTTP and ranges of them: 200-299,304."
);

text_type!(
    /// Text that the body of an answer has to contain.
    BodyText,
    check_body_text,
    concat!(r"^[^", control!(), r"]{1,1024}$"),
    numbers: Numbers::AsWritten,
    "Text that the first 64 KiB of the answer have to contain."
);

impl StatusCodes {
    /// Returns them as the probe's type.
    pub(crate) fn statuses(&self) -> Statuses {
        // They were parsed when they were checked.
        self.as_str().parse().unwrap_or_default()
    }
}

fn check_header_name(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 128;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&b);
    match !text.is_empty() && text.len() <= LONGEST && text.bytes().all(token) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a header field", shown(text)))
            .hint("for example Host")),
    }
}

fn check_header_value(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 2048;
    let printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    match printable && !text.is_empty() && text.trim() == text && text.len() <= LONGEST {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the value of a header field", shown(text)))
            .hint("write printable ASCII on one line, for example app.example")),
    }
}

fn check_status_codes(text: &str) -> Result<(), Invalid> {
    match text.parse::<Statuses>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Invalid::new(format!("{} is not a list of status codes", shown(text)))
            .hint("write codes from 100 to 599 and ranges: 200-299,304")),
    }
}

fn check_body_text(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 1024;
    if text.is_empty() || text.chars().any(is_unfit) {
        return Err(Invalid::new(format!("{} is not text to look for", shown(text)))
            .hint("write some text without control characters"));
    }
    if text.chars().count() > LONGEST {
        return Err(Invalid::new(format!("{} is longer than {LONGEST} characters", shown(text))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_codes_and_ranges() {
        for good in ["200", "200-399", "200-299,304", "100-599"] {
            assert!(good.parse::<StatusCodes>().is_ok(), "{good:?}");
        }
        for bad in ["", "99", "600", "200-", "399-200", "200, 204", "2xx", "0200", "200,,204"] {
            assert!(bad.parse::<StatusCodes>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_is_one_line() {
        for bad in ["", "a b", "Host:", "Höst", "a\r\nb"] {
            assert!(bad.parse::<HeaderName>().is_err(), "{bad:?}");
        }
        for bad in ["", " a", "a ", "a\r\nX: y", "ä"] {
            assert!(bad.parse::<HeaderValue>().is_err(), "{bad:?}");
        }
        assert!("app.example:80, x".parse::<HeaderValue>().is_ok());
        for bad in ["", "a\nb", "\0"] {
            assert!(bad.parse::<BodyText>().is_err(), "{bad:?}");
        }
    }
}
