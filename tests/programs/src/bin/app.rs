//! A web service to deploy; the end of its version's name says what is wrong with it.
//!
//! usage: `app [before]`
//!
//! It listens on port `PORT`, or on the unix socket `SOCKET`, and answers every path with `VERSION`;
//! after `?ms=N` milliseconds, if asked so. `/health` is healthy once `DELAY` milliseconds are over.
//! `/ws` is the start of a connection that stays: what it is sent, it sends back. Told to stop, it
//! finishes the answers it is at, unless there is a variable `RUDE`. With `before` it does what comes
//! before a deploy.
//!
//! A version that ends in `sick` is never healthy, one that ends in `exits` exits at once, one that
//! ends in `dies` exits soon after it was healthy, and for one that ends in `unready`, `before` fails.
#![expect(clippy::print_stdout, reason = "the journal is where it says what it does")]

use std::env;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

struct App {
    version: String,
    healthy_from: Instant,
    dies: Once,
    /// How many answers it is at.
    busy: AtomicUsize,
    stops: AtomicBool,
}

fn main() {
    let version = env::var("VERSION").expect("VERSION is in the environment");
    if env::args().nth(1).is_some_and(|word| word == "before") {
        println!("before {version}");
        process::exit(if version.ends_with("unready") { 7 } else { 0 });
    }
    if version.ends_with("exits") {
        println!("{version} cannot go on");
        process::exit(3);
    }
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.thread_block().expect("signals can be blocked");

    let delay = env::var("DELAY").map_or(0, |delay| delay.parse().expect("DELAY is a number"));
    let app = Arc::new(App {
        version,
        healthy_from: Instant::now() + Duration::from_millis(delay),
        dies: Once::new(),
        busy: AtomicUsize::new(0),
        stops: AtomicBool::new(false),
    });
    listen(&app);
    println!("{} listens", app.version);
    signals.wait().expect("a signal");
    app.stops.store(true, Ordering::SeqCst);
    while app.busy.load(Ordering::SeqCst) > 0 && env::var_os("RUDE").is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    println!("{} stops", app.version);
}

fn listen(app: &Arc<App>) {
    if let Ok(path) = env::var("SOCKET") {
        // One that was killed left its socket.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("the socket can be made");
        // The proxy is another user.
        fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("it is this program's");
        accept(app, move || listener.accept().map(|(stream, _)| stream));
    } else {
        let port = env::var("PORT").expect("PORT or SOCKET is in the environment");
        let port: u16 = port.parse().expect("PORT is a number");
        let listener = TcpListener::bind(("0.0.0.0", port)).expect("a free port");
        accept(app, move || listener.accept().map(|(stream, _)| stream));
    }
}

fn accept<S: Stream + 'static>(
    app: &Arc<App>,
    accept: impl Fn() -> io::Result<S> + Send + 'static,
) {
    let app = Arc::clone(app);
    thread::spawn(move || {
        loop {
            if let Ok(mut stream) = accept() {
                let app = Arc::clone(&app);
                // What goes wrong here, the client sees.
                thread::spawn(move || app.serve(&mut stream));
            }
        }
    });
}

impl App {
    fn serve(&self, stream: &mut impl Stream) -> io::Result<()> {
        while let Some(head) = read_head(stream)? {
            let target = head.split(' ').nth(1).unwrap_or_default();
            if target == "/ws" {
                return stay(stream);
            }
            self.busy.fetch_add(1, Ordering::SeqCst);
            let close = head.contains("connection: close") || self.stops.load(Ordering::SeqCst);
            let sent = self.answer(stream, target, close);
            self.busy.fetch_sub(1, Ordering::SeqCst);
            sent?;
            if close {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, stream: &mut impl Stream, target: &str, close: bool) -> io::Result<()> {
        if let Some((_, milliseconds)) = target.split_once("?ms=") {
            thread::sleep(Duration::from_millis(milliseconds.parse().unwrap_or(0)));
        }
        let status = match target {
            "/health" if self.version.ends_with("sick") => "500 Internal Server Error",
            "/health" if Instant::now() < self.healthy_from => "503 Service Unavailable",
            _ => "200 OK",
        };
        let connection = if close { "close" } else { "keep-alive" };
        let body = &self.version;
        // One write, so that the head and the body do not arrive one after the other.
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes())?;
        if target == "/health" && self.version.ends_with("dies") {
            self.dies.call_once(|| {
                thread::spawn(|| {
                    thread::sleep(Duration::from_millis(200));
                    println!("it was too much");
                    process::exit(4);
                });
            });
        }
        Ok(())
    }
}

/// Sends back what it is sent, for as long as the other side wants.
fn stay(stream: &mut impl Stream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    )?;
    let mut bytes = [0; 512];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            length => stream.write_all(&bytes[..length])?,
        }
    }
}

/// Reads the head of a request, in small letters; none if the client is done.
fn read_head(stream: &mut impl Stream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes)? {
            0 => return Ok(None),
            length => head.extend_from_slice(&bytes[..length]),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).to_ascii_lowercase()))
}
