//! Steps that run systemd jobs, and the check that started instances stay up.

use std::time::Duration;

use conductor_core::name::UnitName;
use conductor_core::plan::{ActiveState, Step};
use conductor_core::release::retry_timer;
use futures_util::future::{Either, join, join_all, select};
use probe_protocol::HealthState;

use super::dependencies::Reached;
use super::files::is_instance;
use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt, POLL_INTERVAL, StepFault};
use crate::host::{Condition, Host};
use crate::report::Cause;
use crate::system::{JobError, JobType};

/// How long a program without a health check must stay up before its start counts as successful: long enough
/// for it to fail because of a missing file or a port in use.
const STABLE_AFTER: Duration = Duration::from_millis(500);

impl<H: Host> Executor<'_, H> {
    /// Runs the jobs of one service concurrently. Returns the first that failed.
    pub(super) async fn run_jobs(
        &self,
        job: JobType,
        steps: Vec<Step>,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<Option<StepFault>, Halt> {
        if run.phase() == Phase::Steps {
            // A removed service may hold a port, or a lock on data, that a new instance needs.
            self.board.until_left(&run.plan.dependencies).await;
            if let (Err(cause), Some(step)) = (self.wait_for_turn(run).await, steps.first()) {
                return Ok(Some(StepFault { step: step.clone(), unit: None, cause }));
            }
            if job != JobType::Stop {
                self.board.note(&run.plan.service, Reached::Started);
            }
        }
        if job != JobType::Stop {
            self.forget_failures(&steps).await?;
        }
        let service = &run.plan.service;
        let undoing = run.phase() == Phase::Undo;
        let results = join_all(steps.iter().map(|step| async move {
            let began = self.host.now();
            let unit = step.unit()?;
            if !undoing {
                self.watched.borrow_mut().insert(unit.clone(), service.clone());
            }
            let result = self.run_job(job, unit, undoing).await;
            self.watched.borrow_mut().remove(unit);
            let took = self.host.now().saturating_sub(began);
            if let Ok(Ok(())) = result {
                self.tell_done(service, step, took);
            }
            Some((took, result))
        }))
        .await;
        let instances: Vec<_> =
            steps.iter().filter_map(Step::unit).filter(|unit| is_instance(unit)).cloned().collect();
        let is_target = |step: &Step| step.unit().is_some_and(|unit| unit.kind() == "target");
        if job == JobType::Stop && steps.iter().any(is_target) {
            // It stops with the target, but an instance that was failing may have started it again since. If
            // it does not stop, it has nothing to start.
            let _ = self.host.run_job(job, &retry_timer(service)).await?;
        }
        let mut fault = None;
        for (step, result) in steps.into_iter().zip(results) {
            let Some((took, result)) = result else { continue };
            match result? {
                Ok(()) => run.done(&step, took),
                Err(error) if fault.is_none() => {
                    fault = Some(StepFault { step, unit: None, cause: error.into() });
                }
                Err(_) => {}
            }
        }
        if job == JobType::Stop && run.phase() == Phase::Finish && run.plan.revision.is_none() {
            if fault.is_some() {
                let states = self.states().await?;
                let is_up = |unit: &UnitName| states.get(unit).is_some_and(|state| state.is_up());
                run.outlives = instances.iter().any(is_up);
            }
            self.has_stopped(run, fault.is_none());
        }
        Ok(fault)
    }

    /// Runs a job, and checks that a started unit stays up. An interruption stops the unit again, unless this
    /// is an undo step.
    async fn run_job(
        &self,
        job: JobType,
        unit: &UnitName,
        undoing: bool,
    ) -> Result<Result<(), JobError>, Halt> {
        let running = Box::pin(self.host.run_job(job, unit));
        let result = if job == JobType::Stop || undoing {
            running.await?
        } else {
            match select(running, Box::pin(self.interruption.wait())).await {
                Either::Left((result, _)) => result?,
                Either::Right(((), running)) => {
                    let (result, stopped) =
                        join(running, self.host.run_job(JobType::Stop, unit)).await;
                    // The start job has ended, so the result of the stop job does not matter.
                    let _ = stopped?;
                    result?
                }
            }
        };
        let starts = matches!(job, JobType::Start | JobType::Restart) && unit.kind() == "service";
        if starts && result.is_ok() && !self.stays_up(unit).await? {
            return Ok(Err(JobError::Ended));
        }
        Ok(result)
    }

    /// Returns whether a unit that was just started is still up, and was not restarted.
    async fn stays_up(&self, unit: &UnitName) -> Result<bool, Halt> {
        let began = self.host.now();
        let condition = self.condition(unit).await?;
        if condition.watched || condition.is_done {
            return Ok(true);
        }
        self.host.sleep(STABLE_AFTER).await;
        let condition = self.condition(unit).await?;
        // Its job ended before `began`, so a later start is a restart.
        Ok(condition.is_up() && condition.started.is_some_and(|started| started <= began))
    }

    /// Resets failed units: systemd does not start a unit that has reached its start limit.
    async fn forget_failures(&self, steps: &[Step]) -> Result<(), Halt> {
        let states = self.states().await?;
        let failed = steps
            .iter()
            .filter_map(Step::unit)
            .filter(|unit| states.get(*unit).is_some_and(|state| *state == ActiveState::Failed));
        let failed: Vec<_> = failed.cloned().collect();
        if !failed.is_empty() {
            self.host.reset_failed(failed).await;
        }
        Ok(())
    }

    /// Checks that instances are up and, if `time` is not zero, stay up that long. Returns the first that is
    /// not, and why.
    pub(super) async fn confirm(
        &self,
        units: &[UnitName],
        time: Duration,
    ) -> Result<Option<(Option<UnitName>, Cause)>, Halt> {
        let began = self.host.now();
        loop {
            for (unit, condition) in units.iter().zip(self.conditions(units.to_vec()).await?) {
                if let Some(cause) = fault(&condition, !time.is_zero()) {
                    return Ok(Some((Some(unit.clone()), cause)));
                }
            }
            let left = time.saturating_sub(self.host.now().saturating_sub(began));
            if left.is_zero() || self.interruption.is_asked() {
                return Ok(None);
            }
            self.host.sleep(left.min(POLL_INTERVAL)).await;
        }
    }
}

/// Returns what is wrong with an instance. If it is watched for some time, a restart or a failed health check
/// counts too.
fn fault(condition: &Condition, for_some_time: bool) -> Option<Cause> {
    let unhealthy = condition
        .status
        .as_ref()
        .filter(|status| HealthState::of(status).is_some_and(HealthState::finds_fault));
    match unhealthy {
        _ if !condition.is_up() => Some(Cause::NotUp),
        _ if for_some_time && condition.restarts > 0 => Some(Cause::Restarted),
        Some(status) if for_some_time => Some(Cause::Unhealthy { status: status.clone() }),
        _ => None,
    }
}
