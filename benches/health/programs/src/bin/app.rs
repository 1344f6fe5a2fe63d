//! A small server for health checks to ask; to `GET /count` it says how many others it has answered, and to
//! `GET /moments` when it began and when it listened, in microseconds of the clock that systemd's
//! timestamps are of.
//!
//! usage: `app ADDRESS:PORT [MILLISECONDS]`
//!
//! With a number it begins to listen only after that time, and says when in the same microseconds.
#![expect(clippy::print_stdout, reason = "standard output is where it says that")]

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::SIGTERM;
use signal_hook::flag::register_conditional_shutdown;

fn main() {
    let began = now();
    // As process 1 of a container it would not end without.
    register_conditional_shutdown(SIGTERM, 0, Arc::new(AtomicBool::new(true)))
        .expect("a handler can be set");
    let mut words = env::args().skip(1);
    let address: SocketAddr =
        words.next().and_then(|word| word.parse().ok()).expect("an address and a port");
    let delay: Option<u64> = words.next().map(|word| word.parse().expect("a number"));
    if let Some(delay) = delay {
        thread::sleep(Duration::from_millis(delay));
    }
    // Before it listens, so that no later moment is taken for this one.
    let ready_at = now();
    if delay.is_some() {
        println!("{ready_at}");
    }
    let listener = TcpListener::bind(address).expect("a free port");
    let mut count: u64 = 0;
    for connection in listener.incoming().flatten() {
        answer(connection, &mut count, [began, ready_at]);
    }
}

fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

fn answer(mut connection: TcpStream, count: &mut u64, [began, ready_at]: [i64; 2]) {
    let mut request = [0; 4096];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        match connection.read(&mut request[length..]) {
            Ok(read @ 1..) => length += read,
            _ => return,
        }
    }
    let body = if request.starts_with(b"GET /count ") {
        format!("{count}\n")
    } else if request.starts_with(b"GET /moments ") {
        format!("{began} {ready_at}\n")
    } else {
        *count += 1;
        "ok\n".to_owned()
    };
    let length = body.len();
    // One write, so that the head and the body do not arrive one after the other.
    let text =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = connection.write_all(text.as_bytes());
}
