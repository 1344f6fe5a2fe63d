//! Steps that change where requests go.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Executor, Fault, Todo, faults, is_undoing};
use crate::ops::error::Error;
use crate::system::{ProxyError, sockets};
use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::plan::Step;
use conductor_core::proxy::UpstreamFile;

use super::work::Work;

/// For how long a proxy's configuration that was found good is taken for good. Who breaks it meanwhile is
/// noticed when it is reloaded.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// For how long requests that are under way are waited for by somebody who was told to stop.
const BRIEFLY: Duration = Duration::from_secs(2);

impl Executor<'_> {
    pub(super) fn test_proxies<'t>(&mut self, todo: &Todo<'t>) -> Vec<Fault<'t>> {
        let online = self.systemd.is_some();
        faults(todo, |step| match step {
            Step::TestProxy { proxy, service, text } if online => {
                match self.proxies.try_out(proxy, service, text.as_deref()) {
                    Ok(()) => {
                        let key = (proxy.clone(), service.clone());
                        self.tried_out.insert(key, (text.clone(), Instant::now()));
                        None
                    }
                    Err(error) => Some(explained(&error)),
                }
            }
            _ => None,
        })
    }

    /// Tells whether a text was found good a moment ago, before the instances were started that it names.
    fn was_tried_out(&self, proxy: &ProxyName, service: &ServiceId, text: Option<&str>) -> bool {
        let tried = self.tried_out.get(&(proxy.clone(), service.clone()));
        tried.is_some_and(|(tried, at)| tried.as_deref() == text && at.elapsed() < GOOD_FOR)
    }

    pub(super) fn route<'t>(&mut self, todo: &Todo<'t>) -> Vec<Fault<'t>> {
        let mut found = Vec::new();
        for &(work, step) in todo {
            let online = self.systemd.is_some();
            let result = match step {
                Step::WriteUpstream { file, restore } => {
                    let UpstreamFile { proxy, service, text, .. } = file;
                    let tested =
                        online && !restore && !self.was_tried_out(proxy, service, Some(text));
                    let written = self.proxies.write(proxy, service, Some(text), tested);
                    written.map_err(|error| explained(&error))
                }
                Step::RemoveUpstream { proxy, service, restore } => {
                    let tested = online && !restore && !self.was_tried_out(proxy, service, None);
                    let removed = self.proxies.write(proxy, service, None, tested);
                    removed.map_err(|error| explained(&error))
                }
                Step::Switch { service, instance, socket } => {
                    sockets::switch(&self.paths.sockets, service, *instance, socket)
                        .map_err(|error| error.to_string())
                }
                Step::Unswitch { service, instance } => {
                    sockets::unswitch(&self.paths.sockets, service, *instance)
                        .map_err(|error| error.to_string())
                }
                _ => Ok(()),
            };
            if let Err(reason) = result {
                found.push(Fault { work, step, reason, unit: None });
            }
        }
        found
    }

    pub(super) fn reload_proxies<'t>(&mut self, todo: &Todo<'t>) -> Vec<Fault<'t>> {
        let Some(systemd) = self.systemd else {
            return Vec::new();
        };
        let mut failed: BTreeMap<ProxyName, Option<String>> = BTreeMap::new();
        for (_, step) in todo {
            let Step::ReloadProxy(proxy) = step else { continue };
            if failed.contains_key(proxy) {
                continue;
            }
            let error = match self.proxies.reload(systemd, proxy) {
                Ok(old) => {
                    self.old_workers.insert(proxy.clone(), old);
                    None
                }
                Err(error) => Some(explained(&error)),
            };
            failed.insert(proxy.clone(), error);
        }
        faults(todo, |step| match step {
            Step::ReloadProxy(proxy) => failed.get(proxy)?.clone(),
            _ => None,
        })
    }

    /// Waits for who is still connected; whoever is after the longest wait is cut off.
    pub(super) fn drain<'t>(
        &mut self,
        todo: &Todo<'t>,
        works: &[Work],
    ) -> Result<Vec<Fault<'t>>, Error> {
        let mut longest: BTreeMap<&ProxyName, Duration> = BTreeMap::new();
        for (_, step) in todo {
            if let Step::DrainProxy { proxy, longest: time } = step {
                let longest = longest.entry(proxy).or_default();
                *longest = time.duration().max(*longest);
            }
        }
        let watcher = &*self.watcher;
        let began = Instant::now();
        // On the way back, the proxy's old processes still send requests to what is stopped next: those have to
        // come through. Who is interrupted a second time does not get here.
        let undoes = todo.iter().any(|(work, _)| is_undoing(&works[*work]));
        let interrupted = || watcher.is_interrupted() && (!undoes || began.elapsed() > BRIEFLY);
        for (proxy, longest) in longest {
            if let Some(old) = self.old_workers.get(proxy) {
                self.proxies.drain(old, longest, &interrupted);
            }
        }
        for &(work, step) in todo {
            match step {
                Step::DrainSockets { service, sockets, longest } => {
                    let Some(systemd) = self.systemd else { continue };
                    sockets::drain(systemd, service, sockets, longest.duration(), &interrupted)?;
                }
                Step::DrainProxy { .. } if !watcher.is_interrupted() => {
                    self.proxies.forget_pending(&works[work].plan.service)?;
                }
                _ => {}
            }
        }
        Ok(Vec::new())
    }
}

/// Says in one line what is wrong with a proxy, and what to do about it.
fn explained(error: &ProxyError) -> String {
    let said = error.to_string().replace('\n', "; ");
    match error.hint() {
        Some(hint) => format!("{said} ({hint})"),
        None => said,
    }
}
