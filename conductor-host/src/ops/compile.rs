//! Compiles services to the units and upstreams that a host should have.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;

use super::Conductor;
use super::error::Error;
use super::revision::revision_on_host;
use crate::system::{Settings, sockets};
use conductor_core::caught::caught;
use conductor_core::name::ReleaseName;
use conductor_core::plan::{
    self, Desired, Foreign, Hook, Observed, ServicePlan, allocate, needs_ports,
};
use conductor_core::proxy::{ProxyTemplates, UpstreamFile};
use conductor_core::release::{CompileError, Release, Task};
use conductor_core::service::{Deploy, Service};
use conductor_core::unit::{Record, UnitSet};
use conductor_core::value::{Endpoint, HostPath, Port};

/// How services that are compiled come onto a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deployment {
    /// The time, for the record.
    pub(super) now: Timestamp,
    /// Which current releases start anew under another name.
    pub(super) renewal: Renewal,
}

/// Which current releases start anew under another name, although they are as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// Those for which files changed that their instances read.
    None,
    /// Those with instances whose units this build would render in another way.
    Outdated,
    /// All.
    All,
}

/// A compiled service.
pub(super) struct Compiled<'s> {
    pub(super) release: Release<'s>,
    pub(super) units: UnitSet,
    pub(super) record: Option<Record>,
    /// Releases on the host that differ from this one only in their names and ports.
    twins: BTreeSet<ReleaseName>,
    /// Whether it is the current release under another name.
    renewed: bool,
    /// The files whose contents changed since the current release was deployed, if it is renewed.
    pub(super) changed: BTreeSet<HostPath>,
    /// Which of its images are other ones now, if it is renewed, in words.
    pub(super) moved: Vec<String>,
}

/// A release under the name that it has on the host, or under a new one if it is renewed.
struct Named<'s> {
    release: Release<'s>,
    renewed: bool,
    changed: BTreeSet<HostPath>,
    moved: Vec<String>,
}

impl Conductor {
    /// Returns the desired state of a service, from its compiled units.
    pub(super) fn desired<'s>(
        &self,
        compiled: Compiled<'s>,
        shared: &'s UnitSet,
        host_limit: Option<u16>,
        templates: &ProxyTemplates,
    ) -> Result<Desired<'s>, Error> {
        let Compiled { release, units, record, twins, renewed, changed: _, moved } = compiled;
        let (service, record) = (release.service, record.as_ref());
        let (name, scope) = (release.name(), self.paths.scope);
        let jobs = release.compile_jobs(&name, record, host_limit, scope, &self.templates)?;
        let Deploy { before, before_entrypoint, before_timeout, .. } = &service.deploy;
        let before = match before {
            // The hook prepares a program or a configuration, and this one is prepared.
            Some(command) if service.instances > 0 && (!renewed || !moved.is_empty()) => {
                let task = Task {
                    command: command.clone(),
                    entrypoint: before_entrypoint.clone(),
                    timeout: Some(*before_timeout),
                    image_tag: release.task_pin(&name)?.map(|pin| pin.tag),
                    ..Task::default()
                };
                let unit = release.task_unit("before");
                let text = release.compile_task(task, &unit, "before", scope, &self.templates)?;
                Some(Hook { unit, text })
            }
            _ => None,
        };
        Ok(Desired {
            upstream: self.upstream(service, &units, templates)?,
            release: name,
            revision: release.revision,
            service,
            units,
            shared,
            jobs,
            before,
            twins,
        })
    }

    /// Returns the files that tell the proxies of a service where its instances are.
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
            // The stable link to the socket of the release that serves.
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
    /// units; side by side, as services have nothing to do with each other. Without a deployment there is no
    /// record.
    pub(super) fn compile<'s, T: Send>(
        &self,
        services: &'s [Service],
        observed: &Observed,
        settings: &Settings,
        deployment: Option<Deployment>,
        listening: &dyn Fn() -> Result<BTreeSet<u16>, Error>,
        then: impl Fn(Compiled<'s>) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let release = |service: &'s Service| {
            let deployed = || revision_on_host(service, observed);
            let revision = service.own_revision().or_else(deployed);
            let revision = revision.or_else(|| service.default_revision()).ok_or(service)?;
            let release = Release::new(service, revision, &self.templates);
            Ok(self.on_host(release, observed, deployment))
        };
        let all = services.par_iter().map(|service| guarded(service, || release(service)));
        let all: Vec<Result<Result<_, &Service>, CompileError>> = all.collect();
        let (mut releases, mut renewed) = (Vec::with_capacity(all.len()), Vec::new());
        let mut without = Vec::new();
        for release in all {
            match release? {
                Ok(named) => {
                    let Named { release, renewed: is_renewed, changed, moved } = named?;
                    releases.push(release);
                    renewed.push((is_renewed, changed, moved));
                }
                Err(service) => without.push(service),
            }
        }
        if !without.is_empty() {
            return Err(Error::no_revision(&without));
        }
        let needed = needs_ports(&releases, &observed.set);
        let mut taken = if needed { listening()? } else { BTreeSet::new() };
        if needed {
            taken.extend(plan::fixed_ports(services, observed));
        }
        let ports = allocate(
            &releases,
            &observed.set,
            &observed.reserved,
            &taken,
            settings.ports,
            observed.last_port,
        )?;
        let scope = self.paths.scope;
        let one = |release: Release<'s>, (renewed, changed, moved), ports: &BTreeMap<u16, Port>| {
            let (id, origin) = (&release.service.id, &release.service.origin);
            let definition = || Some(origin.file.display().to_string());
            let twins = plan::twins(&release, observed, scope, &self.templates)?;
            let record = deployment.and_then(|Deployment { now, .. }| {
                plan::record(id, &release.name(), &twins, observed, now, definition())
            });
            let units = release.compile(ports, record.as_ref(), scope, &self.templates)?;
            let units = plan::with_contents(units, release.service, observed);
            then(Compiled { release, units, record, twins, renewed, changed, moved })
        };
        let compiled =
            releases.into_par_iter().zip(renewed).zip(ports).map(|((release, renewed), ports)| {
                guarded(release.service, || one(release, renewed, &ports))?
            });
        // The first error in the order of the services, not that of the fastest thread.
        compiled.collect::<Vec<_>>().into_iter().collect()
    }

    /// Returns a release under the name that it has on the host, or under a new one if it is renewed.
    fn on_host<'s>(
        &self,
        release: Release<'s>,
        observed: &Observed,
        deployment: Option<Deployment>,
    ) -> Result<Named<'s>, CompileError> {
        let release = plan::as_deployed(release, observed, &self.templates);
        let (service, before) = (release.service, release.name());
        let Some(Deployment { renewal, .. }) = deployment else {
            return Ok(Named { release, renewed: false, changed: [].into(), moved: Vec::new() });
        };
        let moved = plan::moved(&release, observed)?;
        if service.instances == 0 {
            // Nothing starts anew: the units of its jobs change in place.
            let release = plan::with_images(release, &before, !moved.is_empty(), observed);
            return Ok(Named { release, renewed: false, changed: [].into(), moved });
        }
        let releases = plan::releases(&service.id, observed);
        let is_current = releases.first().is_some_and(|current| current.name == before);
        let changed = match is_current {
            true => plan::changed_contents(&release, observed),
            false => BTreeSet::new(),
        };
        let outdated = || {
            let scope = self.paths.scope;
            plan::outdated(&release, observed, scope, &self.templates)
        };
        let asked = match renewal {
            Renewal::None => false,
            Renewal::Outdated => is_current && !outdated()?.is_empty(),
            Renewal::All => is_current,
        };
        let renewed = asked || !changed.is_empty() || !moved.is_empty();
        let release = match renewed {
            true => plan::renew(&release, observed, &self.templates),
            false => release,
        };
        let release = plan::with_images(release, &before, !moved.is_empty(), observed);
        Ok(Named { release, renewed, changed, moved })
    }

    /// Plans how one service reaches its desired state. What does not belong to conductor is not touched.
    pub(super) fn converge_one(
        &self,
        desired: &Desired<'_>,
        observed: &Observed,
    ) -> Result<ServicePlan, Error> {
        let foreign = desired.upstream.as_ref().and_then(|file| {
            observed.foreign_upstreams.get(&(file.proxy.clone(), file.service.clone()))
        });
        if let Some(path) = foreign {
            let what = "a file without conductor's mark";
            return Err(Error::Foreign { path: path.clone(), what });
        }
        plan::converge(desired, observed).map_err(|Foreign { path, what }| Error::Foreign {
            path: self.paths.units.join(path),
            what,
        })
    }
}

