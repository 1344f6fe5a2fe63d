//! Checks that need the host on which the services will run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Conductor;
use super::change::Change;
use super::error::Error;
use super::hooks::{check_hooks, missing};
use super::planning::LEFT;
use crate::doctor::{FoundProbe, is_older};
use crate::system::{Settings, facts, program, time_zone, unread_directories, verify};
use conductor_core::error::{Invalid, Problem, Problems};
use conductor_core::name::{JobName, ServiceId};
use conductor_core::plan::{self, Observed, Plan, Step};
use conductor_core::release::Release;
use conductor_core::runtime::{self, PROBE, Scope, is_probed};
use conductor_core::service::{self, Service, ServiceFields};

/// What mails the output of jobs.
const SENDMAIL: &str = "/usr/sbin/sendmail";
const INSTALL: &str = "install one, such as Debian's msmtp-mta, dma, nullmailer or postfix";

impl Conductor {
    /// Checks that the services do not exclude each other, and what depends on the host on which they will run.
    pub(super) fn check(&self, services: &[Service], settings: &Settings) -> Result<(), Error> {
        // Those of files were checked when they were read; a program may have put any together.
        service::check_conflicts(services)?;
        settings.check_proxies(services)?;
        if self.paths.scope == Scope::User {
            refuse_proxies(services)?;
        }
        if self.is_online() {
            know_zones(services)?;
            check_hooks(services)?;
        }
        // Without the probe no instance that needs it would start; an image that is being built may
        // get it later.
        let probed = services.iter().find(|service| {
            (service.instances > 0 && is_probed(service))
                || mailed_jobs(service).next().is_some()
                || !service.hooks.is_empty()
        });
        match probed {
            Some(service) => self.has_probe(&service.id),
            None => Ok(()),
        }
    }

    /// Checks that the probe is where units look for it, and that nobody can change it who may not change units.
    pub(super) fn has_probe(&self, service: &ServiceId) -> Result<(), Error> {
        let (service, probe) = (service.clone(), Path::new(PROBE));
        if !self.is_online() {
            return Ok(());
        }
        if !probe.exists() {
            return Err(Error::NoProbe { service, probe: probe.to_owned() });
        }
        match self.trust.map_or(Ok(()), |trust| trust.check(probe)) {
            Ok(()) => Ok(()),
            Err(problem) => Err(Error::UnsafeProbe { service, problem: problem.into() }),
        }
    }
}

impl Conductor {
    /// Checks that services depend on others that are defined or on the host, and not in a circle.
    ///
    /// # Errors
    /// They do not, or the unit directory cannot be read.
    pub fn check_dependencies(&self, services: &[Service]) -> Result<(), Error> {
        if services.iter().all(|service| service.depends_on.is_empty()) {
            return Ok(());
        }
        Ok(check_dependencies(services, &self.observe_files(None)?, false)?)
    }

    /// Returns advice about services: that of their definitions, what the host's systemd says about their directives,
    /// units that they refer to and that the host does not have, files whose contents changed since a release was
    /// deployed, files for proxies that the host settings do not have any more, and directories of definitions that are
    /// not read. For another root only that of the definitions.
    ///
    /// # Errors
    /// The unit directory, the host's key or a proxy's directory cannot be read.
    pub fn advice(&self, services: &[Service], paths: &[PathBuf]) -> Result<Vec<Problem>, Error> {
        let mut advice: Vec<Problem> = Vec::new();
        for problem in services.iter().flat_map(|service| &service.advice) {
            // The processes of an application have the same shared keys.
            if !advice.contains(problem) {
                advice.push(problem.clone());
            }
        }
        if self.is_online() {
            advice.extend(verify::verify(services, self.paths.scope));
            advice.extend(unmailed(services));
            advice.extend(missing(services));
            if self.paths.scope == Scope::System {
                advice.extend(verify::missing_units(services));
            }
        }
        advice.extend(self.changed_contents(services)?);
        if self.is_online() && self.paths.scope == Scope::System {
            let left = self.proxies(&self.settings()?).observe()?.left.into_iter();
            advice.extend(left.map(|(_, path)| {
                Problem::of_file(&path, format!("this file of conductor is left, and {LEFT}"))
            }));
        }
        let all = [self.paths.definitions.clone()];
        let paths = if paths.is_empty() { &all[..] } else { paths };
        advice.extend(paths.iter().flat_map(|path| unread_directories(path)));
        Ok(advice)
    }

    /// Returns a note if the host cannot mail the output of a service's jobs.
    pub(super) fn mails_nothing(&self, service: &Service) -> Option<String> {
        let jobs: Vec<_> = mailed_jobs(service).map(JobName::as_str).collect();
        let cannot = self.is_online() && !jobs.is_empty() && !Path::new(SENDMAIL).exists();
        cannot.then(|| {
            let jobs = jobs.join(", ");
            format!("there is no {SENDMAIL} on this host, so nobody gets the output of {jobs}: {INSTALL}")
        })
    }

    /// Returns the files whose contents the next `apply` will take for a change. Who may not read the host's key
    /// sees none.
    fn changed_contents(&self, services: &[Service]) -> Result<Vec<Problem>, Error> {
        let files: BTreeSet<_> =
            services.iter().flat_map(Service::counted_files).cloned().collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut observed = self.observe_files(None)?;
        observed.contents = self.contents(&files)?;
        let mut problems = Vec::new();
        for service in services {
            // For another release the instances are replaced anyway.
            let Ok(service) = self.as_running(service, &observed) else { continue };
            let Some(revision) = service.own_revision() else { continue };
            let release = Release::new(&service, revision, &self.templates);
            let release = plan::as_deployed(release, &observed, &self.templates);
            let changed = plan::changed_contents(&release, &observed).into_iter();
            problems.extend(changed.map(|path| Problem {
                file: service.origin.file.clone(),
                position: Some(service.origin.position),
                path: String::new(),
                message: format!("the contents of {path} changed since {} was deployed", release.name()),
                hint: Some(
                    "the next apply replaces the instances; if the program reads the file again by itself, \
                     write deploy: {changed_files: ignore}"
                        .to_owned(),
                ),
            }));
        }
        Ok(problems)
    }

