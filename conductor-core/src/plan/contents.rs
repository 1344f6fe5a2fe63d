//! Files that instances read when they start, such as env files and secrets: which of them changed since a release
//! was deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::Observed;
use crate::release::Release;
use crate::service::Service;
use crate::unit::{ContentHash, UnitSet};
use crate::value::HostPath;

/// Returns the files of a release whose contents are not those with which its instances on the host were
/// deployed. What was deployed without a hash, or hashed with another key, counts as unchanged.
pub fn changed_contents(release: &Release<'_>, observed: &Observed) -> BTreeSet<HostPath> {
    let mut changed = BTreeSet::new();
    for (_, unit) in observed.units_of(&release.service.id) {
        let Some(instance) = unit.metadata.kind.instance() else { continue };
        if instance.digest != release.digest {
            continue;
        }
        let differs = |path: &&HostPath| {
            let recorded = instance.contents.get(path).zip(observed.contents.get(path));
            recorded.is_some_and(|(recorded, now)| recorded.differs(now))
        };
        changed.extend(release.service.counted_files().filter(differs).cloned());
    }
    changed
}

/// Records the contents of the files that count in the units of a service's instances. A file that cannot be
/// read keeps the hash that the host's unit has.
#[must_use]
pub fn with_contents(mut units: UnitSet, service: &Service, observed: &Observed) -> UnitSet {
    for (name, unit) in &mut units.units {
        if !unit.metadata.kind.is_instance() {
            continue;
        }
        let old = observed.set.units.get(name).and_then(|unit| unit.metadata.kind.instance());
        let hash = |path: &HostPath| {
            let hash = observed.contents.get(path);
            let hash = hash.or_else(|| old?.contents.get(path))?;
            Some((path.clone(), hash.clone()))
        };
        let contents: BTreeMap<HostPath, ContentHash> =
            service.counted_files().filter_map(hash).collect();
        *unit = unit.with_contents(contents);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::super::tests::{running, words};
    use super::super::{Desired, converge};
    use super::*;
    use crate::unit::{ContentKey, Templates};

    const TEXT: &str =
        "id: web\ncommand: [/bin/web]\nenv_files: [/etc/web.env]\nsecrets: {key: /etc/web.key}\n";

    fn service(text: &str) -> Service {
        let text = format!("{TEXT}{text}");
        Service::parse(std::path::Path::new("web.yaml"), &text).unwrap()
    }

    fn release(service: &Service) -> Release<'_> {
        let templates = Templates::new(&[]).unwrap();
        Release::new(service, service.default_revision().unwrap(), &templates)
    }

    /// Returns the contents of the two files.
    fn contents(key: u8, env: &str, secret: &str) -> BTreeMap<HostPath, ContentHash> {
        let key = ContentKey::new([key; 32]);
        let hash = |path: &str, text: &str| (path.parse().unwrap(), key.hash(text.as_bytes()));
        [hash("/etc/web.env", env), hash("/etc/web.key", secret)].into()
    }

    fn desired<'s>(service: &'s Service, observed: &Observed) -> Desired<'s> {
        let release = release(service);
        let templates = Templates::new(&[]).unwrap();
        let scope = crate::runtime::Scope::System;
        let units = release.compile(&[].into(), None, scope, &templates).unwrap();
        Desired {
            service,
            revision: release.revision.clone(),
            release: release.name(),
            units: with_contents(units, service, observed),
            jobs: UnitSet::default(),
            upstream: None,
            before: None,
            twins: BTreeSet::new(),
            shared: Box::leak(Box::default()),
        }
    }

    #[test]
    fn only_another_content_with_the_same_key_counts_as_changed() {
        let service = service("");
        let first = Observed { contents: contents(1, "A=b", "x"), ..Observed::default() };
        let mut observed = running(&desired(&service, &first));
        let changed = |observed: &Observed| -> Vec<String> {
            let changed = changed_contents(&release(&service), observed).into_iter();
            changed.map(|path| path.to_string()).collect()
        };
        // Nothing is known of the contents.
        assert!(changed(&observed).is_empty());
        for (now, what) in [
            (contents(1, "A=b", "x"), &[][..]),
            (contents(1, "A=c", "x"), &["/etc/web.env"]),
            (contents(1, "A=b", "y"), &["/etc/web.key"]),
            (contents(2, "A=c", "y"), &[]),
        ] {
            observed.contents = now;
            assert_eq!(changed(&observed), what);
        }
        let ignores = self::service("deploy: {changed_files: ignore}\n");
        observed.contents = contents(1, "A=c", "y");
        assert_eq!(release(&ignores).digest, release(&service).digest);
        assert!(changed_contents(&release(&ignores), &observed).is_empty());
    }

    #[test]
    fn a_release_without_hashes_gets_them_without_a_restart() {
        let service = service("");
        let mut observed = running(&desired(&service, &Observed::default()));
        observed.contents = contents(1, "A=b", "x");
        assert!(changed_contents(&release(&service), &observed).is_empty());
        let plan = converge(&desired(&service, &observed), &observed).unwrap();
        assert_eq!(words(&plan), ["record in conductor-web--1.service"]);

        // A file that cannot be read now keeps its hash.
        let with_hashes = desired(&service, &observed);
        let mut observed = running(&with_hashes);
        observed.contents.clear();
        let again = desired(&service, &observed);
        assert_eq!(again.units, with_hashes.units);
    }
}
