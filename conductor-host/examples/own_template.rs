//! Renders units with a template of one's own, in place of a built-in one.
//!
//! `cargo run --example own_template`

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::path::Path;

use conductor_host::Conductor;
use conductor_host::conductor_core::service::Service;
use conductor_host::conductor_core::settings::Settings;
use conductor_host::conductor_core::unit::{Override, Templates};
use conductor_host::system::Paths;
use serde_json::json;

/// The target of a service, which all its instances belong to. `{{id}}` is its id.
const TARGET: &str =
    "[Unit]\nDescription=All instances of {{id}}\nDocumentation=https://wiki.example/{{id}}\n";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Its file name says which built-in template it replaces. A mistake in it is found here.
    let own = Override { file: "service.target.hbs".into(), text: TARGET.to_owned() };
    let templates = Templates::new(&[own])?;
    let conductor = Conductor::new(Paths::system(Path::new("/")), None)?
        .offline()
        .with_settings(Settings::default())
        .with_templates(templates);
    let web = Service::from_value(&json!({"id": "web", "command": ["/usr/bin/web"]}))?;
    let units = conductor.render(&[web])?.units;
    for (_, unit) in units.iter().filter(|(name, _)| name.as_str() == "conductor-web.target") {
        println!("{}", unit.text);
    }
    Ok(())
}
