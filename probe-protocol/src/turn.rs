//! The command `turn`, which holds the place of a scheduled job among those that may run at the same time.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{ArgumentError, ValueError};
use crate::given::Given;
use crate::option;
use crate::request::Subcommand;
use crate::word::{CommandLine, PathWord, Word};

/// Waits until a job may run, and holds its place from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<P = PathBuf> {
    /// The directory with the places, which only its owner can enter.
    pub directory: P,
    /// How many jobs may run on the host, if that is limited.
    pub host_limit: Option<NonZero<u16>>,
    /// The job. A unit has it as the name of its instance.
    pub job: JobPlace,
}

impl<P: PathWord> Turn<P> {
    /// Returns the arguments before the job, which is the value of [`option::JOB`].
    pub fn words_before_job(directory: &P, host_limit: Option<NonZero<u16>>) -> Vec<Word> {
        Self::line(directory, host_limit).finish()
    }

    /// Returns the arguments.
    pub fn words(&self) -> Vec<Word> {
        let Self { directory, host_limit, job } = self;
        let mut line = Self::line(directory, *host_limit);
        line.shown(option::JOB, job);
        line.finish()
    }

    fn line(directory: &P, host_limit: Option<NonZero<u16>>) -> CommandLine {
        let mut line = CommandLine::new(Subcommand::Turn);
        line.path(option::DIRECTORY, directory);
        if let Some(limit) = host_limit {
            line.shown(option::HOST_LIMIT, limit);
        }
        line
    }
}

impl Turn {
    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let missing = ArgumentError::Missing;
        let limit = |text: &str| text.parse().map_err(|_| ValueError::Count);
        Ok(Self {
            directory: given.path(option::DIRECTORY).ok_or(missing(option::DIRECTORY))?,
            host_limit: given.read_value(option::HOST_LIMIT, limit)?,
            job: given.read_value(option::JOB, str::parse)?.ok_or(missing(option::JOB))?,
        })
    }
}

/// A job, and how many of its service may run at the same time: `2:shop:orders`, and `0:shop:orders` if the service
/// has no limit. The name of a unit can contain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// How many jobs of the service may run.
    pub limit: Option<NonZero<u16>>,
    /// The id of the service.
    pub service: String,
    /// The name of the job.
    pub job: String,
}

impl fmt::Display for JobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, service, job } = self;
        write!(f, "{}:{service}:{job}", limit.map_or(0, NonZero::get))
    }
}

impl FromStr for JobPlace {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parts: Vec<_> = text.split(':').collect();
        let [limit, service, job] = parts[..] else { return Err(ValueError::JobPlace) };
        // The service is the name of a directory.
        let is_label = |text: &str| {
            let is_good =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            !text.is_empty() && text.chars().all(is_good)
        };
        let limit: u16 = limit.parse().map_err(|_| ValueError::JobPlace)?;
        match is_label(service) && is_label(job) {
            true => Ok(Self {
                limit: NonZero::new(limit),
                service: service.to_owned(),
                job: job.to_owned(),
            }),
            false => Err(ValueError::JobPlace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["2:shop:orders", "0:a-b:c-d", "1000:a_1:b"] {
            assert_eq!(
                text.parse::<JobPlace>().map(|place| place.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "shop:orders",
            "2:shop",
            "2:shop:",
            "2::a",
            "2:../shop:a",
            "2:.:a",
            "2:a/b:c",
            "-1:a:b",
            "65536:a:b",
            "2:a:b:c",
            "2:A:b",
        ] {
            assert_eq!(text.parse::<JobPlace>(), Err(ValueError::JobPlace), "{text}");
        }
    }
}
