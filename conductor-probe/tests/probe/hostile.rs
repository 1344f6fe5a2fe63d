//! Hostile endpoints: whatever they answer, a check ends in time, uses little memory, and prints one line
//! without terminal control characters.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::server::{free, listen, request, serve};
use crate::unit::{PATIENCE, Unit, probe};

/// The limits of a check, set by the shell: much more than it needs, and less than any of the servers sends. In
/// KiB of address space, and in seconds of processor time.
const ALLOWED: &str = "ulimit -v 65536; ulimit -t 20; exec \"$0\" \"$@\"";

/// What follows the beginning of an answer.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The same again, as fast as possible, as long as it is read.
    Forever(&'static [u8]),
    /// The same again, with pauses.
    Slowly(&'static [u8]),
    /// A hundred megabytes of it, then the end.
    Much(&'static [u8]),
    /// Nothing, and the connection stays open.
    Nothing,
    /// The end of the connection.
    End,
    /// A broken connection.
    Reset,
}

/// Answers every request with these bytes.
fn hostile(begin: impl Into<Vec<u8>>, then: Then) -> SocketAddr {
    hostile_on(listen(), begin, then)
}

fn hostile_on(listener: TcpListener, begin: impl Into<Vec<u8>>, then: Then) -> SocketAddr {
    let begin = begin.into();
    serve(listener, move |mut stream| {
        request(&stream);
        let _ = stream.write_all(&begin);
        go_on(stream, then);
    })
}

fn go_on(mut stream: TcpStream, then: Then) {
    match then {
        Then::Forever(more) => {
            let more = more.repeat(64 * 1024 / more.len());
            while stream.write_all(&more).is_ok() {}
        }
        Then::Slowly(more) => {
            while stream.write_all(more).is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Then::Much(more) => {
            let more = more.repeat((1 << 20) / more.len());
            let _ = (0..100).try_for_each(|_| stream.write_all(&more));
        }
        Then::Nothing => thread::sleep(PATIENCE),
        Then::End => {}
        Then::Reset => {
            let _ = set_socket_linger(&stream, Some(Duration::ZERO));
        }
    }
}

/// Checks within the limits, and returns the printed line, without the address.
#[track_caller]
fn check(address: SocketAddr, words: &[&str]) -> String {
    let url = format!("--http=http://{address}/");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", ALLOWED, env!("CARGO_BIN_EXE_conductor-probe"), "check", &url]);
    command.args(words).stdin(Stdio::null());
    if !words.iter().any(|word| word.starts_with("--timeout=")) {
        command.arg("--timeout=500ms");
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (text, complaint) =
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    let line = text.strip_suffix('\n').unwrap_or_else(|| panic!("{status}: {text}{complaint}"));
    is_clean(line);
    assert_eq!(complaint, "");
    assert_eq!(status.code(), Some(i32::from(!line.starts_with("healthy: "))), "{line}");
    line.replace(&address.to_string(), "ADDRESS")
}

/// Asserts that the output is one line of limited length, without terminal control characters.
#[track_caller]
fn is_clean(line: &str) {
    let bad = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!line.contains(bad) && line.len() < 1000, "{line:?}");
}

/// A case: its name, the beginning of the answer, what follows, more arguments, and the expected output.
type Case = (&'static str, &'static [u8], Then, &'static [&'static str], &'static str);

/// Runs all at the same time, because most wait for their timeout.
fn all(cases: &[Case]) {
    thread::scope(|scope| {
        for (name, begin, then, words, said) in cases {
            scope.spawn(move || {
                let line = check(hostile(*begin, *then), words);
                assert!(line.contains(said), "{name}: {line}");
            });
        }
    });
}

const SILENCE: &str = "unhealthy: no answer within 500 ms from ADDRESS";
const CONTAINS: &[&str] = &["--contains=no such text"];
const PATIENT: &[&str] = &["--contains=no such text", "--timeout=20s"];
const FOLLOW: &[&str] = &["--follow-redirects"];
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

#[test]
fn answers_that_trickle() {
    all(&[
        ("nothing", b"", Then::Nothing, &[], SILENCE),
        ("a status line", b"HTTP/1.1 200 ", Then::Slowly(b"O"), &[], SILENCE),
        ("a head", b"HTTP/1.1 200 OK\r\nx: ", Then::Slowly(b"y"), &[], SILENCE),
        ("a body", HEAD, Then::Slowly(b"y"), CONTAINS, SILENCE),
        ("a body that is not read", HEAD, Then::Slowly(b"y"), &[], "healthy: 200 in "),
        ("early hints", b"", Then::Slowly(b"HTTP/1.1 103 Early Hints\r\n\r\n"), &[], SILENCE),
    ]);
}

#[test]
fn answers_without_end() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    all(&[
        ("a status line", b"HTTP/1.1 200 ", Then::Forever(b"O"), &[], "header is too big"),
        ("one header", b"HTTP/1.1 200 OK\r\nx: ", Then::Forever(b"y"), &[], "header is too big"),
        ("headers", b"HTTP/1.1 200 OK\r\n", Then::Forever(b"x: y\r\n"), &[], "unhealthy: "),
        ("empty lines", b"", Then::Forever(b"\r\n"), &[], "unhealthy: "),
        ("early hints", b"", Then::Forever(b"HTTP/1.1 103 Early\r\n\r\n"), &[], "unhealthy: "),
        ("continue", b"", Then::Forever(b"HTTP/1.1 100 Continue\r\n\r\n"), &[], "unhealthy: "),
        ("a body", HEAD, Then::Forever(b"y"), &[], "healthy: 200 in "),
        ("a body to search", HEAD, Then::Forever(b"y"), PATIENT, "does not contain"),
        ("chunks", chunked, Then::Forever(b"1\r\nx\r\n"), PATIENT, "unhealthy: "),
        ("a chunk's extension", chunked, Then::Forever(b"5;a=b"), CONTAINS, "unhealthy: "),
        (
            "trailers",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            Then::Forever(b"x: y\r\n"),
            CONTAINS,
            "unhealthy: ",
        ),
    ]);
}

#[test]
fn an_answer_of_a_hundred_megabytes() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n";
    all(&[
        ("not read", whole, Then::Much(b"y"), &[], "healthy: 200 in "),
        ("searched", whole, Then::Much(b"y"), PATIENT, "does not contain"),
        ("nothing but that", b"", Then::Much(b"y"), PATIENT, "not HTTP"),
    ]);
}

/// The decompressed text would match; compression is not even requested.
#[test]
fn a_compressed_answer_is_not_expanded() {
    let bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\x02\xff";
    all(&[
        ("read", bomb, Then::Forever(b"\0"), PATIENT, "does not contain"),
        ("not read", bomb, Then::Forever(b"\0"), &[], "healthy: 200 in "),
    ]);
    let address = serve(listen(), |mut stream| {
        let asks = request(&stream).to_lowercase().contains("accept-encoding");
        let status = if asks { "500 Asks" } else { "200 OK" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    });
    assert!(check(address, &["--timeout=20s"]).starts_with("healthy: "));
}

#[test]
fn nonsense() {
    all(&[
        (
            "a chunk longer than any number",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffffffff\r\nx",
            Then::Nothing,
            CONTAINS,
            "unhealthy: ",
        ),
        (
            "a chunk of less than nothing",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
            Then::End,
            CONTAINS,
            "unhealthy: ",
        ),
        (
            "a chunk of no number",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\x1b[2J\r\n",
            Then::End,
            CONTAINS,
            "unhealthy: ",
        ),
        (
            "a length longer than any number",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
            Then::Forever(b"y"),
            PATIENT,
            "unhealthy: ",
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            Then::Forever(b"y"),
            CONTAINS,
            "unhealthy: ",
        ),
        ("half an answer", b"HTTP/1.1 200 OK\r\nx: ", Then::End, &[], "without an answer"),
        ("an empty answer", b"", Then::End, &[], "without an answer"),
        ("a status of five digits", b"HTTP/1.1 20000 OK\r\n\r\n", Then::End, &[], "not HTTP"),
        ("no version", b"200 OK\r\n\r\n", Then::End, &[], "not HTTP"),
        ("bytes", b"", Then::Forever(b"\x80\0\xff\x1b["), &[], "not HTTP"),
        ("a NUL", b"HTTP/1.1 200 OK\r\na\0b: c\r\n\r\n", Then::End, &[], "not HTTP"),
    ]);
}

#[test]
fn connections_that_break() {
    all(&[
        ("at once", b"", Then::Reset, &[], "unhealthy: "),
        ("in the head", b"HTTP/1.1 200 OK\r\nx: ", Then::Reset, &[], "unhealthy: "),
        (
            "in the body",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
            Then::Reset,
            CONTAINS,
            "unhealthy: ",
        ),
    ]);
}

#[test]
fn what_a_terminal_would_obey() {
    all(&[
        ("a reason", b"HTTP/1.1 500 \x1b[2J\x1b]0;a\x07\r\n\r\n", Then::End, &[], "unhealthy: "),
        ("a reason in C1", b"HTTP/1.1 500 \xc2\x9b2J\r\n\r\n", Then::End, &[], "unhealthy: 500 "),
        ("a version", b"HTTP/\x1b[2J 200 OK\r\n\r\n", Then::End, &[], "not HTTP"),
        ("a header", b"HTTP/1.1 200 OK\r\n\x1b[2J: x\r\n\r\n", Then::End, &[], "not HTTP"),
        (
            "a location",
            b"HTTP/1.1 302 Found\r\nlocation: /\x1b[2J\r\n\r\n",
            Then::End,
            FOLLOW,
            "unhealthy: ",
        ),
        (
            "a location in C1",
            "HTTP/1.1 302 Found\r\nlocation: /\u{9b}2J\u{202e}\r\n\r\n".as_bytes(),
            Then::End,
            FOLLOW,
            "unhealthy: 302 redirects to /\\u{9b}2J\\u{202e}, which is not a URL",
        ),
    ]);
    let long = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\n\r\n", "x".repeat(15_000));
    let line = check(hostile(long, Then::End), FOLLOW);
    assert!(line.contains("…, which is not a URL"), "{line}");
}

/// The same as a message to systemd: one line, and no other assignment.
#[test]
fn systemd_hears_one_clean_line() {
    let script = "printf 'x\\nREADY=1\\r\\033[2J\\302\\233\\342\\200\\256 end'; exit 1";
    let shell = ["--command=/bin/sh", "--command=-c", &format!("--command={script}")];
    let mut unit = Unit::new();
    unit.exec(shell.iter().chain(&["--interval=50ms", "--", "/bin/sleep", "1000"]));
    let said = |message: &str, begin: &str| {
        let line = message.strip_suffix('\n').unwrap_or_default();
        is_clean(line);
        assert!(line.starts_with(begin), "{line}");
    };
    said(&unit.message(), "STATUS=starting: exit status 1 of /bin/sh: ");
    let output = probe().arg("check").args(shell).output().unwrap();
    said(&String::from_utf8(output.stdout).unwrap(), "unhealthy: exit status 1 of /bin/sh: ");

    let mut unit = Unit::new();
    let port = free();
    let http = format!("--http=http://{}/", port.address());
    let options = ["--follow-redirects", "--interval=50ms", "--", "/bin/sleep", "1000"];
    unit.exec([http.as_str()].iter().chain(&options));
    unit.message_with("connection refused");
    let location = "HTTP/1.1 302 Found\r\nlocation: /\u{9b}\u{202e}x\r\n\r\nREADY=1\n";
    hostile_on(port.listen(), location, Then::Slowly(b"READY=1\n"));
    said(&unit.message_with("302"), "STATUS=starting: 302 redirects to /\\u{9b}\\u{202e}x, ");
}
