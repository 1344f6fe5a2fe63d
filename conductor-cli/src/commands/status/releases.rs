//! The table of kept releases: what a rollback can go back to.

use conductor_host::Status;

use super::age;
use crate::human;

const COLUMNS: [&str; 4] = ["SERVICE", "RELEASE", "DEPLOYED", "REPLACED"];

/// Returns the table of releases; `None` if none is kept besides the current one.
pub(super) fn show(status: &Status) -> Option<String> {
    let mut table = human::table(&COLUMNS);
    for service in status.services.iter().filter(|service| service.releases.len() > 1) {
        for release in &service.releases {
            let name = match release.current {
                true => format!("{} (current)", release.release),
                false => release.release.to_string(),
            };
            let deployed = release.deployed.and_then(|deployed| u64::try_from(deployed).ok());
            let replaced = release.replaces.as_ref().map(ToString::to_string);
            table.add_row([
                service.id.to_string(),
                name,
                deployed.map_or_else(|| "-".to_owned(), age),
                replaced.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
    }
    table.row(0)?;
    Some(table.trim_fmt())
}
