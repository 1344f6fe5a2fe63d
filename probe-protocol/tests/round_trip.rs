//! The probe reads what conductor writes into a unit.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use conductor_probe_protocol::{
    Check, Client, Collect, Docker, Ended, Exec, Header, HttpCheck, JobPlace, Limit, Mail, Method,
    Request, Run, Socket, SocketAction, StopSignal, Timing, Turn, UnitPath, Watch, Word,
};
use proptest::option::of;
use proptest::prelude::*;

/// systemd's runtime directory.
const RUN: &str = "/run/user/1000";

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", "--[a-z=-]{0,8}", "[ -~]{0,12}"]
}

/// The name of a program or of a container, which is not an option.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/_][ -~]{0,12}"
}

/// An argument, which need not be text.
#[cfg(unix)]
fn word() -> impl Strategy<Value = OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = proptest::collection::vec(1..=u8::MAX, 0..8).prop_map(OsString::from_vec);
    prop_oneof![bytes, text().prop_map(OsString::from)]
}

#[cfg(not(unix))]
fn word() -> impl Strategy<Value = OsString> {
    text().prop_map(OsString::from)
}

fn words() -> impl Strategy<Value = Vec<OsString>> {
    proptest::collection::vec(word(), 1..5)
}

fn path() -> impl Strategy<Value = PathBuf> {
    word().prop_map(PathBuf::from)
}

/// A path in a unit, and as the probe gets it.
fn unit_path() -> impl Strategy<Value = (UnitPath, PathBuf)> {
    let known = path().prop_map(|path| (UnitPath::Absolute(path.clone()), path));
    let runtime = text().prop_map(|text| {
        let seen = PathBuf::from(format!("{RUN}/{text}"));
        (UnitPath::Runtime(text), seen)
    });
    prop_oneof![known, runtime]
}

/// A time that can be written; those in definitions can be finer, and are rounded up.
fn time(least: u64) -> impl Strategy<Value = Duration> {
    let millis = prop_oneof![least..5000, (least..200_000).prop_map(|seconds| seconds * 1000)];
    millis.prop_map(Duration::from_millis)
}

fn timing() -> impl Strategy<Value = Timing> {
    let times = (time(1), time(1), time(0));
    (times, 1..u32::MAX, 1..1001_u32).prop_map(
        |((interval, timeout, start_period), retries, success_threshold)| Timing {
            interval,
            timeout,
            retries,
            start_period,
            success_threshold,
        },
    )
}

fn header() -> impl Strategy<Value = Header> {
    let value = "([!-~]([ -~]{0,8}[!-~])?)?";
    ("[A-Za-z-]{1,8}", value).prop_map(|(name, value)| Header { name, value })
}

fn http() -> impl Strategy<Value = HttpCheck> {
    let status = prop_oneof!["200-399", "[1-5][0-9]{2}", "204,301-30[2-9]", "200-200,100-599"];
    let status = status.prop_map(|codes| codes.parse().expect("they are status codes"));
    let method = prop_oneof![Just(Method::Get), Just(Method::Head)];
    let headers = proptest::collection::vec(header(), 0..3);
    (text(), of(path()), method, headers, of(status), of(text()), any::<bool>()).prop_map(
        |(url, unix, method, headers, status, contains, follow_redirects)| HttpCheck {
            url,
            unix,
            method,
            headers,
            status,
            contains,
            follow_redirects,
        },
    )
}

fn watch() -> impl Strategy<Value = Watch> {
    let address = any::<(std::net::IpAddr, u16)>().prop_filter("a port", |(_, port)| *port > 0);
    let check = prop_oneof![
        http().prop_map(Check::Http),
        address.prop_map(|(host, port)| Check::Tcp(SocketAddr::new(host, port))),
        path().prop_map(Check::Unix),
        words().prop_map(Check::Command),
    ];
    (check, timing()).prop_map(|(check, timing)| Watch { check, timing })
}

/// A check, and the socket that it may have.
fn watched() -> impl Strategy<Value = (Option<Watch>, Option<PathBuf>)> {
    prop_oneof![Just((None, None)), (watch().prop_map(Some), of(path()))]
}

/// Reads the arguments of a unit as systemd passes them, with a command after them.
fn read(written: Vec<Word>, command: &[OsString]) -> Request {
    let words = written.into_iter().map(Word::at_runtime_directory(RUN));
    Request::read(words.chain(command.iter().cloned())).expect("it is what was written")
}

