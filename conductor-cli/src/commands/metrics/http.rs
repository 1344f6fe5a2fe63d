//! Answers one HTTP request, for a socket unit that starts a process for each connection.
//!
//! Whoever can connect is hostile: a request may be long, slow or endless, and its sender may not read the answer. So
//! all of it has one deadline, and a limit of bytes.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use conductor_core::error::Invalid;
use conductor_host::Conductor;

use super::exposition::{Format, exposition};
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::print;

/// The most bytes of a request's head, and the most of its header fields.
const LONGEST: usize = 8 * 1024;
const FIELDS: usize = 64;
/// How long the request may take to arrive, and the answer to be read.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    format: Format,
    /// Whether only the head is asked for.
    head: bool,
}

/// Why there is no answer with metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    BadRequest,
    NotFound,
    NotAllowed,
    Timeout,
    TooLong,
    Failed,
}

impl Refusal {
    /// Returns the status line's end, and what the body says.
    fn status(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("400 Bad Request", "this is no HTTP request\n"),
            Self::NotFound => ("404 Not Found", "metrics are at /metrics\n"),
            Self::NotAllowed => ("405 Method Not Allowed", "only GET and HEAD\n"),
            Self::Timeout => ("408 Request Timeout", "the request took too long\n"),
            Self::TooLong => ("431 Request Header Fields Too Large", "the request is too long\n"),
            // The reason is not for everybody who can connect.
            Self::Failed => ("503 Service Unavailable", "failed; the journal says why\n"),
        }
    }
}

/// Answers the request on standard input.
pub(super) fn answer(conductor: &Conductor) -> Result<ExitCode, Failure> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned().map_err(Failure::Output)?;
    let stream = TcpStream::from(descriptor);
    if stream.set_read_timeout(Some(TIMEOUT)).is_err() {
        let invalid = Invalid::new("standard input is not a socket");
        let hint = "omit --http, or let a socket unit with Accept=yes start it";
        return Err(Failure::Argument(invalid.hint(hint)));
    }
    let asked = read_request(&stream, Instant::now() + TIMEOUT);
    let mut status = ExitCode::SUCCESS;
    let answer = match asked {
        // The client has gone, or connected only to see whether it can.
        Ok(None) => return Ok(status),
        Ok(Some(request)) => match conductor.metrics() {
            Ok(metrics) => found(&request, &exposition(metrics, request.format)),
            Err(error) => {
                Failure::from(error).print(crate::args::Output::Text);
                status = ExitCode::from(FAILED);
                refused(Refusal::Failed)
            }
        },
        Err(refusal) => refused(refusal),
    };
    if let Err(error) = send(&stream, answer.as_bytes(), Instant::now() + TIMEOUT) {
        print::complaint(format_args!("the client did not read its answer: {error}"));
    }
    Ok(status)
}

fn found(request: &Request, text: &str) -> String {
    let kind = request.format.content_type();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    if request.head { head } else { head + text }
}

fn refused(refusal: Refusal) -> String {
    let (status, text) = refusal.status();
    let allow = match refusal {
        Refusal::NotAllowed => "Allow: GET, HEAD\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )
}

/// Reads the head of a request; `None` if the client sends nothing.
fn read_request(mut stream: &TcpStream, deadline: Instant) -> Result<Option<Request>, Refusal> {
    let mut text = Vec::new();
    let mut block = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::Timeout);
        }
        // A timeout of less than a microsecond would be none.
        let set = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        let read = set.and_then(|()| stream.read(&mut block));
        match read {
            Ok(0) if text.is_empty() => return Ok(None),
            Ok(0) => return Err(Refusal::BadRequest),
            Ok(count) => text.extend_from_slice(&block[..count]),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(Refusal::Timeout),
                _ => return Ok(None),
            },
        }
        match parse(&text) {
            Ok(None) if text.len() >= LONGEST => return Err(Refusal::TooLong),
            Ok(None) => {}
            Ok(Some(request)) => return Ok(Some(request)),
            Err(refusal) => return Err(refusal),
        }
    }
}

