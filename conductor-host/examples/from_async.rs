//! Changes a host beside other tasks of tokio.
//!
//! `cargo run --example from_async` does it on a fake host. On a real one, leave `with_fake` out, and run it as root.

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_host::conductor_core::service::Service;
use conductor_host::fake::FakeHost;
use conductor_host::system::Paths;
use conductor_host::{Apply, Change, Conductor, Event};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    Builder::new_current_thread().enable_all().build()?.block_on(change())
}

async fn change() -> Result<(), Box<dyn Error>> {
    let conductor = Conductor::new(Paths::system(Path::new("/nonexistent")), None)?
        .with_fake(Arc::new(Mutex::new(FakeHost::default())));
    let web = Service::from_value(&json!({"id": "web", "command": ["/usr/bin/web"]}))?;
    let apply = Change::Apply(Apply { services: vec![web], ..Apply::default() });
    let (events, mut seen) = mpsc::unbounded_channel();
    // The library waits on the thread that calls it: this one is for that.
    let work = tokio::task::spawn_blocking(move || {
        conductor.carry_out(&apply, &mut |event: Event| {
            // If nobody listens any more, the change goes on.
            let _ = events.send(event);
        })
    });
    // It ends when the change has ended, and with it the sender.
    while let Some(event) = seen.recv().await {
        println!("{}", serde_json::to_string(&event)?);
    }
    println!("healthy: {}", work.await??.healthy);
    Ok(())
}
