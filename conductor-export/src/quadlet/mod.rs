//! Writes files of Quadlet, and timers for scheduled jobs.

mod container;
mod jobs;
mod unit;

use std::collections::BTreeMap;

use conductor_core::name::{ServiceId, VolumeName};

use crate::File;
use crate::given::{Given, volume_keys};
use crate::report::Report;

use unit::Unit;

/// The conversion of all services.
struct Conversion<'c> {
    report: &'c mut Report,
    files: BTreeMap<String, Unit>,
    /// The names of the `.volume` files.
    volumes: BTreeMap<(ServiceId, VolumeName), String>,
}

pub(crate) fn export(all: &[Given<'_>], report: &mut Report) -> Vec<File> {
    let volumes = volume_keys(all).into_iter().collect();
    let mut conversion = Conversion { report, files: BTreeMap::new(), volumes };
    for given in all {
        conversion.service(given, all);
    }
    for given in all {
        conversion.jobs(given);
    }
    let files = conversion.files.into_iter();
    files.map(|(name, unit)| File { name, text: unit.finish() }).collect()
}

/// Returns the names of the units of a service, without their ending.
fn names(given: &Given<'_>) -> Vec<String> {
    let id = &given.service.id;
    match given.service.instances {
        1 => vec![id.to_string()],
        count => (1..=count).map(|number| format!("{id}-{number}")).collect(),
    }
}

impl Conversion<'_> {
    /// Adds a file, unless another service has one of its name.
    fn add(&mut self, given: &Given<'_>, path: &str, name: String, unit: Unit) {
        if self.files.contains_key(&name) {
            let does = format!("{name} belongs to another service");
            self.report.leave_out(given.service, path, &does, "give one of them another id");
            return;
        }
        self.files.insert(name, unit);
    }
}
