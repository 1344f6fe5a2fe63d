//! Clients of a web service: asks it until standard input ends, then says how that went, as JSON.
//!
//! usage: `load close|keep|strict ADDRESS:PORT CONNECTIONS TARGET`
//!        `load stay ADDRESS:PORT TARGET`
//!
//! `close` asks for each answer on a connection of its own; `keep` keeps connections, and asks once
//! again if one was closed before the first byte of an answer; `strict` never asks again. `stay` makes
//! one connection that stays, on which it sends and gets something all the time. Moments are in
//! milliseconds since 1970.
mod client;
mod report;

use std::env;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use client::{Client, Policy};
use report::Report;

/// Whether standard input has ended.
static OVER: AtomicBool = AtomicBool::new(false);

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        OVER.store(true, Ordering::Relaxed);
    });
    let json = match words[..] {
        ["stay", address, target] => client::stay(parse(address), target, is_over),
        [policy, address, connections, target] => {
            let policy = match policy {
                "close" => Policy::Close,
                "keep" => Policy::Keep { retries: 1 },
                "strict" => Policy::Keep { retries: 0 },
                other => panic!("no policy is called {other}"),
            };
            let connections = connections.parse().expect("connections are a number");
            ask(policy, parse(address), connections, target).to_json()
        }
        _ => panic!("see the usage"),
    };
    // Nobody reads it if a test has failed.
    let _ = writeln!(io::stdout(), "{json}");
}

fn is_over() -> bool {
    OVER.load(Ordering::Relaxed)
}

fn parse(address: &str) -> SocketAddr {
    address.parse().expect("an address and a port")
}

fn ask(policy: Policy, address: SocketAddr, connections: usize, target: &str) -> Report {
    thread::scope(|scope| {
        let one = || {
            let (mut client, mut report) =
                (Client::new(policy, address, target), Report::default());
            while !is_over() {
                report.add(client.ask());
            }
            report
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
        let reports = threads.into_iter().map(|thread| thread.join().expect("a report"));
        reports.fold(Report::default(), Report::merge)
    })
}
