//! Reads definition files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::open::{self, Links, ReadError};
use super::trust::Trust;
use conductor_core::caught::{self, caught};
use conductor_core::definition::EXTENSIONS;
use conductor_core::error::{PathContext as _, PathError, Problem, Problems};
use conductor_core::name::ServiceId;
use conductor_core::service::{Service, ServiceFields, check_conflicts};

/// The longest file that is read: one service takes a few kilobytes.
const LONGEST_FILE: u64 = 1024 * 1024;

const NO_FILE: &str = "there is no such file or directory";
const NO_DEFINITIONS: &str = "there are no definitions in this directory";

/// Reads and checks services: each path is a file, or a directory of files.
///
/// # Errors
/// All problems in all files.
pub(crate) fn read_definitions(
    paths: &[PathBuf],
    trust: Option<Trust>,
) -> Result<Vec<Service>, Problems> {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for path in paths {
        match files(path, trust) {
            Ok(mut files) => all.append(&mut files),
            Err(problem) => problems.push(problem),
        }
    }
    let mut services = Vec::with_capacity(all.len());
    let read = all.into_par_iter().map(|file| read_definition(&file, trust));
    for result in read.collect::<Vec<_>>() {
        match result {
            Ok(mut found) => services.append(&mut found),
            Err(mut found) => problems.append(&mut found.0),
        }
    }
    if let Err(mut found) = check_conflicts(&services) {
        problems.append(&mut found.0);
    }
    if problems.is_empty() { Ok(services) } else { Err(Problems(problems)) }
}

/// Returns whether a service has an id, or is a process of the application of that id.
fn is_it(found: &Service, id: &ServiceId) -> bool {
    found.id == *id || found.application.as_ref() == Some(id)
}

