//! Resource limits of processes (getrlimit(2)), as in `docker run --ulimit` and systemd's `Limit*=`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::error::{Invalid, shown};
use crate::text::{Numbers, nearest, serde_error, text_type};

/// The names that both engines and systemd have.
const NAMES: [&str; 14] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

const HINT: &str = "write a number, -1 for no limit, or {soft: 1024, hard: 4096}";

text_type!(
    /// The name of a resource limit of processes, such as `nofile`.
    UlimitName,
    check_name,
    format!("^({})$", NAMES.join("|")),
    numbers: Numbers::Refused,
    "The name of a limit in getrlimit(2), in lower case and without RLIMIT_."
);

fn check_name(text: &str) -> Result<(), Invalid> {
    if NAMES.contains(&text) {
        return Ok(());
    }
    let hint = match nearest(&text.to_ascii_lowercase(), &NAMES) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("write one of {}", NAMES.join(", ")),
    };
    Err(Invalid::new(format!("{} is not a limit of processes", shown(text))).hint(hint))
}

/// A soft and a hard limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    soft: Bound,
    hard: Bound,
}

/// A number, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound(Option<u64>);

impl Ulimit {
    /// Returns the value of a directive: `SOFT:HARD`, with systemd's word for no limit.
    pub(crate) fn of_systemd(self) -> String {
        let word = |Bound(bound)| bound.map_or("infinity".to_owned(), |it: u64| it.to_string());
        format!("{}:{}", word(self.soft), word(self.hard))
    }
}

/// As the engines read it: `SOFT:HARD`, with -1 for no limit.
impl fmt::Display for Ulimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.soft, self.hard)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("-1"),
        }
    }
}

impl Serialize for Ulimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoundVisitor;

        impl Visitor<'_> for BoundVisitor {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bound, E> {
                bound(text).map_err(serde_error)
            }
        }

        deserializer.deserialize_any(BoundVisitor)
    }
}

fn bound(text: &str) -> Result<Bound, Invalid> {
    // The highest number means no limit.
    match text.parse::<u64>() {
        Ok(number) if number < u64::MAX && !text.starts_with('+') => Ok(Bound(Some(number))),
        _ if text == "-1" => Ok(Bound(None)),
        _ => Err(Invalid::new(format!("{} is not a limit", shown(text))).hint(HINT)),
    }
}

impl<'de> Deserialize<'de> for Ulimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UlimitVisitor;

        impl<'de> Visitor<'de> for UlimitVisitor {
            type Value = Ulimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a mapping with soft and hard")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ulimit, E> {
                let both = bound(text).map_err(serde_error)?;
                Ok(Ulimit { soft: both, hard: both })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ulimit, A::Error> {
                let (mut soft, mut hard) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "soft" => soft = Some(map.next_value::<Bound>()?),
                        "hard" => hard = Some(map.next_value::<Bound>()?),
                        _ => {
                            let unknown = Invalid::new(format!("unknown key {}", shown(&key)));
                            return Err(serde_error(unknown.hint(HINT)));
                        }
                    }
                }
                let (Some(soft), Some(hard)) = (soft, hard) else {
                    return Err(serde_error(Invalid::new("soft or hard is missing").hint(HINT)));
                };
                if soft.0.unwrap_or(u64::MAX) > hard.0.unwrap_or(u64::MAX) {
                    let message = format!("the soft limit {soft} is above the hard limit {hard}");
                    let hint = "write a soft limit that is at most the hard limit";
                    return Err(serde_error(Invalid::new(message).hint(hint)));
                }
                Ok(Ulimit { soft, hard })
            }
        }

        deserializer.deserialize_any(UlimitVisitor)
    }
}

impl JsonSchema for Ulimit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ulimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let bound = schemars::json_schema!({
            "type": ["integer", "string"],
            "minimum": -1,
            "maximum": u64::MAX - 1,
            "pattern": "^(-1|[0-9]{1,20})$",
        });
        schemars::json_schema!({
            "description": "The limit, or the soft and the hard limit; -1 is no limit.",
            "anyOf": [bound, {
                "type": "object",
                "properties": {"soft": bound, "hard": bound},
                "required": ["soft", "hard"],
                "additionalProperties": false,
            }],
        })
    }
}
