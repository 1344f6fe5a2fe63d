//! Links conductor as a stranger would: nothing here is known but the public library and its documentation.
//!
//! Without an argument it works in memory and in a directory, and needs neither root nor systemd. With `host` it works
//! on the host on which it runs, from tasks of tokio, while zbus has its feature `tokio`.

mod host;
mod memory;

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => memory::all(),
        Some("host") => host::all(),
        Some(other) => panic!("unknown argument {other}"),
    }
    println!("done");
}
