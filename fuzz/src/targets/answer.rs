//! Answers of a service to a health check.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

/// A server that sends the same bytes on each connection, whatever the request is.
struct Server {
    socket: PathBuf,
    answer: Arc<Mutex<Vec<u8>>>,
    _directory: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).expect("a socket can be made");
    let answer = Arc::new(Mutex::new(Vec::new()));
    let sent = Arc::clone(&answer);
    thread::spawn(move || {
        for peer in listener.incoming().flatten() {
            let answer = sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // The probe may close the connection at any time.
            let _ = serve(peer, &answer);
        }
    });
    Server { socket, answer, _directory: directory }
});

fn serve(mut peer: UnixStream, answer: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match peer.read(&mut chunk)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&chunk[..read]),
        }
    }
    peer.write_all(answer)
}

/// Checks that the result of a health check is one line, whatever the service answers.
///
/// # Panics
/// If it is not.
pub fn answer(input: &[u8]) {
    let Some((how, answer)) = input.split_first() else { return };
    *SERVER.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.to_vec();
    let socket = SERVER.socket.display();
    let mut arguments = vec![
        "--http=http://localhost/health".to_owned(),
        format!("--unix={socket}"),
        "--timeout=1s".to_owned(),
    ];
    if how & 1 != 0 {
        arguments.push("--contains=works".to_owned());
    } else if how & 2 != 0 {
        arguments.push("--method=HEAD".to_owned());
    }
    if how & 4 != 0 {
        arguments.push("--follow-redirects".to_owned());
    }
    let verdict = conductor_probe::check(&arguments);
    let (healthy, said) = verdict.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    assert!(said.starts_with(if healthy { "healthy: " } else { "unhealthy: " }), "{said:?}");
    assert!(!said.contains(char::is_control), "{said:?}");
}
