//! The order in which files for a proxy change, so that the files on disk are a valid configuration after each step.
//!
//! A process or a host may end between two steps, and a proxy that starts then reads what is there. It refuses two
//! upstreams of one name, and a site whose upstream is missing. One step changes one file, swaps two, or moves one.
//! So the new text of a service is first written in place of the file that has its upstream, and then moved to
//! the path of the service.

use std::collections::{BTreeMap, BTreeSet};

use super::{UpstreamChange, names};
use crate::name::ServiceId;

/// A step that is done or not done after a crash. A file is named after the service at whose path it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileStep {
    /// Writes the new text of a service, in place of what is there.
    Write {
        /// The path.
        at: ServiceId,
        /// The service whose text it is.
        of: ServiceId,
    },
    /// Moves a file to a path that is free.
    Move {
        /// The path that becomes free.
        from: ServiceId,
        /// The path.
        to: ServiceId,
    },
    /// Swaps two files.
    Swap(ServiceId, ServiceId),
    /// Removes a file.
    Remove(ServiceId),
}

impl FileStep {
    /// Applies the step to a model of the files, given the new file of each service.
    pub fn apply<T>(
        &self,
        files: &mut BTreeMap<ServiceId, T>,
        new: impl FnOnce(&ServiceId) -> Option<T>,
    ) {
        let mut put = |path: &ServiceId, file: Option<T>| match file {
            Some(file) => files.insert(path.clone(), file),
            None => files.remove(path),
        };
        match self {
            Self::Write { at, of } => drop(put(at, new(of))),
            Self::Move { from, to } => {
                let moved = put(from, None);
                put(to, moved);
            }
            Self::Swap(one, other) => {
                let (first, second) = (put(one, None), put(other, None));
                put(one, second);
                put(other, first);
            }
            Self::Remove(path) => drop(put(path, None)),
        }
    }
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content<'a> {
    /// The text from before the change.
    Old,
    /// The new text of a service.
    New(&'a ServiceId),
}

/// The files while they change.
struct Files<'a> {
    old: BTreeMap<&'a ServiceId, BTreeSet<&'a str>>,
    new: BTreeMap<&'a ServiceId, BTreeSet<&'a str>>,
    /// The upstreams that are there before and after, and so all the time.
    stay: BTreeSet<&'a str>,
    present: BTreeMap<&'a ServiceId, Content<'a>>,
    steps: Vec<FileStep>,
}

/// Returns the steps of changes of files for one proxy; `old` has the present texts at the paths of the services.
///
/// Each step leaves the files valid. Only if a file had several upstreams and some of them move away, which no
/// built-in template does, there is no such order. Then what is new is written first: a proxy that does not
/// start because of a duplicate is better than one that asks the name service for a missing upstream.
pub fn sequence(old: &BTreeMap<ServiceId, String>, changes: &[UpstreamChange]) -> Vec<FileStep> {
    let texts = changes.iter().filter_map(|change| Some((&change.service, change.text.as_ref()?)));
    let new: BTreeMap<_, _> = texts.map(named).collect();
    let old: BTreeMap<_, _> = old.iter().map(named).collect();
    let before: BTreeSet<_> = old.values().flatten().copied().collect();
    let stay = new.values().flatten().copied().filter(|name| before.contains(name)).collect();
    let present = old.keys().map(|service| (*service, Content::Old)).collect();
    let mut files = Files { old, new, stay, present, steps: Vec::new() };
    files.write_all();
    files.move_to_their_paths();
    for service in changes.iter().filter(|change| change.text.is_none()) {
        if files.present.remove(&service.service).is_some() {
            files.steps.push(FileStep::Remove(service.service.clone()));
        }
    }
    files.steps
}

fn named<'a>((service, text): (&'a ServiceId, &'a String)) -> (&'a ServiceId, BTreeSet<&'a str>) {
    (service, names(text).collect())
}

impl<'a> Files<'a> {
    /// Writes all new texts, each where the files then are valid.
    fn write_all(&mut self) {
        let mut missing: Vec<&'a ServiceId> = self.new.keys().copied().collect();
        while !missing.is_empty() {
            let found = missing.iter().enumerate().find_map(|(index, service)| {
                let paths = self.present.keys().copied();
                let mut paths = std::iter::once(*service).chain(paths);
                Some((index, paths.find(|path| self.stays_valid(path, service))?))
            });
            // Without a valid place: its own, unless another text is there that has not been moved yet.
            let (index, at) = found.unwrap_or_else(|| {
                self.move_to_their_paths();
                (0, missing[0])
            });
            let of = missing.remove(index);
            self.present.insert(at, Content::New(of));
            self.steps.push(FileStep::Write { at: at.clone(), of: of.clone() });
        }
    }

