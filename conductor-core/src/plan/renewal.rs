//! Renewals: the same revision and configuration under another name, so that instances can start anew by the
//! steps of a deploy.

use std::collections::BTreeSet;

use super::images::{as_recorded, has_images_of};
use super::{Observed, releases};
use crate::name::{ReleaseName, UnitName};
use crate::release::{CompileError, Release};
use crate::runtime::Scope;
use crate::unit::{Instance, Templates, Unit};
use crate::value::Endpoint;

/// Returns the release under the name that it has on the host: if the current release is the same one and was
/// renewed, later changes keep that.
pub fn as_deployed<'s>(
    release: Release<'s>,
    observed: &Observed,
    templates: &Templates,
) -> Release<'s> {
    let current = releases(&release.service.id, observed).into_iter().next();
    let Some(current) = current.filter(|current| current.renewed > 0) else {
        return release;
    };
    let renewed = release.renewed(current.renewed, templates);
    if renewed.name() == current.name { renewed } else { release }
}

/// Returns the release with a name that it never had on the host.
pub fn renew<'s>(release: &Release<'s>, observed: &Observed, templates: &Templates) -> Release<'s> {
    let releases = releases(&release.service.id, observed);
    let last = releases.iter().map(|release| release.renewed).max().unwrap_or_default();
    release.renewed(last.saturating_add(1), templates)
}

/// Returns the instances of a release on the host whose units have another text than this build renders:
/// another build rendered them, or somebody edited them.
///
/// # Errors
/// A template fails, or a value is invalid at this revision.
pub fn outdated(
    release: &Release<'_>,
    observed: &Observed,
    scope: Scope,
    templates: &Templates,
) -> Result<BTreeSet<UnitName>, CompileError> {
    let mut outdated = BTreeSet::new();
    for (name, unit) in observed.units_of(&release.service.id) {
        let Some(instance) = unit.metadata.kind.instance() else { continue };
        if instance.digest == release.digest
            && !is_rendered_by(release, instance, unit, scope, templates)?
        {
            outdated.insert(name.clone());
        }
    }
    Ok(outdated)
}

/// Returns the other releases on the host that differ from this one only in their names and ports. They are no
/// releases to go back to.
///
/// # Errors
/// A template fails, or a value is invalid at this revision.
pub fn twins(
    release: &Release<'_>,
    observed: &Observed,
    scope: Scope,
    templates: &Templates,
) -> Result<BTreeSet<ReleaseName>, CompileError> {
    let is_rendered = |release: &Release<'_>| {
        outdated(release, observed, scope, templates).map(|units| units.is_empty())
    };
    let mut twins = BTreeSet::new();
    for other in releases(&release.service.id, observed) {
        if other.revision != release.revision || other.renewed == release.renewed {
            continue;
        }
        let of = release.renewed(other.renewed, templates);
        let same = of.name() == other.name && has_images_of(release, &other.name, observed);
        if same && is_rendered(release)? && is_rendered(&of)? {
            twins.insert(other.name);
        }
    }
    Ok(twins)
}

