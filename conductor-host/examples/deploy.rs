//! Deploys a revision, and follows the deploy.
//!
//! `cargo run --example deploy` does it on a fake host. On a real one, leave `with_fake` out, and run it as root.

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor_host::conductor_core::service::Service;
use conductor_host::fake::FakeHost;
use conductor_host::system::Paths;
use conductor_host::{CauseKind, Change, Conductor, Deploy, Event};
use serde_json::json;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let conductor = Conductor::new(Paths::system(Path::new("/nonexistent")), None)?
        .with_fake(Arc::new(Mutex::new(FakeHost::default())));
    let web = Service::from_value(&json!({
        "id": "web", "runtime": "podman", "image": "registry.example/web", "instances": 2,
    }))?;
    let deploy = Change::Deploy(Deploy::new(&web, &"v2".parse()?)?);
    // An error means that nothing has begun. What fails later is in the report, and was undone where it can be.
    let report = conductor.carry_out(&deploy, &mut |event: Event| match event {
        Event::Step { service, step } => println!("{service}: {step}"),
        Event::Output { service, line, .. } => println!("{service}: | {line}"),
        Event::Note { service, text } => println!("{service}: note: {text}"),
        // New versions have more.
        _ => {}
    })?;
    for (service, failure) in report.failures() {
        // Programs decide by the kind. The reason is for people.
        let again = failure.cause.kind() == CauseKind::Pull;
        println!("{}: {} (try again: {again})", service.id, failure.reason());
    }
    println!("healthy: {}", report.healthy);
    Ok(())
}
