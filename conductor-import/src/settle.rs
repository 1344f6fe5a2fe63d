//! Has conductor's own reader check the drafts, and leaves out what it refuses, until all are valid.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_core::error::{Problem, Problems};
use conductor_core::name::ServiceId;
use conductor_core::service::{Service, check_conflicts};

use crate::draft::{Draft, Val};
use crate::report::{Origin, Report};
use crate::{Definition, application};

/// The ids of applications, each with those of its processes.
pub(crate) type Applications = BTreeMap<ServiceId, Vec<ServiceId>>;

/// Returns the definitions of the drafts. Each of them is valid, and they can all be on one host.
///
/// Drafts of an application are one definition, unless that would be refused.
pub(crate) fn settle(
    mut drafts: Vec<Draft>,
    applications: &Applications,
    report: &mut Report,
) -> Vec<Definition> {
    // Each round removes at least one value, so this ends.
    loop {
        let mut services = Vec::new();
        let mut refused = Vec::new();
        for draft in &drafts {
            match Service::parse(&file(&draft.id), &draft.write()) {
                Ok(service) => services.push(service),
                Err(Problems(problems)) => refused.extend(problems),
            }
        }
        if refused.is_empty() {
            match check_conflicts(&services) {
                Ok(()) => break,
                Err(Problems(problems)) => refused.extend(problems),
            }
        }
        let mut gone = Vec::new();
        for draft in &mut drafts {
            let path = file(&draft.id);
            let own: Vec<_> = refused.iter().filter(|problem| problem.file == path).collect();
            if !refuse(draft, &own, report) {
                gone.push(draft.id.clone());
            }
        }
        drafts.retain(|draft| !gone.contains(&draft.id));
        for id in gone {
            forget(&mut drafts, &id, report);
        }
    }
    let mut definitions = Vec::new();
    for (application, members) in applications {
        let (processes, others): (Vec<_>, Vec<_>) =
            drafts.into_iter().partition(|draft| members.contains(&draft.id));
        let joined = application::join(application, &processes.iter().collect::<Vec<_>>());
        if let Some(definition) = joined {
            drafts = others;
            definitions.push(definition);
        } else {
            if let Some(first) = processes.first() {
                let message =
                    format!("they are no application {application}: they differ too much");
                report.note(&first.origin, message);
            }
            drafts = processes.into_iter().chain(others).collect();
        }
    }
    let definition = |draft: &Draft| Definition {
        text: draft.write(),
        id: draft.id.clone(),
        env_files: draft.env_file().into_iter().collect(),
    };
    definitions.extend(drafts.iter().map(definition));
    definitions
}

fn file(id: &ServiceId) -> PathBuf {
    PathBuf::from(format!("{id}.yaml"))
}

/// Leaves out the refused values of a draft. Returns whether the rest of it is to be tried again.
fn refuse(draft: &mut Draft, problems: &[&Problem], report: &mut Report) -> bool {
    let mut found = Vec::new();
    for problem in problems {
        match draft.find(&problem.path) {
            Some(at) => found.push((at, *problem)),
            // It may be a consequence of another problem.
            None if problems.len() > 1 => {}
            None => {
                let message = format!("the whole service is left out: {}", problem.message);
                let hint = problem.hint.clone().unwrap_or_default();
                report.leave_out(&draft.origin, message, hint);
                return false;
            }
        }
    }
    // From the last to the first, because a removal changes the indices behind it.
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found.dedup_by(|(a, _), (b, _)| a == b);
    let is_alone = found.len() == 1;
    for (at, problem) in &found {
        if is_alone && draft.take_fallback(&problem.path) {
            return true;
        }
        if let Some(origin) = draft.remove(at) {
            leave_out(&origin, problem, report);
        }
    }
    !found.is_empty() || problems.is_empty()
}

fn leave_out(origin: &Origin, problem: &Problem, report: &mut Report) {
    let Problem { path, message, hint, .. } = problem;
    // A value of a definition may be made from several of the file, each of which may be refused.
    let said = |said: &Problem| said.path == origin.path && said.message.starts_with("left out");
    if report.left_out.iter().any(said) {
        return;
    }
    if let Some(key) = message.strip_prefix("unknown key ") {
        let key = key.trim_matches('"');
        report.leave_out(origin, format!("left out: a definition has no key {key}"), "");
    } else {
        // An index would be that in the definition, which the user does not see.
        let key = path.split('[').next().unwrap_or_default();
        let message = format!("left out, because {key} would be refused: {message}");
        report.leave_out(origin, message, hint.clone().unwrap_or_default());
    }
}

/// Removes what other drafts say of a service that is left out.
fn forget(drafts: &mut [Draft], id: &ServiceId, report: &mut Report) {
    for draft in drafts {
        let path = match draft.get("depends_on") {
            Some(Val::Map(_)) => format!("depends_on.{id}"),
            Some(Val::List(items)) => {
                let is_it = |value: &Val| matches!(value, Val::Text(text) if text == id.as_str());
                let Some(at) = items.iter().position(|item| is_it(&item.value)) else { continue };
                format!("depends_on[{at}]")
            }
            _ => continue,
        };
        let has = match draft.get("depends_on") {
            Some(Val::Map(items)) => items.iter().any(|item| item.key == id.as_str()),
            _ => true,
        };
        let at = draft.find(&path).filter(|_| has);
        if let Some(origin) = at.and_then(|at| draft.remove(&at)) {
            report.leave_out(&origin, format!("left out: {id} was left out as a whole"), "");
        }
    }
}

/// Notes definitions on the host that have the same id.
pub(crate) fn note_defined(
    definitions: &[Definition],
    defined: &std::collections::BTreeMap<ServiceId, PathBuf>,
    report: &mut Report,
) {
    for Definition { id, .. } in definitions {
        if let Some(path) = defined.get(id) {
            let path: &Path = path;
            let note = Problem::of_file(path, format!("{id} is already defined here"));
            report.notes.push(note.hint("replace it, or import with a prefix before each id"));
        }
    }
}