/// Reads a request; `None` if it goes on.
fn parse(text: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(text) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLong),
        Err(_) => return Err(Refusal::BadRequest),
    }
    let path = request.path.unwrap_or_default();
    if path.split('?').next() != Some("/metrics") {
        return Err(Refusal::NotFound);
    }
    let head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Refusal::NotAllowed),
    };
    let accepts = request.headers.iter().any(|field| {
        field.name.eq_ignore_ascii_case("accept")
            && field.value.windows(OPENMETRICS.len()).any(|part| part == OPENMETRICS)
    });
    let format = if accepts { Format::OpenMetrics } else { Format::Prometheus };
    Ok(Some(Request { format, head }))
}

const OPENMETRICS: &[u8] = b"application/openmetrics-text";

fn send(mut stream: &TcpStream, mut text: &[u8], deadline: Instant) -> io::Result<()> {
    while !text.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.write(text) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => text = &text[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What the client still sends would reset the connection, and the client might lose the answer.
    stream.shutdown(Shutdown::Write)?;
    let mut rest = [0; 1024];
    for _ in 0..64 {
        let left = deadline.saturating_duration_since(Instant::now());
        stream
            .set_read_timeout(Some(left.clamp(Duration::from_millis(1), Duration::from_secs(1))))?;
        if !matches!(stream.read(&mut rest), Ok(1..)) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_request_says_what_it_accepts() {
        let asked = |text: &str| parse(text.as_bytes());
        let get = |format, head| Ok(Some(Request { format, head }));
        let open = "GET /metrics HTTP/1.1\r\nHost: a\r\n\
                    accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n";
        assert_eq!(asked(open), get(Format::OpenMetrics, false));
        assert_eq!(asked("GET /metrics?a=b HTTP/1.0\r\n\r\n"), get(Format::Prometheus, false));
        assert_eq!(asked("HEAD /metrics HTTP/1.1\r\n\r\n"), get(Format::Prometheus, true));
        assert_eq!(asked("GET /metrics HTTP/1.1\r\nHost:"), Ok(None));
        for (text, refusal) in [
            ("GET / HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("GET /metricsx HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("GET /../metrics HTTP/1.1\r\n\r\n", Refusal::NotFound),
            ("POST /metrics HTTP/1.1\r\n\r\n", Refusal::NotAllowed),
            ("\u{16}\u{3}\u{1}", Refusal::BadRequest),
            ("GET /metrics HTTP/9.9\r\n\r\n", Refusal::BadRequest),
        ] {
            assert_eq!(asked(text), Err(refusal), "{text:?}");
        }
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS + 1));
        assert_eq!(asked(&many), Err(Refusal::TooLong));
    }

    /// Returns what is read of what a client sends, and of a connection that stays open.
    fn read(text: &[u8], deadline: Duration) -> Result<Option<Request>, Refusal> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let text = text.to_vec();
        // The server may stop reading.
        let sender = thread::spawn(move || (client.write_all(&text).is_ok(), client));
        let result = read_request(&server, Instant::now() + deadline);
        drop(server);
        drop(sender.join().unwrap());
        result
    }

    #[test]
    fn a_hostile_request_ends() {
        let long = format!("GET /metrics HTTP/1.1\r\nA: {}", "a".repeat(4 * LONGEST));
        assert_eq!(read(long.as_bytes(), TIMEOUT), Err(Refusal::TooLong));
        let slow = Duration::from_millis(50);
        assert_eq!(read(b"GET /metr", slow), Err(Refusal::Timeout));
        assert_eq!(read(b"", slow), Err(Refusal::Timeout));
        assert_eq!(read(b"GET /metrics HTTP/1.1\r\n\r\n", Duration::ZERO), Err(Refusal::Timeout));
    }

    #[test]
    fn a_client_that_does_not_read_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // More than the buffers of both sides.
        let text = vec![b'a'; 64 << 20];
        send(&server, &text, Instant::now() + Duration::from_millis(100)).unwrap_err();
        drop(client);
    }
}