/// Returns whether an instance has the text that this build renders for it.
fn is_rendered_by(
    release: &Release<'_>,
    instance: &Instance,
    unit: &Unit,
    scope: Scope,
    templates: &Templates,
) -> Result<bool, CompileError> {
    let port = instance.endpoint.as_ref().and_then(Endpoint::port);
    let release = as_recorded(release.clone(), unit);
    let rendered = release.compile_instance(instance.number, port, scope, templates)?;
    Ok(rendered.reads_like(unit))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{running, words};
    use super::super::{Desired, converge, record};
    use super::*;
    use crate::service::Service;
    use crate::unit::{Record, UnitSet};

    const TEXT: &str = "id: web\ncommand: [/bin/web]\ninstances: 2\n";

    fn templates() -> Templates {
        Templates::new(&[]).unwrap()
    }

    fn service(text: &str) -> Service {
        Service::parse(std::path::Path::new("web.yaml"), &format!("{TEXT}{text}")).unwrap()
    }

    fn release(service: &Service) -> Release<'_> {
        Release::new(service, service.default_revision().unwrap(), &templates())
    }

    /// Returns the desired state of a release, deployed at a second.
    fn desired<'s>(release: &Release<'s>, observed: &Observed, second: i64) -> Desired<'s> {
        let now = jiff::Timestamp::from_second(second).unwrap();
        let twins = twins(release, observed, Scope::System, &templates()).unwrap();
        let record = record(&release.service.id, &release.name(), &twins, observed, now, None);
        let units = release.compile(&[].into(), record.as_ref(), Scope::System, &templates());
        Desired {
            service: release.service,
            revision: release.revision.clone(),
            release: release.name(),
            units: units.unwrap(),
            shared: Box::leak(Box::default()),
            jobs: UnitSet::default(),
            upstream: None,
            before: None,
            twins,
        }
    }

    #[test]
    fn a_renewed_release_starts_before_the_old_one_stops_and_stays() {
        let service = service("");
        let release = release(&service);
        let first = desired(&release, &Observed::default(), 1);
        let observed = running(&first);
        let again = as_deployed(release.clone(), &observed, &templates());
        assert_eq!(again.name(), release.name());

        let renewed = renew(&again, &observed, &templates());
        assert_ne!(renewed.name(), release.name());
        let second = desired(&renewed, &observed, 2);
        let plan = converge(&second, &observed).unwrap();
        let jobs: Vec<_> = words(&plan);
        let jobs: Vec<_> = jobs.iter().map(|step| step.split(' ').next().unwrap()).collect();
        let place = |action: &str| jobs.iter().position(|job| *job == action);
        assert!(place("start") < place("stop"), "{jobs:?}");
        // The old one is the same release, to which nobody wants to go back.
        assert_eq!(jobs.iter().filter(|job| **job == "remove").count(), 2, "{jobs:?}");

        // Later changes keep it.
        let observed = running(&second);
        let kept = as_deployed(release.clone(), &observed, &templates());
        assert_eq!(kept.name(), renewed.name());
        let again = desired(&kept, &observed, 3);
        assert!(!converge(&again, &observed).unwrap().changes());
        // Another configuration starts from nothing.
        let env = self::service("env: {A: b}\n").env.clone();
        let other = service.clone().with(|fields| fields.env = env);
        let other = self::release(&other);
        assert_eq!(as_deployed(other.clone(), &observed, &templates()).name(), other.name());
    }

    #[test]
    fn a_renewed_release_replaces_what_its_twin_replaced() {
        let old = service("env: {A: b}\n");
        let new = service("");
        let first = desired(&release(&old), &Observed::default(), 1);
        let second = desired(&release(&new), &running(&first), 2);
        let observed = running(&second);
        let renewed = renew(&release(&new), &observed, &templates());
        let third = desired(&renewed, &observed, 3);
        let replaces = |desired: &Desired<'_>| {
            let unit = desired.units.units.values().find(|unit| unit.metadata.kind.is_instance());
            let record: Option<Record> =
                unit.unwrap().metadata.kind.instance().unwrap().record.clone();
            record.unwrap().replaces
        };
        assert_eq!(replaces(&second), Some(first.release.clone()));
        assert_eq!(replaces(&third), Some(first.release));
    }

    #[test]
    fn units_of_another_build_are_outdated_and_their_release_is_kept() {
        let service = service("");
        let release = release(&service);
        let mut observed = running(&desired(&release, &Observed::default(), 1));
        let outdated = |observed: &Observed| {
            outdated(&release, observed, Scope::System, &templates()).unwrap()
        };
        assert!(outdated(&observed).is_empty());
        let unit = observed.set.units.values_mut().find(|unit| unit.metadata.kind.is_instance());
        let unit = unit.unwrap();
        *unit = Unit::new(format!("# another build\n{}", unit.body()), unit.metadata.clone());
        assert_eq!(outdated(&observed).len(), 1);

        let renewed = renew(&release, &observed, &templates());
        let desired = desired(&renewed, &observed, 2);
        assert!(desired.twins.is_empty());
        // Nor is the new one a twin of the old one, after a rollback.
        let mut both = running(&desired);
        both.set.units.extend(observed.set.units.clone());
        let observed = Observed::new(both.set, both.foreign);
        assert!(twins(&release, &observed, Scope::System, &templates()).unwrap().is_empty());
    }
}
