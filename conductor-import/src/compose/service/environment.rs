//! Environment variables, and files of them.

use std::path::Path;

use conductor_core::definition::Runtime;
use conductor_core::value::{EnvName, HostPath};

use super::{Conversion, plain, texts};
use crate::compose::dotenv::{self, Variable};
use crate::compose::merge::key_values;
use crate::draft::{Item, Val};
use crate::node::{Entry, Node};
use crate::report::Origin;

pub(crate) fn environment(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    if entry.value.as_list().is_none() && entry.value.as_map().is_none() {
        return c.wrong(&entry.value, origin, "a list or a mapping");
    }
    let variables = key_values(entry.value.clone());
    for variable in variables.as_map().unwrap_or_default() {
        let origin = origin.key(&variable.key, variable.at);
        let value = match variable.value.as_text() {
            Some(text) => text.to_owned(),
            None if variable.value.is_null() => {
                let Some(value) = c.project.variable(&variable.key) else {
                    c.note(&origin, "not set: it has no value, and is not in the environment");
                    continue;
                };
                value
            }
            None => {
                c.wrong(&variable.value, &origin, "text");
                continue;
            }
        };
        let is_secret =
            variable.value.is_null() || c.report.from_variables.contains(&variable.value.at);
        let is_private = is_secret && has_private_file(c) && fits_file(&variable.key, &value);
        // Of those in the file, that is said once for all.
        if variable.value.is_null() && !is_private {
            c.note(&origin, "the value is that in the environment of this import");
        }
        match is_private {
            true => c.draft.put_private(&variable.key, &value),
            false => c.draft.put("env", &variable.key, Val::Text(plain(&value)), &origin),
        }
    }
}

/// Returns whether values of variables go to a file that others cannot read. A native service would read the file by
/// other rules than an engine.
fn has_private_file(c: &Conversion<'_>) -> bool {
    let directory = c.project.options.env_directory.as_ref();
    let path = directory.map(|it| it.join(c.draft.env_file_name()).display().to_string());
    c.runtime() != Runtime::Native && path.is_some_and(|path| path.parse::<HostPath>().is_ok())
}

/// Returns whether an engine reads a line of a file as this variable.
fn fits_file(name: &str, value: &str) -> bool {
    name.parse::<EnvName>().is_ok() && !value.chars().any(char::is_control)
}

/// Names the file of variables that others cannot read, after all other files: the last one counts.
pub(crate) fn finish(c: &mut Conversion<'_>, origin: &Origin) {
    let Some(directory) = c.project.options.env_directory.as_ref() else { return };
    let (count, path) = (c.draft.private(), directory.join(c.draft.env_file_name()));
    if count == 0 {
        return;
    }
    let path = path.display().to_string();
    let origin = origin.key("environment", c.get("environment").map_or(origin.at, |it| it.at));
    let s = if count == 1 { "" } else { "s" };
    c.note(
        &origin,
        format!("{count} value{s} of variables: in {path}, which only its owner can read"),
    );
    c.draft.push("env_files", plain(&path), &origin);
}

/// Removes the variable that conductor sets itself: the port, if the program is told of it.
pub(super) fn without_port(c: &mut Conversion<'_>) {
    let (Some(Val::Plain(port)), Some(Val::Map(variables))) =
        (c.draft.get("port").cloned(), c.draft.get("env").cloned())
    else {
        return;
    };
    let is_it = |item: &Item| item.key == "PORT" && item.value == Val::Text(port.clone());
    let Some(item) = variables.iter().find(|item| is_it(item)) else { return };
    c.note(&item.origin, "not needed: conductor sets PORT to the port of the service");
    let origin = item.origin.clone();
    let rest: Vec<_> = variables.iter().filter(|item| !is_it(item)).cloned().collect();
    match rest.is_empty() {
        true => c.draft.unset("env"),
        false => c.draft.set("env", Val::Map(rest), &origin),
    }
}