    /// Checks that the probe is not older than the units that the plan starts. A newer one knows what older units tell
    /// it, too.
    pub(super) fn check_probe(&self, change: &Change, plan: &Plan) -> Result<(), Error> {
        if !self.is_online() {
            return Ok(());
        }
        let starts = |id: &ServiceId| {
            let mut plans = plan.services.iter().filter(|plan| plan.service == *id);
            plans.any(|plan| plan.steps.iter().any(is_start))
        };
        let mut services = change.services().iter().filter(|service| is_probed(service));
        let Some(service) = services.find(|service| starts(&service.id)) else { return Ok(()) };
        match facts::probe(self.trust) {
            FoundProbe::Version(version) if is_older(&version, env!("CARGO_PKG_VERSION")) => {
                let (service, probe) = (service.id.clone(), PROBE.into());
                Err(Error::OldProbe { service, probe, version })
            }
            _ => Ok(()),
        }
    }

    /// Checks that what the plan starts can be executed, as far as that is certain.
    ///
    /// Only for services of which something starts: a change must not fail because of others.
    pub(super) fn check_programs(&self, change: &Change, plan: &Plan) -> Result<(), Problems> {
        // A rollback starts what was defined earlier.
        if !self.is_online() || matches!(change, Change::Rollback(_)) {
            return Ok(());
        }
        let mut problems = Vec::new();
        for service in change.services() {
            let mut plans = plan.services.iter().filter(|plan| plan.service == service.id);
            let plan = plans.find(|plan| plan.steps.iter().any(is_start));
            let Some(revision) = plan.and_then(|plan| plan.revision.as_ref()) else { continue };
            if service.instances == 0 {
                continue;
            }
            let user = runtime::needed_user(service);
            let user = user.and_then(|user| program::check_user(user).err());
            let found = runtime::program(service, revision, self.paths.scope);
            let found = found.and_then(|found| program::check_program(&found).err());
            for (path, invalid) in [("user", user), ("command", found)] {
                let Some(Invalid { message, hint }) = invalid else { continue };
                let (file, position) = (service.origin.file.clone(), Some(service.origin.position));
                problems.push(Problem { file, position, path: path.to_owned(), message, hint });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

/// Returns whether a step starts something.
fn is_start(step: &Step) -> bool {
    matches!(step, Step::Start(_) | Step::Restart(_))
}

/// Returns the jobs whose output is mailed.
fn mailed_jobs(service: &Service) -> impl Iterator<Item = &JobName> {
    let jobs = service.jobs.iter();
    jobs.filter(|(_, job)| service.mail_to(job).is_some()).map(|(name, _)| name)
}

/// Returns the jobs whose output would be mailed if the host could.
fn unmailed(services: &[Service]) -> Vec<Problem> {
    if Path::new(SENDMAIL).exists() {
        return Vec::new();
    }
    let jobs =
        services.iter().flat_map(|service| mailed_jobs(service).map(move |job| (service, job)));
    let problems = jobs.map(|(service, job)| Problem {
        file: service.origin.file.clone(),
        position: service.origin.jobs.get(job).copied(),
        path: format!("cron.{job}.mail_to"),
        message: format!("there is no {SENDMAIL} on this host, so nobody gets the output"),
        hint: Some(INSTALL.to_owned()),
    });
    problems.collect()
}

/// Checks what services depend on. If the others are removed, they do not count.
pub(super) fn check_dependencies(
    services: &[Service],
    observed: &Observed,
    are_others_removed: bool,
) -> Result<(), Problems> {
    if services.iter().all(|service| service.depends_on.is_empty()) {
        return Ok(());
    }
    let host = if are_others_removed { BTreeMap::new() } else { observed.on_host() };
    service::check_dependencies(services, &host)
}

/// Rejects time zones that systemd would not find: it reads them from the same files.
fn know_zones(services: &[Service]) -> Result<(), Problems> {
    let unknown = |service: &Service| {
        let jobs = service.jobs.iter().filter_map(|(name, job)| {
            let zones = job.time_zones();
            let Invalid { message, hint } = zones.iter().find_map(|zone| time_zone(zone).err())?;
            Some(Problem {
                file: service.origin.file.clone(),
                position: service.origin.jobs.get(name).copied(),
                path: format!("cron.{name}.timezone"),
                message,
                hint,
            })
        });
        jobs.collect::<Vec<_>>()
    };
    let problems: Vec<_> = services.iter().flat_map(unknown).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Proxies are the host's: a user's manager can neither write their files nor reload them.
fn refuse_proxies(services: &[Service]) -> Result<(), Problems> {
    let behind = services.iter().filter_map(|service| Some((&**service, service.proxy.as_ref()?)));
    let problems = behind.map(|(ServiceFields { origin, .. }, proxy)| Problem {
        file: origin.file.clone(),
        position: Some(origin.upstream.unwrap_or(origin.position)),
        path: format!("proxy.{}", proxy.name),
        message: "a service of a user cannot stand behind the host's proxy".to_owned(),
        hint: Some("remove proxy, or make it a service of the host, as root".to_owned()),
    });
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}
