//! Environment variables, and files of them.

use std::path::Path;

use super::{Conversion, plain, texts};
use crate::compose::dotenv;
use crate::compose::merge::key_values;
use crate::draft::Val;
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
                c.note(&origin, "the value is that in the environment of this import");
                value
            }
            None => {
                c.wrong(&variable.value, &origin, "text");
                continue;
            }
        };
        c.draft.put("env", &variable.key, Val::Text(plain(&value)), &origin);
    }
}

pub(crate) fn env_file(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
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
            Ok(Some(text)) => {
                c.draft.push("env_files", &path, &origin);
                if !is_raw {
                    compare(c, &path, &text);
                }
            }
            Ok(None) if !is_required => {
                c.note(&origin, format!("{path} does not exist, and need not"));
            }
            Ok(None) => {
                c.draft.push("env_files", &path, &origin);
                c.note(
                    &origin,
                    format!("{path} does not exist here; an instance does not start without it"),
                );
            }
            Err(message) => {
                c.draft.push("env_files", &path, &origin);
                c.note(&origin, format!("{path} was not compared: {message}"));
            }
        }
    }
}

/// Reports the lines of a file that an engine reads otherwise than Compose.
fn compare(c: &mut Conversion<'_>, path: &str, text: &str) {
    let file = c.report.add_file(Path::new(path), Path::new("/"));
    let at = |line| crate::node::Place { file, line, column: 1 };
    let variables = {
        let variable = |name: &str| c.project.variable(name);
        dotenv::read(text, &variable)
    };
    match variables {
        Ok(variables) => {
            for variable in variables.into_iter().filter(|variable| variable.is_special) {
                let origin = Origin::new(at(variable.line), variable.name);
                let hint = "write NAME=value, without quotes, comments, export and variables; or set it in env";
                let why = "Compose reads this line otherwise than the engines, which take all after the = as it is";
                c.report.leave_out(&origin, format!("changed: {why}"), hint);
            }
        }
        Err((line, message)) => {
            c.report.leave_out(&Origin::new(at(line), ""), format!("changed: {message}"), "");
        }
    }
}
