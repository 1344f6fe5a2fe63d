//! A host that is not there, for tests: with a clock of its own, with programs that behave as a test says, and with
//! a fault at any of the calls that carrying out a plan makes.
//!
//! ```
//! use conductor_host::fake::FakeHost;
//!
//! let host = FakeHost::default();
//! let reports = host.carry_out(Vec::new(), &mut |_: &conductor_host::Event<'_>| {});
//! assert!(reports.unwrap().unwrap().is_empty());
//! ```

mod clock;
mod host;
mod state;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::fmt;
use std::future::pending;
use std::time::Duration;

use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{ServicePlan, Step};

pub use state::{HostState, Program, Workers};

use crate::event::Watcher;
use crate::executor::Executor;
use crate::host::HostError;
use crate::report::ServiceReport;
use crate::system::JobType;
use clock::Clock;

/// How long it takes to ask systemd something, or to write a file.
pub const CALL: Duration = Duration::from_millis(1);
/// How long the old processes of a proxy, and connections to sockets, take to end.
pub const DRAIN: Duration = Duration::from_millis(700);

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails, if it can.
    Fails,
    /// Somebody asks to stop while it is under way.
    IsInterrupted,
    /// The process dies before it had an effect.
    DiesBefore,
    /// The process dies after it had its effect.
    DiesAfter,
}

/// A call of a host that has, or may have, an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the methods of the trait Host")]
pub enum Call {
    ChangeFiles(Vec<Step>),
    NoteStale,
    ForgetStale,
    Reload,
    RunJob(JobType, UnitName),
    RunHook(UnitName),
    Pull,
    RemoveImage,
    TryOut(ServiceId),
    WriteUpstream(ServiceId),
    ReloadProxy,
    ForgetPending(ServiceId),
    Switch(ServiceId),
    Look,
}

/// What is told of each call that had its effect.
type Look = Box<dyn FnMut(&Call, &HostState, Duration) + Send>;

/// How programs behave, by their units.
type Programs = Box<dyn Fn(&UnitName) -> Program + Send>;

/// A host that is not there.
#[derive(Default)]
pub struct FakeHost {
    state: RefCell<HostState>,
    clock: Clock,
    programs: Option<Programs>,
    look: RefCell<Option<Look>>,
    fault: Cell<Option<(usize, Fault)>>,
    /// How many calls there were.
    calls: Cell<usize>,
    jobs: Cell<usize>,
    is_dead: Cell<bool>,
    is_interrupted: Cell<bool>,
}

impl FakeHost {
    /// Has programs behave as `programs` says, by their units.
    #[must_use]
    pub fn with_programs(
        mut self,
        programs: impl Fn(&UnitName) -> Program + Send + 'static,
    ) -> Self {
        self.programs = Some(Box::new(programs));
        self
    }

    /// Has something look at the host after each call.
    pub fn look_with(&self, look: impl FnMut(&Call, &HostState, Duration) + Send + 'static) {
        *self.look.borrow_mut() = Some(Box::new(look));
    }

    /// Has something go wrong at a call, which are counted from 0 from now on.
    pub fn go_wrong(&self, fault: Option<(usize, Fault)>) {
        self.calls.set(0);
        self.fault.set(fault);
        self.is_dead.set(false);
        self.is_interrupted.set(false);
    }

    /// Returns how many calls there were since the last [`go_wrong`](Self::go_wrong).
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Returns whether somebody has asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted.get()
    }

    /// Returns the time of its clock.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Returns what is on it.
    pub fn state(&self) -> Ref<'_, HostState> {
        self.state.borrow()
    }

    /// Returns what is on it, to change it.
    pub fn state_mut(&self) -> RefMut<'_, HostState> {
        self.state.borrow_mut()
    }

    /// Carries out plans; `None` if the process dies before.
    ///
    /// # Errors
    /// As for a real host.
    ///
    /// # Panics
    /// It waits for something that never comes.
    pub fn carry_out(
        &self,
        plans: Vec<ServicePlan>,
        watcher: &mut dyn Watcher,
    ) -> Option<Result<Vec<ServiceReport>, HostError>> {
        let executor = Executor::new(self, watcher);
        let work = async {
            if self.state.borrow().stale {
                executor.reload(None).await?;
            }
            executor.run(plans).await
        };
        self.clock.run(work, &|| self.is_dead.get())
    }

    /// Has systemd finish what it was asked for, as it does when whoever asked has died.
    pub fn let_systemd_finish(&self) {
        let now = self.now();
        self.state.borrow_mut().finish(now);
    }

    fn program(&self, unit: &UnitName) -> Program {
        self.programs.as_ref().map_or_else(Program::default, |programs| programs(unit))
    }

    /// Counts a call, and lets it go wrong if it is its turn.
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

    /// Has a look at what a call has done.
    async fn end(&self, turn: CallTurn, call: Call) {
        if let Some(look) = &mut *self.look.borrow_mut() {
            look(&call, &self.state.borrow(), self.now());
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

/// A call that is under way.
#[derive(Clone, Copy)]
struct CallTurn {
    fails: bool,
    dies: bool,
}
