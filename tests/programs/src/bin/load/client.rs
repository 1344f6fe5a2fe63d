//! One client: its connection, and what it makes of what happens to it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::report::now;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Close,
    Keep { retries: u32 },
}

/// What came of one request.
pub(crate) struct Asked {
    /// The text, or what went wrong.
    pub(crate) answer: Result<String, String>,
    pub(crate) took: Duration,
    pub(crate) retried: bool,
}

pub(crate) struct Client {
    address: SocketAddr,
    request: String,
    retries: u32,
    /// What is kept from the last answer.
    kept: Option<BufReader<TcpStream>>,
}

/// Why there is no answer.
enum Failure {
    /// A kept connection was closed before the first byte of an answer.
    Closed(String),
    Other(String),
}

impl Client {
    pub(crate) fn new(policy: Policy, address: SocketAddr, target: &str) -> Self {
        let (retries, connection) = match policy {
            Policy::Close => (0, "Connection: close\r\n"),
            Policy::Keep { retries } => (retries, ""),
        };
        let request = format!("GET {target} HTTP/1.1\r\nHost: app.example\r\n{connection}\r\n");
        Self { address, request, retries, kept: None }
    }

    pub(crate) fn ask(&mut self) -> Asked {
        let (start, mut tries) = (Instant::now(), 0);
        loop {
            let answer = match self.once() {
                // A new connection is none that was kept, so this is once, in truth.
                Err(Failure::Closed(_)) if tries < self.retries => {
                    tries += 1;
                    continue;
                }
                Err(Failure::Closed(kind) | Failure::Other(kind)) => Err(kind),
                Ok(text) => Ok(text),
            };
            return Asked { answer, took: start.elapsed(), retried: tries > 0 };
        }
    }

    fn once(&mut self) -> Result<String, Failure> {
        let other = |what: &str, error: &io::Error| Failure::Other(format!("{what}: {error}"));
        let kept = self.kept.take();
        let was_kept = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(self.address).map_err(|error| other("connect", &error))?,
        };
        let sent = connection.get_mut().write_all(self.request.as_bytes());
        let first = sent.and_then(|()| connection.fill_buf().map(<[u8]>::is_empty));
        match first {
            Ok(false) => {}
            Ok(true) if was_kept => return Err(Failure::Closed("kept, closed".to_owned())),
            Ok(true) => return Err(Failure::Other("closed without an answer".to_owned())),
            Err(error) if was_kept && is_closed(&error) => {
                return Err(Failure::Closed(format!("kept, {error}")));
            }
            Err(error) => return Err(other("before the answer", &error)),
        }
        let (text, stays) = read(&mut connection).map_err(|error| other("answer", &error))?;
        self.kept = stays.then_some(connection);
        text.map_err(|status| Failure::Other(format!("status {status}")))
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Reads an answer: its text, or a status that is not 200; and whether the connection stays.
fn read(connection: &mut BufReader<TcpStream>) -> io::Result<(Result<String, String>, bool)> {
    let (mut status, mut length, mut stays) = (String::new(), 0, true);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some((_, code)) = line.split_once(' ').filter(|_| status.is_empty()) {
            code.get(..3).unwrap_or(code).clone_into(&mut status);
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        } else if line == "connection: close" {
            stays = false;
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok((if status == "200" { Ok(text) } else { Err(status) }, stays))
}

/// Makes a connection that stays, and uses it until it is closed or `is_over`.
pub(crate) fn stay(address: SocketAddr, target: &str, is_over: fn() -> bool) -> Value {
    let mut echoes: u64 = 0;
    let result = (|| {
        let mut connection = connect(address)?;
        write!(
            connection.get_mut(),
            "GET {target} HTTP/1.1\r\nHost: app.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )?;
        let (status, _) = read(&mut connection)?;
        if status.as_ref().err().map(String::as_str) != Some("101") {
            return Err(io::Error::other(format!("{status:?}")));
        }
        while !is_over() {
            connection.get_mut().write_all(b"ping")?;
            connection.read_exact(&mut [0; 4])?;
            echoes += 1;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    })();
    let error = result.err().map(|error: io::Error| error.to_string());
    json!({"echoes": echoes, "end": now(), "error": error})
}
