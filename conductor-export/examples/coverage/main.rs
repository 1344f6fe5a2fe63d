//! Counts what becomes of the services of Compose files and Quadlet units below directories.
//!
//! `cargo run --package conductor-export --example coverage -- DIR...` prints, for each directory and for all, how
//! many services are carried over whole, adapted (with notes), or in part, and which keys were left out or noted; which
//! single key is in the way of how many services; and how many services are the same after they were exported to where
//! they came from, and imported again. With `--quadlet`, it counts the containers of Quadlet in place of the services of
//! Compose; `--set=NAME=VALUE` sets a variable for them. `-v` prints all that is said.
//!
//! It fails if the meaning of a service changed and the export did not say that it leaves something out of it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]
#![allow(clippy::disallowed_methods, reason = "it reads files")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_core::name::slug;
use conductor_core::service::Service;
use conductor_import::{Definition, Imported, Surroundings, compose, quadlet};

#[path = "../../tests/support/round.rs"]
mod round;
mod trip;

use trip::Trips;

/// The end of the message for a service without an image.
const NO_IMAGE: &str = "the key image is missing";

/// Ends of notes about values that whoever runs the files has and this program does not, and about where they are: they do
/// not say that something means less, or something else.
const OF_VALUES: [&str; 4] = [
    "is not set: it is empty",
    "and is not in the environment",
    "which only its owner can read",
    "an instance does not start without it",
];

/// What was counted.
#[derive(Debug, Default)]
struct Count {
    files: usize,
    /// Files in which a service has no image: they are read over others.
    fragments: usize,
    whole_files: usize,
    refused: BTreeMap<String, usize>,
    services: usize,
    whole: usize,
    adapted: usize,
    /// Services that are adapted, and whose images somebody has to build.
    built: usize,
    /// Keys, and the number of services in which one was left out.
    left_out: BTreeMap<String, usize>,
    /// Keys, and the number of services with a note about one.
    noted: BTreeMap<String, usize>,
    /// Keys, and the number of services of which nothing else was left out or noted.
    alone: BTreeMap<String, usize>,
    trips: Trips,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|word| word == "-v");
    let is_quadlet = arguments.iter().any(|word| word == "--quadlet");
    let set = arguments.iter().filter_map(|word| word.strip_prefix("--set=")?.split_once('='));
    let set: BTreeMap<_, _> = set.collect();
    let mut all = Count::default();
    let mut trips = Vec::new();
    println!(
        "| collection | files | services | whole | adapted | in part | adapted, with `build` | files without a left-out |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for directory in arguments.iter().filter(|word| !word.starts_with('-')) {
        let mut files = Vec::new();
        find(Path::new(directory), is_quadlet, &mut files);
        files.sort();
        let mut count = Count::default();
        match is_quadlet {
            true => add_quadlet(&mut count, &files, &set, verbose),
            false => files.iter().for_each(|file| add(&mut count, file, verbose)),
        }
        print_row(directory, &count);
        trips.push((directory.clone(), count.trips.clone()));
        all.add(count);
    }
    print_row("all", &all);
    trips.push(("all".to_owned(), all.trips.clone()));
    println!("\n{}", trip::HEAD);
    for (directory, trips) in &trips {
        println!("{}", trips.row(directory));
    }
    for (what, keys) in
        [("left out", &all.left_out), ("noted", &all.noted), ("alone in the way", &all.alone)]
    {
        println!("\n| {what} | services | % |\n| --- | --- | --- |");
        let mut keys: Vec<_> = keys.iter().collect();
        keys.sort_by_key(|(key, count)| (usize::MAX - **count, (*key).clone()));
        for (key, count) in keys {
            println!("| `{key}` | {count} | {} |", percent(*count, all.services));
        }
    }
    println!("\nnot counted: {} files that only change others", all.fragments);
    for (message, count) in &all.refused {
        println!("refused: {count} files: {message}");
    }
    all.trips.report()
}

