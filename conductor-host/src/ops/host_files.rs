//! Checks that the files and directories of the host are there that services need.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::Conductor;
use conductor_core::error::{Problem, Problems};
use conductor_core::plan::{Desired, Observed, ServicePlan, Step};
use conductor_core::release::Release;
use conductor_core::service::{HostFile, Purpose, Service};

impl Conductor {
    /// Returns the files and directories of the host that a plan needs and that are missing. They are looked for
    /// before anything is stopped. With `observed`, only what is not on the host yet counts: an instance that is merely
    /// down must not keep others from changing.
    pub(super) fn missing_for(
        &self,
        release: &Release<'_>,
        desired: &Desired<'_>,
        plan: &ServicePlan,
        observed: Option<&Observed>,
    ) -> Vec<Problem> {
        let starts = |step: &Step| match step {
            Step::Start(unit) => observed.is_none_or(|it| !it.set.units.contains_key(unit)),
            step => matches!(step, Step::Restart(_)),
        };
        let started = plan.steps.iter().filter(|step| starts(step)).filter_map(Step::unit);
        let units = started.filter_map(|unit| desired.units.units.get(unit));
        let instances = units.filter_map(|unit| unit.metadata.kind.instance());
        let mut files: Vec<_> = instances.flat_map(|instance| release.files(instance)).collect();
        if plan.steps.iter().any(|step| matches!(step, Step::Run(_))) {
            files.extend(release.task_files());
        }
        self.missing(release.service, files)
    }

    /// Rejects a command that runs once if a file is missing that it needs.
    pub(super) fn check_task(&self, release: &Release<'_>) -> Result<(), Problems> {
        let problems = self.missing(release.service, release.task_files());
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }

    fn missing<'r>(
        &self,
        service: &Service,
        files: impl IntoIterator<Item = (&'r HostFile, String)>,
    ) -> Vec<Problem> {
        if !self.is_online() {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let files = files.into_iter().filter(|(file, path)| {
            // Several instances may need the same one.
            seen.insert((file.key.clone(), path.clone())) && is_missing(Path::new(path))
        });
        let problems = files.map(|(file, path)| Problem {
            file: service.origin.file.clone(),
            position: Some(file.position),
            path: file.key.clone(),
            message: format!("there is no {path} on this host"),
            hint: Some(match file.purpose {
                Purpose::Volume => format!(
                    "create it (mkdir -p {path}), or mount the file system that it is on; nothing was changed"
                ),
                Purpose::Image => {
                    "put the release there first, or correct the path; nothing was changed".to_owned()
                }
                Purpose::EnvFile | Purpose::Secret => {
                    "create the file, or correct the path; nothing was changed".to_owned()
                }
            }),
        });
        problems.collect()
    }
}

/// Returns whether a path is missing; one that cannot be looked at is not known to be.
fn is_missing(path: &Path) -> bool {
    let missing = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    path.metadata().is_err_and(|error| missing.contains(&error.kind()))
}
