//! Turns a crontab into a definition, and that into systemd's timers.
//!
//! `cargo run --example crontab`

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::path::Path;

use conductor_host::Conductor;
use conductor_host::conductor_core::crontab::{Importer, Owner, Source};
use conductor_host::conductor_core::definition::{DefinitionText, Format};
use conductor_host::conductor_core::settings::Settings;
use conductor_host::system::Paths;

const CRONTAB: &[u8] = b"30 2 * * * /usr/local/bin/backup --all\n@reboot /usr/local/bin/warm-up\n";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // No service on the host has a definition yet.
    let mut crontabs = Importer::new([].into()).without_mail(true);
    let owner = Owner::User("root".parse()?);
    crontabs.add(&Source { file: Path::new("nightly"), text: CRONTAB, owner, id: None });
    let imported = crontabs.finish();
    // Lines that are left out, or that behave in another way than under cron, have a reason.
    for problem in imported.left_out.iter().chain(&imported.notes) {
        println!("# {problem}");
    }
    let conductor = Conductor::new(Paths::system(Path::new("/")), None)?
        .offline()
        .with_settings(Settings::default());
    for definition in imported.definitions {
        println!("{}", definition.text);
        let definition = DefinitionText::new(Format::Yaml, definition.text)?;
        let units = conductor.render(definition.services())?.units;
        for (name, unit) in units.iter().filter(|(name, _)| name.kind() == "timer") {
            println!("# {name}\n{}", unit.text);
        }
    }
    Ok(())
}
