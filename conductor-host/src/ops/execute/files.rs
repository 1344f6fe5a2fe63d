//! Steps that change unit files.

use super::{Executor, Todo};
use crate::ops::error::Error;
use crate::ops::event::Event;
use crate::system::Systemd;
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::UnitName;
use conductor_core::plan::{Change, Step};

impl Executor<'_> {
    pub(super) fn change_files(&mut self, todo: &Todo<'_>) -> Result<(), Error> {
        let steps: Vec<&Step> = todo.iter().map(|(_, step)| *step).collect();
        // Instances are not among them: their names are new, and one that went cannot start again.
        let stale: Vec<UnitName> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Write { name, change: Change::Text, .. } => Some(name.clone()),
                Step::Remove(name) if !is_instance(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let gone = steps.iter().filter_map(|step| match step {
            Step::Remove(name) => Some(name.clone()),
            _ => None,
        });
        let gone: Vec<_> = gone.collect();
        if self.systemd.is_some() && !stale.is_empty() {
            self.lock.note_stale()?;
        }
        if let Some(systemd) = self.systemd {
            let timers: Vec<_> = gone.iter().filter(|unit| unit.kind() == "timer").collect();
            systemd.forget_runs(&timers);
        }
        self.directory.carry_out(&steps)?;
        self.remove_links(&gone)?;
        let Some(systemd) = self.systemd else {
            return Ok(());
        };
        systemd.reset_failed(&gone);
        self.reload(systemd, Some(&stale))
    }

    /// Removes the links that systemd leaves where the runtime directory of a dynamic user was.
    fn remove_links(&self, gone: &[UnitName]) -> Result<(), PathError> {
        for unit in gone.iter().filter(|unit| is_instance(unit)) {
            let path = self.paths.runtime.join(unit.as_str().trim_end_matches(".service"));
            if path.is_symlink() && !path.exists() {
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        Ok(())
    }

    /// Lets systemd read what it holds and what is stale, and takes the note of it back.
    pub(in crate::ops) fn reload(
        &mut self,
        systemd: &Systemd,
        units: Option<&[UnitName]>,
    ) -> Result<(), Error> {
        if systemd.reload_if_stale(units)? {
            self.watcher.tell(&Event::Reload);
        }
        Ok(self.lock.forget_stale()?)
    }
}

/// Tells whether a name is that of an instance: only theirs have a digest, behind a dot.
fn is_instance(name: &UnitName) -> bool {
    name.as_str().matches('.').count() > 1
}
