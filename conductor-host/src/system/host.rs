//! The real [`Host`]: the running host, or another root without systemd.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{PodName, ProxyName, ServiceId, UnitName, pod_unit};
use conductor_core::plan::{ActiveState, Hook, Step};
use conductor_core::proxy::UpstreamChange;
use conductor_core::service::NetworkSettings;
use conductor_core::unit::{EngineImage, EngineNetwork, EnginePod, LocalImage, NamedVolume};
use conductor_core::value::HostPath;
use futures_channel::mpsc;
use futures_util::StreamExt as _;
use futures_util::lock::Mutex;
use rayon::ThreadPoolBuilder;
use zruntime::unblock;

use super::block::block_here;
use super::clock::{monotonic, sleep, timeout};
use super::last_words::last_words_of;
use super::systemd_jobs::{Jobs, with_jobs};
use super::{
    EngineError, Follower, JobError, JobType, LastWords, Lock, OldWorkers, Paths, Proxies,
    ProxyError, Systemd, SystemdError, UnitDirectory, atomic, explain, images, leftovers, networks,
    open, pods, results, sockets, volumes,
};
use crate::host::{Condition, Host, HostError};
use crate::words::{JobResult, UnitResult};

/// How many of a unit's last lines a failure shows.
const TAIL: u32 = 20;
/// How often to read a hook's output.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The running host, or another root.
pub(crate) struct SystemHost<'h> {
    paths: &'h Paths,
    lock: &'h Lock,
    proxies: Arc<Proxies>,
    /// `None` without a systemd.
    systemd: Option<(Arc<Systemd>, Jobs<'h>)>,
    /// Locked during batches of calls to systemd: dbus-daemon limits the pending replies of a connection.
    asking: Mutex<()>,
    /// Locked while temporary files are written, because leftovers of an earlier process are removed at that
    /// time.
    writing: Mutex<()>,
}

impl<'h> SystemHost<'h> {
    /// Runs a function with the host, and blocks until it ends. Must not be called inside an asynchronous
    /// runtime.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(crate) fn with<T>(
        paths: &'h Paths,
        lock: &'h Lock,
        proxies: Proxies,
        systemd: Option<&'h Arc<Systemd>>,
        work: impl AsyncFnOnce(SystemHost<'h>) -> T,
    ) -> Result<T, SystemdError> {
        let host = |systemd| Self {
            paths,
            lock,
            proxies: Arc::new(proxies),
            systemd,
            asking: Mutex::new(()),
            writing: Mutex::new(()),
        };
        block_here(async {
            match systemd {
                None => Ok(work(host(None)).await),
                Some(systemd) => {
                    let connected =
                        async |jobs| work(host(Some((Arc::clone(systemd), jobs)))).await;
                    with_jobs(systemd, connected).await
                }
            }
        })
    }

    /// Calls systemd on another thread than the one that polls.
    async fn ask<T: Default + Send + 'static>(
        &self,
        question: impl FnOnce(&Systemd) -> Result<T, SystemdError> + Send + 'static,
    ) -> Result<T, SystemdError> {
        match &self.systemd {
            Some((systemd, _)) => {
                let _asking = self.asking.lock().await;
                let systemd = Arc::clone(systemd);
                unblock(move || question(&systemd)).await
            }
            None => Ok(T::default()),
        }
    }

    /// Runs a function with the proxies on another thread than the one that polls.
    async fn with_proxies<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Proxies) -> T + Send + 'static,
    ) -> T {
        let _writing = self.writing.lock().await;
        let proxies = Arc::clone(&self.proxies);
        unblock(move || work(&proxies)).await
    }

    /// Writes notes of the last results of timers' jobs. systemd unloads a job that has succeeded when its timer is
    /// stopped.
    async fn keep_results(&self, timers: Vec<UnitName>) -> Result<(), SystemdError> {
        let runtime = self.paths.runtime.clone();
        let keep = move |systemd: &Systemd| {
            let jobs: Vec<_> =
                timers.iter().map(|timer| (timer.triggered(), timer.clone())).collect();
            for ((job, _), details) in jobs.iter().zip(systemd.job_details(&jobs)?) {
                // It is for `status` only.
                let _ = results::keep(&runtime, job, &details);
            }
            Ok(())
        };
        self.ask(keep).await
    }
}

