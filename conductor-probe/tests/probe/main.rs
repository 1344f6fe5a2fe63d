//! The binary against good and bad servers, with a socket in place of systemd.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod check;
mod collect;
mod docker;
mod engine;
mod exec;
mod hostile;
mod limit;
mod once;
mod restarts;
mod server;
mod streams;
mod unit;
mod watch;
