//! A Compose project: its name, the services that are selected, and what they share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_core::name::{ServiceId, slug};

use super::Options;
use super::load::Environment;
use super::service::{Conversion, convert};
use crate::Surroundings;
use crate::draft::Draft;
use crate::names;
use crate::node::{Entry, Node};
use crate::report::{Origin, Report};
use crate::settle::Applications;

/// A project, and how it is imported.
pub(crate) struct Project<'p> {
    pub(crate) options: &'p Options,
    pub(crate) surroundings: &'p Surroundings<'p>,
    pub(crate) environment: &'p Environment,
    pub(crate) root: &'p Node,
    pub(crate) name: String,
    /// Whether services without networks are in one of the project.
    pub(crate) has_default_network: bool,
    /// The services that are imported, with their ids.
    pub(crate) services: Vec<(&'p Entry, ServiceId)>,
    /// The services that share an image, if they are to be processes of applications.
    pub(crate) applications: Applications,
    /// Services that others wait for until they have ended.
    pub(crate) one_shots: BTreeSet<String>,
    /// Named volumes, with the services that use them.
    pub(crate) volume_users: BTreeMap<String, BTreeSet<String>>,
}

impl<'p> Project<'p> {
    pub(crate) fn new(
        options: &'p Options,
        surroundings: &'p Surroundings<'p>,
        root: &'p Node,
        environment: &'p Environment,
        report: &mut Report,
    ) -> Result<Self, Problem> {
        let variable = |name: &str| environment.get(surroundings, name);
        let given = options.project.clone().or_else(|| variable("COMPOSE_PROJECT_NAME"));
        let name = given.or_else(|| root.text_of("name").map(str::to_owned)).unwrap_or_else(|| {
            let first = options.files.first().map_or(Path::new("."), |file| file);
            let first = names::absolute(surroundings.directory, &first.to_string_lossy());
            let directory = first.parent().unwrap_or(Path::new("/"));
            let name = directory.file_name().unwrap_or_default().to_string_lossy();
            name.into_owned()
        });
        let name = match names::project(&name) {
            name if name.is_empty() => "compose".to_owned(),
            name => name,
        };
        let all = root.get("services").and_then(Node::as_map).unwrap_or_default();
        if all.is_empty() {
            let file = options.files.first().map_or(Path::new("compose.yaml"), |file| file);
            let what = Problem::of_file(file, "there are no services: this is no Compose file");
            return Err(what.hint("it has services: {NAME: {image: IMAGE}}"));
        }
        let mut profiles = options.profiles.clone();
        if profiles.is_empty() {
            let given = variable("COMPOSE_PROFILES").unwrap_or_default();
            profiles.extend(given.split(',').filter(|it| !it.is_empty()).map(str::to_owned));
        }
        let mut project = Self {
            options,
            surroundings,
            environment,
            root,

            name,
            has_default_network: true,
            services: Vec::new(),
            applications: Applications::new(),
            one_shots: BTreeSet::new(),
            volume_users: BTreeMap::new(),
        };
        project.select(all, &profiles, report);
        if project.options.application {
            project.find_applications(report);
        }
        project.relate();
        Ok(project)
    }

    /// Selects the services of the profiles, and gives each an id.
    fn select(&mut self, all: &'p [Entry], profiles: &[String], report: &mut Report) {
        let mut taken = BTreeSet::new();
        for entry in all {
            let origin = Origin::new(entry.at, format!("services.{}", entry.key));
            if entry.value.as_map().is_none() {
                let message =
                    format!("left out: a service is a mapping, not {}", entry.value.kind());
                report.leave_out(&origin, message, "");
                continue;
            }
            let own: Vec<_> = entry.value.get("profiles").map_or(&[][..], Node::items).to_vec();
            let is_chosen = |profile: &Node| {
                let profile = profile.as_text().unwrap_or_default();
                profiles.iter().any(|chosen| chosen == profile || chosen == "*")
            };
            if !own.is_empty() && !own.iter().any(is_chosen) {
                let names: Vec<_> = own.iter().filter_map(Node::as_text).collect();
                let message = format!("not imported: it is of the profile {}", names.join(", "));
                report.note(&origin, message);
                continue;
            }
            let wanted = match self.options.prefix {
                true => format!("{}-{}", self.name, entry.key),
                false => entry.key.clone(),
            };
            let id = names::id(&wanted, &self.name, &mut taken);
            self.services.push((entry, id));
        }
    }

