//! Imports containers of Quadlet (podman-systemd.unit(5)): each `.container` file becomes a definition.
//!
//! Its keys are translated to those of Compose, which mean the same, so that both imports have the same result.

mod container;
mod keys;
mod networks;
mod pods;
mod sections;
mod unit;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;

pub use keys::rows;

use self::container::{Container, Translation};
use self::pods::Pods;
use self::unit::{Line, specifiers};
use self::variables::Variables;
use crate::compose::{self, Environment, Project};
use crate::names::absolute;
use crate::node::{Entry, Node, Place, Value};
use crate::report::{Origin, Report};
use crate::{Imported, Surroundings, settle};

/// How to import files of Quadlet.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The files. Those in a directory `NAME.container.d` belong to `NAME.container`.
    pub files: Vec<PathBuf>,
    /// More drop-ins, each with the name of the file that it belongs to, in their order.
    pub drop_ins: Vec<(String, PathBuf)>,
    /// What runs the services.
    pub runtime: Runtime,
    /// Whether volumes of the engine are used.
    pub adopt_volumes: bool,
}

/// The files, by their names.
#[derive(Debug, Default)]
pub(crate) struct Units(BTreeMap<String, (usize, Vec<Line>)>);

impl Units {
    /// Returns the last value of a key in a file.
    fn value(&self, file: &str, section: &str, key: &str) -> Option<&str> {
        let (_, lines) = self.0.get(file)?;
        let is_it = |line: &&Line| line.section == section && line.key == key;
        lines.iter().rev().find(is_it).map(|line| line.value.as_str())
    }

    fn of_kind<'u>(&'u self, kind: &'u str) -> impl Iterator<Item = (&'u str, usize, &'u [Line])> {
        self.0.iter().filter_map(move |(name, (file, lines))| {
            Some((name.strip_suffix(kind)?, *file, lines.as_slice()))
        })
    }
}

/// Converts containers.
///
/// # Errors
/// A file cannot be read, or is no unit file.
pub fn import(
    options: &Options,
    surroundings: &Surroundings<'_>,
) -> Result<Imported, Vec<Problem>> {
    let mut report = Report::default();
    let mut units = read(options, surroundings, &mut report)?;
    replace(&mut units, surroundings, &mut report);
    others(&units, &mut report);
    let mut containers = BTreeMap::new();
    for (name, file, lines) in units.of_kind(".container") {
        let variables = Variables::read(lines, name, surroundings, &mut report);
        let mut translated =
            Translation::new(&units, name, &variables, &mut report).translate(lines);
        translated.variables = variables.into_used();
        translated.file = file;
        containers.insert(name.to_owned(), translated);
    }
    if containers.is_empty() {
        let file = options.files.first().cloned().unwrap_or_default();
        let problem = Problem::of_file(file, "there is no .container file");
        return Err(vec![problem.hint("name a .container file, or a directory of them")]);
    }
    let mut pods = Pods::translate(&units, &mut containers, surroundings, &mut report);
    let root = root(&units, &containers);
    let compose_options = compose::Options {
        files: options.files.clone(),
        project: Some("quadlet".to_owned()),
        runtime: options.runtime,
        adopt_volumes: options.adopt_volumes,
        ..compose::Options::default()
    };
    let environment = Environment::default();
    let mut project =
        Project::new(&compose_options, surroundings, &root, &environment, &mut report)
            .map_err(|problem| vec![problem])?;
    project.has_default_network = false;
    let mut drafts = project.drafts(&mut report);
    let id = |name: &str| project.id(name).map(ToString::to_string);
    for (draft, (entry, _)) in drafts.iter_mut().zip(&project.services) {
        let Some(container) = containers.get(&entry.key) else { continue };
        for (option, origin) in &container.options {
            let name = option.split('=').next().unwrap_or_default();
            if options.runtime == Runtime::Docker && keys::ONLY_PODMAN.contains(&name) {
                let message = format!("left out: docker has no option {name}");
                report.leave_out(origin, message, "import with --runtime podman");
                continue;
            }
            draft.push("options", option, origin);
        }
        pods.take(&entry.key, draft, &mut report);
    }
    for (draft, (entry, _)) in drafts.iter_mut().zip(&project.services) {
        let (Some(container), Some((_, lines))) =
            (containers.get(&entry.key), units.0.get(&format!("{}.container", entry.key)))
        else {
            continue;
        };
        let pod = container.pod.as_ref();
        let in_pod = pod.map(|pod| pods.join(draft, pod, options.runtime, &units, &mut report));
        let in_pod = in_pod.unwrap_or_default();
        sections::carry(draft, lines, &container.variables, &id, (&pods, &in_pod), &mut report);
    }
    let is_pod: Vec<_> = project.services.iter().map(|(entry, _)| pods.has(&entry.key)).collect();
    let mut is_pod = is_pod.into_iter();
    drafts.retain(|_| is_pod.next() != Some(true));
    let definitions = settle::settle(drafts, &settle::Applications::new(), &mut report);
    settle::note_defined(&definitions, &surroundings.defined, &mut report);
    name_keys(&units, &mut report);
    report.sort();
    let Report { left_out, notes, .. } = report;
    Ok(Imported { definitions, left_out, notes })
}

