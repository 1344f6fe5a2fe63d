//! Steps that are jobs of systemd's.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::{ATTENTION, Executor, Fault, Todo, faults, is_undoing};
use crate::ops::error::Error;
use crate::ops::event::{Event, Progress, Watcher};
use crate::system::{Job, JobError, Systemd, SystemdError};
use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Step};

use super::work::Work;

impl Executor<'_> {
    pub(super) fn run_jobs<'t>(
        &mut self,
        job: Job,
        todo: &Todo<'t>,
        works: &[Work],
    ) -> Result<Vec<Fault<'t>>, Error> {
        let Some(systemd) = self.systemd else {
            return Ok(Vec::new());
        };
        let concerned = |undoing: bool| {
            let of = todo.iter().filter(move |(work, _)| is_undoing(&works[*work]) == undoing);
            of.filter_map(|(work, step)| {
                Some((step.unit()?.clone(), works[*work].plan.service.clone()))
            })
        };
        let (forward, back): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (concerned(false).collect(), concerned(true).collect());
        let units: Vec<UnitName> = forward.keys().chain(back.keys()).cloned().collect();
        if job != Job::Stop {
            // One that was given up after too many starts would not be started again.
            let states = systemd.states()?;
            let failed = units.iter().filter(|unit| {
                states.get(*unit).is_some_and(|(state, _)| *state == ActiveState::Failed)
            });
            systemd.reset_failed(&failed.cloned().collect::<Vec<_>>());
        }
        let mut last = Instant::now();
        let results = self.wait_for_jobs(systemd, job, &units, &forward, &mut |watcher| {
            if watcher.interval().is_some_and(|interval| last.elapsed() >= interval) {
                last = Instant::now();
                tell_progress(watcher, systemd, &forward)?;
            }
            Ok(())
        })?;
        Ok(faults(todo, |step| Some(results.get(step.unit()?)?.as_ref().err()?.to_string())))
    }

    /// Waits for jobs, with something to do meanwhile; stops those units again that are being
    /// started when that is asked for.
    pub(super) fn wait_for_jobs(
        &mut self,
        systemd: &Systemd,
        job: Job,
        units: &[UnitName],
        forward: &BTreeMap<UnitName, ServiceId>,
        meanwhile: &mut dyn FnMut(&mut dyn Watcher) -> Result<(), SystemdError>,
    ) -> Result<BTreeMap<UnitName, Result<(), JobError>>, SystemdError> {
        let mut cancelled = job == Job::Stop;
        systemd.run_watched(job, units, ATTENTION, &mut || {
            if !cancelled && self.watcher.is_interrupted() {
                cancelled = true;
                systemd.run(Job::Stop, &forward.keys().cloned().collect::<Vec<_>>())?;
            }
            meanwhile(self.watcher)
        })
    }

    /// Looks whether instances are up, and for some time, if that is asked for.
    pub(super) fn confirm<'t>(&mut self, todo: &Todo<'t>) -> Result<Vec<Fault<'t>>, Error> {
        let Some(systemd) = self.systemd else {
            return Ok(Vec::new());
        };
        let began = Instant::now();
        let mut found: Vec<Fault<'_>> = Vec::new();
        let longest = todo.iter().map(|(_, step)| match step {
            Step::Confirm { time, .. } => time.duration(),
            _ => Duration::ZERO,
        });
        let longest = longest.max().unwrap_or_default();
        loop {
            let states = systemd.states()?;
            for &(work, step) in todo {
                let Step::Confirm { units, time } = step else { continue };
                if found.iter().any(|fault| fault.work == work) {
                    continue;
                }
                let is_up =
                    |unit: &&UnitName| states.get(*unit).is_some_and(|(state, _)| state.is_up());
                let down = units.iter().find(|unit| !is_up(unit));
                let unwell = match down {
                    Some(unit) => Some((unit, "it did not stay up".to_owned())),
                    None if time.duration().is_zero() => None,
                    None => unwell(systemd, units)?,
                };
                if let Some((unit, reason)) = unwell {
                    let unit = Some(unit.clone());
                    found.push(Fault { work, step, reason, unit });
                }
            }
            let left = longest.saturating_sub(began.elapsed());
            if left.is_zero() || found.len() == todo.len() || self.watcher.is_interrupted() {
                return Ok(found);
            }
            thread::sleep(left.min(ATTENTION));
        }
    }
}

fn tell_progress(
    watcher: &mut dyn Watcher,
    systemd: &Systemd,
    units: &BTreeMap<UnitName, ServiceId>,
) -> Result<(), SystemdError> {
    let names: Vec<_> = units.keys().filter(|unit| unit.kind() == "service").collect();
    let words = systemd.words(&names)?;
    let progress = names.into_iter().zip(words).map(|(unit, (state, status))| Progress {
        service: units[unit].clone(),
        unit: unit.clone(),
        state,
        status,
    });
    watcher.tell(&Event::Instances(&progress.collect::<Vec<_>>()));
    Ok(())
}

/// Finds an instance that was started again meanwhile, or that its probe finds fault with.
fn unwell<'u>(
    systemd: &Systemd,
    units: &'u [UnitName],
) -> Result<Option<(&'u UnitName, String)>, SystemdError> {
    let details = systemd.details(&units.iter().collect::<Vec<_>>())?;
    let unwell = units.iter().zip(details).find_map(|(unit, details)| {
        let restarted = details.restarts.is_some_and(|restarts| restarts > 0);
        match details.status.filter(|status| status.starts_with("unhealthy")) {
            _ if restarted => Some((unit, "it had to be started again".to_owned())),
            Some(status) => Some((unit, format!("it did not stay well: {status}"))),
            None => None,
        }
    });
    Ok(unwell)
}
