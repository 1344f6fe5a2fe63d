//! A container engine with one container, and a client that creates it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::server::request;
use crate::unit::Unit;

/// The output of the client.
pub(crate) const ID: &str = "0123456789abcdef";

/// How a wait ends.
pub(crate) enum End {
    Exit(u8),
    /// The engine ends.
    Lost,
}

pub(crate) struct Engine {
    directory: PathBuf,
    /// The requests so far.
    requests: Arc<Mutex<Vec<String>>>,
    pub(crate) end: Sender<End>,
}

impl Engine {
    /// Returns an engine whose container can be started, or not; `started` is called when it is.
    pub(crate) fn new(
        unit: &Unit,
        start: Result<(), &'static str>,
        started: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let directory = unit.path("");
        let listener = UnixListener::bind(directory.join("engine")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (end, ends) = channel();
        let (seen, ends, started) =
            (Arc::clone(&requests), Arc::new(Mutex::new(ends)), Arc::new(started));
        let also_end = end.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, ends, started) =
                    (Arc::clone(&seen), Arc::clone(&ends), Arc::clone(&started));
                let end = also_end.clone();
                thread::spawn(move || answer(stream, &seen, &ends, &end, start, &*started));
            }
        });
        let engine = Self { directory, requests, end };
        engine.client(&format!("echo {ID}"));
        engine
    }

    /// Sets what the client does.
    pub(crate) fn client(&self, script: &str) {
        let path = self.directory.join("docker");
        let script = format!(
            "#!/bin/sh\nset -e\ncd {}\nprintf '%s\\0' \"$@\" >words\n{script}\n",
            self.directory.display()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the arguments of the client.
    pub(crate) fn words(&self) -> Vec<u8> {
        fs::read(self.directory.join("words")).unwrap()
    }

    /// Returns the command that runs the container.
    pub(crate) fn docker(&self, unit: &Unit) -> Command {
        let mut command = unit.probe();
        command.env("RUNTIME_DIRECTORY", &self.directory).args(["docker", "--name=web"]);
        command.arg("--engine").arg(self.directory.join("docker"));
        command.arg("--socket").arg(self.directory.join("engine"));
        command
    }

    /// Returns the requests, without the container's name.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: UnixStream,
    requests: &Mutex<Vec<String>>,
    ends: &Mutex<Receiver<End>>,
    end: &Sender<End>,
    start: Result<(), &'static str>,
    started: &dyn Fn(),
) {
    let request = request(&stream);
    let line = request.lines().next().unwrap_or_default();
    let line = line.trim_end_matches(" HTTP/1.1").replace(&format!("/containers/{ID}"), "");
    requests.lock().unwrap().push(line.clone());
    let reply = |mut stream: &UnixStream, status: &str, body: &str| {
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    };
    if line.starts_with("POST /wait") {
        // As Docker does: the head immediately, the body at the end.
        write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let Ok(End::Exit(status)) = ends.lock().unwrap().recv() else { return };
        let body = format!("{{\"StatusCode\":{status}}}\n");
        write!(stream, "{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).unwrap();
    } else if line == "POST /start" {
        match start {
            Ok(()) => started(),
            Err(message) => {
                let body = format!("{{\"message\":\"{message}\"}}");
                return reply(&stream, "500 Internal Server Error", &body);
            }
        }
        reply(&stream, "204 No Content", "");
    } else if line.starts_with("POST /kill") {
        reply(&stream, "204 No Content", "");
        if line.ends_with("SIGTERM") {
            end.send(End::Exit(143)).unwrap();
        }
    } else if line.starts_with("GET /json") {
        let body =
            "{\"State\":{\"Running\":true,\"ExitCode\":0},\"HostConfig\":{\"AutoRemove\":true}}";
        reply(&stream, "200 OK", body);
    } else {
        reply(&stream, "204 No Content", "");
    }
    let _ = stream.read(&mut [0]);
}
