//! Compares what was imported with what it is after it went to the same engine and was imported again.

#![allow(dead_code, reason = "each program uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_core::definition::Condition;
use conductor_core::error::{Problem, Problems};
use conductor_core::name::ServiceId;
use conductor_core::service::{Origin, Places, Service};
use conductor_export::{Exported, Target, export};
use conductor_import::{Imported, Surroundings, compose, quadlet};
use similar::TextDiff;

/// The exported file of Compose, in the directory of the surroundings.
const EXPORTED: &str = "exported.yaml";

/// What was exported, and what becomes of it.
#[derive(Debug)]
pub(crate) struct Round {
    /// The export.
    pub(crate) exported: Exported,
    /// The services, by their ids.
    pub(crate) services: BTreeMap<String, Kept>,
}

/// What a service means after it was imported again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The same.
    Same,
    /// Something else, and the export said that it leaves something out of it.
    Told(String),
    /// Something else, and nothing said so.
    Untold(String),
}

/// Exports what was imported from Compose, and imports it again.
///
/// # Errors
/// The definitions are not read, or the export is not imported.
pub(crate) fn compose(
    options: &compose::Options,
    surroundings: &Surroundings<'_>,
    first: &Imported,
) -> Result<Round, Vec<Problem>> {
    let exported = export(Target::Compose, &services(first)?);
    let files = vec![PathBuf::from(EXPORTED)];
    // The exported file has the names of networks and volumes as the engine has them.
    let options = compose::Options { files, prefix: false, ..options.clone() };
    let place = |path: &Path| path.ends_with(EXPORTED).then_some(0);
    let import = |surroundings: &Surroundings<'_>| compose::import(&options, surroundings);
    let again = import_again(surroundings, &exported, &place, &import)?;
    compare(exported, first, &again)
}

/// Exports what was imported from Quadlet, and imports it again.
///
/// # Errors
/// The definitions are not read, or the export is not imported.
pub(crate) fn quadlet(
    options: &quadlet::Options,
    surroundings: &Surroundings<'_>,
    first: &Imported,
) -> Result<Round, Vec<Problem>> {
    let exported = export(Target::Quadlet, &services(first)?);
    let names: Vec<_> = exported.files.iter().map(|file| PathBuf::from(&file.name)).collect();
    let place =
        |path: &Path| names.iter().position(|name| surroundings.directory.join(name) == path);
    let is_unit = |path: &&PathBuf| path.extension().is_none_or(|it| it != "timer");
    let files = names.iter().filter(is_unit).cloned().collect();
    let options = quadlet::Options { files, ..options.clone() };
    let has_containers =
        names.iter().any(|name| name.extension().is_some_and(|it| it == "container"));
    if !has_containers {
        // Every service was refused.
        return compare(exported, first, &Imported::default());
    }
    let import = |surroundings: &Surroundings<'_>| quadlet::import(&options, surroundings);
    let again = import_again(surroundings, &exported, &place, &import)?;
    compare(exported, first, &again)
}

/// Imports with the exported files over those of the surroundings; `place` finds a path among them.
fn import_again(
    surroundings: &Surroundings<'_>,
    exported: &Exported,
    place: &dyn Fn(&Path) -> Option<usize>,
    import: &dyn Fn(&Surroundings<'_>) -> Result<Imported, Vec<Problem>>,
) -> Result<Imported, Vec<Problem>> {
    let read = |path: &Path| match place(path).and_then(|place| exported.files.get(place)) {
        Some(file) => Ok(Some(file.text.clone())),
        None => (surroundings.read)(path),
    };
    import(&Surroundings {
        read: &read,
        variable: surroundings.variable,
        directory: surroundings.directory,
        defined: BTreeMap::new(),
    })
}

fn services(imported: &Imported) -> Result<Vec<Service>, Vec<Problem>> {
    let mut all = Vec::new();
    for definition in &imported.definitions {
        let path = format!("{}.yaml", definition.id);
        let parsed = Service::parse_all(Path::new(&path), &definition.text);
        all.extend(parsed.map_err(|Problems(problems)| problems)?);
    }
    Ok(all)
}

/// Compares each service with what was imported again.
fn compare(exported: Exported, first: &Imported, again: &Imported) -> Result<Round, Vec<Problem>> {
    let again = meanings(services(again)?);
    let kept = |(id, (file, meaning)): (String, (PathBuf, String))| {
        let other = again.get(&id).map_or("", |(_, meaning)| meaning.as_str());
        if meaning == other {
            return (id, Kept::Same);
        }
        let diff = TextDiff::from_lines(meaning.as_str(), other);
        let diff = diff.unified_diff().context_radius(0).to_string();
        let is_told = exported.left_out.iter().any(|problem| problem.file == file);
        (id, if is_told { Kept::Told(diff) } else { Kept::Untold(diff) })
    };
    let services = meanings(services(first)?).into_iter().map(kept).collect();
    Ok(Round { exported, services })
}

/// Returns the file of each service, and what it means without its places.
fn meanings(all: Vec<Service>) -> BTreeMap<String, (PathBuf, String)> {
    let conditions: BTreeMap<ServiceId, Condition> = all
        .iter()
        .map(|service| {
            let condition = match service {
                service if service.is_oneshot() => Condition::Completed,
                service if service.health.is_some() => Condition::Healthy,
                _ => Condition::Started,
            };
            (service.id.clone(), condition)
        })
        .collect();
    let meaning = |service: Service| {
        let mut service = service.into_fields();
        let nowhere = Origin {
            file: PathBuf::new(),
            position: (1, 1),
            path: String::new(),
            volumes: BTreeMap::new(),
            ports: Vec::new(),
            upstream: None,
            jobs: BTreeMap::new(),
            files: Vec::new(),
            volume_names: BTreeMap::new(),
            hooks: BTreeMap::new(),
            keys: Places::default(),
        };
        let origin = std::mem::replace(&mut service.origin, nowhere);
        service.advice.clear();
        for (id, dependency) in &mut service.depends_on {
            dependency.position = (1, 1);
            // Without one, it is that of a service that is up.
            let up = conditions.get(id).copied().unwrap_or(Condition::Started);
            dependency.condition.get_or_insert(up);
        }
        (service.id.to_string(), (origin.file, format!("{service:#?}\n")))
    };
    all.into_iter().map(meaning).collect()
}
