//! Steps that change where requests go.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::value::HostPath;

use super::gather::Gather;
use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::host::Host;
use crate::report::Cause;
use crate::system::ProxyError;

/// For how long a proxy's configuration that was found good is taken for good. Who breaks it meanwhile is
/// noticed when it is reloaded.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// For how long requests that are under way are waited for by somebody who was told to stop.
const BRIEFLY: Duration = Duration::from_secs(2);

/// How long to wait before looking again whether a proxy's old processes are gone, first and at most.
const WORKERS_PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// How long to wait before looking again whether somebody is still connected.
const SOCKETS_PAUSE: Duration = Duration::from_millis(10);

/// The reloads of a proxy, each for all who want one, and the old processes that it leaves.
pub(super) type Reloads<H> = Rc<Gather<(), Result<<H as Host>::OldWorkers, Arc<ProxyError>>>>;

/// What was tried out for a service's proxy and found good, and when.
pub(super) type TriedOut = BTreeMap<(ProxyName, ServiceId), (Option<String>, Duration)>;

impl<H: Host> Executor<'_, H> {
    pub(super) async fn test_proxy(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
    ) -> Result<(), Cause> {
        if !self.host.is_online() {
            return Ok(());
        }
        self.host.try_out(proxy, service, text).await?;
        let good = (text.map(str::to_owned), self.host.now());
        self.tried_out.borrow_mut().insert((proxy.clone(), service.clone()), good);
        Ok(())
    }

    /// Returns whether a text was found good a moment ago, before the instances were started that it names.
    fn was_tried_out(&self, proxy: &ProxyName, service: &ServiceId, text: Option<&str>) -> bool {
        let tried_out = self.tried_out.borrow();
        let good = tried_out.get(&(proxy.clone(), service.clone()));
        good.is_some_and(|(good, at)| {
            good.as_deref() == text && self.host.now().saturating_sub(*at) < GOOD_FOR
        })
    }

    pub(super) async fn write_upstream(
        &self,
        proxy: &ProxyName,
        service: &ServiceId,
        text: Option<&str>,
        restore: bool,
    ) -> Result<(), Cause> {
        let tested = self.host.is_online() && !restore && !self.was_tried_out(proxy, service, text);
        Ok(self.host.write_upstream(proxy, service, text, tested).await?)
    }

    /// Reloads a proxy, once for all who want that at the same moment.
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
            Some(Ok(old)) => {
                run.old_workers.insert(proxy.clone(), old);
                Ok(())
            }
            Some(Err(error)) => Err(Cause::Proxy(error)),
            None => Ok(()),
        }
    }

    /// Waits until a proxy's processes from before its reload are gone; after the longest wait their
    /// connections are cut off with what they are connected to.
    pub(super) async fn drain_proxy(
        &self,
        proxy: &ProxyName,
        longest: Duration,
        run: &ServiceRun<H::OldWorkers>,
    ) -> Result<(), Halt> {
        if let Some(old) = run.old_workers.get(proxy) {
            let began = self.host.now();
            let mut pause = WORKERS_PAUSE[0];
            while self.goes_on(began, longest, run.phase())
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

    /// Waits until nobody is connected to sockets any more.
    pub(super) async fn drain_sockets(
        &self,
        service: &ServiceId,
        sockets: &[HostPath],
        longest: Duration,
        phase: Phase,
    ) -> Result<(), Halt> {
        let began = self.host.now();
        while self.goes_on(began, longest, phase)
            && self.host.count_connections(service, sockets).await? > 0
        {
            self.host.sleep(SOCKETS_PAUSE).await;
        }
        Ok(())
    }

    /// Returns whether to wait any longer for requests that are under way.
    fn goes_on(&self, began: Duration, longest: Duration, phase: Phase) -> bool {
        let waited = self.host.now().saturating_sub(began);
        // On the way back, the proxy's old processes still send requests to what is stopped next: those have
        // to come through. Who is interrupted a second time does not get here.
        let briefly = if phase == Phase::Undo { BRIEFLY } else { Duration::ZERO };
        waited < longest && (!self.interruption.is_asked() || waited < briefly)
    }
}
