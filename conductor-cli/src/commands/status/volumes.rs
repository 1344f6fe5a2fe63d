//! The table of named volumes.

use conductor_core::unit::Engine;
use conductor_host::Status;

use crate::human;

const COLUMNS: [&str; 4] = ["SERVICE", "VOLUME", "ENGINE", "LOCATION"];

/// Returns the table of volumes; `None` if no service has one.
pub(super) fn show(status: &Status) -> Option<String> {
    let mut table = human::table(&COLUMNS);
    for service in &status.services {
        for volume in &service.volumes {
            table.add_row([
                service.id.as_str(),
                volume.name.as_str(),
                volume.engine.map_or("native", Engine::program),
                &volume.location,
            ]);
        }
    }
    table.row(0)?;
    Some(table.trim_fmt())
}
