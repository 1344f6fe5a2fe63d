//! Checks that the files and directories of the host are there that services need.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::Conductor;
use crate::system::Trust;
use conductor_core::error::{Invalid, Problem, Problems};
use conductor_core::plan::{Desired, FileChange, Observed, ServicePlan, Step};
use conductor_core::release::Release;
use conductor_core::runtime::Scope;
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
        let mut problems = self.missing(release.service, files);
        // What a job needs may come later. What others can replace must not be what it gets at night.
        let changed = |step: &Step| match step {
            Step::Write { name, change, .. } => {
                *change != FileChange::Record && desired.jobs.units.contains_key(name)
            }
            _ => false,
        };
        if self.is_online() && plan.steps.iter().chain(plan.finish.iter()).any(changed) {
            let files = release.task_files();
            let replaceable = files.filter_map(|(file, path)| {
                let why = self.is_replaceable(file, Path::new(&path))?;
                Some(problem(release.service, file, why))
            });
            // The instances may have the same ones.
            let more: Vec<_> = replaceable.filter(|problem| !problems.contains(problem)).collect();
            problems.extend(more);
        }
        problems
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
        // Several instances may need the same one.
        let files = files.into_iter();
        let files = files.filter(|(file, path)| seen.insert((file.key.clone(), path.clone())));
        let (missing, there): (Vec<_>, Vec<_>) =
            files.partition(|(_, path)| is_missing(Path::new(path)));
        let replaceable = there.into_iter().filter_map(|(file, path)| {
            self.is_replaceable(file, Path::new(&path)).map(|why| problem(service, file, why))
        });
        let missing = missing.into_iter().map(|(file, path)| Problem {
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
        missing.chain(replaceable).collect()
    }

    /// Returns why another user can replace a file that root reads for a service: by a link to a file that only root
    /// can read, whose content the service would get.
    fn is_replaceable(&self, file: &HostFile, path: &Path) -> Option<Invalid> {
        if self.paths.scope == Scope::User
            || !matches!(file.purpose, Purpose::EnvFile | Purpose::Secret)
        {
            return None;
        }
        replaceable(path)
    }
}

/// Returns why another user can replace a file that root reads.
pub(super) fn replaceable(path: &Path) -> Option<Invalid> {
    let trust = Trust::new(Scope::System).of_any_contents();
    let problem = trust.check(path).err()?;
    let message = format!(
        "root reads {}, which others can replace by a link to another file: {}: {}",
        path.display(),
        problem.file.display(),
        problem.message
    );
    let fix = problem.hint.map(|hint| format!("{hint}, or ")).unwrap_or_default();
    let hint = format!(
        "{fix}keep the file where only root can write, such as /etc/conductor/secrets; nothing was changed"
    );
    Some(Invalid::new(message).hint(hint))
}

fn problem(service: &Service, file: &HostFile, Invalid { message, hint }: Invalid) -> Problem {
    Problem {
        file: service.origin.file.clone(),
        position: Some(file.position),
        path: file.key.clone(),
        message,
        hint,
    }
}

/// Returns whether a path is missing; one that cannot be looked at is not known to be.
fn is_missing(path: &Path) -> bool {
    let missing = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    path.metadata().is_err_and(|error| missing.contains(&error.kind()))
}