fn read(
    options: &Options,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) -> Result<Units, Vec<Problem>> {
    const KINDS: [&str; 7] = ["container", "volume", "network", "pod", "kube", "image", "build"];
    let mut units = Units::default();
    let mut errors = Vec::new();
    // Drop-ins come after their files.
    let mut files: Vec<_> = options.files.iter().map(|file| (owner(file), file)).collect();
    files.sort_by_key(|(owner, _)| owner.is_some());
    files.extend(options.drop_ins.iter().map(|(owner, file)| (Some(owner.clone()), file)));
    for (owner, path) in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if owner.is_none() && !KINDS.contains(&kind) {
            report.notes.push(Problem::of_file(path, "not read: it is no file of Quadlet"));
            continue;
        }
        let absolute = absolute(surroundings.directory, &path.to_string_lossy());
        let text = match (surroundings.read)(&absolute) {
            Ok(Some(text)) => text,
            Ok(None) => {
                errors.push(Problem::of_file(path, "there is no such file"));
                continue;
            }
            Err(message) => {
                errors.push(Problem::of_file(path, message));
                continue;
            }
        };
        let base = absolute.parent().unwrap_or(Path::new("/"));
        let file = report.add_file(path, base);
        match unit::read(&text, file) {
            Ok(lines) => {
                let (_, all) = units.0.entry(owner.unwrap_or(name)).or_insert((file, Vec::new()));
                all.extend(lines);
            }
            Err(at) => {
                let problem = report.problem(&Origin::new(at, ""), "not a line of a unit file");
                errors.push(problem.hint("write KEY=VALUE below a line with [SECTION]"));
            }
        }
    }
    if errors.is_empty() { Ok(units) } else { Err(errors) }
}

/// Replaces specifiers and variables in files that are no containers: Quadlet makes commands of them, too.
fn replace(units: &mut Units, surroundings: &Surroundings<'_>, report: &mut Report) {
    for (file, (_, lines)) in &mut units.0 {
        let Some((name, section)) =
            [(".volume", "Volume"), (".network", "Network"), (".image", "Image")]
                .into_iter()
                .find_map(|(kind, section)| Some((file.strip_suffix(kind)?, section)))
        else {
            continue;
        };
        let variables = Variables::read(lines, name, surroundings, report);
        lines.retain_mut(|line| {
            if line.section != section {
                return true;
            }
            let origin = Origin::new(line.at, format!("{section}.{}", line.key));
            let split = ["Options", "PodmanArgs", "Label"].contains(&line.key.as_str());
            let missing = match specifiers(&line.value, name) {
                Ok(value) => {
                    let replaced = variables.replace(&value, split);
                    line.value = replaced.text;
                    replaced.unset.first().map(|name| format!("the variable {name} is not set"))
                }
                Err(specifier) => Some(format!("systemd would replace {specifier} in the value")),
            };
            if let Some(missing) = &missing {
                report.leave_out(&origin, format!("left out: {missing}"), "write the value out");
            }
            missing.is_none()
        });
    }
}

/// Returns the file to which a drop-in belongs.
fn owner(path: &Path) -> Option<String> {
    let directory = path.parent()?.file_name()?.to_str()?;
    let is_conf = path.extension().is_some_and(|kind| kind == "conf");
    directory.strip_suffix(".d").filter(|name| is_conf && name.contains('.')).map(str::to_owned)
}

