//! Writes a Compose file: for `docker compose`, or for `docker stack deploy`.

mod limits;
mod model;
mod mounts;
mod service;

use std::collections::BTreeMap;

use conductor_core::name::{ServiceId, VolumeName};
use conductor_core::value::HostPath;

use crate::given::{Given, volume_keys};
use crate::model::yaml;
use crate::report::Report;
use crate::{File, Target};

use model::ComposeFile;

/// The conversion of one file.
struct Conversion<'c> {
    target: Target,
    report: &'c mut Report,
    file: ComposeFile,
    /// The names of volumes in the file.
    volumes: BTreeMap<(ServiceId, VolumeName), String>,
    /// The names of secrets in the file, and their files.
    secrets: BTreeMap<String, HostPath>,
}

impl Conversion<'_> {
    fn is_swarm(&self) -> bool {
        self.target == Target::Swarm
    }
}

pub(crate) fn export(target: Target, all: &[Given<'_>], report: &mut Report) -> Vec<File> {
    let mut conversion = Conversion {
        target,
        report,
        file: ComposeFile::default(),
        volumes: volume_keys(all).into_iter().collect(),
        secrets: BTreeMap::new(),
    };
    for given in all {
        conversion.service(given, all);
    }
    vec![File { name: "compose.yaml".to_owned(), text: yaml(&conversion.file) }]
}
