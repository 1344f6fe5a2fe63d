//! HTTP requests, and the status codes that are healthy (RFC 9110).

use std::fmt;
use std::str::FromStr;

use crate::error::ValueError;

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// GET, for the whole answer.
    #[default]
    Get,
    /// HEAD, for the head of the answer.
    Head,
}

impl Method {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

impl FromStr for Method {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let method = [Self::Get, Self::Head].into_iter();
        let mut method = method.filter(|method| method.name().eq_ignore_ascii_case(text));
        method.next().ok_or(ValueError::Method)
    }
}

/// Status codes that are healthy: codes and ranges, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<Item>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Code(u16),
    Range(u16, u16),
}

impl Statuses {
    /// The default, as text.
    pub const DEFAULT: &str = "200-399";

    /// Returns whether a status code is among them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|item| match *item {
            Item::Code(code) => code == status,
            Item::Range(first, last) => (first..=last).contains(&status),
        })
    }
}

/// Returns [`Statuses::DEFAULT`].
impl Default for Statuses {
    fn default() -> Self {
        Self(vec![Item::Range(200, 399)])
    }
}

/// Reads a status code: three digits, of which the first is 1 to 5 (RFC 9110, section 15).
fn code(text: &str) -> Result<u16, ValueError> {
    match text.parse() {
        Ok(code @ 100..=599) if text.len() == 3 => Ok(code),
        _ => Err(ValueError::Statuses),
    }
}

impl FromStr for Statuses {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let item = |item: &str| match item.split_once('-') {
            None => code(item).map(Item::Code),
            Some((first, last)) => match (code(first)?, code(last)?) {
                (first, last) if first <= last => Ok(Item::Range(first, last)),
                _ => Err(ValueError::Statuses),
            },
        };
        text.split(',').map(item).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match item {
                Item::Code(code) => write!(f, "{comma}{code}")?,
                Item::Range(first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// A header. The sender checks whether HTTP allows its name and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, without spaces around it.
    pub name: String,
    /// Its value, without spaces around it.
    pub value: String,
}

impl FromStr for Header {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (name, value) = text.split_once(':').ok_or(ValueError::Header)?;
        match name.trim() {
            "" => Err(ValueError::Header),
            name => Ok(Self { name: name.to_owned(), value: value.trim().to_owned() }),
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_codes_and_ranges() {
        let statuses: Statuses = "200-299,304".parse().unwrap();
        for (status, among) in [(199, false), (200, true), (299, true), (300, false), (304, true)] {
            assert_eq!(statuses.contain(status), among, "{status}");
        }
        for good in ["200-299,304", "100-599", "200-200", "200,200"] {
            assert_eq!(good.parse::<Statuses>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2xx",
            "200-",
            "299-200",
            "200,",
            "99",
            "1000",
            "+20",
            "+200",
            "200 - 299",
            "0200",
            "600",
            "999",
            "100-600",
            "200, 204",
        ] {
            assert_eq!(bad.parse::<Statuses>(), Err(ValueError::Statuses), "{bad}");
        }
        assert_eq!(Statuses::DEFAULT.parse(), Ok(Statuses::default()));
    }

    #[test]
    fn headers_have_a_name_and_a_value() {
        let header: Header = "Host:  app.example:80 ".parse().unwrap();
        assert_eq!(header.to_string(), "Host: app.example:80");
        assert_eq!("Host".parse::<Header>(), Err(ValueError::Header));
        assert_eq!(": x".parse::<Header>(), Err(ValueError::Header));
    }
}
