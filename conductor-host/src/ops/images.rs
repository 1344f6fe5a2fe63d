//! The images of container engines: what a plan has to know of them, and planning again once they are pulled.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Conductor;
use super::change::{Change, Rollback};
use super::error::Error;
use super::planning::note_left_files;
use super::revision::revision_on_host;
use super::site::LockedSite;
use crate::system::Settings;
use conductor_core::definition::{PullPolicy, Runtime};
use conductor_core::error::{Problem, Problems};
use conductor_core::name::ServiceId;
use conductor_core::plan::{self, Observed, ServicePlan};
use conductor_core::release::{Images, Release};
use conductor_core::service::Service;
use conductor_core::unit::EngineImage;

impl Conductor {
    /// Returns the images and tags of which a change has to know what the engines have: those of services of which
    /// something starts. An engine is not asked about others, because that takes longer than planning.
    pub(super) fn asked_images(
        &self,
        change: &Change,
        settings: &Settings,
        observed: &Observed,
    ) -> BTreeSet<EngineImage> {
        let mut asked = BTreeSet::new();
        let services = change.services().iter();
        for service in services.filter(|service| service.runtime != Runtime::Native) {
            if let Change::Rollback(Rollback { .. }) = change {
                asked.extend(plan::asked_of(&service.id, &|_| true, observed));
                continue;
            }
            let deployed = || revision_on_host(service, observed);
            let revision = service.own_revision().or_else(deployed);
            let Some(revision) = revision.or_else(|| service.default_revision()) else { continue };
            let release = Release::new(service, revision, &self.templates);
            let release = plan::as_deployed(release, observed, &self.templates);
            let is_never = change.pull().of(service) == PullPolicy::Never;
            let (host_limit, scope) = (settings.max_parallel, self.paths.scope);
            let changes_jobs =
                || plan::changes_jobs(&release, host_limit, scope, observed, &self.templates);
            if !is_never && !may_start(change, &release, observed) && !changes_jobs() {
                continue;
            }
            let current = plan::releases(&service.id, observed).into_iter().next();
            let current = current.map(|current| current.name);
            let own = release.name();
            asked.extend(plan::asked_of(
                &service.id,
                &|name| *name == own || Some(name) == current.as_ref(),
                observed,
            ));
            // What is invalid is reported when it is compiled.
            asked.extend(release.engine_images().unwrap_or_default());
        }
        asked
    }

    /// Plans one service of a change again, with what engines have for images that were pulled.
    pub(super) fn plan_again(
        &self,
        site: &impl LockedSite,
        (change, settings): (&Change, &Settings),
        observed: &RefCell<Observed>,
        (service, pulled, images): (&ServiceId, &[EngineImage], Images),
    ) -> Result<ServicePlan, Error> {
        let mut observed = observed.borrow_mut();
        observed.images.extend(images);
        observed.pulled.extend(pulled.iter().cloned());
        let listening = || site.listening_ports();
        // That no upstream is taken from others was checked with all services, which may move it together.
        let plan = self.plan_steps(&change.only(service), settings, &observed, &listening)?;
        let plan = note_left_files(plan, &observed);
        site.note_ports(&plan)?;
        let mut plans = plan.services.into_iter();
        let plan = plans.find(|plan| plan.service == *service);
        let plan = plan.ok_or_else(|| Error::UnknownService { service: service.clone() })?;
        observed.reserved.extend(plan::given(&plan));
        Ok(plan)
    }
}

/// Removes the pulls from a plan of which nothing may be pulled.
///
/// # Errors
/// The engine does not have an image that it needs.
pub(super) fn never_pull(
    service: &Service,
    plan: &mut ServicePlan,
    observed: &Observed,
) -> Result<(), Error> {
    let mut problems = Vec::new();
    for image in plan.pulled_images() {
        if !observed.images.contains_key(image) {
            problems.push(missing(service, image));
        }
    }
    plan.pull_nothing();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
}

/// Returns the problem that an engine does not have an image, which may not be pulled.
pub(super) fn missing(service: &Service, image: &EngineImage) -> Problem {
    let engine = image.engine.program();
    Problem {
        file: service.origin.file.clone(),
        position: Some(service.origin.position),
        path: "pull".to_owned(),
        message: format!(
            "{}: {engine} does not have {}, and it is never pulled",
            service.id, image.reference
        ),
        hint: Some(format!("build it, or load it: {engine} load; or write pull: missing")),
    }
}

/// Returns whether a change may start instances of a release.
fn may_start(change: &Change, release: &Release<'_>, observed: &Observed) -> bool {
    let instances = &release.service.instances;
    let is_up = |number| {
        let unit = release.instance_unit(number);
        let state = observed.states.as_ref().and_then(|states| states.get(&unit));
        observed.set.units.contains_key(&unit) && state.is_some_and(|state| state.is_up())
    };
    let renews = match change {
        Change::Apply(apply) => apply.renew,
        Change::Restart(_) => true,
        _ => false,
    };
    change.pull().of(release.service) == PullPolicy::Always
        || renews
        || !(1..=*instances).all(is_up)
        || !plan::changed_contents(release, observed).is_empty()
}
