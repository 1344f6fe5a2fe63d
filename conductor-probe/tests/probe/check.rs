//! `check`: one check, its text and its exit status.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::thread;
use std::time::Duration;

use rustix::net;

use crate::server::{
    OK, answer, answer_on_unix, endless, free, listen, record, redirect, request, serve,
};
use crate::unit::{eventually, probe};

/// Checks, and returns the output.
fn check(words: &[&str]) -> String {
    let Output { status, stdout, stderr } = probe().arg("check").args(words).output().unwrap();
    assert_eq!(String::from_utf8(stderr).unwrap(), "", "{words:?}");
    let text = String::from_utf8(stdout).unwrap();
    let expected = i32::from(!text.starts_with("healthy: "));
    assert_eq!(status.code(), Some(expected), "{text}");
    text.trim_end().to_owned()
}

fn http(address: SocketAddr, words: &[&str]) -> String {
    let url = format!("--http=http://{address}/health");
    let words: Vec<_> = [url.as_str()].iter().chain(words).copied().collect();
    check(&words).replace(&address.to_string(), "ADDRESS")
}

#[test]
fn a_healthy_answer() {
    let said = http(answer(OK), &[]);
    assert!(said.starts_with("healthy: 200 in ") && said.ends_with('s'), "{said}");
    assert!(http(answer(OK), &["--contains=ok"]).starts_with("healthy: "));
    assert!(http(answer(OK), &["--status", "200-299,304"]).starts_with("healthy: "));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nal\r\n5\r\nl wel\r\n1\r\nl\r\n0\r\n\r\n";
    assert!(http(answer(chunked), &["--contains", "all well"]).starts_with("healthy: "));
}

#[test]
fn long_heads() {
    let field = format!("x: {}\r\n", "y".repeat(7000));
    let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(fields));
    assert!(http(answer(head(2)), &[]).starts_with("healthy: 200 in "));
    assert!(http(answer(head(3)), &[]).contains("response header is too big"));
    let header = format!("--header=X-Long: {}", "z".repeat(5000));
    assert!(http(answer(OK), &[&header]).starts_with("healthy: 200 in "));
}

#[test]
fn an_unhealthy_answer() {
    let error = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(
        http(answer(error), &[]),
        "unhealthy: 503 Service Unavailable from http://ADDRESS/health (expected 200-399)"
    );
    assert!(http(answer(error), &["--status=503"]).starts_with("healthy: 503 in "));
    assert_eq!(
        http(answer(OK), &["--contains=up"]),
        "unhealthy: the answer does not contain \"up\""
    );
}

#[test]
fn nobody_answers() {
    let port = free();
    assert_eq!(http(port.address(), &[]), "unhealthy: connection refused on ADDRESS");
    let silent = serve(listen(), |stream| {
        thread::sleep(Duration::from_mins(1));
        drop(stream);
    });
    let silence = "unhealthy: no answer within 200 ms from ADDRESS";
    assert_eq!(http(silent, &["--timeout=200ms"]), silence);
    let trickle = endless("HTTP/1.1 200 OK\r\nx: ", b"y", Duration::from_millis(20));
    assert_eq!(http(trickle, &["--timeout=200ms"]), silence);
    let gone = serve(listen(), |stream| drop(request(&stream)));
    assert_eq!(http(gone, &[]), "unhealthy: ADDRESS closed the connection without an answer");
    let flood = endless("HTTP/1.1 200 OK\r\n", b"x: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", Duration::ZERO);
    assert!(http(flood, &[]).starts_with("unhealthy: "));
}

#[test]
fn something_else_answers() {
    let ssh = serve(listen(), |mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        request(&stream);
    });
    let said = http(ssh, &[]);
    assert!(said.starts_with("unhealthy: not HTTP: "), "{said}");
}

