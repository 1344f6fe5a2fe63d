//! A fake host for tests. It has its own clock, its programs behave as a test sets, and a test can inject a
//! fault into any call of the executor.
//!
//! ```
//! use conductor_host::fake::FakeHost;
//!
//! let host = FakeHost::default();
//! let reports = host.carry_out(Vec::new(), &mut |_: conductor_host::Event| {});
//! assert!(reports.unwrap().unwrap().is_empty());
//! ```

mod clock;
mod host;
mod state;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::fmt;
use std::future::pending;
use std::time::Duration;

use conductor_core::name::{PodName, ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ServicePlan, Step};
use conductor_core::unit::EngineNetwork;

pub use state::{HostState, Program, ProxyWorkers, an_image};

use crate::event::Watcher;
use crate::executor::{Executor, Replan};
use crate::host::HostError;
use crate::report::ServiceReport;
use crate::system::JobType;
use clock::Clock;

/// How long a call to systemd or a write of a file takes.
pub const CALL: Duration = Duration::from_millis(1);
/// How long a proxy's old processes, and connections to sockets, take to end.
pub const DRAIN: Duration = Duration::from_millis(700);

/// A fault that is injected into a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails, if it can fail.
    Fails,
    /// The change is interrupted during the call.
    IsInterrupted,
    /// The process ends before the call has an effect.
    DiesBefore,
    /// The process ends after the call had its effect.
    DiesAfter,
}

/// A call to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the methods of the trait Host")]
pub enum Call {
    ChangeFiles(Vec<Step>),
    NoteStale,
    ForgetStale,
    ForgetTimers(Vec<UnitName>),
    Reload,
    RunJob(JobType, UnitName),
    RunHook(UnitName),
    Pull,
    TagImage,
    RemoveVolume,
    MakeNetwork(EngineNetwork),
    RemoveNetwork(EngineNetwork),
    MakePod(PodName),
    RemovePod(PodName),
    RemoveImage,
    TryOut(ProxyName),
    WriteUpstream(ServiceId),
    ReloadProxy,
    CountOldWorkers,
    ForgetPending(ServiceId),
    Switch(ServiceId),
    Query,
}

/// A callback that runs after each call had its effect.
type OnCall = Box<dyn FnMut(&Call, &HostState, Duration) + Send>;

/// The behaviour of programs, by unit.
type Programs = Box<dyn Fn(&UnitName) -> Program + Send>;

/// A fake host.
#[derive(Default)]
pub struct FakeHost {
    state: RefCell<HostState>,
    clock: Clock,
    programs: Option<Programs>,
    on_call: RefCell<Option<OnCall>>,
    fault: Cell<Option<(usize, Fault)>>,
    /// The number of calls so far.
    calls: Cell<usize>,
    jobs: Cell<usize>,
    is_dead: Cell<bool>,
    is_interrupted: Cell<bool>,
}

impl FakeHost {
    /// Sets the behaviour of programs, by unit.
    #[must_use]
    pub fn with_programs(
        mut self,
        programs: impl Fn(&UnitName) -> Program + Send + 'static,
    ) -> Self {
        self.programs = Some(Box::new(programs));
        self
    }

    /// Sets a callback that runs after each call.
    pub fn on_call(&self, on_call: impl FnMut(&Call, &HostState, Duration) + Send + 'static) {
        *self.on_call.borrow_mut() = Some(Box::new(on_call));
    }

    /// Injects a fault into a call. The calls are counted from 0, from now on.
    pub fn inject(&self, fault: Option<(usize, Fault)>) {
        self.calls.set(0);
        self.fault.set(fault);
        self.is_dead.set(false);
        self.is_interrupted.set(false);
    }

    /// Returns the number of calls since the last [`inject`](Self::inject).
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Returns whether the change was interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted.get()
    }

    /// Returns the time of the fake clock.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Returns the state of the host.
    pub fn state(&self) -> Ref<'_, HostState> {
        self.state.borrow()
    }

    /// Returns the state of the host for changes.
    pub fn state_mut(&self) -> RefMut<'_, HostState> {
        self.state.borrow_mut()
    }

    /// Carries out plans; `None` if a fault ended the process.
    ///
    /// # Errors
    /// As for a real host.
    ///
    /// # Panics
    /// The plans wait for something that never happens.
    pub fn carry_out(
        &self,
        plans: Vec<ServicePlan>,
        watcher: &mut dyn Watcher,
    ) -> Option<Result<Vec<ServiceReport>, HostError>> {
        self.carry_out_with(plans, None, watcher)
    }

    pub(crate) fn carry_out_with<'h>(
        &'h self,
        plans: Vec<ServicePlan>,
        replan: Option<Replan<'h>>,
        watcher: &'h mut dyn Watcher,
    ) -> Option<Result<Vec<ServiceReport>, HostError>> {
        let executor = Executor::new(self, watcher);
        let executor = match replan {
            Some(replan) => executor.planning_again(replan),
            None => executor,
        };
        let work = async {
            if self.state.borrow().stale {
                executor.reload(None).await?;
            }
            executor.run(plans).await
        };
        self.clock.run(work, &|| self.is_dead.get())
    }

    /// Finishes systemd's running jobs, as happens after the process that requested them has ended.
    pub fn let_systemd_finish(&self) {
        let now = self.now();
        self.state.borrow_mut().finish(now);
    }

    fn program(&self, unit: &UnitName) -> Program {
        self.programs.as_ref().map_or_else(Program::default, |programs| programs(unit))
    }

    /// Counts a call, and applies the fault if it is for this call.
    async fn begin(&self) -> CallTurn {
        let number = self.calls.replace(self.calls.get() + 1);
        let fault = self.fault.get().filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        match fault {
            Some(Fault::DiesBefore) => {
                self.is_dead.set(true);
                pending::<()>().await;
            }
            Some(Fault::IsInterrupted) => self.is_interrupted.set(true),
            _ => {}
        }
        CallTurn { fails: fault == Some(Fault::Fails), dies: fault == Some(Fault::DiesAfter) }
    }

    /// Runs the callback after a call.
    async fn end(&self, turn: CallTurn, call: Call) {
        if let Some(on_call) = &mut *self.on_call.borrow_mut() {
            on_call(&call, &self.state.borrow(), self.now());
        }
        if turn.dies {
            self.is_dead.set(true);
            pending::<()>().await;
        }
    }
}

impl fmt::Debug for FakeHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeHost").field("state", &self.state).finish_non_exhaustive()
    }
}

/// How the current call ends.
#[derive(Clone, Copy)]
struct CallTurn {
    fails: bool,
    dies: bool,
}
