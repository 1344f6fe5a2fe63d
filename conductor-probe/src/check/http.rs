//! A check over HTTP.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use probe_protocol::{HttpCheck, Method, Statuses};
use rustix::io::Errno;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, Error};

use super::redirect::{self, Refused};
use super::socket::Endpoint;
use super::transport::{Route, address};
use super::{Answer, CheckError, Unhealthy, UrlError, not_connected};

/// The most bytes of an answer's body that are read.
const BODY: usize = 64 * 1024;

/// The size of the buffer for the head of an answer.
const BUFFER: usize = 16 * 1024;

/// How long the rest of an answer is read, although it does not matter. If the connection were closed at once,
/// some servers would log a broken pipe at every check.
const COURTESY: Duration = Duration::from_millis(20);

/// A request and the expected answer.
#[derive(Debug)]
pub(crate) struct Http {
    pub(super) endpoint: Endpoint,
    agent: Agent,
    request: Request<()>,
    url: String,
    expected: Statuses,
    contains: Option<String>,
    follow_redirects: bool,
    /// The timeout of the agent.
    timeout: Duration,
}

impl Http {
    pub(super) fn new(check: &HttpCheck, timeout: Duration) -> Result<Self, CheckError> {
        let HttpCheck { url, unix, method, headers, status: _, contains, follow_redirects } = check;
        if *method == Method::Head && contains.is_some() {
            return Err(CheckError::HeadContains);
        }
        let refused = |reason| CheckError::Url { url: url.clone(), reason };
        let uri = parse(url).map_err(refused)?;
        let endpoint = match unix {
            Some(path) => Endpoint::Unix(path.clone()),
            None => Endpoint::Tcp(address(&uri).map_err(|error| refused(UrlError::Host(error)))?),
        };
        let method = match method {
            Method::Get => ureq::http::Method::GET,
            Method::Head => ureq::http::Method::HEAD,
        };
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let close = HeaderValue::from_static("close");
        request.headers_mut().insert(header::CONNECTION, close);
        for header in headers {
            let refused = || CheckError::Header(header.to_string());
            let name: HeaderName = header.name.parse().map_err(|_| refused())?;
            let value = header.value.parse().map_err(|_| refused())?;
            request.headers_mut().append(name, value);
        }
        // Each line of the request has to fit, also of one after a redirect.
        let line = if *follow_redirects { redirect::LONGEST } else { 0 } + 256;
        let lines: usize = headers.iter().map(|header| header.to_string().len()).sum();
        let config =
            config(timeout, contains.is_none()).output_buffer_size(url.len() + lines + line);
        let agent = Route(endpoint.clone()).agent(config.build());
        Ok(Self {
            endpoint,
            agent,
            request,
            url: url.clone(),
            expected: check.expected(),
            contains: contains.clone(),
            follow_redirects: *follow_redirects,
            timeout,
        })
    }

    /// Sends the request, and follows redirects if they are to be followed.
    pub(super) fn run(&self, timeout: Duration) -> Result<Answer, Unhealthy> {
        let failed = |error| self.failure(error, timeout);
        let answer = if self.follow_redirects {
            self.follow(timeout)?
        } else {
            self.ask(self.request.clone(), timeout).map_err(failed)?
        };
        let status = answer.status();
        if !self.expected.contain(status.as_u16()) {
            return Err(Unhealthy::Status {
                status: spoken(status),
                url: self.url.clone(),
                expected: self.expected.clone(),
            });
        }
        match &self.contains {
            Some(text) => match search(answer, text) {
                Ok(true) => {}
                Ok(false) => return Err(Unhealthy::Text(text.clone())),
                Err(error) => return Err(failed(error.into())),
            },
            None => skip(answer),
        }
        Ok(Answer::Status(status.as_u16()))
    }

    fn ask(&self, mut request: Request<()>, timeout: Duration) -> Result<Response<Body>, Error> {
        if timeout != self.timeout {
            let config = self.agent.configure_request(request);
            request = config.timeout_global(Some(timeout)).build();
        }
        self.agent.run(request)
    }

