//! Steps that run programs: images, and commands of the definition's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{Executor, Fault, Todo, faults};
use crate::ops::error::Error;
use crate::ops::event::Event;
use crate::system::{Follower, Job, Systemd, atomic, images, open};
use conductor_core::error::PathContext as _;
use conductor_core::plan::{Hook, Step};

use super::work::Work;

impl Executor<'_> {
    /// Pulls what is missing, each image once.
    pub(super) fn pull<'t>(&mut self, todo: &Todo<'t>, works: &[Work]) -> Vec<Fault<'t>> {
        let mut failed = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for &(work, step) in todo {
            let Step::Pull(image) = step else { continue };
            if !seen.insert(image) || images::is_present(image) {
                continue;
            }
            let (service, watcher) = (&works[work].plan.service, &mut *self.watcher);
            let pulled = images::pull(image, &mut |line| {
                if let Some(line) = line {
                    watcher.tell(&Event::Output { service, step, line });
                }
                !watcher.is_interrupted()
            });
            if let Err(reason) = pulled {
                failed.insert(image, reason);
            }
        }
        faults(todo, |step| match step {
            Step::Pull(image) => failed.get(image).cloned(),
            _ => None,
        })
    }

    /// Removes images. One that something else uses stays: that is no failure.
    pub(super) fn remove_images(&mut self, todo: &Todo<'_>, works: &[Work]) {
        for &(work, step) in todo {
            let Step::RemoveImage(image) = step else { continue };
            if let Err(reason) = images::remove(image) {
                let text = format!("the image {} stays: {reason}", image.reference);
                self.watcher.tell(&Event::Note { service: &works[work].plan.service, text: &text });
            }
        }
    }

    /// Runs commands, one after the other, and shows what they write.
    pub(super) fn run_hooks<'t>(
        &mut self,
        todo: &Todo<'t>,
        works: &[Work],
    ) -> Result<Vec<Fault<'t>>, Error> {
        let Some(systemd) = self.systemd else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for &(work, step) in todo {
            let Step::Run(hook) = step else { continue };
            if let Some(reason) = self.run_hook(systemd, hook, step, &works[work])? {
                found.push(Fault { work, step, reason, unit: None });
            }
        }
        Ok(found)
    }

    fn run_hook(
        &mut self,
        systemd: &Systemd,
        hook: &Hook,
        step: &Step,
        work: &Work,
    ) -> Result<Option<String>, Error> {
        // Where systemd looks for units that do not outlive the boot.
        let directory = &self.paths.transient;
        open::make_directories(directory)?;
        let path = directory.join(hook.unit.as_str());
        atomic::replace(directory, hook.unit.as_str(), Some(&hook.text))?;
        atomic::renew(directory).at("touch", directory)?;
        let service = &work.plan.service;
        let mut follower = Follower::new(self.paths.scope, &hook.unit);
        let units = [hook.unit.clone()];
        let forward = [(hook.unit.clone(), service.clone())].into();
        let results = self.wait_for_jobs(systemd, Job::Run, &units, &forward, &mut |watcher| {
            for line in follower.lines() {
                watcher.tell(&Event::Output { service, step, line: &line });
            }
            Ok(())
        })?;
        for line in follower.last_lines() {
            self.watcher.tell(&Event::Output { service, step, line: &line });
        }
        let failed = results.into_values().find_map(Result::err);
        fs::remove_file(&path).at("remove", &path)?;
        systemd.reset_failed(&units);
        Ok(failed.map(|error| error.to_string()))
    }
}
