//! The table of kept releases: what a rollback can go back to.

use conductor_host::{ReleaseStatus, Status};

use super::age;
use crate::human;

const COLUMNS: [&str; 5] = ["SERVICE", "RELEASE", "DEPLOYED", "REPLACED", "IMAGE"];

/// How much of an image's id is shown: `sha256:` and twelve digits, as engines do.
const ID: usize = 19;

/// Returns the table of releases; `None` if none is kept besides the current one, and no image is known.
pub(super) fn show(status: &Status) -> Option<String> {
    let mut table = human::table(&COLUMNS);
    let known = |releases: &[ReleaseStatus]| releases.iter().any(|it| it.image_id.is_some());
    let shown = status.services.iter().filter(|it| it.releases.len() > 1 || known(&it.releases));
    for service in shown {
        for release in &service.releases {
            let name = match release.current {
                true => format!("{} (current)", release.release),
                false => release.release.to_string(),
            };
            let deployed = release.deployed.and_then(|deployed| u64::try_from(deployed).ok());
            let replaced = release.replaces.as_ref().map(ToString::to_string);
            let image = release.image_id.as_ref().map(|id| id.chars().take(ID).collect());
            table.add_row([
                service.id.to_string(),
                name,
                deployed.map_or_else(|| "-".to_owned(), age),
                replaced.unwrap_or_else(|| "-".to_owned()),
                image.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
    }
    table.row(0)?;
    Some(table.trim_fmt())
}