/// Calls a function for one service; a panic in it is that service's error.
fn guarded<T>(service: &Service, work: impl FnOnce() -> T) -> Result<T, CompileError> {
    caught(work).map_err(|source| CompileError::Panicked {
        service: service.id.clone(),
        file: service.origin.file.clone(),
        position: service.origin.position,
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use handlebars::{
        Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
    };

    use super::*;
    use crate::ops::{Apply, Change, ErrorKind, Place};
    use crate::system::Paths;
    use conductor_core::unit::{Override, Templates};

    /// Panics for one service only, as a fault in the compiler would.
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
        let target = Override {
            file: "service.target.hbs".into(),
            text: "[Unit]\n{{fail id}}\n".to_owned(),
        };
        let conductor = Conductor {
            paths: Paths::below(root.path()).unwrap(),
            templates: Templates::new(&[target]).unwrap().with_helper("fail", fails_at_bad),
            place: Place::Files,
            lock_timeout: Duration::ZERO,
            trust: None,
            settings: None,
        };
        let service = |id: &str| {
            let text = format!("\nid: {id}\ncommand: [/bin/x]\n");
            Service::parse(Path::new("/etc/x.yaml"), &text).unwrap()
        };
        let services = ["a", "bad", "c"].map(service);
        let plan = |services: &[Service]| {
            let apply = Apply { services: services.to_vec(), ..Apply::default() };
            conductor.plan(&Change::Apply(apply)).map(drop)
        };
        let planned = plan(&services);
        for result in [conductor.render(&services).map(drop), planned] {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::Compile, "bad".to_owned()));
            assert_eq!(error.place(), Some((Path::new("/etc/x.yaml"), (2, 5))));
            assert_eq!(error.hint().as_deref(), Some(conductor_core::caught::HINT));
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause, "conductor itself failed: at bad");
        }
        // The other services compile, also in the process in which one has failed.
        assert!(conductor.render(&services[..1]).is_ok());
        assert!(plan(&services[2..]).is_ok());
    }
}
