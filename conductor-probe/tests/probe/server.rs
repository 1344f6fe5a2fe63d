//! Good and bad servers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::net::{self, AddressFamily, SocketType};

/// Passes every connection to the function, in its own thread.
pub(crate) fn serve(
    listener: TcpListener,
    answer: impl Fn(TcpStream) + Clone + Send + 'static,
) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// Listens on a free port.
pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// A reserved port on which nothing listens.
pub(crate) struct Port(OwnedFd);

/// Reserves a port.
pub(crate) fn free() -> Port {
    let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    Port(socket)
}

impl Port {
    pub(crate) fn address(&self) -> SocketAddr {
        net::getsockname(&self.0).unwrap().try_into().unwrap()
    }

    /// A check of this port.
    pub(crate) fn tcp(&self) -> String {
        format!("--tcp={}", self.address())
    }

    pub(crate) fn listen(self) -> TcpListener {
        net::listen(&self.0, 128).unwrap();
        self.0.into()
    }
}

/// Reads the head of a request.
pub(crate) fn request(stream: impl std::io::Read) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Answers every request with this text.
pub(crate) fn answer(text: impl Into<String>) -> SocketAddr {
    answer_on(listen(), text)
}

pub(crate) fn answer_on(listener: TcpListener, text: impl Into<String>) -> SocketAddr {
    let text = text.into();
    serve(listener, move |mut stream| {
        request(&stream);
        let _ = stream.write_all(text.as_bytes());
    })
}

/// Answers every request with the function's result, and reports the requests.
pub(crate) fn record(
    answer: impl Fn(&str) -> String + Clone + Send + 'static,
) -> (SocketAddr, Receiver<String>) {
    let (sender, receiver) = channel();
    let address = serve(listen(), move |mut stream| {
        let request = request(&stream);
        let answer = answer(&request);
        let _ = sender.send(request);
        let _ = stream.write_all(answer.as_bytes());
    });
    (address, receiver)
}

/// Returns a redirect.
pub(crate) fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

/// Sends the beginning, then more with pauses, as long as it is read.
pub(crate) fn endless(begin: &'static str, more: &'static [u8], pause: Duration) -> SocketAddr {
    serve(listen(), move |mut stream| {
        request(&stream);
        let _ = stream.write_all(begin.as_bytes());
        while stream.write_all(more).is_ok() {
            thread::sleep(pause);
        }
    })
}

/// Answers with 200 on a unix socket if the request is as expected, else with 400.
pub(crate) fn answer_on_unix(path: &Path, expected: &'static [&'static str]) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = request(&stream).to_lowercase();
            let right = expected.iter().all(|line| request.lines().any(|it| it == *line));
            let status = if right { "200 OK" } else { "400 Bad Request" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        }
    });
}

/// A healthy answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
