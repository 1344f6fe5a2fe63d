//! From services and what is observed to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;

use super::error::Error;
use super::{Conductor, Prune};
use crate::system::{Settings, Systemd, listening_ports, sockets, time_zone};
use conductor_core::caught::caught;
use conductor_core::error::{Invalid, Problem, Problems};
use conductor_core::name::{Revision, ServiceId};
use conductor_core::plan::{self, Desired, Foreign, Hook, Observed, Plan, allocate, needs_ports};
use conductor_core::proxy::{ProxyTemplates, UpstreamFile};
use conductor_core::release::{CompileError, Release, Task};
use conductor_core::runtime::{PROBE, Scope, is_probed};
use conductor_core::service::Service;
use conductor_core::unit::{Record, UnitSet};
use conductor_core::value::{Endpoint, Port, Span};

/// The longest wait for who is connected to a service that goes away, whose definition may be gone.
pub(super) const REMOVE_DRAIN: Span = Span::from_secs(30);

impl Conductor {
    pub(super) fn plan_with(
        &self,
        services: &[Service],
        prune: Prune,
        systemd: Option<&Systemd>,
    ) -> Result<(Plan, Observed), Error> {
        let settings = self.settings()?;
        self.check(services, &settings)?;
        let observed = self.observe(&settings, systemd)?;
        // What listens on an image that is being built is not what will listen where it runs.
        let listening = || if self.online { Ok(listening_ports()?) } else { Ok(BTreeSet::new()) };
        let templates = self.proxies(&settings).templates()?;
        let now = Some(Timestamp::now());
        let converge = |release: Release<'_>, units, record: Option<&Record>| {
            let desired = self.desired(release, units, record, &templates)?;
            Self::refuse_foreign(desired.upstream.as_ref(), &observed)?;
            plan::converge(&desired, &observed).map_err(|foreign| self.foreign(foreign))
        };
        let mut plans = self.compile(services, &observed, &settings, now, &listening, converge)?;
        let mut left_alone = Vec::new();
        if prune != Prune::Ignore {
            let defined: BTreeSet<_> = services.iter().map(|service| &service.id).collect();
            let orphans = observed.services().filter(|id| !defined.contains(id));
            if prune == Prune::Remove {
                plans.extend(orphans.map(|id| plan::remove(id, REMOVE_DRAIN, &observed)));
            } else {
                left_alone = orphans.cloned().collect();
            }
        }
        Ok((Plan { orphans: left_alone, ..Plan::new(plans) }, observed))
    }

    /// Checks what only shows on the host that services are to run on.
    pub(super) fn check(&self, services: &[Service], settings: &Settings) -> Result<(), Error> {
        settings.check_proxies(services)?;
        if self.paths.scope == Scope::User {
            refuse_proxies(services)?;
        }
        if self.online {
            know_zones(services)?;
        }
        // Without the probe no instance that needs it would start; an image that is being built may
        // get it later.
        let probe = Path::new(PROBE);
        let probed = services.iter().find(|service| service.instances > 0 && is_probed(service));
        match probed {
            Some(service) if self.online && !probe.exists() => {
                Err(Error::NoProbe { service: service.id.clone(), probe: probe.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Puts together what a release is to become, from its compiled units.
    fn desired<'s>(
        &self,
        release: Release<'s>,
        units: UnitSet,
        record: Option<&Record>,
        templates: &ProxyTemplates,
    ) -> Result<Desired<'s>, Error> {
        let service = release.service;
        let jobs =
            release.compile_jobs(&release.name(), record, self.paths.scope, &self.templates)?;
        let before = match &service.deploy.before {
            Some(command) if service.instances > 0 => {
                let scope = self.paths.scope;
                let task = Task { command: command.clone(), ..Task::default() };
                let unit = release.task_unit("before");
                let text = release.compile_task(task, &unit, "before", scope, &self.templates)?;
                Some(Hook { unit, text })
            }
            _ => None,
        };
        Ok(Desired {
            upstream: self.upstream(service, &units, templates)?,
            release: release.name(),
            revision: release.revision,
            service,
            units,
            jobs,
            before,
        })
    }

    /// Writes what a service's proxy is to be told of its instances.
    pub(super) fn upstream(
        &self,
        service: &Service,
        units: &UnitSet,
        templates: &ProxyTemplates,
    ) -> Result<Option<UpstreamFile>, Error> {
        let Some(proxy) = &service.proxy else {
            return Ok(None);
        };
        let instances = units.units.values().filter_map(|unit| unit.metadata.kind.instance());
        let endpoint = |number, endpoint: &Endpoint| match endpoint {
            Endpoint::Tcp { .. } => Ok(endpoint.clone()),
            // The fixed name, which leads to the socket of the release that serves.
            Endpoint::Socket(_) => sockets::endpoint(&self.paths.sockets, &service.id, number),
        };
        let endpoints: BTreeMap<u16, Result<Endpoint, _>> = instances
            .filter_map(|instance| {
                let number = instance.number;
                Some((number, endpoint(number, instance.endpoint.as_ref()?)))
            })
            .collect();
        let endpoints = endpoints.into_values().collect::<Result<Vec<_>, _>>()?;
        Ok(Some(templates.render(proxy, &service.id, &endpoints)?))
    }

    /// Compiles each service for a host on which some units are already, and makes something of its
    /// units; side by side, as services have nothing to do with each other. `now` goes into the record
    /// of what is deployed; without it there is none.
    pub(super) fn compile<'s, T: Send>(
        &self,
        services: &'s [Service],
        observed: &Observed,
        settings: &Settings,
        now: Option<Timestamp>,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
        then: impl Fn(Release<'s>, UnitSet, Option<&Record>) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let release = |service: &'s Service| {
            let deployed = || deployed_revision(&service.id, observed);
            let revision = service.own_revision().or_else(deployed);
            let revision = revision.or_else(|| service.default_revision()).ok_or(service)?;
            Ok(Release::new(service, revision, &self.templates))
        };
        let all = services.par_iter().map(|service| guarded(service, || release(service)));
        let all: Vec<Result<Result<_, &Service>, CompileError>> = all.collect();
        let (mut releases, mut without) = (Vec::with_capacity(all.len()), Vec::new());
        for release in all {
            match release? {
                Ok(release) => releases.push(release),
                Err(service) => without.push(service),
            }
        }
        if !without.is_empty() {
            return Err(Error::no_revision(&without));
        }
        let needed = needs_ports(&releases, &observed.set);
        let listening = if needed { listening()? } else { BTreeSet::new() };
        let ports =
            allocate(&releases, &observed.set, &listening, settings.ports, observed.last_port)?;
        let scope = self.paths.scope;
        let one = |release: Release<'s>, ports: &BTreeMap<u16, Port>| {
            let Service { id, origin, .. } = release.service;
            let definition = || Some(origin.file.display().to_string());
            let record =
                now.and_then(|now| plan::record(id, &release.name(), observed, now, definition()));
            let units = release.compile(ports, record.as_ref(), scope, &self.templates)?;
            then(release, units, record.as_ref())
        };
        let compiled = releases
            .into_par_iter()
            .zip(ports)
            .map(|(release, ports)| guarded(release.service, || one(release, &ports))?);
        // The first error, not that of the quickest thread.
        compiled.collect::<Vec<_>>().into_iter().collect()
    }

    pub(super) fn foreign(&self, foreign: Foreign) -> Error {
        let Foreign { path, what } = foreign;
        Error::Foreign { path: self.paths.units.join(path), what }
    }

    /// Refuses to write an upstream where somebody else's file stands.
    pub(super) fn refuse_foreign(
        upstream: Option<&UpstreamFile>,
        observed: &Observed,
    ) -> Result<(), Error> {
        let foreign = upstream.and_then(|file| {
            observed.foreign_upstreams.get(&(file.proxy.clone(), file.service.clone()))
        });
        match foreign {
            Some(path) => {
                Err(Error::Foreign { path: path.clone(), what: "a file without conductor's mark" })
            }
            None => Ok(()),
        }
    }
}

/// Does what there is to do for one service; a panic is that service's error.
fn guarded<T>(service: &Service, work: impl FnOnce() -> T) -> Result<T, CompileError> {
    caught(work).map_err(|source| CompileError::Panicked {
        service: service.id.clone(),
        file: service.origin.file.clone(),
        position: service.origin.position,
        source,
    })
}

/// Refuses time zones that systemd would not find: it reads them from the same files.
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
    let behind = services.iter().filter_map(|service| Some((service, service.proxy.as_ref()?)));
    let problems = behind.map(|(Service { origin, .. }, proxy)| Problem {
        file: origin.file.clone(),
        position: Some(origin.upstream.unwrap_or(origin.position)),
        path: format!("proxy.{}", proxy.name),
        message: "a service of --user cannot stand behind the host's proxy".to_owned(),
        hint: Some("remove proxy, or run conductor as root without --user".to_owned()),
    });
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Finds the revision of the current release.
pub(super) fn deployed_revision(service: &ServiceId, observed: &Observed) -> Option<Revision> {
    let releases = plan::releases(service, observed);
    releases.first().map(|release| release.revision.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use handlebars::{
        Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
    };

    use super::*;
    use crate::system::Paths;
    use conductor_core::unit::{Override, Templates};

    /// Fails as a fault in the compiler would, at one service alone.
    fn fails_at_bad(
        helper: &Helper<'_>,
        _: &Handlebars<'_>,
        _: &Context,
        _: &mut RenderContext<'_, '_>,
        _: &mut dyn Output,
    ) -> HelperResult {
        let id = helper.param(0).and_then(|id| id.value().as_str());
        let id = id.ok_or(RenderErrorReason::ParamNotFoundForIndex("fail", 0))?;
        assert!(id != "bad", "at {id}");
        Ok(())
    }

    #[test]
    fn a_panic_at_one_service_is_that_services_error() {
        let root = tempfile::tempdir().unwrap();
        let slice = Override {
            file: "service.slice.hbs".into(),
            text: "[Slice]\n{{fail id}}\n".to_owned(),
        };
        let conductor = Conductor {
            paths: Paths::below(root.path()).unwrap(),
            templates: Templates::new(&[slice]).unwrap().with_helper("fail", fails_at_bad),
            online: false,
            lock_timeout: Duration::ZERO,
            trust: None,
        };
        let service = |id: &str| {
            let text = format!("\nid: {id}\ncommand: [/bin/x]\n");
            Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
        };
        let services = ["a", "bad", "c"].map(service);
        let planned = conductor.plan(&services, Prune::Ignore).map(drop);
        for result in [conductor.render(&services).map(drop), planned] {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.to_string()), ("compile", "bad".to_owned()));
            assert_eq!(error.place(), Some((Path::new("/etc/x.yaml"), (2, 5))));
            assert_eq!(error.hint().as_deref(), Some(conductor_core::caught::HINT));
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause, "conductor itself failed: at bad");
        }
        // The others are as good as ever, also in the process that failed.
        assert!(conductor.render(&services[..1]).is_ok());
        assert!(conductor.plan(&services[2..], Prune::Ignore).is_ok());
    }
}