    /// Finds the services that run the same program, and gives them the ids of processes.
    fn find_applications(&mut self, report: &mut Report) {
        let mut alike: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (number, (entry, _)) in self.services.iter().enumerate() {
            let text = |key: &str| entry.value.get(key).map(|node| format!("{:?}", words(node)));
            if let Some(image) = entry.value.text_of("image") {
                alike.entry((image, text("user"), text("entrypoint"))).or_default().push(number);
            }
        }
        alike.retain(|_, numbers| numbers.len() > 1);
        let is_one = alike.len() == 1;
        for numbers in alike.into_values() {
            let first = self.services[numbers[0]].0;
            let wanted = match is_one {
                true => self.name.clone(),
                false => format!("{}-{}", self.name, first.key),
            };
            let mut taken = self.services.iter().map(|(_, id)| id.clone()).collect();
            let application = names::id(&wanted, &self.name, &mut taken);
            let ids: Option<Vec<ServiceId>> = numbers
                .iter()
                .map(|number| {
                    format!("{application}-{}", slug(&self.services[*number].0.key)).parse().ok()
                })
                .collect();
            let origin = Origin::new(first.at, format!("services.{}", first.key));
            let Some(ids) =
                ids.filter(|ids| ids.iter().collect::<BTreeSet<_>>().len() == ids.len())
            else {
                report.note(&origin, "its name is too long for a process of an application");
                continue;
            };
            for (number, id) in numbers.iter().zip(&ids) {
                self.services[*number].1 = id.clone();
            }
            self.applications.insert(application, ids);
        }
    }

    /// Finds what services say of each other.
    fn relate(&mut self) {
        for (entry, _) in &self.services {
            let dependencies = entry.value.get("depends_on").and_then(Node::as_map);
            for dependency in dependencies.unwrap_or_default() {
                if dependency.value.text_of("condition") == Some("service_completed_successfully") {
                    self.one_shots.insert(dependency.key.clone());
                }
            }
            for volume in entry.value.get("volumes").map_or(&[][..], Node::items) {
                if let Some(name) = super::service::named_volume(volume) {
                    self.volume_users.entry(name).or_default().insert(entry.key.clone());
                }
            }
        }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        self.options.runtime
    }

    /// Returns the id of a service that is imported.
    pub(crate) fn id(&self, service: &str) -> Option<&ServiceId> {
        self.services.iter().find(|(entry, _)| entry.key == service).map(|(_, id)| id)
    }

    /// Returns the value of a variable of the environment in which Compose would run.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(self.surroundings, name)
    }

    /// Returns what the project says of a volume, network, secret or config.
    pub(crate) fn resource(&self, kind: &str, name: &str) -> Option<&'p Entry> {
        self.root.get(kind)?.entry(name)
    }

    /// Returns the name that the engine has for a volume or network of the project.
    pub(crate) fn engine_name(&self, kind: &str, name: &str) -> String {
        let node = self.resource(kind, name).map(|entry| &entry.value);
        let given = node.and_then(|node| node.text_of("name"));
        let external = node.and_then(|node| node.get("external"));
        let old = external.and_then(|external| external.text_of("name"));
        match given.or(old) {
            Some(name) => name.to_owned(),
            None if is_external(node) => name.to_owned(),
            None => format!("{}_{name}", self.name),
        }
    }

    /// Returns conductor's name for a network. That of the default network is the project's.
    pub(crate) fn network(&self, name: &str) -> String {
        let node = self.resource("networks", name).map(|entry| &entry.value);
        let is_named = is_external(node) || node.is_some_and(|node| node.get("name").is_some());
        match name {
            // A network that is there is used.
            _ if is_named => self.engine_name("networks", name),
            "default" => names::label(&self.name),
            _ => slug(&format!("{}-{name}", self.name)),
        }
    }

    /// Converts each service.
    pub(crate) fn drafts(&self, report: &mut Report) -> Vec<Draft> {
        let draft = |(entry, id): &(&'p Entry, ServiceId)| {
            let origin = Origin::new(entry.at, format!("services.{}", entry.key));
            let file = report.files.get(entry.at.file).map(|file| file.shown.display().to_string());
            let comment = format!("From {}, service {}.", file.unwrap_or_default(), entry.key);
            let draft = Draft::new(id.clone(), origin, comment);
            let mut conversion = Conversion {
                project: self,
                name: &entry.key,
                node: &entry.value,
                draft,
                report: &mut *report,
            };
            convert(&mut conversion);
            conversion.draft
        };
        self.services.iter().map(draft).collect()
    }
}

/// Returns the text of a node, or those of its items.
fn words(node: &Node) -> Vec<&str> {
    let own = node.as_text().into_iter();
    own.chain(node.items().iter().filter_map(Node::as_text)).collect()
}

/// Returns whether a volume or network is not the project's own.
pub(crate) fn is_external(node: Option<&Node>) -> bool {
    node.and_then(|node| node.get("external"))
        .is_some_and(|external| external.as_bool().unwrap_or(external.as_map().is_some()))
}
