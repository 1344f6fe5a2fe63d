//! The results, as tables for a person and for `docs/benchmarks.md`.

use std::fmt;

use crate::processes::Processes;

/// The processor time of a check, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// That of the checking processes alone, if they are few and keep running.
    pub(crate) own: Option<f64>,
    /// That of all of the sandbox, beyond what it takes without checks.
    pub(crate) whole: Option<f64>,
    /// Of how many checks this is the mean.
    pub(crate) checks: u32,
}

/// All results.
#[derive(Debug, Default)]
pub(crate) struct Report {
    memory: Vec<(String, usize, f64)>,
    costs: Vec<(String, Cost)>,
    ready: Vec<(u32, usize, f64, f64)>,
}

impl Report {
    pub(crate) fn memory(&mut self, name: &str, them: &Processes) {
        self.memory.push((name.to_owned(), them.count(), them.memory()));
    }

    pub(crate) fn cost(&mut self, name: &str, cost: Cost) {
        self.costs.push((name.to_owned(), cost));
    }

    /// Adds times, which are sorted.
    pub(crate) fn ready(&mut self, delay: u32, waits: &[f64]) {
        self.ready.push((delay, waits.len(), waits[waits.len() / 2], waits[waits.len() - 1]));
    }

    fn of(&self, name: &str) -> Option<Cost> {
        self.costs.iter().find(|(it, _)| it.starts_with(name)).map(|(_, cost)| *cost)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.of("conductor-probe, 100");
        let ratio = |cost: Option<f64>, ours: Option<f64>| match (cost, ours) {
            (Some(cost), Some(ours)) => format!("{:.2}", cost / ours),
            _ => String::new(),
        };
        let number = |cost: Option<f64>| cost.map_or(String::new(), |ms| format!("{ms:.3}"));

        writeln!(f, "\n| memory (PSS) of each | at once | KiB | to conductor-probe |")?;
        writeln!(f, "| --- | --: | --: | --: |")?;
        for (name, count, kib) in &self.memory {
            let to = ratio(Some(*kib), self.memory.first().map(|(_, _, kib)| *kib));
            writeln!(f, "| {name} | {count} | {kib:.0} | {to} |")?;
        }

        writeln!(
            f,
            "\n| processor time of a check, ms | checks | its own processes | to bare loop | \
             all of the sandbox | to conductor-probe |"
        )?;
        writeln!(f, "| --- | --: | --: | --: | --: | --: |")?;
        for (name, cost) in &self.costs {
            // In relation to the bare loop with the same interval.
            let pace = name.split_once(',').map_or("", |(_, pace)| pace);
            let bare = self.of(&format!("bare loop,{pace}")).and_then(|bare| bare.own);
            let (own, whole) = (number(cost.own), number(cost.whole));
            let to_bare = ratio(cost.own, bare);
            let to_ours = ratio(cost.whole, ours.and_then(|ours| ours.whole));
            writeln!(f, "| {name} | {} | {own} | {to_bare} | {whole} | {to_ours} |", cost.checks)?;
        }

        writeln!(
            f,
            "\n| the application answers after | starts | unit active, median | slowest |"
        )?;
        writeln!(f, "| --- | --: | --: | --: |")?;
        for (delay, starts, median, slowest) in &self.ready {
            writeln!(f, "| {delay} ms | {starts} | +{median:.1} ms | +{slowest:.1} ms |")?;
        }
        Ok(())
    }
}
