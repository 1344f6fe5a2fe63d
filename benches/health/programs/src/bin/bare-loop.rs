//! The smallest possible health check over HTTP: connect, write, read, and wait.
//!
//! usage: bare-loop ADDRESS:PORT MILLISECONDS

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

fn main() {
    let mut words = env::args().skip(1);
    let address: SocketAddr =
        words.next().and_then(|word| word.parse().ok()).expect("an address and a port");
    let pause = words.next().and_then(|word| word.parse().ok()).expect("a number of milliseconds");
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 4096];
    loop {
        if let Ok(mut server) = TcpStream::connect(address)
            && server.write_all(request.as_bytes()).is_ok()
        {
            while matches!(server.read(&mut answer), Ok(1..)) {}
        }
        thread::sleep(Duration::from_millis(pause));
    }
}
