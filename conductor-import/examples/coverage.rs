//! Counts what becomes of the services of Compose files and Quadlet units below directories.
//!
//! `cargo run --package conductor-import --example coverage -- DIR...` prints, for each directory and for all, how
//! many services are carried over whole, adapted (with notes), or in part, and which keys were left out.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]
#![allow(clippy::disallowed_methods, reason = "it reads files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_import::{Imported, Surroundings, compose};

/// The end of the message for a service without an image.
const NO_IMAGE: &str = "the key image is missing";

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
    /// Keys, and the number of services in which one was left out.
    left_out: BTreeMap<String, usize>,
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|word| word == "-v");
    let mut all = Count::default();
    println!(
        "| collection | files | services | whole | adapted | in part | files without a left-out |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for directory in arguments.iter().filter(|word| *word != "-v") {
        let mut files = Vec::new();
        find(Path::new(directory), &mut files);
        files.sort();
        let mut count = Count::default();
        for file in files {
            add(&mut count, &file, verbose);
        }
        print_row(directory, &count);
        all.add(count);
    }
    print_row("all", &all);
    println!("\n| left out | services | % |\n| --- | --- | --- |");
    let mut keys: Vec<_> = all.left_out.iter().collect();
    keys.sort_by_key(|(key, count)| (usize::MAX - **count, (*key).clone()));
    for (key, count) in keys {
        println!("| `{key}` | {count} | {} |", percent(*count, all.services));
    }
    println!("\nnot counted: {} files that only change others", all.fragments);
    for (message, count) in &all.refused {
        println!("refused: {count} files: {message}");
    }
}

fn find(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&path, found);
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
    let result = loop {
        let surroundings = Surroundings {
            read: &read,
            variable: &|name| set.contains(name).then(|| "/example".to_owned()),
            directory: &directory,
            defined: BTreeMap::new(),
        };
        let options = compose::Options {
            files: vec![file.to_owned()],
            profiles: vec!["*".to_owned()],
            runtime: Runtime::Docker,
            ..compose::Options::default()
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

impl Count {
    fn add_imported(&mut self, imported: &Imported, verbose: bool) {
        let mut keys: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for problem in &imported.left_out {
            if verbose {
                eprintln!("{problem}");
            }
            let (service, key) = key(problem);
            keys.entry(service.unwrap_or_default()).or_default().insert(key);
        }
        for key in keys.values().flatten() {
            *self.left_out.entry(key.clone()).or_default() += 1;
        }
        self.whole_files += usize::from(imported.left_out.is_empty());
        let noted: BTreeSet<_> = imported.notes.iter().filter_map(|note| key(note).0).collect();
        let gone = keys
            .iter()
            .filter(|(service, keys)| !service.is_empty() && keys.contains("the service"));
        let gone = gone.count();
        self.services += imported.definitions.len() + gone;
        let in_part = keys.keys().filter(|service| !service.is_empty()).count() - gone;
        let only_noted = noted.iter().filter(|service| !keys.contains_key(**service)).count();
        self.adapted += only_noted;
        self.whole += imported.definitions.len().saturating_sub(in_part + only_noted);
    }

    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.fragments += other.fragments;
        self.whole_files += other.whole_files;
        self.services += other.services;
        self.whole += other.whole;
        self.adapted += other.adapted;
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
    let Count { files, whole_files, services, whole, adapted, .. } = count;
    let in_part = services - whole - adapted;
    let shares = [*whole, *adapted, in_part].map(|part| percent(part, *services)).join(" | ");
    println!("| {name} | {files} | {services} | {shares} | {} |", percent(*whole_files, *files));
}
