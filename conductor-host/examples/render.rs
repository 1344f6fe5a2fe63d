//! Renders units in memory: nothing is read from the host, and nothing is written.
//!
//! `cargo run --example render`

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::path::Path;

use conductor_host::Conductor;
use conductor_host::conductor_core::service::Service;
use conductor_host::conductor_core::settings::Settings;
use conductor_host::system::Paths;
use serde_json::json;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // All problems of a value come at once, each with its key and what to write instead.
    let web = Service::from_value(&json!({
        "id": "web", "command": ["/usr/bin/web", "--port", "{port}"], "port": 8080, "instances": 2,
    }))?;
    // Offline, it asks no systemd. With settings from memory, it does not read /etc/conductor/host.yaml.
    let conductor = Conductor::new(Paths::system(Path::new("/")), None)?
        .offline()
        .with_settings(Settings::default());
    for (name, unit) in conductor.render(&[web])?.units {
        println!("# {name}\n{}", unit.text);
    }
    Ok(())
}
