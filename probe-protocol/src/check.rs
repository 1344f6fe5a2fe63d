//! Health checks as arguments.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::address;
use crate::error::ArgumentError;
use crate::given::Given;
use crate::http::{Header, Method, Statuses};
use crate::option;
use crate::request::Subcommand;
use crate::timing::Timing;
use crate::word::{CommandLine, Word};

/// A health check and its timing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The check.
    pub check: Check,
    /// Its timing.
    pub timing: Timing,
}

/// The check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The answer to an HTTP request.
    Http(HttpCheck),
    /// A connection to an address.
    Tcp(SocketAddr),
    /// A connection to a unix socket.
    Unix(PathBuf),
    /// The exit status of a command: its program and its arguments.
    Command(Vec<OsString>),
}

/// A request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpCheck {
    /// The URL.
    pub url: String,
    /// The unix socket for the request; path and `Host` are the URL's.
    pub unix: Option<PathBuf>,
    /// The method.
    pub method: Method,
    /// Headers to send.
    pub headers: Vec<Header>,
    /// The status codes that are healthy; `None` for [`Statuses::default`].
    pub status: Option<Statuses>,
    /// The text that the answer has to contain.
    pub contains: Option<String>,
    /// Whether redirects are followed; else the redirect itself is judged.
    pub follow_redirects: bool,
}

impl Watch {
    /// Returns the arguments of `conductor-probe check`.
    pub fn words(&self) -> Vec<Word> {
        let mut line = CommandLine::new(Subcommand::Check);
        self.write(&mut line);
        line.finish()
    }

    pub(crate) fn write(&self, line: &mut CommandLine) {
        let Self { check, timing } = self;
        check.write(line);
        timing.write(line);
    }

    /// Reads the check, if there is one. Without a check, its other options are refused: they would have no
    /// effect.
    pub(crate) fn read(given: &Given) -> Result<Option<Self>, ArgumentError> {
        if let Some(check) = Check::read(given)? {
            return Ok(Some(Self { check, timing: Timing::read(given)? }));
        }
        let times = given.first_of(&option::TIMES);
        match times.or_else(|| given.first_of(&[option::SHARE_SOCKET])) {
            Some(option) => Err(ArgumentError::Alone(option, "a check")),
            None => Ok(None),
        }
    }
}

impl Check {
    fn write(&self, line: &mut CommandLine) {
        match self {
            Self::Http(http) => http.write(line),
            Self::Tcp(address) => line.shown(option::TCP, address),
            Self::Unix(path) => line.path(option::UNIX, path),
            Self::Command(words) => {
                for word in words {
                    line.option(option::COMMAND, word);
                }
            }
        }
    }

    fn read(given: &Given) -> Result<Option<Self>, ArgumentError> {
        let url = given.text(option::HTTP)?;
        let tcp = given.read_value(option::TCP, address)?;
        let command = given.all(option::COMMAND);
        let kinds: Vec<_> = [option::HTTP, option::UNIX, option::TCP, option::COMMAND]
            .into_iter()
            .filter(|kind| given.has(kind))
            .collect();
        // A socket with a URL is the socket for that request.
        match kinds.as_slice() {
            [] | [_] | [option::HTTP, option::UNIX] => {}
            [first, second, ..] => return Err(ArgumentError::Conflict(first, second)),
        }
        if let Some(url) = url {
            return HttpCheck::read(url, given).map(|http| Some(Self::Http(http)));
        }
        if let Some(option) = given.first_of(&option::REQUEST) {
            return Err(ArgumentError::Alone(option, option::HTTP));
        }
        if let Some(address) = tcp {
            return Ok(Some(Self::Tcp(address)));
        }
        if let Some(path) = given.path(option::UNIX) {
            return Ok(Some(Self::Unix(path)));
        }
        Ok(if command.is_empty() { None } else { Some(Self::Command(command)) })
    }
}

impl HttpCheck {
    /// Returns the status codes that are healthy.
    pub fn expected(&self) -> Statuses {
        self.status.clone().unwrap_or_default()
    }

    fn write(&self, line: &mut CommandLine) {
        // Without `..`: a new field does not compile until it is written.
        let Self { url, unix, method, headers, status, contains, follow_redirects } = self;
        line.option(option::HTTP, url);
        if let Some(path) = unix {
            line.path(option::UNIX, path);
        }
        if *method != Method::default() {
            line.option(option::METHOD, method.name());
        }
        for header in headers {
            line.shown(option::HEADER, header);
        }
        if let Some(status) = status {
            line.shown(option::STATUS, status);
        }
        if let Some(text) = contains {
            line.option(option::CONTAINS, text);
        }
        if *follow_redirects {
            line.plain(option::FOLLOW_REDIRECTS);
        }
    }

    fn read(url: String, given: &Given) -> Result<Self, ArgumentError> {
        Ok(Self {
            url,
            unix: given.path(option::UNIX),
            method: given.read_value(option::METHOD, str::parse)?.unwrap_or_default(),
            headers: given.read_all(option::HEADER, str::parse)?,
            status: given.read_value(option::STATUS, str::parse)?,
            contains: given.text(option::CONTAINS)?,
            follow_redirects: given.has(option::FOLLOW_REDIRECTS),
        })
    }
}
