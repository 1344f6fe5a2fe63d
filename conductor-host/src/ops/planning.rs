//! From a change and what is observed to a plan.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Conductor;
use super::change::{Apply, Change, Pause, Prune, Pull, Remove, Restart, Resume};
use super::compile::{Compiled, Deployment, Renewal};
use super::error::Error;
use super::images::never_pull;
use super::scheduled_jobs::find;
use crate::system::Settings;
use conductor_core::definition::PullPolicy;
use conductor_core::error::Problems;
use conductor_core::name::ServiceId;
use conductor_core::plan::{self, Observed, Plan, ServicePlan};
use conductor_core::release::{Release, units_shared_by};
use conductor_core::service::Service;
use conductor_core::value::Span;

/// Why nobody changes a file, and what to do.
pub(super) const LEFT: &str = "the host settings have no proxy with this directory any more: remove the file and reload \
                               the proxy, or add the proxy to the host settings again";

/// The longest wait for connections to a service that is removed, since its definition may be gone.
const REMOVE_DRAIN: Span = Span::from_secs(30);

impl Conductor {
    /// Plans a change. `listening` returns the ports that are taken, if any are to be given.
    pub(super) fn plan_change(
        &self,
        change: &Change,
        settings: &Settings,
        observed: &Observed,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
    ) -> Result<Plan, Error> {
        let plan = self.plan_steps(change, settings, observed, listening)?;
        match plan::taken(&plan.services, observed) {
            Some(taken) => {
                let path = self.proxies(settings).path(&taken.proxy, &taken.holder)?;
                Err(Error::UpstreamTaken { taken, path })
            }
            None => Ok(note_left_files(plan, observed)),
        }
    }

    /// Plans a change, without looking at what other services keep.
    pub(super) fn plan_steps(
        &self,
        change: &Change,
        settings: &Settings,
        observed: &Observed,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
    ) -> Result<Plan, Error> {
        let alone = |plan| Plan::new(vec![plan], observed);
        match change {
            Change::Apply(Apply { services, prune, renew, pull }) => {
                let renewal = if *renew { Renewal::Outdated } else { Renewal::None };
                let how = (renewal, *pull);
                let mut plans = self.converge(services, how, settings, observed, listening)?;
                let mut orphans = Vec::new();
                match prune {
                    Prune::Ignore => {}
                    Prune::Report => orphans = undefined(services, observed).cloned().collect(),
                    Prune::Remove => plans.extend(
                        undefined(services, observed)
                            .map(|id| plan::remove(id, REMOVE_DRAIN, &[], observed)),
                    ),
                }
                Ok(Plan { orphans, ..Plan::new(plans, observed) })
            }
            Change::Deploy(deploy) => {
                let how = (Renewal::None, deploy.pull);
                let plans = self.converge(&deploy.services, how, settings, observed, listening)?;
                Ok(Plan::new(plans, observed))
            }
            Change::Rollback(rollback) => {
                let plans = self.plan_rollbacks(rollback, settings, observed)?;
                Ok(Plan::new(plans, observed))
            }
            Change::Restart(Restart { services }) => {
                let services = present(services, observed)?;
                let running =
                    services.into_iter().map(|service| self.as_running(service, observed));
                let services: Vec<_> = running.collect::<Result<_, _>>()?;
                let how = (Renewal::All, Pull::Defined);
                let plans = self.converge(&services, how, settings, observed, listening)?;
                Ok(Plan::new(plans, observed))
            }
            Change::Remove(Remove { service, volumes }) => {
                let processes = observed.processes_of(service);
                let all = if processes.is_empty() { vec![service.clone()] } else { processes };
                let remove = |id: &ServiceId| -> Result<ServicePlan, Error> {
                    let (volumes, notes) = match volumes {
                        true => self.volumes_of(id)?,
                        false => (Vec::new(), Vec::new()),
                    };
                    let mut plan = plan::remove(id, REMOVE_DRAIN, &volumes, observed);
                    plan.notes.extend(notes);
                    Ok(plan)
                };
                let plans = all.iter().map(remove).collect::<Result<Vec<_>, _>>()?;
                match plans.iter().any(ServicePlan::changes) {
                    true => Ok(Plan::new(plans, observed)),
                    false => Err(Error::UnknownService { service: service.clone() }),
                }
            }
            Change::RemoveAll => {
                let services = observed.services();
                let plans = services.map(|id| plan::remove(id, REMOVE_DRAIN, &[], observed));
                Ok(Plan::new(plans.collect(), observed))
            }
            Change::Pause(Pause { service, job }) => {
                let (_, timer) = find(service, job, observed)?;
                Ok(alone(plan::pause(service, &timer, Timestamp::now(), observed)))
            }
            Change::Resume(Resume { service, job }) => {
                let (_, timer) = find(service, job, observed)?;
                Ok(alone(plan::resume(service, &timer, observed)))
            }
        }
    }