#[test]
fn a_body_without_end_is_not_read_to_the_end() {
    let fast = || endless("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 1024], Duration::ZERO);
    assert!(http(fast(), &[]).starts_with("healthy: 200 in "));
    assert_eq!(
        http(fast(), &["--contains=ok", "--timeout=20s"]),
        "unhealthy: the answer does not contain \"ok\""
    );
    let slow = || endless("HTTP/1.1 200 OK\r\n\r\n", b"x", Duration::from_millis(20));
    assert!(http(slow(), &[]).starts_with("healthy: 200 in "));
    assert_eq!(
        http(slow(), &["--contains=ok", "--timeout=300ms"]),
        "unhealthy: no answer within 300 ms from ADDRESS"
    );
}

#[test]
fn a_redirect_is_judged_or_followed() {
    let (address, requests) = record(|request| match request.lines().next() {
        Some("GET /health HTTP/1.1") => redirect("/bad"),
        _ => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned(),
    });
    assert!(http(address, &[]).starts_with("healthy: 302 in "));
    assert_eq!(
        http(address, &["--status=200-299"]),
        "unhealthy: 302 Found from http://ADDRESS/health (expected 200-299)"
    );
    assert_eq!(requests.try_iter().count(), 2);
    assert_eq!(
        http(address, &["--follow-redirects"]),
        "unhealthy: 500 Internal Server Error from http://ADDRESS/health (expected 200-399)"
    );
    assert_eq!(requests.try_iter().count(), 2);
    let (round, requests) = record(|_| redirect(&format!("/{}", "x".repeat(4000))));
    assert!(http(round, &["--follow-redirects"]).ends_with("too many redirects"));
    assert_eq!(requests.try_iter().count(), 6);
    let nowhere = answer("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n");
    assert!(http(nowhere, &["--follow-redirects"]).starts_with("healthy: 302 in "));
}

/// Only the service gets the headers of a check, and only its answer counts.
#[test]
fn a_redirect_to_another_server_is_not_followed() {
    let (other, stolen) = record(|_| OK.to_owned());
    for to in [&format!("http://{other}/"), &format!("//{other}/"), "https://shop.example/"] {
        let from = answer(redirect(to));
        let words =
            ["--follow-redirects", "--header=Authorization: secret", "--header=Host: a.example"];
        assert_eq!(
            http(from, &words),
            format!(
                "unhealthy: 302 redirects to {to}, which is not on ADDRESS; check the final path, or leave \
                 out follow_redirects to judge the redirect itself"
            )
        );
    }
    assert_eq!(stolen.try_iter().count(), 0);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            request(&stream);
            let _ = stream.write_all(redirect(&format!("http://{other}/")).as_bytes());
        }
    });
    let unix = format!("--unix={}", path.display());
    let said = check(&["--http=http://localhost/", &unix, "--follow-redirects"]);
    assert!(said.contains(&format!("which is not on {}; ", path.display())), "{said}");
    assert_eq!(stolen.try_iter().count(), 0);
}

#[test]
fn a_redirect_by_the_name_of_the_host_is_followed_to_the_same_address() {
    let (address, requests) = record(|request| match request.lines().next() {
        Some("GET /health HTTP/1.1") => redirect("http://Shop.example/login?x=1#top"),
        Some("GET /login?x=1 HTTP/1.1") => redirect("done/../well"),
        _ => OK.to_owned(),
    });
    let words = ["--follow-redirects", "--header=X-A: b", "--header=Host: shop.example"];
    assert!(http(address, &words).starts_with("healthy: 200 in "));
    let requests: Vec<_> = requests.try_iter().map(|request| request.to_lowercase()).collect();
    let lines = ["get /health http/1.1", "get /login?x=1 http/1.1", "get /well http/1.1"];
    assert_eq!(requests.len(), lines.len(), "{requests:#?}");
    for (request, line) in requests.iter().zip(lines) {
        for line in [line, "x-a: b", "host: shop.example", "connection: close"] {
            assert_eq!(request.lines().filter(|it| *it == line).count(), 1, "{line} in {request}");
        }
    }
}

#[test]
fn a_unix_socket_and_headers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a socket");
    let unix = format!("--unix={}", path.display());
    let words = ["--http", "http://app.example/health?x=1", &unix];
    assert!(check(&words).starts_with("unhealthy: cannot connect to "), "{}", check(&words));
    answer_on_unix(&path, &["get /health?x=1 http/1.1", "host: app.example", "connection: close"]);
    assert!(check(&words).starts_with("healthy: 200 in "), "{}", check(&words));

    let path = directory.path().join("other");
    answer_on_unix(&path, &["head /health http/1.1", "host: web", "x-a: b: c"]);
    let unix = format!("--unix={}", path.display());
    let words = ["--http=http://app.example/health", "--method=HEAD", "--header", "Host: web"];
    let words = [&words[..], &["--header=X-A: b: c", &unix]].concat();
    assert!(check(&words).starts_with("healthy: 200 in "), "{}", check(&words));
}

