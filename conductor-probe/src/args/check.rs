//! What can be typed to say what is checked, and how often.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::value::{self, Header, Statuses};

/// What to check, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct CheckArguments {
    /// Ask this URL; its host is an address or localhost
    #[arg(long, value_name = "URL", conflicts_with_all = ["tcp", "words"])]
    pub(crate) http: Option<String>,
    /// Connect to this address
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "words", value_parser = value::address)]
    pub(crate) tcp: Option<SocketAddr>,
    /// Run a command: once for its program, and once for each argument, as in
    /// --command=/bin/sh --command=-c --command='test -e /run/ok'
    #[arg(long = "command", value_name = "WORD")]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) request: RequestArguments,
    #[command(flatten)]
    pub(crate) timing: Timing,
}

/// How to ask over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct RequestArguments {
    /// Connect to this socket; with --http, ask there, and the URL gives path and Host
    #[arg(long, value_name = "PATH", conflicts_with_all = ["tcp", "words"])]
    pub(crate) unix: Option<PathBuf>,
    /// How to ask
    #[arg(long, value_enum, default_value_t = Method::Get, ignore_case = true, requires = "http", conflicts_with_all = ["tcp", "words"])]
    pub(crate) method: Method,
    /// Send a header; can be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "http", conflicts_with_all = ["tcp", "words"])]
    pub(crate) headers: Vec<Header>,
    /// Which answers are healthy
    #[arg(long, value_name = "CODES", default_value = "200-399", requires = "http", conflicts_with_all = ["tcp", "words"])]
    pub(crate) status: Statuses,
    /// Require this text in the first 64 KiB of the answer
    #[arg(long, value_name = "TEXT", requires = "http", conflicts_with_all = ["tcp", "words"])]
    pub(crate) contains: Option<String>,
    /// Judge what a redirect leads to, not the redirect
    #[arg(long, requires = "http", conflicts_with_all = ["tcp", "words"])]
    pub(crate) follow_redirects: bool,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    #[value(name = "GET")]
    Get,
    #[value(name = "HEAD")]
    Head,
}

/// How often to check, and what to make of the results.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Timing {
    /// Time from one check to the next
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = value::time_above_zero)]
    pub(crate) interval: Duration,
    /// How long one check may take, all of it
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = value::time_above_zero)]
    pub(crate) timeout: Duration,
    /// This many failures in a row are unhealthy
    #[arg(long, value_name = "N", default_value = "3", value_parser = count())]
    pub(crate) retries: u32,
    /// Failures do not count for this long, until the first success
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = value::time)]
    pub(crate) start_period: Duration,
    /// This many successes in a row are ready
    #[arg(long, value_name = "N", default_value = "1", value_parser = count())]
    pub(crate) success_threshold: u32,
}

impl Timing {
    /// Gives the longest time from the beginning of the start period to a verdict, with a reserve.
    pub(crate) fn start_budget(&self) -> Duration {
        let checks = self.interval.max(self.timeout).saturating_mul(self.retries);
        self.start_period.saturating_add(checks).saturating_add(Duration::from_secs(10))
    }
}

fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser as _;

    fn check(words: &[&str]) -> Result<CheckArguments, clap::Error> {
        let words = ["conductor-probe", "check"].iter().chain(words);
        match Arguments::try_parse_from(words)?.command {
            Command::Check(check) => Ok(check),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for words in [
            &["--http=http://127.0.0.1/", "--tcp=127.0.0.1:1"][..],
            &["--tcp=127.0.0.1:1", "--command=a"],
            &["--tcp=127.0.0.1:1", "--contains=a"],
            &["--unix=/run/a", "--tcp=127.0.0.1:1"],
            &["--unix=/run/a", "--command=a"],
            &["--unix=/run/a", "--method=HEAD"],
            &["--http=http://127.0.0.1/", "--retries=0"],
            &["--http=http://127.0.0.1/", "--interval=0s"],
        ] {
            assert_eq!(check(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
