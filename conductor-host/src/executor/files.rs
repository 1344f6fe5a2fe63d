//! Steps that change unit files, and queries to systemd that are batched over services.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conductor_core::name::UnitName;
use conductor_core::plan::{ActiveState, FileChange, Step};
use conductor_core::release::{retry_service, retry_timer};
use futures_util::future::{join_all, select};

use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::event::Event;
use crate::host::{Condition, Host, HostError};
use crate::system::JobType;

/// How long changes that are not urgent wait for those of other services. They may need a reload of systemd,
/// which takes longer the more units there are.
const BATCH_WAIT: Duration = Duration::from_secs(1);

impl<H: Host> Executor<'_, H> {
    pub(super) async fn change_files(
        &self,
        steps: Vec<Step>,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<(), Halt> {
        let is_urgent = match run.phase() {
            Phase::Steps => true,
            Phase::Finish => false,
            // It enables what it starts next.
            Phase::Undo => run.starts(),
        };
        if !is_urgent {
            self.is_idle(run);
            select(Box::pin(self.busy.zero()), Box::pin(self.host.sleep(BATCH_WAIT))).await;
        }
        let began = self.host.now();
        let change = async |all: Vec<Vec<Step>>| {
            let answers = vec![(); all.len()];
            self.change_together(all.concat()).await.map(|()| answers)
        };
        self.files.ask(steps.clone(), change).await?.ok_or(Halt::Elsewhere)?;
        self.stop_started_again(&steps, run).await?;
        for step in &steps {
            self.done(run, step, began);
        }
        Ok(())
    }

    /// Stops instances that were started again between their stop and their removal: before that,
    /// `conductor-retry@ID.service` may have seen that one had failed. It does not see one without a link.
    async fn stop_started_again(
        &self,
        steps: &[Step],
        run: &ServiceRun<H::OldWorkers>,
    ) -> Result<(), Halt> {
        let removed = steps.iter().filter_map(|step| match step {
            Step::Remove(name) if is_instance(name) => Some(name),
            _ => None,
        });
        let removed: Vec<_> = removed.collect();
        if removed.is_empty() || !self.host.is_online() {
            return Ok(());
        }
        let retry = retry_service(&run.plan.service);
        let mut states = self.states().await?;
        if states.get(&retry).is_some_and(|state| !state.is_down()) {
            // It may be about to start one of these. What else it has to start, it does in its next turn.
            let _ = self.host.run_job(JobType::Stop, &retry).await?;
            if run.plan.revision.is_some() {
                let _ = self.host.run_job(JobType::Start, &retry_timer(&run.plan.service)).await?;
            }
            states = self.states().await?;
        }
        let state = |unit: &UnitName| states.get(unit).copied().unwrap_or(ActiveState::Inactive);
        let up = removed.iter().filter(|unit| !state(unit).is_down());
        for stopped in join_all(up.map(|unit| self.host.run_job(JobType::Stop, unit))).await {
            // systemd says in the journal what it could not stop.
            let _ = stopped?;
        }
        let again = removed.into_iter().filter(|unit| state(unit) != ActiveState::Inactive);
        let again: Vec<_> = again.cloned().collect();
        if !again.is_empty() {
            // It failed again, or was killed while it started.
            self.host.reset_failed(again).await;
        }
        Ok(())
    }

    async fn change_together(&self, mut steps: Vec<Step>) -> Result<(), HostError> {
        // What all services share is written once.
        let mut written = BTreeSet::new();
        steps.retain(|step| match step {
            Step::Write { name, .. } => written.insert(name.clone()),
            _ => true,
        });
        // Instances need no reload: a new instance has a new name, and a removed one cannot be started again.
        let stale = steps.iter().filter_map(|step| match step {
            Step::Write { name, change: FileChange::Text, .. } | Step::RemoveShared(name) => {
                Some(name.clone())
            }
            Step::Remove(name) if !is_instance(name) => Some(name.clone()),
            _ => None,
        });
        let stale: Vec<UnitName> = stale.collect();
        let gone = steps.iter().filter_map(|step| match step {
            Step::Remove(name) => Some(name.clone()),
            _ => None,
        });
        let gone: Vec<UnitName> = gone.collect();
        let online = self.host.is_online();
        // If an earlier call failed in between, its units may be stale, too.
        let owed = self.owes_reload.replace(true);
        if online && !stale.is_empty() {
            self.host.note_stale().await?;
        }
        let timers: Vec<_> = gone.iter().filter(|unit| unit.kind() == "timer").cloned().collect();
        if online && !timers.is_empty() {
            self.host.forget_runs(timers).await;
        }
        self.host.change_files(steps).await?;
        let instances: Vec<_> = gone.iter().filter(|unit| is_instance(unit)).cloned().collect();
        if !instances.is_empty() {
            self.host.remove_runtime_links(instances).await?;
        }
        if !online {
            self.owes_reload.set(false);
            return Ok(());
        }
        if !gone.is_empty() {
            self.host.reset_failed(gone).await;
        }
        self.reload(Some(stale).filter(|_| !owed)).await?;
        self.owes_reload.set(false);
        Ok(())
    }

    /// Makes systemd forget about timers of a service.
    pub(super) async fn forget(
        &self,
        steps: Vec<Step>,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<(), Halt> {
        let began = self.host.now();
        let timers = steps.iter().filter_map(Step::unit).cloned().collect();
        if self.host.forget_timers(timers).await? {
            self.tell(Event::Reload);
        }
        for step in &steps {
            self.done(run, step, began);
        }
        Ok(())
    }

    /// Reloads systemd if it has loaded stale units, and removes the note about them.
    pub(crate) async fn reload(&self, units: Option<Vec<UnitName>>) -> Result<(), HostError> {
        if self.host.reload_if_stale(units).await? {
            self.tell(Event::Reload);
        }
        Ok(self.host.forget_stale().await?)
    }

    /// Returns the states of units.
    pub(super) async fn states(&self) -> Result<BTreeMap<UnitName, ActiveState>, Halt> {
        let ask = async |all: Vec<()>| {
            let states = self.host.states().await?;
            Ok::<_, HostError>(vec![states; all.len()])
        };
        self.states.ask((), ask).await?.ok_or(Halt::Elsewhere)
    }

    /// Returns the condition of a unit.
    pub(super) async fn condition(&self, unit: &UnitName) -> Result<Condition, Halt> {
        Ok(self.conditions(vec![unit.clone()]).await?.pop().unwrap_or_default())
    }

    /// Returns the conditions of units.
    pub(super) async fn conditions(&self, units: Vec<UnitName>) -> Result<Vec<Condition>, Halt> {
        let ask = async |all: Vec<Vec<UnitName>>| {
            let mut conditions = self.host.conditions(all.concat()).await?.into_iter();
            let each = all.iter().map(|units| conditions.by_ref().take(units.len()).collect());
            Ok::<_, HostError>(each.collect())
        };
        self.conditions.ask(units, ask).await?.ok_or(Halt::Elsewhere)
    }
}

/// Returns whether a unit is an instance: only their names have a digest after a dot.
pub(super) fn is_instance(name: &UnitName) -> bool {
    name.as_str().matches('.').count() > 1
}
