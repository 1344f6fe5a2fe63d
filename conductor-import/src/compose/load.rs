//! Reads Compose files: variables, several files over each other, `extends` and `include`.

use std::path::{Path, PathBuf};

use conductor_core::error::Problem;

use super::dotenv;
use super::interpolate::{Fault, Template};
use super::merge::{merge, without_marks};
use crate::Surroundings;
use crate::names::absolute;
use crate::node::{Entry, Node, Place, Value};
use crate::read;
use crate::report::{Origin, Report};

/// The most files of one import, with those that they include or extend.
const MOST_FILES: usize = 200;

/// The environment of a project: variables of files, and those of the process, which win.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    files: Vec<(String, String)>,
}

impl Environment {
    /// Returns the value of a variable.
    pub(crate) fn get(&self, surroundings: &Surroundings<'_>, name: &str) -> Option<String> {
        let of_files = || self.files.iter().rev().find(|(own, _)| own == name);
        (surroundings.variable)(name).or_else(|| of_files().map(|(_, value)| value.clone()))
    }
}

/// Reads files into one tree. The error of each method has been noted in `errors`.
pub(crate) struct Loader<'l> {
    pub(crate) surroundings: &'l Surroundings<'l>,
    pub(crate) report: &'l mut Report,
    pub(crate) errors: Vec<Problem>,
}

