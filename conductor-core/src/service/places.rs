//! The places of the keys of a definition, for what is said about them after it was checked.

use crate::definition::{NodeId, Source};

/// Where the keys of a service are in the file that defines it, and the items of its lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<(String, Place)>);

/// A value in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The path from the root of the file.
    path: String,
    position: (usize, usize),
}

impl Places {
    /// Creates the places of what is below a value: the definition, or a process of an application.
    pub(crate) fn new(source: &Source<'_>, root: NodeId) -> Self {
        let place = |(own, at)| {
            let (path, position) = source.place(at);
            (own, Place { path, position })
        };
        let mut places: Vec<_> = source.below(root).into_iter().map(place).collect();
        places.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self(places)
    }

    /// Returns line and column of a value, both from 1, by its path in the service, such as `limits.memory` or
    /// `volumes[0]`; `None` if the definition does not give it.
    pub fn of(&self, path: &str) -> Option<(usize, usize)> {
        self.place(path).map(|place| place.position)
    }

    /// Returns the path in the file of a value of the service: that of a process begins with `processes.NAME`, unless
    /// all processes share it.
    pub fn path(&self, path: &str) -> Option<&str> {
        self.place(path).map(|place| place.path.as_str())
    }

    fn place(&self, path: &str) -> Option<&Place> {
        let at = self.0.binary_search_by(|(own, _)| own.as_str().cmp(path)).ok()?;
        Some(&self.0[at].1)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::service::Service;

    #[test]
    fn a_key_is_where_the_definition_has_it() {
        let text = "id: web\nruntime: docker\nimage: shop\nvolumes:\n  - \"/a:/a\"\n  - \"/b:/b\"\n\
                    cron:\n  clean:\n    schedule: '@daily'\n    command: [x]\n    jitter: 5min\n";
        let service = Service::parse(Path::new("web.yaml"), text).unwrap();
        for (path, place) in [
            ("image", Some((3, 8))),
            ("volumes[1]", Some((6, 5))),
            ("cron.clean.jitter", Some((11, 13))),
            ("cron.clean.timeout", None),
            ("port", None),
        ] {
            assert_eq!(service.origin.keys.of(path), place, "{path}");
        }
    }

    #[test]
    fn a_key_of_a_process_is_where_the_file_has_it() {
        let text = "id: shop\nruntime: docker\nimage: shop\nlimits: {memory: 1G}\nenv: {A: a}\n\
                    processes:\n  web:\n    env: {B: b}\n    command: [web]\n";
        let services = Service::parse_all(Path::new("shop.yaml"), text).unwrap();
        let keys = &services[0].origin.keys;
        for (path, in_file, place) in [
            ("image", "image", (3, 8)),
            ("limits.memory", "limits.memory", (4, 18)),
            ("env.A", "env.A", (5, 10)),
            ("env.B", "processes.web.env.B", (8, 14)),
            ("command[0]", "processes.web.command[0]", (9, 15)),
        ] {
            assert_eq!(keys.path(path), Some(in_file), "{path}");
            assert_eq!(keys.of(path), Some(place), "{path}");
        }
        assert_eq!(keys.path("port"), None);
    }
}
