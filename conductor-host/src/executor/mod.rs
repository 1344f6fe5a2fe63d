//! Carries out plans: all services concurrently, each at its own pace.
//!
//! The steps of one service are carried out in order. A wait (for an instance to start, for a proxy to drain)
//! does not delay other services. Simultaneous requests are joined where that is cheaper: unit files are
//! written with one sync, states are read with one call, a proxy is reloaded once.

mod commands;
mod counter;
mod dependencies;
mod fault;
mod files;
mod gather;
mod interruption;
mod kind;
mod networks;
mod progress;
mod systemd_jobs;
mod together;
mod traffic;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, ServicePlan, Step};
use conductor_core::proxy::UpstreamChange;
use conductor_core::release::Images;
use conductor_core::unit::EngineImage;
use futures_util::future::{Either, join_all, select};
use futures_util::lock::Mutex;

use crate::event::{Event, Watcher};
use crate::host::{Condition, Host, HostError};
use crate::ops::Error;
use crate::report::{Cause, Failure, ServiceReport, StepObject};
use crate::system::{CommandEnd, JobType, LastWords};
use commands::Pulls;
use counter::Counter;
use dependencies::{Board, Reached};
use fault::StepFault;
use gather::Gather;
use interruption::Interruption;
use kind::StepKind;
use networks::Networks;
use progress::ServiceRun;

/// How often to poll for an interruption, and whether started instances are still up.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Why a service's plan cannot continue.
enum Halt {
    /// This error.
    Error(HostError),
    /// A joined call failed, and another service returns the error.
    Elsewhere,
}

impl<E: Into<HostError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Plans a service again, with what engines have for the images that were pulled for it.
pub(crate) type Replan<'h> =
    &'h dyn Fn(&ServiceId, &[EngineImage], Images) -> Result<ServicePlan, Error>;

/// Carries out plans on a host.
pub(crate) struct Executor<'h, H: Host> {
    host: &'h H,
    watcher: RefCell<&'h mut dyn Watcher>,
    interruption: Interruption,
    /// The units with running jobs and their services, for progress events.
    watched: RefCell<BTreeMap<UnitName, ServiceId>>,
    /// How many services still have urgent steps.
    busy: Counter,
    /// How far the services are, for those that depend on them.
    board: Board,
    /// Whether files were changed, and systemd was not reloaded since.
    owes_reload: Cell<bool>,
    files: Gather<Vec<Step>, ()>,
    states: Gather<(), BTreeMap<UnitName, ActiveState>>,
    conditions: Gather<Vec<UnitName>, Vec<Condition>>,
    reloads: RefCell<BTreeMap<ProxyName, traffic::Reloads<H>>>,
    pulls: Pulls,
    networks: RefCell<Networks>,
    replan: Option<Replan<'h>>,
    /// The proxy changes that passed a check, and when.
    tried_out: Mutex<traffic::TriedOut>,
}

impl<'h, H: Host> Executor<'h, H> {
    pub(crate) fn new(host: &'h H, watcher: &'h mut dyn Watcher) -> Self {
        Self {
            host,
            watcher: RefCell::new(watcher),
            interruption: Interruption::default(),
            watched: RefCell::default(),
            busy: Counter::default(),
            board: Board::default(),
            owes_reload: Cell::default(),
            files: Gather::default(),
            states: Gather::default(),
            conditions: Gather::default(),
            reloads: RefCell::default(),
            pulls: Pulls::default(),
            networks: RefCell::default(),
            replan: None,
            tried_out: Mutex::default(),
        }
    }

    /// From now on, plans a service again after its images were pulled.
    pub(crate) fn planning_again(self, replan: Replan<'h>) -> Self {
        Self { replan: Some(replan), ..self }
    }

