//! Counts what becomes of services that go where they came from, and come back.

use std::path::Path;
use std::process::ExitCode;

use conductor_core::error::Problem;
use conductor_import::{Imported, Surroundings, compose, quadlet};

use crate::round::{self, Kept, Round};

/// The head of the table.
pub(crate) const HEAD: &str = "| collection | services | the same | something left out, and said | changed, and not said |\n\
                               | --- | --- | --- | --- | --- |";

/// What was counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trips {
    same: usize,
    told: usize,
    /// What nothing was said about, with the file.
    untold: Vec<String>,
}

impl Trips {
    /// Adds the services of a Compose file. Values of variables stay in the definitions: there are no files of them.
    pub(crate) fn of_compose(
        &mut self,
        file: &Path,
        options: compose::Options,
        surroundings: &Surroundings<'_>,
    ) {
        let options = compose::Options { env_directory: None, ..options };
        let first = compose::import(&options, surroundings);
        self.add_round(
            file,
            first.and_then(|first| round::compose(&options, surroundings, &first)),
        );
    }

    /// Adds the services of files of Quadlet.
    pub(crate) fn of_quadlet(
        &mut self,
        file: &Path,
        options: &quadlet::Options,
        surroundings: &Surroundings<'_>,
        first: &Imported,
    ) {
        self.add_round(file, round::quadlet(options, surroundings, first));
    }

    fn add_round(&mut self, file: &Path, round: Result<Round, Vec<Problem>>) {
        let file = file.display();
        match round {
            Ok(Round { services, .. }) => {
                for (id, kept) in services {
                    match kept {
                        Kept::Same => self.same += 1,
                        Kept::Told(_) => self.told += 1,
                        Kept::Untold(diff) => self.untold.push(format!("{file}: {id}:\n{diff}")),
                    }
                }
            }
            Err(problems) => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                self.untold.push(format!("{file}: not read again: {}", problems.join("\n")));
            }
        }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.same += other.same;
        self.told += other.told;
        self.untold.extend(other.untold);
    }

    /// Returns a row of the table.
    pub(crate) fn row(&self, name: &str) -> String {
        let Self { same, told, untold } = self;
        let untold = untold.len();
        let all = same + told + untold;
        let [same, told] = [*same, *told].map(|part| crate::percent(part, all));
        format!("| {name} | {all} | {same} | {told} | {untold} |")
    }

    /// Prints what changed although nothing said so; there must be none.
    pub(crate) fn report(&self) -> ExitCode {
        for untold in &self.untold {
            println!("changed: {untold}");
        }
        if self.untold.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
