//! A small server for health checks to ask; to `GET /count` it says how many others it has answered.
//!
//! usage: `app ADDRESS:PORT [MILLISECONDS]`
//!
//! With a number it begins to listen only after that time, and says when in microseconds of the clock
//! that systemd's timestamps are of.
#![expect(clippy::print_stdout, reason = "standard output is where it says that")]

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn main() {
    let mut words = env::args().skip(1);
    let address: SocketAddr =
        words.next().and_then(|word| word.parse().ok()).expect("an address and a port");
    let delay: Option<u64> = words.next().map(|word| word.parse().expect("a number"));
    if let Some(delay) = delay {
        thread::sleep(Duration::from_millis(delay));
        // Before it listens, so that no later moment is taken for this one.
        let now = clock_gettime(ClockId::Monotonic);
        println!("{}", now.tv_sec * 1_000_000 + now.tv_nsec / 1000);
    }
    let listener = TcpListener::bind(address).expect("a free port");
    let mut count: u64 = 0;
    for connection in listener.incoming().flatten() {
        answer(connection, &mut count);
    }
}

fn answer(mut connection: TcpStream, count: &mut u64) {
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