fn find(directory: &Path, is_quadlet: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&path, is_quadlet, found);
        } else if is_quadlet {
            let kinds = ["container", "volume", "network", "pod", "kube", "image", "build"];
            found.extend(
                kinds.iter().any(|kind| path.extension() == Some(OsStr::new(kind))).then_some(path),
            );
        } else if path.extension().is_some_and(|it| it == "yaml" || it == "yml") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let is_compose = text.lines().any(|line| line.trim_end() == "services:");
            found.extend(is_compose.then_some(path));
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn add(count: &mut Count, file: &Path, verbose: bool) {
    let directory = fs::canonicalize(".").unwrap_or_default();
    // What a file wants to be set is set.
    let mut set = BTreeSet::from(["HOME".to_owned(), "ADMIN_PASSWORD_HASH".to_owned()]);
    let options = compose::Options {
        files: vec![file.to_owned()],
        profiles: vec!["*".to_owned()],
        runtime: Runtime::Docker,
        env_directory: Some(PathBuf::from("/etc/conductor/services")),
        ..compose::Options::default()
    };
    let result = loop {
        let variable = |name: &str| set.contains(name).then(|| "/example".to_owned());
        let surroundings = Surroundings {
            read: &read,
            variable: &variable,
            directory: &directory,
            defined: BTreeMap::new(),
        };
        let result = compose::import(&options, &surroundings);
        let wanted = result.as_ref().err().into_iter().flatten();
        let wanted = wanted.filter_map(|problem| problem.message.split_once(" must be set"));
        let wanted: Vec<_> = wanted.map(|(name, _)| name.to_owned()).collect();
        let before = set.len();
        set.extend(wanted);
        if set.len() == before {
            break result;
        }
    };
    match result {
        // A file that only changes others.
        Ok(imported) if imported.left_out.iter().any(|it| it.message.ends_with(NO_IMAGE)) => {
            count.fragments += 1;
        }
        Ok(imported) => {
            count.files += 1;
            count.add_imported(&imported, verbose);
            let variable = |name: &str| set.contains(name).then(|| "/example".to_owned());
            let surroundings = Surroundings {
                read: &read,
                variable: &variable,
                directory: &directory,
                defined: BTreeMap::new(),
            };
            count.trips.of_compose(file, options, &surroundings);
        }
        Err(problems) => {
            count.files += 1;
            let message = problems.first().map_or("", |problem| problem.message.as_str());
            if verbose {
                for problem in &problems {
                    eprintln!("{problem}");
                }
            }
            *count.refused.entry(message.to_owned()).or_default() += 1;
        }
    }
}

/// Adds the containers of Quadlet. Files in one directory belong together.
fn add_quadlet(count: &mut Count, files: &[PathBuf], set: &BTreeMap<&str, &str>, verbose: bool) {
    let directory = fs::canonicalize(".").unwrap_or_default();
    let surroundings = Surroundings {
        read: &read,
        variable: &|name| set.get(name).map(|value| (*value).to_owned()),
        directory: &directory,
        defined: BTreeMap::new(),
    };
    for together in files.chunk_by(|one, other| one.parent() == other.parent()) {
        let is_container = |path: &&PathBuf| path.extension() == Some(OsStr::new("container"));
        for file in together.iter().filter(is_container) {
            // Each alone, with what is no container: the places of what is said name no service.
            let others = together.iter().filter(|path| !is_container(path));
            let options = quadlet::Options {
                files: others.chain([file]).cloned().collect(),
                runtime: Runtime::Podman,
                ..quadlet::Options::default()
            };
            count.files += 1;
            match quadlet::import(&options, &surroundings) {
                Ok(mut imported) => {
                    for problem in imported.left_out.iter_mut().chain(&mut imported.notes) {
                        let key = problem.path.replace('.', " ");
                        let dot = if key.is_empty() { "" } else { "." };
                        problem.path = format!("services.it{dot}{key}");
                    }
                    imported.left_out.retain(|problem| problem.file == *file);
                    count.add_imported(&imported, verbose);
                    count.trips.of_quadlet(file, &options, &surroundings, &imported);
                }
                Err(problems) => {
                    let message = problems.first().map_or("", |problem| problem.message.as_str());
                    *count.refused.entry(message.to_owned()).or_default() += 1;
                }
            }
        }
    }
}

/// Returns the service that a problem is of, and its key.
fn key(problem: &Problem) -> (Option<&str>, String) {
    let mut parts = problem.path.split('.');
    match parts.next() {
        Some("services") => {
            let service = parts.next();
            let key = parts.next().unwrap_or("the service").split('[').next().unwrap_or_default();
            let key = match (key, parts.next()) {
                ("deploy" | "healthcheck", Some(inner)) => format!("{key}.{inner}"),
                _ => key.to_owned(),
            };
            (service, key)
        }
        Some(top @ ("networks" | "volumes" | "configs" | "secrets")) => {
            (None, format!("{top}: (top)"))
        }
        _ => (None, "a line of env_file".to_owned()),
    }
}

