//! The results, as tables for a person and for `docs/benchmarks.md`.
#![expect(clippy::print_stderr, reason = "a benchmark talks to a person")]

use std::env;
use std::fmt;
use std::fs;
use std::time::Instant;

/// The parts of a deploy, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// From the command to its first step.
    Plan,
    /// The test of the proxy's configuration as it is.
    Test,
    /// Unit files and links, written and removed.
    Files,
    /// From the start of the unit to the application's first instruction.
    Begin,
    /// From the time at which it could answer to the end of the unit's start.
    Notice,
    /// The proxy's file: tested and written.
    Upstream,
    Reload,
    Drain,
    /// The stop of the old instance.
    Stop,
    Image,
    /// The time between steps, and from the last step to the end of the command.
    Rest,
}

impl Part {
    const ALL: [(Self, &str); 11] = [
        (Self::Plan, "plan"),
        (Self::Test, "test nginx"),
        (Self::Files, "unit files"),
        (Self::Begin, "start to exec"),
        (Self::Notice, "notice"),
        (Self::Upstream, "upstream"),
        (Self::Reload, "reload"),
        (Self::Drain, "drain"),
        (Self::Stop, "stop old"),
        (Self::Image, "images"),
        (Self::Rest, "rest"),
    ];

    /// Returns the part to which a step belongs, by its text.
    pub(crate) fn of(step: &str) -> Self {
        let begins = |words: &[&str]| words.iter().any(|word| step.starts_with(word));
        if begins(&["test "]) {
            Self::Test
        } else if begins(&["write the upstream"]) {
            Self::Upstream
        } else if begins(&["pull ", "remove the image"]) {
            Self::Image
        } else if begins(&["write ", "rewrite ", "enable ", "disable ", "remove "]) {
            Self::Files
        } else if begins(&["reload "]) {
            Self::Reload
        } else if begins(&["drain "]) {
            Self::Drain
        } else if begins(&["stop "]) {
            Self::Stop
        } else {
            Self::Rest
        }
    }
}

/// One deploy, in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Everything but the application's own start.
    overhead: f64,
    /// From the time at which it could answer to the time at which the tool knew.
    pub(crate) noticed: f64,
    parts: [f64; Part::ALL.len()],
}

impl Sample {
    pub(crate) fn new(overhead: f64) -> Self {
        Self { overhead, noticed: f64::NAN, parts: [0.0; Part::ALL.len()] }
    }

    pub(crate) fn add(&mut self, part: Part, milliseconds: f64) {
        self.parts[part as usize] += milliseconds;
    }
}

/// All results.
#[derive(Debug)]
pub(crate) struct Report {
    nothing: f64,
    deploys: Vec<(String, Vec<Sample>)>,
    peers: Vec<(String, Vec<Sample>)>,
    load: Vec<String>,
    only: Vec<String>,
    began: Instant,
}

impl Report {
    pub(crate) fn new(nothing: f64) -> Self {
        // cargo adds the option --bench.
        let only = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        let began = Instant::now();
        Self { nothing, deploys: Vec::new(), peers: Vec::new(), load: Vec::new(), only, began }
    }

    /// Returns whether a case is to be measured, by the words of the command line.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word))
    }

    /// Prints what is measured next, and records how busy the machine is.
    pub(crate) fn progress(&mut self, what: &str) {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        let seconds = self.began.elapsed().as_secs();
        eprintln!("{what} ... (after {seconds} s, load {load})");
        self.load.push(load);
    }

    pub(crate) fn deploys(&mut self, name: String, samples: Vec<Sample>) {
        self.deploys.push((name, samples));
    }

    pub(crate) fn peer(&mut self, name: &str, samples: Vec<Sample>) {
        self.peers.push((name.to_owned(), samples));
    }
}

/// The median and the maximum.
fn summary(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> [f64; 2] {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[values.len() - 1]]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nA program that does nothing: {:.1} ms.", self.nothing)?;
        writeln!(f, "Load before each line: {}.", self.load.join(" "))?;
        writeln!(
            f,
            "\n| ms | deploys | overhead, median | slowest | ready noticed after, median | slowest |"
        )?;
        writeln!(f, "| --- | --: | --: | --: | --: | --: |")?;
        for (name, samples) in self.deploys.iter().chain(&self.peers) {
            let [overhead, most] = summary(samples, |sample| sample.overhead);
            let [noticed, latest] = summary(samples, |sample| sample.noticed);
            let count = samples.len();
            write!(f, "| {name} | {count} | {overhead:.0} | {most:.0} |")?;
            match noticed.is_nan() {
                true => writeln!(f, " | |")?,
                false => writeln!(f, " {noticed:.1} | {latest:.1} |")?,
            }
        }

        let heads: Vec<_> = Part::ALL.iter().map(|(_, name)| *name).collect();
        writeln!(f, "\n| medians, ms | {} |", heads.join(" | "))?;
        writeln!(f, "| --- |{}", " --: |".repeat(heads.len()))?;
        for (name, samples) in &self.deploys {
            let part = |(part, _): &(Part, &str)| {
                let [median, _] = summary(samples, |sample| sample.parts[*part as usize]);
                format!("{median:.1}")
            };
            let parts: Vec<_> = Part::ALL.iter().map(part).collect();
            writeln!(f, "| {name} | {} |", parts.join(" | "))?;
        }
        Ok(())
    }
}