    /// Carries out the plans of all services, and returns their reports in the same order.
    ///
    /// # Errors
    /// Files cannot be written or systemd does not answer; the services that are not affected finish first. A
    /// failed step is not an error here: its service is rolled back, and the report says so.
    pub(crate) async fn run(
        &self,
        plans: Vec<ServicePlan>,
    ) -> Result<Vec<ServiceReport>, HostError> {
        *self.networks.borrow_mut() = Networks::of(&plans);
        let members = together::members(&plans);
        let runs = plans.into_iter().zip(members);
        let runs: Vec<_> = runs.map(|(plan, member)| ServiceRun::new(plan, member)).collect();
        self.busy.set(runs.len());
        let leaving = runs.iter().filter(|run| run.leaves).map(|run| &run.plan);
        self.board.leave(
            leaving.map(|plan| (plan.service.clone(), plan.dependencies.stops_late)).collect(),
        );
        let all = join_all(runs.into_iter().map(|run| self.carry_out(run)));
        // `watch` never returns.
        let results = match select(Box::pin(all), Box::pin(self.watch())).await {
            Either::Left((results, _)) => results,
            Either::Right((never, _)) => match never {},
        };
        let mut reports = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Ok(report) => reports.push(report),
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Elsewhere) => {}
            }
        }
        Ok(reports)
    }

    /// Carries out the plan of one service.
    async fn carry_out(&self, mut run: ServiceRun<H::OldWorkers>) -> Result<ServiceReport, Halt> {
        let result = self.run_steps(&mut run).await;
        self.is_idle(&mut run);
        let stopped = result.is_ok() && run.failure.is_none();
        self.has_stopped(&run, stopped);
        if result.is_err() {
            self.board.note(&run.plan.service, Reached::Failed);
        }
        if let (Err(_), Some(member)) = (&result, &run.member) {
            member.leave();
        }
        result.map(|()| run.report())
    }

    /// Notes that a service has no urgent steps left.
    fn is_idle(&self, run: &mut ServiceRun<H::OldWorkers>) {
        if !std::mem::replace(&mut run.is_idle, true) {
            self.busy.decrease();
        }
    }

    /// Notes that the old instances of a service have stopped, or will not stop.
    fn has_stopped(&self, run: &ServiceRun<H::OldWorkers>, stopped: bool) {
        self.board.has_left(&run.plan.service);
        self.board.note_stop(&run.plan.service, stopped);
    }

    async fn run_steps(&self, run: &mut ServiceRun<H::OldWorkers>) -> Result<(), Halt> {
        loop {
            if self.interruption.is_asked() && run.failure.is_none() {
                // Steps that can still be undone are undone.
                if let Some(step) = run.next_step().cloned() {
                    self.fail(run, StepFault::interrupted(step)).await;
                }
            }
            if run.failure.is_none()
                && let Some((step, cause)) = run.failed_elsewhere()
            {
                self.fail(run, StepFault { step, unit: None, cause }).await;
            }
            // Others of a group may wait for it, and it for them.
            self.note_up(run);
            self.note_replaced(run);
            together::note_named(run);
            if run.failure.is_none()
                && let Some(member) = run.member_to_commit()
            {
                match self.commit(member).await? {
                    Ok(()) => run.begin_finish(),
                    Err((unit, cause)) => {
                        let step = member.step().clone();
                        self.fail(run, StepFault { step, unit, cause }).await;
                    }
                }
            }
            if let Err(fault) = self.wait_for_dependencies(run).await {
                self.fail(run, fault).await;
            }
            if let Err(fault) = self.wait_for_stops(run).await {
                self.fail(run, fault).await;
            }
            let Some((kind, steps)) = run.next_group() else { return Ok(()) };
            for step in &steps {
                let service = run.plan.service.clone();
                self.tell(Event::Step { service, step: step.into() });
            }
            let pulled = pulled(&steps);
            if let Some(fault) = self.run_group(kind, steps, run).await? {
                self.fail(run, fault).await;
            } else if let (Some((step, images)), false) = (pulled, run.is_planned_again)
                && let Err(cause) = self.plan_again(&images, run).await
            {
                self.fail(run, StepFault { step, unit: None, cause }).await;
            }
        }
    }

    /// Carries out steps of one kind, and records each. Returns the first that failed.
    async fn run_group(
        &self,
        kind: StepKind,
        steps: Vec<Step>,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<Option<StepFault>, Halt> {
        match kind {
            StepKind::Files => return self.change_files(steps, run).await.map(|()| None),
            StepKind::Jobs(job) => return self.run_jobs(job, steps, run).await,
            StepKind::Forget => return self.forget(steps, run).await.map(|()| None),
            StepKind::StartTarget => return self.run_jobs(JobType::Start, steps, run).await,
            StepKind::StopSlice => return self.run_jobs(JobType::Stop, steps, run).await,
            _ => {}
        }
        let mut steps = steps.into_iter();
        while let Some(step) = steps.next() {
            let mut fault = self.meet_before(&step, run).await?;
            let began = self.host.now();
            if fault.is_none() {
                fault = self.run_step(&step, run).await?;
            }
            match fault {
                None => self.done(run, &step, began),
                Some((unit, cause)) => {
                    // A failure during undo does not stop the undo: the other steps are still carried out.
                    run.put_back(steps);
                    return Ok(Some(StepFault { step, unit, cause }));
                }
            }
        }
        Ok(None)
    }

    /// Carries out a single step. If it fails, returns the cause and the unit that failed.
    async fn run_step(
        &self,
        step: &Step,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<Option<(Option<UnitName>, Cause)>, Halt> {
        if run.member.is_some() && together::is_change(step) {
            // It is done: the files of a group change together.
            return Ok(None);
        }
        let service = &run.plan.service.clone();
        let result = match step {
            Step::TestProxy { proxy, changes } => self.test_proxy(proxy, changes).await,
            Step::Pull { image, always } => self.pull(image, *always, step, service).await,
            Step::Tag { image, id, tag } => self.tag(image, id.as_ref(), tag).await,
            Step::MakeNetwork(network, settings) => {
                self.host.make_network(network, settings).await.map_err(Cause::Network)
            }
            Step::MakePod(pod) => self.host.make_pod(pod).await.map_err(Cause::Pod),
            Step::Run(hook) => {
                let unit = || Some(hook.unit.clone());
                let result = self.run_hook(hook, step, run).await?;
                return Ok(result.err().map(|cause| (unit(), cause)));
            }
            Step::Confirm { units, time } => {
                return self.confirm(units, time.duration()).await;
            }
            Step::WriteUpstream { file, restore } => {
                let text = Some(file.text.clone());
                let change = UpstreamChange { service: file.service.clone(), text };
                self.write_upstreams(&file.proxy, &[change], *restore).await
            }
            Step::RemoveUpstream { proxy, service, restore } => {
                let change = UpstreamChange { service: service.clone(), text: None };
                self.write_upstreams(proxy, &[change], *restore).await
            }
            Step::Switch { service, instance, socket } => {
                let switched = self.host.switch(service, *instance, socket).await;
                switched.map_err(Cause::from)
            }
            Step::Unswitch { service, instance } => {
                self.host.unswitch(service, *instance).await.map_err(Cause::from)
            }
            Step::ReloadProxy(proxy) => self.reload_proxy(proxy, run).await,
            Step::DrainProxy { proxy, longest } => {
                self.drain_proxy(proxy, longest.duration(), run).await?;
                Ok(())
            }
            Step::DrainSockets { service, sockets, longest } => {
                self.drain_sockets(service, sockets, longest.duration(), run.phase()).await?;
                Ok(())
            }
            Step::RemoveVolume { service, volume } => {
                self.host.remove_volume(service, volume).await.map_err(Cause::from)
            }
            Step::RemovePod(_) | Step::RemoveNetwork(_) => {
                self.remove_common(step, service).await;
                Ok(())
            }
            Step::RemoveImage(image) => {
                self.remove_image(image, service).await;
                Ok(())
            }
            Step::Write { .. }
            | Step::Enable(_)
            | Step::Disable(_)
            | Step::Remove(_)
            | Step::RemoveShared(_)
            | Step::Forget(_)
            | Step::Start(_)
            | Step::Restart(_)
            | Step::Stop(_) => Ok(()),
        };
        Ok(result.err().map(|cause| (None, cause)))
    }

    /// Records the first failure of a service and starts its undo.
    async fn fail(&self, run: &mut ServiceRun<H::OldWorkers>, fault: StepFault) {
        if run.failure.is_some() {
            return;
        }
        if let Some(member) = &run.member {
            member.fail();
        }
        let StepFault { step, unit, cause } = fault;
        let interrupted = self.interruption.is_asked();
        // A step that was not begun has no unit that failed.
        let begun = !matches!(
            cause,
            Cause::Interrupted
                | Cause::Together { .. }
                | Cause::Application { .. }
                | Cause::Dependency { .. }
                | Cause::Dependent { .. }
        );
        let unit = unit.or_else(|| step.unit().cloned()).filter(|_| begun);
        let LastWords { journal, health, end, hint, .. } = match &unit {
            Some(unit) => self.host.last_words(unit.clone()).await,
            None => LastWords::default(),
        };
        let journal = match &cause {
            Cause::Pull(error) | Cause::Network(error) | Cause::Pod(error) => error.output.clone(),
            _ => journal,
        };
        let hint = cause.hint().map(Cow::into_owned).or(hint);
        // A tag that was not given is no change, nor is a network or a pod that was not made.
        let attempted = begun.then(|| StepKind::of(&step)).filter(|kind| {
            !matches!(kind, StepKind::Tag | StepKind::MakeNetwork | StepKind::MakePod)
        });
        run.fail(
            Failure {
                step: StepObject::from(&step),
                unit,
                cause: if interrupted { Cause::Interrupted } else { cause },
                end: end.map(CommandEnd::in_words),
                status: health,
                journal,
                hint,
                old_serves: false,
                undone: false,
                retried: false,
                interrupted,
            },
            attempted,
        );
        self.board.note(&run.plan.service, Reached::Failed);
        if run.plan.revision.is_none() {
            // Others need not wait for its undo. It may have stopped before it failed, which was noted then.
            self.board.note_stop(&run.plan.service, false);
        }
        if let Some(failure) = &run.failure {
            let (service, failure) = (run.plan.service.clone(), failure.clone());
            self.tell(Event::Failed { service, failure });
        }
    }

    /// Records that a step was carried out.
    fn done(&self, run: &mut ServiceRun<H::OldWorkers>, step: &Step, began: Duration) {
        let took = self.host.now().saturating_sub(began);
        self.tell_done(&run.plan.service, step, took);
        run.done(step, took);
    }

    fn tell_done(&self, service: &ServiceId, step: &Step, took: Duration) {
        let usec = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.tell(Event::Done { service: service.clone(), step: step.into(), usec });
    }

    fn tell_output(&self, service: &ServiceId, step: &Step, line: &str) {
        let (service, line) = (service.clone(), line.to_owned());
        self.tell(Event::Output { service, step: step.into(), line });
    }

    fn tell(&self, event: Event) {
        self.watcher.borrow_mut().tell(event);
    }
}

/// Returns the last of steps that pull, and the images of all of them, each with whether it was pulled in any case;
/// `None` if they do not pull.
fn pulled(steps: &[Step]) -> Option<(Step, Vec<(EngineImage, bool)>)> {
    let images = steps.iter().filter_map(|step| match step {
        Step::Pull { image, always } => Some((image.clone(), *always)),
        _ => None,
    });
    let images: Vec<_> = images.collect();
    Some((steps.last()?.clone(), images)).filter(|(_, images)| !images.is_empty())
}
