//! Passes signals on to the command.

use std::cell::RefCell;
use std::thread;

use conductor_host::system::Controller;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals as Caught;

use super::terminal::Terminal;
use crate::failure::Failure;
use crate::interrupt::is_ignored;

const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM];
/// The signals that ask a process to end.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// After how many of these conductor stops waiting for a command that ignores them.
const ENOUGH: usize = 3;

/// The caught signals.
pub(super) struct Signals(RefCell<Caught>);

impl Signals {
    /// Starts to catch signals, except those that were ignored when this process started, as by nohup(1).
    pub(super) fn catch() -> Result<Self, Failure> {
        let caught = PASSED_ON.iter().filter(|signal| !is_ignored(**signal));
        let caught = Caught::new(caught.chain(&[SIGWINCH])).map_err(Failure::Signals)?;
        Ok(Self(RefCell::new(caught)))
    }

    /// Returns whether a signal has arrived that asks for an end.
    pub(super) fn ask_for_an_end(&self) -> bool {
        self.0.borrow_mut().pending().any(|signal| ENDING.contains(&signal))
    }

    /// Starts to pass signals on. For SIGWINCH, sets the size of the command's terminal, and the kernel
    /// signals the command. A container has another terminal, which the probe resizes.
    pub(super) fn pass_on(
        self,
        controller: Controller,
        terminal: Option<Terminal>,
    ) -> Result<(), Failure> {
        let mut asked = 0;
        let resize = {
            let controller = controller.clone();
            move |terminal: &Terminal| {
                terminal.resize();
                controller.signal(SIGWINCH);
            }
        };
        // A SIGWINCH during the pull was not handled.
        terminal.iter().for_each(&resize);
        let mut pass_on = move |signal| match (signal, &terminal) {
            (SIGWINCH, Some(terminal)) => resize(terminal),
            (SIGWINCH, None) => {}
            (signal, _) => {
                controller.signal(signal);
                asked += usize::from(ENDING.contains(&signal));
                if asked >= ENOUGH {
                    controller.let_go();
                }
            }
        };
        let mut caught = self.0.into_inner();
        let passing = thread::Builder::new().name("signals".to_owned());
        let passing = passing.spawn(move || caught.forever().for_each(&mut pass_on));
        passing.map(drop).map_err(Failure::Signals)
    }
}