impl Host for SystemHost<'_> {
    type OldWorkers = OldWorkers;

    fn is_online(&self) -> bool {
        self.systemd.is_some()
    }

    fn now(&self) -> Duration {
        monotonic()
    }

    async fn sleep(&self, time: Duration) {
        sleep(time).await;
    }

    async fn change_files(&self, steps: Vec<Step>) -> Result<(), PathError> {
        let units = self.paths.units.clone();
        unblock(move || {
            // The only thread of the global pool may be the one that waits for this.
            let pool = ThreadPoolBuilder::new().build().map_err(io::Error::other);
            let pool = pool.at("start threads for", &units)?;
            let steps: Vec<_> = steps.iter().collect();
            pool.install(|| UnitDirectory::new(&units).carry_out(&steps))
        })
        .await
    }

    async fn note_stale(&self) -> Result<(), PathError> {
        let _writing = self.writing.lock().await;
        self.lock.note_stale()
    }

    async fn forget_stale(&self) -> Result<(), PathError> {
        self.lock.forget_stale()
    }

    async fn remove_runtime_links(&self, units: Vec<UnitName>) -> Result<(), PathError> {
        for unit in units {
            let name = unit.as_str().trim_end_matches(".service");
            let path = self.paths.runtime.join(name);
            // systemd has kept them if it must keep the definition's own directory, or is still removing them. Of a dynamic user, they are in
            // a directory that only root can enter, with a link to it.
            let private = self.paths.runtime.join("../private/conductor").join(name);
            for directory in [&path, &private] {
                if directory.is_dir() && !directory.is_symlink() {
                    open::gone(std::fs::remove_dir_all(directory)).at("remove", directory)?;
                }
            }
            if path.is_symlink() && !path.exists() {
                open::gone(std::fs::remove_file(&path)).at("remove", &path)?;
            }
        }
        Ok(())
    }

    async fn reload_if_stale(&self, units: Option<Vec<UnitName>>) -> Result<bool, SystemdError> {
        self.ask(move |systemd| systemd.reload_if_stale(units.as_deref())).await
    }

    async fn reset_failed(&self, units: Vec<UnitName>) {
        let reset = move |systemd: &Systemd| {
            systemd.reset_failed(&units);
            Ok(())
        };
        // It cannot fail.
        let _ = self.ask(reset).await;
    }

    async fn forget_runs(&self, timers: Vec<UnitName>) {
        for timer in &timers {
            results::remove(&self.paths.runtime, &timer.triggered());
        }
        let forget = move |systemd: &Systemd| {
            systemd.forget_runs(&timers.iter().collect::<Vec<_>>());
            Ok(())
        };
        // It cannot fail.
        let _ = self.ask(forget).await;
    }

    async fn forget_timers(&self, timers: Vec<UnitName>) -> Result<bool, SystemdError> {
        self.keep_results(timers.clone()).await?;
        self.ask(move |systemd| systemd.forget_timers(&timers)).await
    }

    async fn run_job(
        &self,
        job: JobType,
        unit: &UnitName,
    ) -> Result<Result<(), JobError>, SystemdError> {
        let Some((systemd, jobs)) = &self.systemd else { return Ok(Ok(())) };
        if job == JobType::Stop && unit.kind() == "timer" {
            self.keep_results(vec![unit.clone()]).await?;
        }
        let result = jobs.run(job, unit).await?;
        // Of a service that is removed; while it stays, its slice is not stopped.
        if job == JobType::Stop && unit.kind() == "slice" && result.is_ok() {
            let slice = unit.clone();
            // systemd forgets a slice without processes.
            if let Some(group) = self.ask(move |systemd| systemd.control_group(&slice)).await? {
                leftovers::end(systemd, unit, &group).await;
            }
        }
        Ok(result)
    }

    async fn states(&self) -> Result<BTreeMap<UnitName, ActiveState>, SystemdError> {
        let states = self.ask(Systemd::states).await?;
        Ok(states.into_iter().map(|(name, (state, _))| (name, state)).collect())
    }

    async fn conditions(&self, units: Vec<UnitName>) -> Result<Vec<Condition>, SystemdError> {
        self.ask(move |systemd| systemd.conditions(&units)).await
    }

    async fn last_words(&self, unit: UnitName) -> LastWords {
        let scope = self.paths.scope;
        let named = unit.clone();
        // Without an answer, the journal knows the attempt that ended last.
        let asked = self.ask(move |systemd| systemd.attempt(&named).map(Some)).await;
        let (attempt, needs) = asked.ok().flatten().unwrap_or_default();
        unblock(move || {
            let words = last_words_of(scope, &unit, &attempt, TAIL);
            let hint = explain::hint(&words, &needs);
            LastWords { hint, ..words }
        })
        .await
    }

    async fn run_hook(
        &self,
        hook: &Hook,
        line: &mut dyn FnMut(&str),
    ) -> Result<Result<(), JobError>, HostError> {
        let Some((_, jobs)) = &self.systemd else { return Ok(Ok(())) };
        // The directory of transient units.
        let directory = &self.paths.transient;
        let path = directory.join(hook.unit.as_str());
        {
            let _writing = self.writing.lock().await;
            open::make_directories(directory)?;
            atomic::replace(directory, hook.unit.as_str(), Some(&hook.text))?;
            atomic::renew(directory).at("touch", directory)?;
        }
        let mut follower = Follower::new(self.paths.scope, &hook.unit);
        let mut job = Box::pin(jobs.run(JobType::Run, &hook.unit));
        let result = loop {
            let ended = timeout(POLL_INTERVAL, &mut job).await;
            let is_last = ended.is_some();
            let lines;
            (follower, lines) = unblock(move || {
                let lines = if is_last { follower.last_lines() } else { follower.lines() };
                (follower, lines)
            })
            .await;
            for text in &lines {
                line(text);
            }
            if let Some(result) = ended {
                break result?;
            }
        };
        let result = match result {
            Ok(()) => Ok(()),
            Err(error) => {
                let unit = hook.unit.clone();
                let outcome = self.ask(move |systemd| systemd.outcome(&unit)).await?;
                // The result of the job is only "failed"; that of the unit says how.
                let is_late = outcome.is_some_and(|outcome| outcome.result == UnitResult::Timeout);
                Err(if is_late { JobError::Result(JobResult::Timeout) } else { error })
            }
        };
        std::fs::remove_file(&path).at("remove", &path)?;
        self.reset_failed(vec![hook.unit.clone()]).await;
        Ok(result)
    }

    async fn image(&self, image: &EngineImage) -> Option<LocalImage> {
        let image = image.clone();
        unblock(move || images::find(&image)).await
    }

    async fn pull(
        &self,
        image: &EngineImage,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        let image = image.clone();
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let is_wanted = Arc::clone(&wanted.0);
        let (sender, mut lines) = mpsc::unbounded();
        let pulling = unblock(move || {
            images::pull(&image, &mut |line| {
                // If the receiver is gone, the pull is cancelled.
                let sent = line.is_none_or(|line| sender.unbounded_send(line.to_owned()).is_ok());
                sent && is_wanted.load(Ordering::Relaxed)
            })
        });
        while let Some(text) = lines.next().await {
            line(&text);
        }
        pulling.await
    }

    async fn tag_image(&self, image: &EngineImage, tag: &str) -> Result<(), EngineError> {
        let (image, tag) = (image.clone(), tag.to_owned());
        unblock(move || images::tag(&image, &tag)).await
    }

    async fn remove_image(&self, image: &EngineImage) -> Result<(), EngineError> {
        let image = image.clone();
        unblock(move || images::remove(&image)).await
    }

    async fn make_network(
        &self,
        network: &EngineNetwork,
        settings: &NetworkSettings,
    ) -> Result<(), EngineError> {
        let (network, settings) = (network.clone(), settings.clone());
        unblock(move || networks::make(&network, &settings)).await
    }

    async fn remove_network(&self, network: &EngineNetwork) -> Result<(), EngineError> {
        let network = network.clone();
        unblock(move || networks::remove(&network)).await
    }

    async fn make_pod(&self, pod: &EnginePod) -> Result<(), EngineError> {
        let (pod, runtime) = (pod.clone(), self.paths.runtime.clone());
        unblock(move || pods::make(&pod, &runtime)).await
    }

    async fn remove_pod(&self, pod: &PodName) -> Result<(), EngineError> {
        let name = pod.clone();
        if !unblock(move || pods::is_unused(&name)).await? {
            return Ok(());
        }
        let stopped = self.run_job(JobType::Stop, &pod_unit(pod)).await;
        if let Some(said) = pods::not_stopped(&stopped) {
            return Err(EngineError { said, output: Vec::new() });
        }
        let name = pod.clone();
        unblock(move || pods::remove(&name)).await
    }

    async fn remove_volume(
        &self,
        service: &ServiceId,
        volume: &NamedVolume,
    ) -> Result<(), PathError> {
        let (service, volume, paths) = (service.clone(), volume.clone(), self.paths.clone());
        unblock(move || volumes::remove(&service, &volume, &paths)).await
    }

    async fn try_out(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError> {
        let (name, changes) = (proxy.clone(), changes.to_vec());
        let adds = changes.iter().any(|change| change.text.is_some());
        self.with_proxies(move |proxies| proxies.try_out(&name, &changes)).await?;
        let Some((systemd, _)) = self.systemd.as_ref().filter(|_| adds) else { return Ok(()) };
        let (systemd, proxies, proxy) =
            (Arc::clone(systemd), Arc::clone(&self.proxies), proxy.clone());
        unblock(move || proxies.check_is_told(&systemd, &proxy)).await
    }

    async fn write_upstreams(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), ProxyError> {
        let (proxy, changes) = (proxy.clone(), changes.to_vec());
        self.with_proxies(move |proxies| proxies.write(&proxy, &changes, false)).await
    }

    async fn reload_proxy(&self, proxy: &ProxyName) -> Result<Option<OldWorkers>, ProxyError> {
        let Some((systemd, _)) = &self.systemd else { return Ok(Some(OldWorkers::default())) };
        let (systemd, proxies) = (Arc::clone(systemd), Arc::clone(&self.proxies));
        let proxy = proxy.clone();
        unblock(move || proxies.reload(&systemd, &proxy)).await
    }

    async fn count_old_workers(&self, old: &OldWorkers) -> usize {
        old.count()
    }

    async fn forget_pending(&self, service: &ServiceId) -> Result<(), PathError> {
        let service = service.clone();
        self.with_proxies(move |proxies| proxies.forget_pending(&service)).await
    }

    async fn switch(
        &self,
        service: &ServiceId,
        instance: u16,
        socket: &HostPath,
    ) -> Result<(), PathError> {
        sockets::switch(&self.paths.sockets, service, instance, socket)
    }

    async fn unswitch(&self, service: &ServiceId, instance: u16) -> Result<(), PathError> {
        sockets::unswitch(&self.paths.sockets, service, instance)
    }

    async fn count_connections(
        &self,
        service: &ServiceId,
        sockets: &[HostPath],
    ) -> Result<usize, SystemdError> {
        let (service, sockets) = (service.clone(), sockets.to_owned());
        self.ask(move |systemd| sockets::count_connections(systemd, &service, &sockets)).await
    }
}

/// Keeps a thread working until this is dropped.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