    /// Returns the first answer that is not a redirect. ureq itself would follow redirects to any server.
    fn follow(&self, timeout: Duration) -> Result<Response<Body>, Unhealthy> {
        let failed = |error| self.failure(error, timeout);
        let start = Instant::now();
        let mut answer = self.ask(self.request.clone(), timeout).map_err(failed)?;
        let mut url = redirect::effective(self.request.uri(), self.request.headers());
        for _ in 0..redirect::MOST {
            let status = answer.status();
            let Some(location) = redirect::location(status, answer.headers()) else {
                return Ok(answer);
            };
            url = redirect::follow(&url, location, &self.endpoint).map_err(|refused| {
                let (status, location) = (status.as_u16(), redirect::shown(location));
                match refused {
                    Refused::Away => {
                        Unhealthy::Away { location, status, endpoint: self.endpoint.clone() }
                    }
                    Refused::Malformed => Unhealthy::Location { location, status },
                }
            })?;
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(failed(Error::Timeout(ureq::Timeout::Global)));
            }
            let mut request = self.request.clone();
            request.headers_mut().remove(header::HOST);
            *request.uri_mut() = url.clone();
            answer = self.ask(request, left).map_err(failed)?;
        }
        match redirect::location(answer.status(), answer.headers()) {
            Some(_) => Err(Unhealthy::Redirects(self.url.clone())),
            None => Ok(answer),
        }
    }

    fn failure(&self, error: Error, within: Duration) -> Unhealthy {
        let endpoint = self.endpoint.clone();
        match error {
            Error::Timeout(_) => Unhealthy::Silence { endpoint, within },
            Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                Unhealthy::Closed(endpoint)
            }
            Error::Io(source) => match Errno::from_io_error(&source) {
                Some(Errno::CONNRESET | Errno::PIPE) | None => {
                    Unhealthy::Broken { endpoint, source }
                }
                Some(error) => not_connected(&endpoint, error, within),
            },
            Error::Protocol(source) => Unhealthy::NotHttp { endpoint, sent: source.to_string() },
            source => Unhealthy::Http { url: self.url.clone(), source },
        }
    }
}

fn parse(url: &str) -> Result<Uri, UrlError> {
    let uri: Uri = url.parse().map_err(|_| UrlError::Form)?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") if cfg!(feature = "tls") => {}
        Some("https") => return Err(UrlError::Tls),
        _ => return Err(UrlError::Form),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err(UrlError::User),
        Some(_) => Ok(uri),
        None => Err(UrlError::Form),
    }
}

fn config(timeout: Duration, skip_body: bool) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_recv_body(skip_body.then_some(COURTESY))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("conductor-probe/", env!("CARGO_PKG_VERSION")))
        .max_idle_connections(0)
        .max_response_header_size(BUFFER - 1)
        .input_buffer_size(BUFFER);
    // As in the kubelet, certificates are not verified: they are not for the address of the request, and the
    // check is only about an answer.
    #[cfg(feature = "tls")]
    let config =
        config.tls_config(ureq::tls::TlsConfig::builder().disable_verification(true).build());
    config
}

fn spoken(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Returns whether the beginning of a body contains a text.
fn search(answer: Response<Body>, text: &str) -> io::Result<bool> {
    let mut reader = answer.into_body().into_reader();
    let mut body = Vec::new();
    let mut chunk = [0; 1024];
    let mut searched = 0;
    while !contains(&body[searched..], text.as_bytes()) {
        // The text may begin in this chunk and end in the next.
        searched = body.len().saturating_sub(text.len());
        let room = chunk.len().min(BODY - body.len());
        match reader.read(&mut chunk[..room])? {
            0 => return Ok(false),
            read => body.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(true)
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

fn skip(answer: Response<Body>) {
    let mut reader = answer.into_body().into_reader();
    let mut chunk = [0; 1024];
    let mut read = 0;
    while read < BODY {
        match reader.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
}