/// Reads the definitions of one service, or of one application, in a directory. Also returns the problems of files that may define
/// it: those of a file with the service's name, or else of all files.
///
/// # Errors
/// The directory cannot be read.
pub(crate) fn find_definition(
    directory: &Path,
    service: &ServiceId,
    trust: Option<Trust>,
) -> Result<(Vec<Service>, Vec<Problem>), Problems> {
    // A command with an id takes no path.
    let here = |problem: Problem| match problem.message.as_str() {
        NO_FILE | NO_DEFINITIONS => {
            problem.hint(format!("put the definition of {service} there: {service}.yaml"))
        }
        _ => problem,
    };
    let files = files(directory, trust).map_err(|problem| Problems(vec![here(problem)]))?;
    let (mut services, mut own, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let read = files.into_par_iter().map(|file| (read_definition(&file, trust), file));
    for (result, file) in read.collect::<Vec<_>>() {
        match result {
            Ok(found) => services.extend(found.into_iter().filter(|found| is_it(found, service))),
            Err(mut problems) if is_named(&file, service) => own.append(&mut problems.0),
            Err(mut problems) => others.append(&mut problems.0),
        }
    }
    Ok((services, if own.is_empty() { others } else { own }))
}

/// Returns the services and applications that a directory defines, with their files. Invalid definitions are skipped; a
/// directory that cannot be read defines none.
pub fn defined_services(directory: &Path) -> BTreeMap<ServiceId, PathBuf> {
    let mut defined = BTreeMap::new();
    for service in good_definitions(directory, None) {
        let ServiceFields { id, application, origin, .. } = service.into_fields();
        let file = origin.file;
        defined.extend(application.map(|application| (application, file.clone())));
        defined.insert(id, file);
    }
    defined
}

/// Returns whether the problem is that there is no directory of definitions, or none in it.
pub(crate) fn is_empty_place(problem: &Problem) -> bool {
    [NO_FILE, NO_DEFINITIONS].contains(&problem.message.as_str())
}

/// Returns the services that a directory defines, and all that is wrong with other definitions there. A directory that is
/// missing or empty defines none.
pub(crate) fn all_definitions(directory: &Path) -> (Vec<Service>, Vec<Problem>) {
    let files = match files(directory, None) {
        Ok(files) => files,
        Err(problem) if is_empty_place(&problem) => Vec::new(),
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let (mut services, mut problems) = (Vec::new(), Vec::new());
    let read = files.into_par_iter().map(|file| read_definition(&file, None));
    for result in read.collect::<Vec<_>>() {
        match result {
            Ok(mut found) => services.append(&mut found),
            Err(mut found) => problems.append(&mut found.0),
        }
    }
    (services, problems)
}

/// Returns the services that a directory defines. Invalid definitions are skipped; a directory that cannot be
/// read defines none.
pub(crate) fn good_definitions(directory: &Path, trust: Option<Trust>) -> Vec<Service> {
    let files = files(directory, trust).unwrap_or_default();
    let read = files.into_par_iter().filter_map(|file| read_definition(&file, trust).ok());
    read.flatten_iter().collect()
}

/// Returns the good definitions of one service, or of one application, in a directory: in files of its name, or else in any.
pub(crate) fn good_definitions_of(
    directory: &Path,
    service: &ServiceId,
    trust: Option<Trust>,
) -> Vec<Service> {
    let files = files(directory, trust).unwrap_or_default();
    let (named, others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| is_named(file, service));
    let read = |files: Vec<PathBuf>| {
        let read = files.into_par_iter().filter_map(|file| read_definition(&file, trust).ok());
        read.flatten_iter().filter(|found| is_it(found, service)).collect::<Vec<_>>()
    };
    let found = read(named);
    if found.is_empty() { read(others) } else { found }
}

/// Returns whether a file has the name of a service, or of an application of which it may be a process.
fn is_named(file: &Path, service: &ServiceId) -> bool {
    let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { return false };
    let rest = service.as_str().strip_prefix(stem);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn read_definition(file: &Path, trust: Option<Trust>) -> Result<Vec<Service>, Problems> {
    let text = read_text(file, trust).map_err(|problem| Problems(vec![problem]))?;
    caught(|| Service::parse_all(file, &text)).unwrap_or_else(|panicked| {
        Err(Problems(vec![Problem::of_file(file, panicked.to_string()).hint(caught::HINT)]))
    })
}

/// Returns the definition files at a path: the file itself, or the definitions in a directory, sorted. Checks
/// the permissions of each directory and link on the path.
fn files(path: &Path, trust: Option<Trust>) -> Result<Vec<PathBuf>, Problem> {
    let cannot =
        |error: &std::io::Error| Problem::of_file(path, format!("cannot read it: {error}"));
    let metadata = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Problem::of_file(path, NO_FILE)
            .hint("give the path of a definition, or of a directory with definitions"),
        _ => cannot(&error),
    })?;
    trust.map_or(Ok(()), |trust| trust.check(path))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(|error| cannot(&error))? {
        let entry = entry.map_err(|error| cannot(&error))?;
        let file = entry.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        let extension = file.extension().and_then(|extension| extension.to_str());
        let known = |known: &&str| extension.is_some_and(|own| own.eq_ignore_ascii_case(known));
        if !hidden && EXTENSIONS.iter().any(known) {
            // A single file is checked when it is opened.
            if let Some(trust) = trust
                && entry.file_type().is_ok_and(|kind| kind.is_symlink())
            {
                trust.check(&file)?;
            }
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Problem::of_file(path, NO_DEFINITIONS)
            .hint("put one service, or one application, into each file: NAME.yaml, NAME.json or NAME.toml"));
    }
    files.sort();
    Ok(files)
}

/// Returns a problem for each subdirectory with files that look like definitions: only a directory itself is read.
pub(crate) fn unread_directories(path: &Path) -> Vec<Problem> {
    let Ok(entries) = path.read_dir() else { return Vec::new() };
    let mut directories: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let is_hidden = |path: &Path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    directories.retain(|path| !is_hidden(path) && path.is_dir() && files(path, None).is_ok());
    directories.sort();
    let problem = |path: &PathBuf| {
        let problem = Problem::of_file(path, "the definitions in this subdirectory are not read");
        problem.hint("move them up, or name the directory as an argument")
    };
    directories.iter().map(problem).collect()
}

/// Reads a template file.
pub(crate) fn read_template(file: &Path) -> Result<String, PathError> {
    open::read_text(file, Links::Followed, LONGEST_FILE).at("read", file)
}

/// Reads a file of limited length as UTF-8.
pub(super) fn read_text(file: &Path, trust: Option<Trust>) -> Result<String, Problem> {
    let read = open::read_with_metadata(file, Links::Followed, LONGEST_FILE);
    let (bytes, metadata) = read.map_err(|error| match error {
        ReadError::Io(error) => Problem::of_file(file, format!("cannot read it: {error}")),
        ReadError::NotRegular => Problem::of_file(file, error.to_string()),
        ReadError::TooLong(_) => Problem::of_file(file, error.to_string())
            .hint("a file defines one service or application; move data to other files"),
    })?;
    trust.map_or(Ok(()), |trust| trust.check_file(file, &metadata))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        let start = good.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
        let problem = Problem::of_file(file, "not UTF-8").hint("save the file as UTF-8");
        Problem { position: Some((line, column)), ..problem }
    })
}