#[test]
fn a_link_to_a_socket_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let [socket, link, file] = ["socket", "link", "file"].map(|it| directory.path().join(it));
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    symlink(&socket, &link).unwrap();
    fs::write(&file, "").unwrap();
    let [to_link, to_file, to_socket] =
        [&link, &file, &socket].map(|path| format!("--unix={}", path.display()));
    let followed = "is a symbolic link, which is not followed";
    for words in [&[&*to_link][..], &["--http=http://localhost/", &to_link]] {
        let said = check(words);
        assert!(said.contains(followed), "{said}");
    }
    assert!(check(&[&to_file]).starts_with("unhealthy: connection refused"), "{file:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(check(&[&to_socket]).starts_with("healthy: connected in "));
}

#[test]
fn a_connection_is_enough_for_tcp() {
    let address = listen();
    let address = address.local_addr().unwrap().to_string();
    assert!(check(&["--tcp", &address]).starts_with("healthy: connected in "));
    let port = free();
    let free = port.address().to_string();
    assert_eq!(check(&["--tcp", &free]), format!("unhealthy: connection refused on {free}"));
}

#[test]
fn a_connection_that_is_closed_at_once_is_not_enough() {
    let closed = |answer: fn(TcpStream)| {
        let address = serve(listen(), answer).to_string();
        check(&["--tcp", &address]).replace(&address, "SERVER")
    };
    // As docker's proxy if nothing listens in the container.
    let away = "unhealthy: SERVER accepts connections and closes them at once";
    assert_eq!(closed(drop), away);
    assert_eq!(
        closed(|stream| {
            thread::sleep(Duration::from_millis(20));
            drop(stream);
        }),
        away
    );
    let reset = |stream: TcpStream| {
        net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        // It may come while the client still connects.
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(closed(reset), "unhealthy: connection to SERVER broke: Connection reset by peer");
    // A server that speaks first, and one that waits for its client.
    let banner = |mut stream: TcpStream| stream.write_all(b"220 ready\r\n").unwrap();
    assert!(closed(banner).starts_with("healthy: connected in "));
    assert!(
        closed(|stream| {
            let _ = stream.peek(&mut [0]);
        })
        .starts_with("healthy: connected in ")
    );
}

#[test]
fn a_command_is_judged_by_its_exit_status() {
    let shell = |script: &str, more: &[&str]| {
        let script = format!("--command={script}");
        check(&[&["--command=/bin/sh", "--command=-c", &script], more].concat())
    };
    assert!(shell("exit 0", &[]).starts_with("healthy: exit status 0 in "));
    assert_eq!(
        shell("echo one; echo two >&2; echo; exit 3", &[]),
        "unhealthy: exit status 3 of /bin/sh: two"
    );
    assert_eq!(shell("kill -9 $$", &[]), "unhealthy: signal 9 ended the process of /bin/sh");
    assert_eq!(
        shell("echo waiting; while :; do :; done", &["--timeout=300ms"]),
        "unhealthy: /bin/sh did not end within 300 ms: waiting"
    );
    assert_eq!(
        shell("yes", &["--timeout=300ms"]),
        "unhealthy: /bin/sh did not end within 300 ms: y"
    );
    assert_eq!(
        check(&["--command=/no/such/program"]),
        "unhealthy: cannot run /no/such/program: No such file or directory"
    );
}

#[test]
fn a_command_leaves_no_process_behind() {
    let directory = tempfile::tempdir().unwrap();
    for (end, timeout) in [("exit 0", "60s"), ("wait", "500ms")] {
        let file = directory.path().join(timeout);
        let script = format!("--command=sleep 1000 & echo $! > {}; {end}", file.display());
        check(&["--command=/bin/sh", "--command=-c", &script, "--timeout", timeout]);
        let pid = fs::read_to_string(file).unwrap();
        // Init may reap it later.
        eventually("an end of the background process", || {
            let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            status.is_err() || status.is_ok_and(|status| status.contains(") Z "))
        });
    }
}

#[test]
fn bad_usage_is_told_from_bad_health() {
    for words in [
        &[][..],
        &["--http=http://example.org/"],
        &["--http=localhost:80"],
        &["--http=http://a:b@localhost/"],
        &["--http=http://localhost/", "--header=a b: c"],
        &["--http=http://localhost/", "--method=HEAD", "--contains=a"],
        &["--tcp=localhost"],
        &["--interval=5"],
    ] {
        let output = probe().arg("check").args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
    if cfg!(not(feature = "tls")) {
        let output = probe().args(["check", "--http=https://localhost/"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("built without TLS"));
    }
}
