//! The effect of each call on the fake host.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use conductor_core::error::PathError;
use conductor_core::name::{PodName, ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Hook, Step};
use conductor_core::proxy::{FileStep, UpstreamChange, UpstreamFile, sequence};
use conductor_core::service::NetworkSettings;
use conductor_core::unit::{EngineImage, EngineNetwork, EnginePod, LocalImage, NamedVolume};
use conductor_core::value::HostPath;

use super::state::{Held, ProxyWorkers};
use super::{CALL, Call, DRAIN, FakeHost};
use crate::host::{Condition, Host, HostError};
use crate::system::{EngineError, JobError, JobType, LastWords, ProxyError, SystemdError};
use crate::words::JobResult;

/// How often a job checks whether another replaced it.
const PAUSE: Duration = Duration::from_millis(20);

impl Host for FakeHost {
    /// When the last connection of each process is closed.
    type OldWorkers = Vec<Duration>;

    fn is_online(&self) -> bool {
        true
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    async fn sleep(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    async fn change_files(&self, steps: Vec<Step>) -> Result<(), PathError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(no_space());
        }
        for step in &steps {
            self.state.borrow_mut().change(step);
        }
        self.end(turn, Call::ChangeFiles(steps)).await;
        Ok(())
    }

    async fn note_stale(&self) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        self.state.borrow_mut().stale = true;
        self.end(turn, Call::NoteStale).await;
        Ok(())
    }

    async fn forget_stale(&self) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        self.state.borrow_mut().stale = false;
        self.end(turn, Call::ForgetStale).await;
        Ok(())
    }

    async fn remove_runtime_links(&self, _: Vec<UnitName>) -> Result<(), PathError> {
        Ok(())
    }

    async fn reload_if_stale(&self, units: Option<Vec<UnitName>>) -> Result<bool, SystemdError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(SystemdError::Ended);
        }
        let concerned = |unit: &UnitName| units.as_ref().is_none_or(|units| units.contains(unit));
        let stale = self.state.borrow().stale_units().any(concerned);
        if stale {
            self.state.borrow_mut().reload();
        }
        self.end(turn, Call::Reload).await;
        Ok(stale)
    }

    async fn reset_failed(&self, units: Vec<UnitName>) {
        let now = self.now();
        for unit in units {
            if self.state.borrow().state(&unit, now) == ActiveState::Failed {
                self.state.borrow_mut().held.remove(&unit);
            }
        }
    }

    async fn forget_runs(&self, _: Vec<UnitName>) {}

    async fn forget_timers(&self, timers: Vec<UnitName>) -> Result<bool, SystemdError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(SystemdError::Ended);
        }
        let reloads = timers.iter().any(|timer| self.state.borrow().held.contains_key(timer));
        if reloads {
            self.state.borrow_mut().reload();
        }
        self.state.borrow_mut().forget(&timers);
        self.end(turn, Call::ForgetTimers(timers)).await;
        Ok(reloads)
    }

    async fn run_job(
        &self,
        job: JobType,
        unit: &UnitName,
    ) -> Result<Result<(), JobError>, SystemdError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        let result = self.run(job, unit, turn.fails).await;
        self.end(turn, Call::RunJob(job, unit.clone())).await;
        Ok(result)
    }

    async fn states(&self) -> Result<BTreeMap<UnitName, ActiveState>, SystemdError> {
        self.query().await?;
        Ok(self.state.borrow().states(self.now()))
    }

    async fn conditions(&self, units: Vec<UnitName>) -> Result<Vec<Condition>, SystemdError> {
        self.query().await?;
        let (state, now) = (self.state.borrow(), self.now());
        let condition = |unit: &UnitName| match state.held.get(unit) {
            Some(held) => Condition {
                state: Some(state.state(unit, now)),
                restarts: 0,
                started: Some(held.since),
                status: None,
                watched: held.watched,
                is_done: false,
            },
            None => Condition::default(),
        };
        Ok(units.iter().map(condition).collect())
    }

    async fn last_words(&self, _: UnitName) -> LastWords {
        LastWords::default()
    }

    async fn run_hook(
        &self,
        hook: &Hook,
        line: &mut dyn FnMut(&str),
    ) -> Result<Result<(), JobError>, HostError> {
        let turn = self.begin().await;
        line("hook output");
        let result = self.run(JobType::Run, &hook.unit, turn.fails).await;
        self.state.borrow_mut().held.remove(&hook.unit);
        if result.is_ok() {
            self.state.borrow_mut().ran.push(hook.unit.clone());
        }
        self.end(turn, Call::RunHook(hook.unit.clone())).await;
        Ok(result)
    }

    async fn image(&self, image: &EngineImage) -> Option<LocalImage> {
        self.state.borrow().find_image(image)
    }

    async fn pull(
        &self,
        image: &EngineImage,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        let turn = self.begin().await;
        self.clock.sleep(Duration::from_secs(3)).await;
        line("pull output");
        if turn.fails {
            return Err(EngineError { said: "no such image".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().pull(image);
        self.end(turn, Call::Pull).await;
        Ok(())
    }

    async fn tag_image(&self, image: &EngineImage, tag: &str) -> Result<(), EngineError> {
        let turn = self.begin().await;
        let found = self.state.borrow().find_image(image).filter(|_| !turn.fails);
        let none = || EngineError { said: "no such image".to_owned(), output: Vec::new() };
        let tag = EngineImage { engine: image.engine, reference: tag.to_owned() };
        self.state.borrow_mut().images.insert(tag, found.ok_or_else(none)?);
        self.end(turn, Call::TagImage).await;
        Ok(())
    }

    async fn remove_image(&self, image: &EngineImage) -> Result<(), EngineError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(EngineError { said: "something uses it".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().images.remove(image);
        self.end(turn, Call::RemoveImage).await;
        Ok(())
    }

    async fn make_network(
        &self,
        network: &EngineNetwork,
        _: &NetworkSettings,
    ) -> Result<(), EngineError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(EngineError { said: "no address is left".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().networks.insert(network.clone());
        self.end(turn, Call::MakeNetwork(network.clone())).await;
        Ok(())
    }

    async fn remove_network(&self, network: &EngineNetwork) -> Result<(), EngineError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails || self.state.borrow().is_used(network) {
            return Err(EngineError { said: "something uses it".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().networks.remove(network);
        self.end(turn, Call::RemoveNetwork(network.clone())).await;
        Ok(())
    }

    async fn make_pod(&self, pod: &EnginePod) -> Result<(), EngineError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(EngineError { said: "no such network".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().pods.insert(pod.name.clone());
        self.end(turn, Call::MakePod(pod.name.clone())).await;
        Ok(())
    }

    async fn remove_pod(&self, pod: &PodName) -> Result<(), EngineError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails || self.state.borrow().is_pod_used(pod) {
            return Err(EngineError { said: "something uses it".to_owned(), output: Vec::new() });
        }
        self.state.borrow_mut().pods.remove(pod);
        self.end(turn, Call::RemovePod(pod.clone())).await;
        Ok(())
    }

    async fn remove_volume(&self, _: &ServiceId, _: &NamedVolume) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        self.end(turn, Call::RemoveVolume).await;
        Ok(())
    }

    async fn try_out(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        let mut files = self.state.borrow().upstreams.get(proxy).cloned().unwrap_or_default();
        for change in changes {
            change_file(&mut files, proxy, change);
        }
        if turn.fails || has_duplicates(&files) {
            return Err(refused(proxy));
        }
        self.end(turn, Call::TryOut(proxy.clone())).await;
        Ok(())
    }

    /// Each step is a call of its own, since a process can be killed between two of them.
    async fn write_upstreams(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError> {
        let steps = {
            let mut state = self.state.borrow_mut();
            let files = state.upstreams.entry(proxy.clone()).or_default();
            let text = |change: &UpstreamChange| {
                let file = files.get(&change.service)?;
                Some((change.service.clone(), file.text.clone()))
            };
            let steps = sequence(&changes.iter().filter_map(text).collect(), changes);
            for change in changes.iter().filter(|_| !steps.is_empty()) {
                state.pending.entry(change.service.clone()).or_default().insert(proxy.clone());
            }
            steps
        };
        for step in steps {
            let turn = self.begin().await;
            self.clock.sleep(CALL).await;
            if turn.fails {
                return Err(refused(proxy));
            }
            {
                let mut state = self.state.borrow_mut();
                let files = state.upstreams.entry(proxy.clone()).or_default();
                step.apply(files, |service| {
                    let change = changes.iter().find(|change| change.service == *service)?;
                    let (proxy, service) = (proxy.clone(), service.clone());
                    Some(UpstreamFile { proxy, service, text: change.text.clone()? })
                });
            }
            let service = match step {
                FileStep::Write { at, .. } => at,
                FileStep::Move { to, .. } => to,
                FileStep::Swap(one, _) | FileStep::Remove(one) => one,
            };
            self.end(turn, Call::WriteUpstream(service)).await;
        }
        Ok(())
    }

    async fn reload_proxy(
        &self,
        proxy: &ProxyName,
    ) -> Result<Option<Self::OldWorkers>, ProxyError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(ProxyError::NotTakenOver { unit: unit_of_proxy() });
        }
        let now = self.now();
        let files = self.state.borrow().upstreams.get(proxy).cloned().unwrap_or_default();
        if has_duplicates(&files) {
            return Err(ProxyError::NotTakenOver { unit: unit_of_proxy() });
        }
        let old = {
            let mut state = self.state.borrow_mut();
            let workers = state.workers.entry(proxy.clone()).or_default();
            workers.retain(|old| old.gone.is_none_or(|gone| gone > now));
            for old in workers.iter_mut() {
                old.gone.get_or_insert(now + DRAIN);
            }
            let old = workers.iter().filter_map(|old| old.gone).collect();
            workers.push(ProxyWorkers::new(files));
            old
        };
        self.end(turn, Call::ReloadProxy).await;
        Ok(Some(old))
    }

    async fn count_old_workers(&self, old: &Self::OldWorkers) -> usize {
        let turn = self.begin().await;
        let count = old.iter().filter(|gone| **gone > self.now()).count();
        self.end(turn, Call::CountOldWorkers).await;
        count
    }

    async fn forget_pending(&self, service: &ServiceId) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        self.state.borrow_mut().pending.remove(service);
        self.end(turn, Call::ForgetPending(service.clone())).await;
        Ok(())
    }

    async fn switch(
        &self,
        service: &ServiceId,
        instance: u16,
        socket: &HostPath,
    ) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        self.state
            .borrow_mut()
            .sockets
            .entry(service.clone())
            .or_default()
            .insert(instance, socket.clone());
        self.state.borrow_mut().connections.insert(service.clone(), self.now() + DRAIN);
        self.end(turn, Call::Switch(service.clone())).await;
        Ok(())
    }

    async fn unswitch(&self, service: &ServiceId, instance: u16) -> Result<(), PathError> {
        let turn = self.begin().await;
        if turn.fails {
            return Err(no_space());
        }
        {
            let mut state = self.state.borrow_mut();
            if let Some(names) = state.sockets.get_mut(service) {
                names.remove(&instance);
            }
            state.sockets.retain(|_, names| !names.is_empty());
        }
        self.end(turn, Call::Switch(service.clone())).await;
        Ok(())
    }

    async fn count_connections(
        &self,
        service: &ServiceId,
        _: &[HostPath],
    ) -> Result<usize, SystemdError> {
        self.query().await?;
        let now = self.now();
        let state = self.state.borrow();
        Ok(state.connections.get(service).filter(|closed| **closed > now).into_iter().count())
    }
}

impl FakeHost {
    async fn query(&self) -> Result<(), SystemdError> {
        let turn = self.begin().await;
        self.clock.sleep(CALL).await;
        if turn.fails {
            return Err(SystemdError::Ended);
        }
        self.end(turn, Call::Query).await;
        Ok(())
    }

    /// Carries out a job; a later job for the same unit replaces it.
    async fn run(&self, job: JobType, unit: &UnitName, fails: bool) -> Result<(), JobError> {
        let program = self.program(unit);
        let number = self.jobs.get() + 1;
        self.jobs.set(number);
        let stops = matches!(job, JobType::Stop | JobType::Restart);
        let is_held = self.state.borrow().held.contains_key(unit);
        if stops && is_held {
            self.enter(unit, ActiveState::Deactivating, number);
            self.wait(unit, number, program.stop).await?;
            if program.outlives {
                self.enter(unit, ActiveState::Active, number);
                return Err(JobError::Result(JobResult::Failed));
            }
            self.state.borrow_mut().held.remove(unit);
            self.state.borrow_mut().end_slice(unit);
        }
        if job == JobType::Stop {
            return if fails { Err(JobError::Result(JobResult::Failed)) } else { Ok(()) };
        }
        let up = self.state.borrow().state(unit, self.now()) == ActiveState::Active;
        if up && job == JobType::Start {
            return Ok(());
        }
        if self.state.borrow().state(unit, self.now()) == ActiveState::Failed {
            // As for a unit that has reached its start limit.
            return Err(JobError::Result(JobResult::Failed));
        }
        self.enter(unit, ActiveState::Activating, number);
        self.wait(unit, number, program.start).await?;
        if fails || program.fails {
            self.enter(unit, ActiveState::Failed, number);
            return Err(JobError::Result(JobResult::Failed));
        }
        self.enter(unit, ActiveState::Active, number);
        if let Some(held) = self.state.borrow_mut().held.get_mut(unit) {
            held.stays = program.stays;
            held.watched = program.watched;
        }
        Ok(())
    }

    async fn wait(&self, unit: &UnitName, job: usize, time: Duration) -> Result<(), JobError> {
        let until = self.now() + time;
        while self.now() < until {
            self.clock.sleep(PAUSE.min(until.saturating_sub(self.now()))).await;
            if self.state.borrow().held.get(unit).is_none_or(|held| held.job != job) {
                return Err(JobError::Result(JobResult::Canceled));
            }
        }
        Ok(())
    }

    fn enter(&self, unit: &UnitName, state: ActiveState, job: usize) {
        let mut all = self.state.borrow_mut();
        all.start_slice(unit, self.now());
        // systemd loads a file when the unit is first referred to.
        let file = all.units.units.get(unit).map(|unit| unit.body().to_owned());
        let text = all.held.get(unit).map_or(file, |held| held.text.clone());
        let held = Held { state, since: self.now(), stays: None, watched: true, job, text };
        all.held.insert(unit.clone(), held);
    }
}

fn change_file(
    files: &mut BTreeMap<ServiceId, UpstreamFile>,
    proxy: &ProxyName,
    UpstreamChange { service, text }: &UpstreamChange,
) {
    match text {
        Some(text) => {
            let (proxy, service, text) = (proxy.clone(), service.clone(), text.clone());
            files.insert(service.clone(), UpstreamFile { proxy, service, text });
        }
        None => {
            files.remove(service);
        }
    }
}

/// Returns whether two files have an upstream of the same name, which a proxy refuses.
fn has_duplicates(files: &BTreeMap<ServiceId, UpstreamFile>) -> bool {
    let mut names = BTreeSet::new();
    files.values().flat_map(UpstreamFile::names).any(|name| !names.insert(name))
}

fn no_space() -> PathError {
    let source = io::Error::from(io::ErrorKind::StorageFull);
    PathError { action: "write", path: "/a/file".into(), source }
}

fn refused(proxy: &ProxyName) -> ProxyError {
    let said = "host not found".to_owned();
    ProxyError::Refused { proxy: proxy.clone(), said, removal: false, elsewhere: None }
}

fn unit_of_proxy() -> UnitName {
    let name = "nginx.service".parse();
    name.unwrap_or_else(|_| unreachable!("it is a valid unit name"))
}
