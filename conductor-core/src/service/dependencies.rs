//! Checks the services on which others depend: they have to exist, and must not go in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Service;
use crate::definition::Condition;
use crate::error::{Problem, Problems};
use crate::name::ServiceId;

/// A service on which another one depends, and its place in the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// When the other one may start; `None` for when this one is up.
    pub condition: Option<Condition>,
    /// Its path in the definition, also if that has a list.
    pub path: String,
    /// Line and column, both from 1.
    pub position: (usize, usize),
}

/// What a host has of a service that depends on others, or on which others depend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnHost {
    /// Whether its command runs to its end.
    pub is_oneshot: bool,
    /// Whether it has a health check.
    pub has_health: bool,
    /// The services on which it depends.
    pub depends_on: BTreeSet<ServiceId>,
}

/// Checks what services depend on. `host` has the services that are there already.
///
/// # Errors
/// A service that is neither defined nor on the host, a condition that is never met, or a circle.
pub fn check_dependencies(
    services: &[Service],
    host: &BTreeMap<ServiceId, OnHost>,
) -> Result<(), Problems> {
    let mut known: BTreeMap<&ServiceId, OnHost> =
        host.iter().map(|(id, there)| (id, there.clone())).collect();
    known.extend(services.iter().map(|service| {
        let there = OnHost {
            is_oneshot: service.is_oneshot(),
            has_health: service.health.is_some(),
            depends_on: service.depends_on.keys().cloned().collect(),
        };
        (&service.id, there)
    }));
    let mut problems = Vec::new();
    let mut in_circles = BTreeSet::new();
    for service in services {
        for (id, dependency) in &service.depends_on {
            let refusal = match known.get(id) {
                None => Some(unknown(id, services)),
                Some(there) => never(id, dependency.condition, there).or_else(|| {
                    let circle = circle(&service.id, id, &known)?;
                    let first = in_circles.is_disjoint(&circle.iter().copied().collect());
                    in_circles.extend(circle.iter().copied());
                    first.then(|| in_words(&circle))
                }),
            };
            problems.extend(refusal.map(|(message, hint)| Problem {
                file: service.origin.file.clone(),
                position: Some(dependency.position),
                path: dependency.path.clone(),
                message,
                hint: Some(hint),
            }));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Returns what to say of a service that there is not.
fn unknown(id: &ServiceId, services: &[Service]) -> (String, String) {
    let processes = services.iter().filter(|service| service.application.as_ref() == Some(id));
    let processes: Vec<_> = processes.map(|service| service.id.as_str()).collect();
    if processes.is_empty() {
        return (
            format!("there is no service {id}, neither defined nor on the host"),
            format!("give the definition of {id}, too, or remove {id} here"),
        );
    }
    (
        format!("{id} is an application, and not one service"),
        format!("write one of its processes: {}", processes.join(", ")),
    )
}

/// Returns why a condition is never met, and what to write.
fn never(id: &ServiceId, condition: Option<Condition>, there: &OnHost) -> Option<(String, String)> {
    match condition? {
        Condition::Completed if !there.is_oneshot => Some((
            format!("{id} goes on running, so it is never completed"),
            format!("write condition: healthy or started, or add type: oneshot to {id}"),
        )),
        Condition::Healthy if there.is_oneshot => Some((
            format!("{id} runs to its end, so it is never healthy"),
            "write condition: completed".to_owned(),
        )),
        Condition::Healthy if !there.has_health => Some((
            format!("{id} has no health check"),
            format!("add health to {id}, or write condition: started"),
        )),
        Condition::Started | Condition::Healthy | Condition::Completed => None,
    }
}

/// Returns the circle that begins with a service and goes on with one on which it depends.
fn circle<'k>(
    service: &'k ServiceId,
    next: &'k ServiceId,
    known: &'k BTreeMap<&ServiceId, OnHost>,
) -> Option<Vec<&'k ServiceId>> {
    let mut seen = BTreeSet::from([next]);
    let mut paths = vec![vec![service, next]];
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        for id in known.get(last).into_iter().flat_map(|there| &there.depends_on) {
            if id == service {
                return Some(path);
            }
            if seen.insert(id) {
                paths.push(path.iter().copied().chain([id]).collect());
            }
        }
    }
    None
}

fn in_words(circle: &[&ServiceId]) -> (String, String) {
    let first = circle.first().copied();
    let pairs = circle.iter().zip(circle.iter().skip(1).copied().chain(first));
    let mut words: Vec<_> = pairs.map(|(one, on)| format!("{one} on {on}")).collect();
    if let Some(word) = words.first_mut() {
        *word = word.replacen(" on ", " depends on ", 1);
    }
    let last = words.pop().unwrap_or_default();
    let message = format!("{}, and {last}: a circle", words.join(", "));
    (message, "remove one of these dependencies".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn service(id: &str, more: &str) -> Service {
        let text = format!("id: {id}\ncommand: [/bin/x]\n{more}\n");
        Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
    }

    fn said(services: &[Service]) -> String {
        let host = OnHost { is_oneshot: true, ..OnHost::default() };
        let host = [("there".parse().unwrap(), host)].into();
        check_dependencies(services, &host).map_or_else(|it| it.to_string(), |()| String::new())
    }

    #[test]
    fn what_exists_can_be_depended_on() {
        let db = service("db", "health: {command: [/bin/x]}");
        let both = "depends_on: {db: {condition: healthy}, there: {condition: completed}}";
        assert_eq!(said(&[service("a", both), db.clone()]), "");
        assert_eq!(said(&[service("b", "depends_on: [db, there]"), db.clone()]), "");
        assert_eq!(
            said(&[service("a", "depends_on: [dbs]"), db]),
            "a.yaml:3:14: depends_on.dbs: there is no service dbs, neither defined nor on the host\n  \
             hint: give the definition of dbs, too, or remove dbs here"
        );
    }

    #[test]
    fn a_condition_that_is_never_met_is_refused() {
        let a = |condition: &str| {
            service("a", &format!("depends_on: {{db: {{condition: {condition}}}}}"))
        };
        let (db, done) = (service("db", ""), service("db", "type: oneshot"));
        for (condition, db, message) in [
            ("completed", &db, "db goes on running, so it is never completed"),
            ("healthy", &db, "db has no health check"),
            ("healthy", &done, "db runs to its end, so it is never healthy"),
        ] {
            let said = said(&[a(condition), db.clone()]);
            assert!(said.starts_with(&format!("a.yaml:3:18: depends_on.db: {message}")), "{said}");
        }
        assert_eq!(said(&[a("started"), db]), "");
        assert_eq!(said(&[a("completed"), done]), "");
    }

    #[test]
    fn a_circle_is_named_once() {
        let services = [
            service("a", "depends_on: [b]"),
            service("b", "depends_on: [c, d]"),
            service("c", "depends_on: [a]"),
            service("d", ""),
        ];
        assert_eq!(
            said(&services),
            "a.yaml:3:14: depends_on.b: a depends on b, b on c, and c on a: a circle\n  \
             hint: remove one of these dependencies"
        );
        let two = [service("a", "depends_on: [b]"), service("b", "depends_on: [a]")];
        assert!(said(&two).contains("a depends on b, and b on a: a circle"));
        let own =
            Service::parse(Path::new("a.yaml"), "id: a\ncommand: [/bin/x]\ndepends_on: [a]\n");
        let own = own.unwrap_err().to_string();
        assert!(own.starts_with("a.yaml:3:14: depends_on[0]: a depends on itself"), "{own}");
    }
}