    /// Returns whether the files are valid with a new text at a path, and no other new text is lost.
    fn stays_valid(&self, path: &ServiceId, service: &ServiceId) -> bool {
        if matches!(self.present.get(path), Some(Content::New(_))) {
            return false;
        }
        let mut seen = BTreeSet::new();
        let others = self.present.iter().filter(|(other, _)| **other != path);
        let all = others.filter_map(|(other, content)| self.names(other, *content));
        let mut all = all.chain(self.new.get(service)).flatten();
        all.all(|name| seen.insert(*name)) && self.stay.is_subset(&seen)
    }

    fn names(&self, path: &ServiceId, content: Content<'_>) -> Option<&BTreeSet<&'a str>> {
        match content {
            Content::Old => self.old.get(path),
            Content::New(service) => self.new.get(service),
        }
    }

    /// Moves each new text to the path of its service. That changes no upstream.
    fn move_to_their_paths(&mut self) {
        let away = |(path, content): (&&'a ServiceId, &Content<'a>)| match content {
            Content::New(service) if service != path => Some((*path, *service)),
            _ => None,
        };
        while let Some((from, to)) = self.present.iter().find_map(away) {
            let moved = self.present.remove(from);
            let (from_step, to_step) = (from.clone(), to.clone());
            match self.present.remove(to) {
                Some(other) => {
                    self.present.insert(from, other);
                    self.steps.push(FileStep::Swap(from_step, to_step));
                }
                None => self.steps.push(FileStep::Move { from: from_step, to: to_step }),
            }
            self.present.extend(moved.map(|content| (to, content)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: Option<&usize>) -> String {
        name.map_or_else(String::new, |name| format!("upstream app{name} {{\n}}\n"))
    }

    fn id(number: usize) -> ServiceId {
        format!("web{number}").parse().unwrap()
    }

    /// Up to four files with one upstream each; the index is the service's.
    fn files() -> impl Strategy<Value = Vec<Option<usize>>> {
        let names = Just((0..5).collect::<Vec<usize>>()).prop_shuffle();
        (names, prop::collection::vec(any::<bool>(), 4)).prop_map(|(names, there)| {
            there.into_iter().zip(names).map(|(there, name)| there.then_some(name)).collect()
        })
    }

    proptest! {
        #[test]
        fn files_are_valid_after_each_step(old in files(), new in files()) {
            let before: BTreeSet<_> = old.iter().flatten().copied().collect();
            let stay: BTreeSet<_> =
                new.iter().flatten().copied().filter(|name| before.contains(name)).collect();
            let present = old.iter().enumerate().filter(|(_, name)| name.is_some());
            let mut files: BTreeMap<_, _> =
                present.map(|(number, name)| (id(number), text(name.as_ref()))).collect();
            let changes: Vec<_> = new
                .iter()
                .enumerate()
                .map(|(number, name)| UpstreamChange {
                    service: id(number),
                    text: name.as_ref().map(|name| text(Some(name))),
                })
                .collect();
            let steps = sequence(&files.clone(), &changes);
            for step in &steps {
                step.apply(&mut files, |service| {
                    changes.iter().find(|change| change.service == *service)?.text.clone()
                });
                let all: Vec<_> = files.values().flat_map(|text| names(text)).collect();
                let unique: BTreeSet<_> = all.iter().collect();
                prop_assert_eq!(unique.len(), all.len(), "{:?} in {:?}", step, steps);
                for name in &stay {
                    let name = format!("app{name}");
                    prop_assert!(all.contains(&name.as_str()), "{} is missing: {:?}", name, steps);
                }
            }
            let wanted: BTreeMap<_, _> = changes
                .into_iter()
                .filter_map(|change| Some((change.service, change.text?)))
                .collect();
            prop_assert_eq!(files, wanted);
        }
    }

    #[test]
    fn one_file_is_one_step() {
        let old = BTreeMap::from([(id(0), text(Some(&1)))]);
        let change = |text| [UpstreamChange { service: id(0), text }];
        for (text, step) in [
            (Some(text(Some(&1))), FileStep::Write { at: id(0), of: id(0) }),
            (Some(text(Some(&2))), FileStep::Write { at: id(0), of: id(0) }),
            (None, FileStep::Remove(id(0))),
        ] {
            assert_eq!(sequence(&old, &change(text)), [step]);
        }
    }

    #[test]
    fn what_cannot_be_split_is_never_missing() {
        let both = "upstream a {\n}\nupstream b {\n}\n".to_owned();
        let mut files = BTreeMap::from([(id(0), both)]);
        let file = |number, text: Option<&str>| UpstreamChange {
            service: id(number),
            text: text.map(str::to_owned),
        };
        let changes =
            [file(0, None), file(1, Some("upstream a {\n}\n")), file(2, Some("upstream b {\n}\n"))];
        for step in sequence(&files.clone(), &changes) {
            step.apply(&mut files, |service| {
                changes.iter().find(|change| change.service == *service)?.text.clone()
            });
            let all: BTreeSet<_> = files.values().flat_map(|text| names(text)).collect();
            assert_eq!(all.into_iter().collect::<Vec<_>>(), ["a", "b"], "{step:?}");
        }
        assert_eq!(files.into_keys().collect::<Vec<_>>(), [id(1), id(2)]);
    }
}
