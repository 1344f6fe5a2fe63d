//! Plans against a directory, as for an image that is being built, and carries the plan out there.
//!
//! `cargo run --example plan_directory`

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;

use conductor_host::conductor_core::definition::DefinitionText;
use conductor_host::system::Paths;
use conductor_host::{Apply, Change, Conductor, Event};
use serde_json::json;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let conductor = Conductor::new(Paths::below(root.path())?, None)?.offline();
    // The definition becomes a file below the directory, so that whoever boots the image finds it.
    let web = DefinitionText::from_value(&json!({"id": "web", "command": ["/usr/bin/web"]}))?;
    let installed = conductor.install_definition(&web)?;
    // Not only the new one: what has no definition any more is an orphan.
    let services = conductor.read(&[])?;
    let apply = Change::Apply(Apply { services, ..Apply::default() });
    let planned = conductor.plan(&apply)?;
    println!("{}\n{}", planned.plan, planned.diff());
    match conductor.carry_out(&apply, &mut |_: Event| {}) {
        Ok(report) => println!("changed: {}", report.changed),
        Err(error) => {
            // Nothing has begun. The directory gets the definition back that it had.
            installed.undo()?;
            return Err(error.into());
        }
    }
    Ok(())
}
