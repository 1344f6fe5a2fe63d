//! Collects what an export says, with the places in the definitions.

use conductor_core::error::Problem;
use conductor_core::service::Service;

/// Why an engine cannot take a service at all.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The key that it cannot have.
    pub(crate) path: &'static str,
    /// Why.
    pub(crate) why: String,
    /// What to do.
    pub(crate) hint: &'static str,
}

/// What was left out, and what was replaced.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) left_out: Vec<Problem>,
    pub(crate) notes: Vec<Problem>,
}

impl Report {
    /// Says that a service is not exported.
    pub(crate) fn refuse(&mut self, service: &Service, Refusal { path, why, hint }: Refusal) {
        let message = format!("the whole service is left out: {why}");
        let problem = problem(service, path, message).hint(hint);
        // The processes of an application share what their definition says once.
        if !self.left_out.contains(&problem) {
            self.left_out.push(problem);
        }
    }

    /// Says that a value is not exported: what it does, and what to do instead.
    pub(crate) fn leave_out(&mut self, service: &Service, path: &str, does: &str, instead: &str) {
        let problem = problem(service, path, format!("left out: {does}"));
        let problem = if instead.is_empty() { problem } else { problem.hint(instead) };
        // A command before a deploy has what its service has, and a process what its application has.
        if !self.left_out.contains(&problem) {
            self.left_out.push(problem);
        }
    }

    /// The same of what a definition gives once for several services.
    pub(crate) fn leave_out_at(&mut self, first: &Service, path: &str, does: &str, instead: &str) {
        let problem = problem(first, path, format!("left out: {does}")).hint(instead);
        self.left_out.push(Problem { path: path.to_owned(), ..problem });
    }

    /// Says that something behaves differently, or has to be made before.
    pub(crate) fn note(&mut self, service: &Service, path: &str, message: impl Into<String>) {
        let note = problem(service, path, message.into());
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Returns what was said, in the order of the files.
    pub(crate) fn sorted(mut self) -> Self {
        for problems in [&mut self.left_out, &mut self.notes] {
            problems.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        }
        self
    }
}

/// Returns a problem of a value, by its path in the service; of one that the definition does not give, at the service.
fn problem(service: &Service, path: &str, message: String) -> Problem {
    let origin = &service.origin;
    let of_service = || match origin.path.as_str() {
        "" => path.to_owned(),
        process => format!("{process}.{path}"),
    };
    Problem {
        file: origin.file.clone(),
        position: Some(origin.keys.of(path).unwrap_or(origin.position)),
        path: origin.keys.path(path).map_or_else(of_service, str::to_owned),
        message,
        hint: None,
    }
}