impl Loader<'_> {
    fn read(&mut self, path: &Path, from: Option<&Origin>) -> Result<String, ()> {
        let message = match (self.surroundings.read)(&self.surroundings.directory.join(path)) {
            Ok(Some(text)) => return Ok(text),
            Ok(None) => "there is no such file".to_owned(),
            Err(message) => message,
        };
        self.errors.push(match from {
            Some(origin) => {
                self.report.problem(origin, format!("cannot read {}: {message}", path.display()))
            }
            None => Problem::of_file(path, message),
        });
        Err(())
    }

    /// Adds the variables of a file; without `required`, it may be missing.
    pub(crate) fn env_file(
        &mut self,
        path: &Path,
        required: bool,
        environment: &mut Environment,
    ) -> Result<(), ()> {
        let text = match (self.surroundings.read)(&self.surroundings.directory.join(path)) {
            Ok(None) if !required => return Ok(()),
            _ => self.read(path, None)?,
        };
        let variables = {
            let lookup = |name: &str| environment.get(self.surroundings, name);
            dotenv::read(&text, &lookup)
        };
        match variables {
            Ok(variables) => {
                let set = variables.into_iter().filter_map(|it| Some((it.name, it.value?)));
                environment.files.extend(set);
                Ok(())
            }
            Err((line, message)) => {
                let problem =
                    Problem { position: Some((line, 1)), ..Problem::of_file(path, message) };
                self.errors.push(problem);
                Err(())
            }
        }
    }

    /// Reads the files of a project over each other.
    pub(crate) fn project(
        &mut self,
        files: &[PathBuf],
        base: &Path,
        environment: &Environment,
    ) -> Result<Node, ()> {
        let mut whole: Option<Node> = None;
        for path in files {
            let node = self.file(path, base, environment, None, 0)?;
            whole = Some(match whole {
                None => node,
                Some(before) => merge(before, node, &mut Vec::new()),
            });
        }
        let mut whole = whole.unwrap_or(Node::new(Value::Map(Vec::new()), Place::default()));
        without_marks(&mut whole);
        Ok(whole)
    }

    /// Reads one file, with what its services extend and what it includes.
    fn file(
        &mut self,
        path: &Path,
        base: &Path,
        environment: &Environment,
        from: Option<&Origin>,
        depth: usize,
    ) -> Result<Node, ()> {
        let documents = self.documents(path, base, environment, from)?;
        let mut whole: Option<Node> = None;
        for mut document in documents {
            self.extend_services(&mut document, environment)?;
            if let Some(included) = document.remove("include") {
                document = self.include(&included, document, environment, depth)?;
            }
            whole = Some(match whole {
                None => document,
                Some(before) => merge(before, document, &mut Vec::new()),
            });
        }
        whole.ok_or_else(|| {
            let problem = Problem::of_file(path, "the file is empty");
            self.errors.push(problem.hint("a Compose file has services: {NAME: {image: IMAGE}}"));
        })
    }

    /// Parses a file and replaces its variables.
    fn documents(
        &mut self,
        path: &Path,
        base: &Path,
        environment: &Environment,
        from: Option<&Origin>,
    ) -> Result<Vec<Node>, ()> {
        let text = self.read(path, from)?;
        let file = self.report.add_file(path, base);
        if file > MOST_FILES {
            self.errors.push(Problem::of_file(path, format!("more than {MOST_FILES} files")));
            return Err(());
        }
        let mut documents = read::read(&text, file).map_err(|error| {
            self.errors.push(self.report.problem(&Origin::new(error.at, ""), error.message));
        })?;
        for document in &mut documents {
            if document.as_map().is_none() {
                let message = format!("expected a mapping, found {}", document.kind());
                self.errors.push(self.report.problem(&Origin::new(document.at, ""), message));
                return Err(());
            }
            let before = self.errors.len();
            self.interpolate(document, "", environment);
            if self.errors.len() > before {
                return Err(());
            }
        }
        Ok(documents)
    }

    fn interpolate(&mut self, node: &mut Node, path: &str, environment: &Environment) {
        match &mut node.value {
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.interpolate(item, &format!("{path}[{index}]"), environment);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.interpolate(
                        &mut entry.value,
                        &format!("{path}{dot}{}", entry.key),
                        environment,
                    );
                }
            }
            Value::Text(text) if text.contains('$') => {
                let lookup = |name: &str| environment.get(self.surroundings, name);
                let mut template =
                    Template { variable: &lookup, unset: Vec::new(), has_value: false };
                let replaced = template.replace(text);
                let unset = template.unset;
                if template.has_value {
                    self.report.from_variables.insert(node.at);
                }
                let origin = Origin::new(node.at, path);
                match replaced {
                    Ok(replaced) => *text = replaced,
                    Err(fault) => {
                        let problem = match fault {
                            Fault::Format => self
                                .report
                                .problem(&origin, format!("{text:?} has an invalid variable"))
                                .hint("write $$ for a dollar sign, or ${NAME}"),
                            Fault::Required { name, message } => self
                                .report
                                .problem(&origin, format!("{name} must be set: {message}"))
                                .hint(format!(
                                    "write {name}=VALUE into .env, or a file of --env-file"
                                )),
                        };
                        self.errors.push(problem);
                    }
                }
                for name in unset {
                    self.report
                        .note(&origin, format!("the variable {name} is not set: it is empty"));
                }
            }
            _ => {}
        }
    }

    /// Reads what a file includes, and puts the file over it.
    fn include(
        &mut self,
        included: &Node,
        document: Node,
        environment: &Environment,
        depth: usize,
    ) -> Result<Node, ()> {
        const DEEPEST: usize = 20;
        let mut whole: Option<Node> = None;
        for item in included.items() {
            let origin = Origin::new(item.at, "include");
            if depth > DEEPEST {
                self.errors.push(self.report.problem(&origin, "the files include each other"));
                return Err(());
            }
            let outer = self.report.base(item.at).to_owned();
            let paths = item.get("path").unwrap_or(item);
            let paths: Vec<_> = paths.items().iter().filter_map(Node::as_text).collect();
            let Some(first) = paths.first() else { continue };
            let directory = match item.text_of("project_directory") {
                Some(directory) => absolute(&outer, directory),
                None => absolute(&outer, first).parent().map_or(outer.clone(), Path::to_owned),
            };
            let mut own = Environment::default();
            match item.get("env_file") {
                Some(files) => {
                    for file in files.items().iter().filter_map(Node::as_text) {
                        self.env_file(&absolute(&outer, file), true, &mut own)?;
                    }
                }
                None => self.env_file(&directory.join(".env"), false, &mut own)?,
            }
            own.files.extend(environment.files.iter().cloned());
            for path in paths {
                let node =
                    self.file(&absolute(&outer, path), &directory, &own, Some(&origin), depth + 1)?;
                whole = Some(match whole {
                    None => node,
                    Some(before) => merge(before, node, &mut Vec::new()),
                });
            }
        }
        Ok(match whole {
            None => document,
            Some(mut whole) => {
                whole.remove("name");
                merge(whole, document, &mut Vec::new())
            }
        })
    }

    /// Merges each service of a file over the one that it extends.
    fn extend_services(
        &mut self,
        document: &mut Node,
        environment: &Environment,
    ) -> Result<(), ()> {
        let Some(services) = document.get("services").cloned() else { return Ok(()) };
        let Some(entries) = services.as_map() else { return Ok(()) };
        let mut extended = Vec::new();
        for entry in entries {
            let mut chain = Vec::new();
            let value = self.extended(&services, entry, environment, &mut chain)?;
            extended.push(Entry { value, ..entry.clone() });
        }
        if let Some(services) = document.get_mut("services") {
            services.value = Value::Map(extended);
        }
        Ok(())
    }

    fn extended(
        &mut self,
        services: &Node,
        entry: &Entry,
        environment: &Environment,
        chain: &mut Vec<(usize, String)>,
    ) -> Result<Node, ()> {
        let mut service = entry.value.clone();
        let Some(extends) = service.remove("extends") else { return Ok(service) };
        let origin = Origin::new(extends.at, format!("services.{}.extends", entry.key));
        let own = (entry.at.file, entry.key.clone());
        let is_cycle = |chain: &[(usize, String)], report: &Report| {
            let shown = |(file, name): &(usize, String)| {
                (report.files.get(*file).map(|file| file.shown.clone()), name.clone())
            };
            chain.iter().any(|link| shown(link) == shown(&own))
        };
        if is_cycle(chain, self.report) {
            let mut names: Vec<_> = chain.iter().map(|(_, name)| name.as_str()).collect();
            names.push(&entry.key);
            let message = format!("a cycle: {}", names.join(" extends "));
            self.errors.push(self.report.problem(&origin, message));
            return Err(());
        }
        chain.push(own);
        let name = extends.as_text().or_else(|| extends.text_of("service"));
        let name = name.unwrap_or(&entry.key).to_owned();
        let other;
        let services = match extends.text_of("file") {
            None => services,
            Some(file) => {
                let path = absolute(self.report.base(extends.at), file);
                let base = path.parent().unwrap_or(Path::new("/")).to_owned();
                let documents = self.documents(&path, &base, environment, Some(&origin))?;
                let found = documents.into_iter().find_map(|mut it| it.remove("services"));
                other = found.unwrap_or(Node::new(Value::Map(Vec::new()), extends.at));
                &other
            }
        };
        let Some(base) = services.entry(&name) else {
            self.errors.push(self.report.problem(&origin, format!("there is no service {name}")));
            return Err(());
        };
        let base = self.extended(services, base, environment, chain)?;
        let mut path = vec!["services".to_owned(), entry.key.clone()];
        Ok(merge(base, service, &mut path))
    }
}