pub(crate) fn env_file(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
    let mut read = Vec::new();
    for (origin, item) in items {
        let Some(file) = item.text_of("path").or_else(|| item.as_text()) else {
            c.wrong(&item, &origin, "the path of a file");
            continue;
        };
        c.unknown(&item, &origin, &["path", "required", "format"]);
        let is_required = item.get("required").and_then(Node::as_bool) != Some(false);
        let is_raw = item.text_of("format") == Some("raw");
        let path = c.path(&item, file);
        match (c.project.surroundings.read)(Path::new(&path)) {
            Ok(Some(text)) => read.push(EnvironmentFile::read(c, (path, origin), &text, is_raw)),
            Ok(None) if !is_required => {
                c.note(&origin, format!("{path} does not exist, and need not"));
            }
            Ok(None) => {
                c.note(
                    &origin,
                    format!("{path} does not exist here; an instance does not start without it"),
                );
                read.push(EnvironmentFile { path, origin, variables: None });
            }
            Err(message) => {
                c.note(&origin, format!("{path} was not compared: {message}"));
                read.push(EnvironmentFile { path, origin, variables: None });
            }
        }
    }
    // A file that is copied would come after the others, so all are.
    let differs = read.iter().flat_map(EnvironmentFile::variables).any(|(it, _)| it.is_special);
    let fits = |(Variable { name, value, .. }, _): &(Variable, Origin)| {
        value.as_ref().is_none_or(|value| fits_file(name, value))
    };
    let can_be_copied = read.iter().all(|file| file.variables.is_some())
        && read.iter().flat_map(EnvironmentFile::variables).all(fits);
    if differs && can_be_copied && has_private_file(c) {
        for EnvironmentFile { path, origin, variables } in read {
            for (Variable { name, value, .. }, _) in variables.into_iter().flatten() {
                if let Some(value) = value.or_else(|| c.project.variable(&name)) {
                    c.draft.put_private(&name, &value);
                }
            }
            let why = "copied: the engines take all after the = as it is, and Compose does not";
            c.note(&origin, format!("{path} is {why}; change the copy, from now on"));
        }
        return;
    }
    for file in read {
        c.draft.push("env_files", &file.path, &file.origin);
        for (_, origin) in file.variables().filter(|(variable, _)| variable.is_special) {
            let hint = "write NAME=value, without quotes, comments, export and variables; or set it in env";
            let why = "Compose reads this line otherwise than the engines, which take all after the = as it is";
            c.report.leave_out(origin, format!("changed: {why}"), hint);
        }
    }
}

/// A file of `env_file`, with the variables that Compose reads in it, each with its place.
struct EnvironmentFile {
    path: String,
    origin: Origin,
    /// `None` if it was not read, or not to its end.
    variables: Option<Vec<(Variable, Origin)>>,
}

impl EnvironmentFile {
    fn variables(&self) -> impl Iterator<Item = &(Variable, Origin)> {
        self.variables.iter().flatten()
    }

    /// Reads a file; reports a line that is none for Compose.
    fn read(
        c: &mut Conversion<'_>,
        (path, origin): (String, Origin),
        text: &str,
        is_raw: bool,
    ) -> Self {
        let file = c.report.add_file(Path::new(&path), Path::new("/"));
        let at = |line| crate::node::Place { file, line, column: 1 };
        let variables = if is_raw {
            Ok(dotenv::read_raw(text))
        } else {
            let variable = |name: &str| c.project.variable(name);
            dotenv::read(text, &variable)
        };
        let located = |variable: Variable| {
            let origin = Origin::new(at(variable.line), variable.name.clone());
            (variable, origin)
        };
        let variables = match variables {
            Ok(variables) => Some(variables.into_iter().map(located).collect()),
            Err((line, message)) => {
                c.report.leave_out(&Origin::new(at(line), ""), format!("changed: {message}"), "");
                None
            }
        };
        Self { path, origin, variables }
    }
}
