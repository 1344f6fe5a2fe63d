//! One check and its result.

mod command;
mod http;
mod redirect;
pub(crate) mod socket;
pub(crate) mod transport;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use probe_protocol::{Check as Wanted, Statuses, ValueError, Watch};
use rustix::io::Errno;

use self::http::Http;
use self::socket::Endpoint;
use crate::print::reason;
use crate::spoken::Spoken;

/// How long a server may take to close a connection that it does not want.
///
/// Docker's proxy for a published port accepts each connection, and closes it when the container refuses: seen
/// after at most 3 ms.
const TURNED_AWAY: Duration = Duration::from_millis(100);

/// Why arguments are not a valid check.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CheckError {
    #[error("--http {url}: {reason}")]
    Url { url: String, reason: UrlError },
    #[error("--header '{0}': not a name and value that HTTP allows")]
    Header(String),
    #[error("--contains: the answer to HEAD has no body")]
    HeadContains,
}

/// Why a URL is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UrlError {
    #[error("not a URL such as http://127.0.0.1:8080/health")]
    Form,
    #[error("this conductor-probe was built without TLS (cargo build --features tls)")]
    Tls,
    #[error("no user is allowed in a URL: write --header 'Authorization: ...'")]
    User,
    #[error(transparent)]
    Host(ValueError),
}

/// A check of a service's health.
#[derive(Debug)]
pub(crate) enum Check {
    Http(Box<Http>),
    Connect(Endpoint),
    Command(Vec<OsString>),
}

/// The answer of a healthy service, and the time that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Healthy {
    pub(crate) answer: Answer,
    pub(crate) took: Duration,
}

/// The answer of a healthy service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    Connected,
    Success,
}

impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer {
            Answer::Status(status) => write!(f, "{status}")?,
            Answer::Connected => f.write_str("connected")?,
            Answer::Success => f.write_str("exit status 0")?,
        }
        write!(f, " in {}", Spoken(self.took))
    }
}

/// Why a service is not healthy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Unhealthy {
    #[error("connection refused on {0}")]
    Refused(Endpoint),
    #[error("{0} is a symbolic link, which is not followed: it could lead to another's socket")]
    Link(Endpoint),
    #[error("cannot connect to {endpoint}: {}", reason(source))]
    Connect { endpoint: Endpoint, source: io::Error },
    #[error("no answer within {} from {endpoint}", Spoken(*.within))]
    Silence { endpoint: Endpoint, within: Duration },
    #[error("{0} closed the connection without an answer")]
    Closed(Endpoint),
    #[error("{0} accepts connections and closes them at once")]
    TurnedAway(Endpoint),
    #[error("connection to {endpoint} broke: {}", reason(source))]
    Broken { endpoint: Endpoint, source: io::Error },
    #[error("not HTTP: {endpoint} sent {sent}")]
    NotHttp { endpoint: Endpoint, sent: String },
    #[error("{status} from {url} (expected {expected})")]
    Status { status: String, url: String, expected: Statuses },
    #[error("the answer does not contain {0:?}")]
    Text(String),
    #[error(
        "{status} redirects to {location}, which is not on {endpoint}; check the final path, or leave out \
         follow_redirects to judge the redirect itself"
    )]
    Away { status: u16, location: String, endpoint: Endpoint },
    #[error("{status} redirects to {location}, which is not a URL that can be requested")]
    Location { status: u16, location: String },
    #[error("{0}: too many redirects")]
    Redirects(String),
    #[error("{url}: {source}")]
    Http { url: String, source: ureq::Error },
    #[error("cannot run {program}: {}", reason(source))]
    Run { program: String, source: io::Error },
    #[error("{program} did not end within {}{}", Spoken(*.within), said(.last))]
    Endless { program: String, within: Duration, last: String },
    #[error("cannot make {} accessible to all users: {}", path.display(), reason(source))]
    Unshared { path: PathBuf, source: io::Error },
    #[error("{outcome} of {program}{}", said(.last))]
    Exit { outcome: String, program: String, last: String },
}

fn said(last: &str) -> String {
    if last.is_empty() { String::new() } else { format!(": {last}") }
}

impl Check {
    /// Creates the check from its arguments.
    pub(crate) fn new(watch: &Watch) -> Result<Self, CheckError> {
        Ok(match &watch.check {
            Wanted::Http(http) => Self::Http(Box::new(Http::new(http, watch.timing.timeout)?)),
            Wanted::Tcp(address) => Self::Connect(Endpoint::Tcp(*address)),
            Wanted::Unix(path) => Self::Connect(Endpoint::Unix(path.clone())),
            Wanted::Command(words) => Self::Command(words.clone()),
        })
    }

    /// Returns the address of the service, if the check connects to one.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Http(http) => Some(&http.endpoint),
            Self::Connect(endpoint) => Some(endpoint),
            Self::Command(_) => None,
        }
    }

    /// Checks once, with a timeout.
    pub(crate) fn run(&self, timeout: Duration) -> Result<Healthy, Unhealthy> {
        let start = Instant::now();
        let answer = match self {
            Self::Http(http) => http.run(timeout)?,
            Self::Connect(endpoint) => {
                let connected = endpoint.connect(start.checked_add(timeout));
                let socket = connected.map_err(|error| not_connected(endpoint, error, timeout))?;
                let took = start.elapsed();
                let left = timeout.saturating_sub(took).min(TURNED_AWAY);
                socket.stays_open(left).map_err(|error| turned_away(endpoint, error))?;
                return Ok(Healthy { answer: Answer::Connected, took });
            }
            Self::Command(words) => command::run(words, timeout)?,
        };
        Ok(Healthy { answer, took: start.elapsed() })
    }
}

fn turned_away(endpoint: &Endpoint, error: Errno) -> Unhealthy {
    let endpoint = endpoint.clone();
    match error {
        Errno::PIPE => Unhealthy::TurnedAway(endpoint),
        other => Unhealthy::Broken { endpoint, source: other.into() },
    }
}

fn not_connected(endpoint: &Endpoint, error: Errno, within: Duration) -> Unhealthy {
    let endpoint = endpoint.clone();
    match error {
        Errno::CONNREFUSED => Unhealthy::Refused(endpoint),
        Errno::LOOP => Unhealthy::Link(endpoint),
        Errno::TIMEDOUT => Unhealthy::Silence { endpoint, within },
        other => Unhealthy::Connect { endpoint, source: other.into() },
    }
}
