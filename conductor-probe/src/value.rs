//! Values of the command line: read once and checked once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Why a value on the command line is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ValueError {
    #[error("not a time: write a whole number with ms, s, min or h, as in 500ms, 5s, 2min")]
    Time,
    #[error("a time above 0 is needed")]
    Zero,
    #[error("not a list of status codes: write 200 or 200-299,304")]
    Statuses,
    #[error("not a header: write 'Name: value'")]
    Header,
    #[error("not HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080")]
    Address,
    #[error(
        "\"{0}\" would have to be looked up, and the probe does not: write its address, or localhost"
    )]
    Name(String),
}

/// Reads a time such as `1500ms`, `5s`, `2min` or `1h`.
pub(crate) fn time(text: &str) -> Result<Duration, ValueError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| ValueError::Time)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(ValueError::Time),
    };
    // A century is as good as forever, and leaves room for sums.
    let number = number.checked_mul(millis).filter(|millis| *millis < 3_000_000_000_000);
    number.map(Duration::from_millis).ok_or(ValueError::Time)
}

/// Reads a time that is not zero.
pub(crate) fn time_above_zero(text: &str) -> Result<Duration, ValueError> {
    time(text).and_then(|time| if time.is_zero() { Err(ValueError::Zero) } else { Ok(time) })
}

/// Status codes that count as healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Tells whether a status code is among them.
    pub(crate) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl FromStr for Statuses {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let code = |text: &str| match text.parse::<u16>() {
            Ok(code @ 100..=999) if text.len() == 3 => Ok(code),
            _ => Err(ValueError::Statuses),
        };
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (code(from)?, code(to)?);
            if from <= to { Ok(from..=to) } else { Err(ValueError::Statuses) }
        };
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (from, to) if from == to => write!(f, "{comma}{from}")?,
                (from, to) => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

/// A header to send; its name and value are checked where the request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
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

/// Finds the address of a host without a resolver, which a static binary does not have.
pub(crate) fn host(name: &str) -> Result<IpAddr, ValueError> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    match bare.parse() {
        Ok(address) => Ok(address),
        Err(_) if name == "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Err(_) => Err(ValueError::Name(name.to_owned())),
    }
}

/// Reads `HOST:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, ValueError> {
    let (name, port) = text.rsplit_once(':').ok_or(ValueError::Address)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or(ValueError::Address)?;
    if name.contains(':') && !name.starts_with('[') {
        return Err(ValueError::Address);
    }
    host(name).map(|host| SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, millis) in
            [("1500ms", 1500), ("0s", 0), ("5s", 5000), ("2min", 120_000), ("1h", 3_600_000)]
        {
            let read = time(text).unwrap();
            assert_eq!(read, Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "5", "s", "-5s", "1.5s", "5 s", "5m", "5S", "99999999999h", "1é"] {
            assert_eq!(time(bad), Err(ValueError::Time), "{bad}");
        }
        assert_eq!(time_above_zero("0ms"), Err(ValueError::Zero));
    }

    #[test]
    fn statuses_are_codes_and_ranges() {
        let statuses: Statuses = "200-299,304".parse().unwrap();
        for (status, among) in [(199, false), (200, true), (299, true), (300, false), (304, true)] {
            assert_eq!(statuses.contain(status), among, "{status}");
        }
        assert_eq!(statuses.to_string(), "200-299,304");
        for bad in ["", "2xx", "200-", "299-200", "200,", "99", "1000", "+20", "200 - 299"] {
            assert_eq!(bad.parse::<Statuses>(), Err(ValueError::Statuses), "{bad}");
        }
    }

    #[test]
    fn headers_have_a_name_and_a_value() {
        let header: Header = "Host:  app.example:80 ".parse().unwrap();
        assert_eq!(header.to_string(), "Host: app.example:80");
        assert_eq!("Host".parse::<Header>(), Err(ValueError::Header));
        assert_eq!(": x".parse::<Header>(), Err(ValueError::Header));
    }

    #[test]
    fn addresses_need_no_resolver() {
        for (text, read) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(address(text), Ok(read.parse().unwrap()), "{text}");
        }
        for bad in ["127.0.0.1", "::1:80", "127.0.0.1:0", "127.0.0.1:99999", ":80:"] {
            assert_eq!(address(bad), Err(ValueError::Address), "{bad}");
        }
        assert_eq!(address("example.org:80"), Err(ValueError::Name("example.org".to_owned())));
    }
}
