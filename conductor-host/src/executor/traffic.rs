//! Steps that change where requests are sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::UpstreamChange;
use conductor_core::value::HostPath;

use super::gather::Gather;
use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::event::Event;
use crate::host::Host;
use crate::report::Cause;
use crate::system::ProxyError;

/// How long the result of a successful configuration check is reused. A change that breaks it in the meantime
/// is detected by the reload.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// How long to wait for open requests after an interruption.
const DRAIN_WHEN_INTERRUPTED: Duration = Duration::from_secs(2);

/// The first and the longest pause between two checks whether a proxy's old processes have ended.
const WORKERS_PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// The pause between two counts of open connections.
const SOCKETS_PAUSE: Duration = Duration::from_millis(10);

/// The reloads of a proxy, joined over services. Each returns the old processes.
pub(super) type Reloads<H> =
    Rc<Gather<(), Result<Option<<H as Host>::OldWorkers>, Arc<ProxyError>>>>;

/// The proxy changes that passed a check, and when.
pub(super) type TriedOut = BTreeMap<(ProxyName, Vec<UpstreamChange>), Duration>;

impl<H: Host> Executor<'_, H> {
    /// Checks a proxy's configuration with changed files, unless these passed the check a moment ago, before
    /// their instances were started.
    pub(super) async fn test_proxy(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
    ) -> Result<(), Cause> {
        if !self.host.is_online() {
            return Ok(());
        }
        let key = (proxy.clone(), changes.to_vec());
        // Services that change their files together ask for the same check.
        let mut tried_out = self.tried_out.lock().await;
        let good = tried_out.get(&key);
        if good.is_some_and(|at| self.host.now().saturating_sub(*at) < GOOD_FOR) {
            return Ok(());
        }
        self.host.try_out(proxy, changes).await?;
        tried_out.insert(key, self.host.now());
        Ok(())
    }

    /// Changes the files of services for a proxy. What is restored is not tested.
    pub(super) async fn write_upstreams(
        &self,
        proxy: &ProxyName,
        changes: &[UpstreamChange],
        restore: bool,
    ) -> Result<(), Cause> {
        if !restore {
            self.test_proxy(proxy, changes).await?;
        }
        Ok(self.host.write_upstreams(proxy, changes).await?)
    }

    /// Reloads a proxy; simultaneous requests share one reload.
    pub(super) async fn reload_proxy(
        &self,
        proxy: &ProxyName,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<(), Cause> {
        let reloads = Rc::clone(self.reloads.borrow_mut().entry(proxy.clone()).or_default());
        let reload = async |all: Vec<()>| {
            let result = self.host.reload_proxy(proxy).await.map_err(Arc::new);
            Ok::<_, Infallible>(vec![result; all.len()])
        };
        let Ok(answer) = reloads.ask((), reload).await;
        match answer {
            Some(Ok(Some(old))) => {
                run.old_workers.insert(proxy.clone(), old);
                Ok(())
            }
            Some(Ok(None)) if run.plan.revision.is_none() => Ok(()),
            Some(Ok(None)) => {
                let text = format!("{proxy} does not run, so no request reaches the instances");
                self.tell(Event::note(&run.plan.service, text));
                Ok(())
            }
            Some(Err(error)) => Err(Cause::Proxy(error)),
            None => Ok(()),
        }
    }

    /// Waits until a proxy's processes from before its reload have ended. After the longest wait, their
    /// connections are closed when the old instances stop.
    pub(super) async fn drain_proxy(
        &self,
        proxy: &ProxyName,
        longest: Duration,
        run: &ServiceRun<H::OldWorkers>,
    ) -> Result<(), Halt> {
        if let Some(old) = run.old_workers.get(proxy) {
            let began = self.host.now();
            let mut pause = WORKERS_PAUSE[0];
            while self.keeps_waiting(began, longest, run.phase())
                && run.failed_elsewhere().is_none()
                && self.host.count_old_workers(old).await > 0
            {
                self.host.sleep(pause).await;
                pause = (pause * 3 / 2).min(WORKERS_PAUSE[1]);
            }
        }
        if !self.interruption.is_asked() {
            self.host.forget_pending(&run.plan.service).await?;
        }
        Ok(())
    }

    /// Waits until the sockets have no connections.
    pub(super) async fn drain_sockets(
        &self,
        service: &ServiceId,
        sockets: &[HostPath],
        longest: Duration,
        phase: Phase,
    ) -> Result<(), Halt> {
        let began = self.host.now();
        while self.keeps_waiting(began, longest, phase)
            && self.host.count_connections(service, sockets).await? > 0
        {
            self.host.sleep(SOCKETS_PAUSE).await;
        }
        Ok(())
    }

    /// Returns whether to keep waiting for open requests.
    fn keeps_waiting(&self, began: Duration, longest: Duration, phase: Phase) -> bool {
        let waited = self.host.now().saturating_sub(began);
        // During undo, the proxy's old processes still have open requests at instances that are stopped next,
        // and these must be answered. A second interruption ends the process.
        let briefly = if phase == Phase::Undo { DRAIN_WHEN_INTERRUPTED } else { Duration::ZERO };
        waited < longest && (!self.interruption.is_asked() || waited < briefly)
    }
}