/// Reports files that become no service and that no service uses.
fn others(units: &Units, report: &mut Report) {
    for (kind, does, instead) in [
        (".kube", "it runs a Kubernetes file", "write a definition for each container"),
        (
            ".build",
            "it builds an image",
            "build the image, push it, and name it in image and revision",
        ),
    ] {
        for (_, file, _) in units.of_kind(kind) {
            let origin = Origin::new(Place { file, line: 0, column: 0 }, "");
            report.leave_out(&origin, format!("left out: {does}"), instead);
        }
    }
    let keys = [
        (".volume", "Volume", &["VolumeName", "Label"][..]),
        (".network", "Network", &networks::KNOWN),
    ];
    for (kind, section, known) in keys {
        for (_, _, lines) in units.of_kind(kind) {
            for line in lines
                .iter()
                .filter(|line| line.section == section && !known.contains(&line.key.as_str()))
            {
                let origin = Origin::new(line.at, format!("{section}.{}", line.key));
                let is_default = matches!(
                    (line.key.as_str(), line.value.as_str()),
                    ("Driver", "bridge" | "local")
                        | ("DisableDNS" | "Internal" | "IPv6", "false")
                        | ("Copy", "true")
                );
                if !is_default {
                    if networks::is_bridge_name(line) {
                        continue;
                    }
                    let what = section.to_lowercase();
                    let message = format!("left out: it sets {} of the {what}", line.key);
                    report.leave_out(&origin, message, "");
                }
            }
        }
    }
}

/// Returns the containers, networks and volumes as a Compose file has them.
fn root(units: &Units, containers: &BTreeMap<String, Container>) -> Node {
    let nowhere = Place::default();
    let map = |entries: Vec<Entry>| Node::new(Value::Map(entries), nowhere);
    let named = |key: &str, name: String| {
        let name = Entry { key: "name".into(), at: nowhere, value: Node::text(name, nowhere) };
        Entry { key: key.to_owned(), at: nowhere, value: map(vec![name]) }
    };
    let services = containers.iter().map(|(name, container)| {
        let at = Place { file: container.file, line: 1, column: 1 };
        let value = Node::new(Value::Map(container.entries.clone()), at);
        Entry { key: name.clone(), at, value }
    });
    let services = services.collect();
    let used = |key: &str| -> BTreeSet<String> {
        let nodes = containers.values().flat_map(|it| &it.entries).filter(|entry| entry.key == key);
        nodes
            .flat_map(|entry| match key {
                "networks" => entry
                    .value
                    .as_map()
                    .unwrap_or_default()
                    .iter()
                    .map(|it| it.key.clone())
                    .collect(),
                _ => {
                    entry.value.items().iter().filter_map(compose::named_volume).collect::<Vec<_>>()
                }
            })
            .collect()
    };
    let networks = used("networks").into_iter().map(|name| {
        let mut network = named(&name, name.clone());
        if let (Value::Map(keys), Some((_, lines))) =
            (&mut network.value.value, units.0.get(&format!("{name}.network")))
        {
            keys.extend(networks::settings(lines));
        }
        network
    });
    let networks = networks.collect();
    let volumes = used("volumes").into_iter().map(|name| {
        let file = format!("{name}.volume");
        // Quadlet puts a prefix before the name of its own volumes only.
        let engine = match units.0.contains_key(&file) {
            true => units
                .value(&file, "Volume", "VolumeName")
                .map_or(format!("systemd-{name}"), str::to_owned),
            false => name.clone(),
        };
        named(&name, engine)
    });
    let volumes = volumes.collect();
    map([("services", services), ("networks", networks), ("volumes", volumes)]
        .map(|(key, entries)| Entry { key: key.into(), at: nowhere, value: map(entries) })
        .into())
}

/// Names the keys of the files in what is reported, in place of those of Compose.
fn name_keys(units: &Units, report: &mut Report) {
    let files: Vec<_> = report.files.iter().map(|file| file.shown.clone()).collect();
    let lines: Vec<_> = units.0.values().flat_map(|(_, lines)| lines).collect();
    for problem in report.left_out.iter_mut().chain(&mut report.notes) {
        let file = files.iter().position(|file| *file == problem.file);
        let line = problem.position.map(|(line, _)| line);
        let found = lines.iter().find(|it| Some(it.at.file) == file && Some(it.at.line) == line);
        match found {
            Some(found) => problem.path = format!("{}.{}", found.section, found.key),
            None if problem.path.starts_with("services.") => problem.path.clear(),
            None => {}
        }
    }
}