/// Returns the services that use a network or a volume of which something was left out.
fn users(problem: &Problem, imported: &Imported) -> Vec<String> {
    let mut parts = problem.path.split('.');
    let (Some(kind), Some(name)) = (parts.next(), parts.next()) else { return Vec::new() };
    let name = slug(name);
    let has = |service: &Service| match kind {
        "networks" => service.networks.keys().any(|network| {
            let network = network.as_str();
            // Networks of the project begin with its name; that of the default network is the project's.
            network == name || network.ends_with(&format!("-{name}")) || name == "default"
        }),
        "volumes" => {
            service.volumes.iter().any(|it| it.name().is_some_and(|it| it.as_str() == name))
        }
        _ => false,
    };
    let read = |definition: &Definition| {
        Service::parse_all(Path::new("a.yaml"), &definition.text).unwrap_or_default()
    };
    let services = imported.definitions.iter().flat_map(read);
    services.filter(|service| has(service)).map(|service| service.id.to_string()).collect()
}

impl Count {
    fn add_imported(&mut self, imported: &Imported, verbose: bool) {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for problem in &imported.left_out {
            if verbose {
                eprintln!("{problem}");
            }
            let (service, key) = key(problem);
            let users = match service {
                Some(service) => vec![slug(service)],
                None => users(problem, imported),
            };
            // What no service can be named for counts by itself.
            let users = if users.is_empty() { vec![String::new()] } else { users };
            for user in users {
                keys.entry(user).or_default().insert(key.clone());
            }
        }
        for key in keys.values().flatten() {
            *self.left_out.entry(key.clone()).or_default() += 1;
        }
        self.whole_files += usize::from(imported.left_out.is_empty());
        let is_counted = |note: &&Problem| !OF_VALUES.iter().any(|it| note.message.ends_with(it));
        let counted = || imported.notes.iter().filter(is_counted);
        let noted: BTreeSet<_> = counted().filter_map(|note| key(note).0).map(slug).collect();
        let keys_noted: BTreeSet<_> = counted().map(key).collect();
        for (_, key) in keys_noted.iter().filter(|(service, _)| service.is_some()) {
            *self.noted.entry(key.clone()).or_default() += 1;
        }
        for note in imported.notes.iter().filter(|_| verbose) {
            eprintln!("note: {note}");
        }
        let built = keys_noted.iter().filter(|(_, key)| key == "build");
        let built: BTreeSet<_> = built.filter_map(|(service, _)| *service).map(slug).collect();
        self.built += built.iter().filter(|service| !keys.contains_key(*service)).count();
        let mut said = keys.clone();
        for (service, key) in &keys_noted {
            if let Some(service) = service {
                said.entry(slug(service)).or_default().insert(key.clone());
            }
        }
        let alone = said.into_iter().filter(|(service, it)| !service.is_empty() && it.len() == 1);
        for key in alone.flat_map(|(_, keys)| keys) {
            *self.alone.entry(key).or_default() += 1;
        }
        let gone = keys
            .iter()
            .filter(|(service, keys)| !service.is_empty() && keys.contains("the service"));
        let gone = gone.count();
        self.services += imported.definitions.len() + gone;
        let in_part = keys.keys().filter(|service| !service.is_empty()).count() - gone;
        let only_noted = noted.iter().filter(|service| !keys.contains_key(*service)).count();
        self.adapted += only_noted;
        self.whole += imported.definitions.len().saturating_sub(in_part + only_noted);
    }

    fn add(&mut self, other: Self) {
        self.trips.add(other.trips);
        self.files += other.files;
        self.fragments += other.fragments;
        self.whole_files += other.whole_files;
        self.services += other.services;
        self.whole += other.whole;
        self.adapted += other.adapted;
        self.built += other.built;
        for (key, count) in other.noted {
            *self.noted.entry(key).or_default() += count;
        }
        for (key, count) in other.alone {
            *self.alone.entry(key).or_default() += count;
        }
        for (key, count) in other.left_out {
            *self.left_out.entry(key).or_default() += count;
        }
        for (message, count) in other.refused {
            *self.refused.entry(message).or_default() += count;
        }
    }
}

fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "-".to_owned(),
        whole => format!("{}.{} %", part * 100 / whole, part * 1000 / whole % 10),
    }
}

fn print_row(name: &str, count: &Count) {
    let Count { files, whole_files, services, whole, adapted, built, .. } = count;
    let in_part = services - whole - adapted;
    let shares =
        [*whole, *adapted, in_part, *built].map(|part| percent(part, *services)).join(" | ");
    println!("| {name} | {files} | {services} | {shares} | {} |", percent(*whole_files, *files));
}