proptest! {
    #[test]
    fn exec(
        file in of(unit_path()),
        (watch, share_socket) in watched(),
        stop_signal in of(proptest::sample::select(&StopSignal::ALL[..])),
        program in words(),
    ) {
        let (written, seen) = file.unzip();
        let in_unit = Exec {
            pid_file: written, watch: watch.clone(), share_socket: share_socket.clone(), stop_signal,
        };
        let options = Exec { pid_file: seen, watch, share_socket, stop_signal };
        prop_assert_eq!(read(in_unit.words(), &program), Request::Exec { options, program });
    }

    #[test]
    fn docker(
        (name, engine, socket) in (name(), name(), path()),
        (watch, share_socket) in watched(),
        arguments in words(),
    ) {
        let (name, engine) = (name.into(), engine.into());
        let options = Docker { name, engine, socket, watch, share_socket };
        prop_assert_eq!(read(options.words(), &arguments), Request::Docker { options, arguments });
    }

    #[test]
    fn check(watch in watch()) {
        prop_assert_eq!(read(watch.words(), &[]), Request::Check(watch));
    }

    #[test]
    fn run(
        socket in path(),
        stop_timeout in time(0),
        container in text(),
        file in of(unit_path()),
        engine_socket in path(),
        program in words(),
    ) {
        let (written, seen) = match file {
            Some((written, seen)) => (Client::Podman(written), Client::Podman(seen)),
            None => (Client::Docker(container.clone()), Client::Docker(container)),
        };
        let in_unit = Run {
            socket: socket.clone(), stop_timeout, client: Some(written), engine_socket: engine_socket.clone(),
        };
        let options = Run { socket, stop_timeout, client: Some(seen), engine_socket };
        prop_assert_eq!(read(in_unit.words(), &program), Request::Run { options, program });
    }

    #[test]
    fn ended(unit_file in path(), socket in of(path()), container in of(text()), engine_socket in path()) {
        let ended = Ended { unit_file, socket, container, engine_socket };
        prop_assert_eq!(read(ended.words(), &[]), Request::Ended(ended));
    }

    #[test]
    fn socket(directory in of(unit_path()), open in any::<bool>(), path in "/[a-z/-]{1,12}") {
        let path = PathBuf::from(path);
        let (written, seen) = match directory {
            Some((written, seen)) => (SocketAction::OwnerOf(written), SocketAction::OwnerOf(seen)),
            None if open => (SocketAction::Open, SocketAction::Open),
            None => (SocketAction::Remove, SocketAction::Remove),
        };
        let in_unit = Socket { action: written, path: path.clone() };
        let socket = Socket { action: seen, path };
        prop_assert_eq!(read(in_unit.words(), &[]), Request::Socket(socket));
    }

    #[test]
    fn limit(timeout in time(1), program in words()) {
        let options = Limit { timeout };
        prop_assert_eq!(read(options.words(), &program), Request::Limit { options, program });
    }

    #[test]
    fn collect((written, output) in unit_path(), keep in any::<bool>(), program in words()) {
        let in_unit = Collect { output: written, keep };
        let options = Collect { output, keep };
        prop_assert_eq!(read(in_unit.words(), &program), Request::Collect { options, program });
    }

    #[test]
    fn mail(
        (written, output) in unit_path(),
        to in proptest::collection::vec(text(), 1..3),
        (name, line, user) in (text(), text(), of(text())),
        timeout in time(1),
        user_manager in any::<bool>(),
    ) {
        let (to_again, name_again, line_again, user_again) =
            (to.clone(), name.clone(), line.clone(), user.clone());
        let in_unit = Mail {
            output: written, to: to_again, name: name_again, line: line_again, user: user_again, timeout,
            user_manager,
        };
        let mail = Mail { output, to, name, line, user, timeout, user_manager };
        prop_assert_eq!(read(in_unit.words(), &[]), Request::Mail(mail));
    }

    #[test]
    fn turn(
        (written, directory) in unit_path(),
        host_limit in of(1u16..),
        limit in 0u16..,
        (service, job) in ("[a-z0-9_-]{1,64}", "[a-z0-9_-]{1,64}"),
    ) {
        let limit = NonZero::new(limit);
        let job = JobPlace { limit, service, job };
        let host_limit = host_limit.and_then(NonZero::new);
        let in_unit = Turn { directory: written, host_limit, job: job.clone() };
        prop_assert_eq!(
            read(in_unit.words(), &[]),
            Request::Turn(Turn { directory, host_limit, job })
        );
    }

    /// Any arguments are read or refused.
    #[test]
    fn anything(words in proptest::collection::vec(word(), 0..6), first in 0..10_usize) {
        let subcommand = conductor_probe_protocol::Subcommand::ALL[first];
        let _ = Request::read([subcommand.name().into()].into_iter().chain(words));
    }
}