    /// Plans how services reach the state that their definitions describe.
    fn converge(
        &self,
        services: &[Service],
        (renewal, pull): (Renewal, Pull),
        settings: &Settings,
        observed: &Observed,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
    ) -> Result<Vec<ServicePlan>, Error> {
        let templates = self.proxies(settings).templates()?;
        let host_limit = settings.max_parallel;
        let shared = units_shared_by(services, host_limit, self.paths.scope, &self.templates)?;
        let converge = |compiled: Compiled<'_>| {
            let release = compiled.release.clone();
            let reasons = compiled.changed.iter();
            let reasons = reasons.map(|path| format!("the contents of {path} changed"));
            let reasons: Vec<_> = reasons.chain(compiled.moved.iter().cloned()).collect();
            let desired = self.desired(compiled, &shared, host_limit, &templates)?;
            let mut plan = ServicePlan { reasons, ..self.converge_one(&desired, observed)? };
            if plan.reasons.is_empty() && plan.changes() {
                plan.notes.extend(plan::other_images(&release, observed));
            }
            if plan.changes() {
                plan.notes.extend(self.mails_nothing(release.service));
            }
            match pull.of(release.service) {
                PullPolicy::Always if renewal != Renewal::All => {
                    pull_first(&release, &mut plan, observed)?;
                }
                PullPolicy::Never => never_pull(release.service, &mut plan, observed)?,
                PullPolicy::Always | PullPolicy::Missing => {}
            }
            let missing = self.missing_for(&release, &desired, &plan, Some(observed));
            Ok((plan, missing))
        };
        let deployment = Some(Deployment { now: Timestamp::now(), renewal });
        let planned =
            self.compile(services, observed, settings, deployment, listening, converge)?;
        let (plans, missing): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let missing = missing.concat();
        if missing.is_empty() { Ok(plans) } else { Err(Problems(missing).into()) }
    }
}

/// Returns those services that are on the host: a process may have been added to the definition and not be deployed yet.
///
/// # Errors
/// None is.
pub(super) fn present<'s>(
    services: &'s [Service],
    observed: &Observed,
) -> Result<Vec<&'s Service>, Error> {
    let is_there = |service: &&Service| observed.units_of(&service.id).next().is_some();
    let present: Vec<_> = services.iter().filter(is_there).collect();
    match (services, present.as_slice()) {
        ([first, ..], []) => {
            let service = first.application.clone().filter(|_| services.len() > 1);
            Err(Error::UnknownService { service: service.unwrap_or_else(|| first.id.clone()) })
        }
        _ => Ok(present),
    }
}

/// Adds a note about each file of a service that no proxy of the host settings has.
pub(super) fn note_left_files(mut plan: Plan, observed: &Observed) -> Plan {
    for plan in &mut plan.services {
        let left = observed.left_upstreams.iter().filter(|(service, _)| *service == plan.service);
        plan.notes.extend(left.map(|(_, path)| {
            format!("{} is left, and {LEFT}", conductor_core::error::shown_path(path))
        }));
    }
    plan
}

/// Adds the pull of a release's images to a plan, unless this change has pulled them.
fn pull_first(
    release: &Release<'_>,
    plan: &mut ServicePlan,
    observed: &Observed,
) -> Result<(), Error> {
    let images = release.engine_images()?;
    let pulls: Vec<_> =
        images.into_iter().filter(|image| !observed.pulled.contains(image)).collect();
    if observed.states.is_none() || pulls.is_empty() {
        return Ok(());
    }
    let note = match release.service.instances {
        0 if release.service.jobs.is_empty() => None,
        0 => Some("if the pull brings another image than that of the jobs, they run the new one"),
        _ => Some(
            "if the pull brings another image than the one that runs, the instances are replaced",
        ),
    };
    plan.notes.extend(note.map(str::to_owned));
    plan.pull_first(pulls);
    Ok(())
}

/// Returns the services on the host that no definition names.
fn undefined<'o>(
    services: &[Service],
    observed: &'o Observed,
) -> impl Iterator<Item = &'o ServiceId> {
    let defined: BTreeSet<_> = services.iter().map(|service| service.id.clone()).collect();
    observed.services().filter(move |id| !defined.contains(*id))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use conductor_core::plan::Step;

    use super::*;
    use crate::Event;
    use crate::fake::FakeHost;
    use crate::system::Paths;

    /// The limit of the host is in the unit that all services share, and whether there is one is in the units of the
    /// jobs. A change of it writes these, and starts and stops nothing.
    #[test]
    fn another_limit_of_the_host_changes_only_files() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::below(root.path()).unwrap();
        let file = paths.settings.clone();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let host = Arc::new(Mutex::new(FakeHost::default()));
        let conductor = Conductor::new(paths, None).unwrap().with_fake(host);
        let service = |text: &str| Service::parse(Path::new("a.yaml"), text).unwrap();
        let job = "cron: {job: {schedule: '@daily', command: [/bin/job]}}\n";
        let services = vec![
            service(&format!("id: a\ninstances: 0\nmax_parallel: 1\n{job}")),
            service(&format!("id: b\ncommand: [/bin/b]\n{job}")),
            service("id: c\ncommand: [/bin/c]\n"),
        ];
        let apply = Change::Apply(Apply { services, ..Apply::default() });
        // Returns the units that are written.
        let change = |settings: &str, runs: bool| {
            fs::write(&file, settings).unwrap();
            let plan = conductor.plan(&apply).unwrap().plan;
            let mut written = BTreeSet::new();
            for step in plan.services.iter().flat_map(ServicePlan::all_steps) {
                match step {
                    Step::Write { name, .. } => _ = written.insert(name.to_string()),
                    step => assert!(runs, "{settings}: {step}"),
                }
            }
            conductor.carry_out(&apply, &mut |_: Event| {}).unwrap();
            assert!(!conductor.plan(&apply).unwrap().plan.changes(), "{settings}");
            written.into_iter().collect::<Vec<_>>().join(" ")
        };
        let (turn, job) = ("conductor-turn@.service", "conductor-b-job.service");
        assert!(change("", true).contains(turn));
        assert_eq!(change("max_parallel: 4\n", false), format!("{job} {turn}"));
        assert_eq!(change("max_parallel: 3\n", false), turn);
        assert_eq!(change("", false), format!("{job} {turn}"));
    }
}
