//! The prober: a thread that checks a service as long as its unit is active, and notifies systemd.

mod health;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use probe_protocol::{StatusText, Timing};

use self::health::{HealthTracker, Transition};
use crate::check::Check;
use crate::notify::{Message, Notifier};
use crate::print::complain;
use crate::restarts::Restarts;
use crate::runtime;
use crate::share::share_if_any;

/// How often systemd gets the status of a service that starts.
const NEWS: Duration = Duration::from_millis(300);

/// How long the status text of a healthy service stays the same. systemd sends every change of it to the bus,
/// which takes more time than the check. With the default interval of 5 s, it changes with every check.
const RENEWAL: Duration = Duration::from_secs(4);

/// A running prober.
#[derive(Debug)]
pub(crate) struct Prober(Arc<Mutex<Voice>>);

impl Prober {
    /// Starts the checks.
    pub(crate) fn start(
        check: Check,
        share_socket: Option<PathBuf>,
        timing: Timing,
        notifier: Notifier,
    ) -> io::Result<Self> {
        let voice = Arc::new(Mutex::new(Voice { notifier, stopping: false, decided: false }));
        let health = HealthTracker::new(timing.clone(), Instant::now());
        let restarts = Restarts::from_environment();
        let checks =
            Checks { check, share_socket, timing, voice: Arc::clone(&voice), health, restarts };
        thread::Builder::new().name("prober".to_owned()).spawn(move || checks.run())?;
        Ok(Self(voice))
    }

    /// Stops all reports: the unit is being stopped, and a service that no longer answers while it finishes its
    /// work is not unhealthy.
    pub(crate) fn hush(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}

/// Whether the prober may notify systemd.
#[derive(Debug)]
struct Voice {
    notifier: Notifier,
    /// The unit is being stopped.
    stopping: bool,
    /// systemd has been asked to end the unit.
    decided: bool,
}

impl Voice {
    /// Disables the watchdog, because no more reports follow. The next start enables it again.
    fn stop(&mut self) {
        if self.stopping || self.decided {
            return;
        }
        self.stopping = true;
        let mut message = Message::default();
        message.status(StatusText::Stopping).line("WATCHDOG_USEC=0");
        if let Err(error) = self.notifier.send(&message) {
            complain(format_args!("cannot notify systemd: {error}"));
        }
    }
}

struct Checks {
    check: Check,
    /// The socket to make accessible to all users once it answers.
    share_socket: Option<PathBuf>,
    timing: Timing,
    voice: Arc<Mutex<Voice>>,
    health: HealthTracker,
    /// The count of restarts, until it is reset.
    restarts: Option<Restarts>,
}

impl Checks {
    /// Checks until systemd has been asked to end the unit, or the unit is being stopped.
    fn run(mut self) {
        let mut message = Message::default();
        let mut told: Option<Instant> = None;
        // READY=1 that could not be sent is sent with the next message.
        let mut untold_ready = false;
        // When systemd last got the status text of a healthy service, if the service is still healthy.
        let mut well: Option<Instant> = None;
        loop {
            let start = Instant::now();
            let result = self.check.run(match self.check {
                Check::Command(_) => self.timing.timeout,
                Check::Http(_) | Check::Connect(_) => self.health.patience(start),
            });
            // A service that binds again creates a new socket.
            let result = result
                .and_then(|healthy| share_if_any(self.share_socket.as_deref()).map(|()| healthy));
            let now = Instant::now();
            let event = self.health.observe(now, result);
            untold_ready |= matches!(event, Transition::Ready(_));
            let healthy = matches!(event, Transition::Ready(_) | Transition::Healthy(_));
            well = well.filter(|well| healthy && now.duration_since(*well) < RENEWAL);
            if well.is_some() {
                message.only_status().line("WATCHDOG=1");
            } else {
                message.clear();
                if untold_ready {
                    message.line("READY=1");
                }
                self.health.tell(&event, &mut message);
            }
            let starting = matches!(event, Transition::Starting(_) | Transition::Rising { .. });
            if !starting || told.is_none_or(|told| now.duration_since(told) >= NEWS) {
                told = Some(now);
                match self.say(&event, &message) {
                    Said::Told => {
                        untold_ready = false;
                        well = well.or(healthy.then_some(now));
                    }
                    Said::Unheard(error) => {
                        complain(format_args!("cannot notify systemd: {error}"));
                    }
                    Said::Final => return,
                }
            }
            if self.health.at_rest(now) {
                self.restarts.take().iter().for_each(Restarts::forget);
            }
            thread::sleep(self.pause(start, now));
        }
    }

    /// Notifies systemd of a transition, unless the unit is being stopped.
    fn say(&self, event: &Transition, message: &Message) -> Said {
        let mut voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
        let is_failure = matches!(
            event,
            Transition::Failing { .. }
                | Transition::Unhealthy { .. }
                | Transition::NeverHealthy { .. }
        );
        if is_failure && runtime::is_stopping() {
            voice.stop();
        }
        if voice.stopping {
            return Said::Final;
        }
        if matches!(event, Transition::Unhealthy { .. } | Transition::NeverHealthy { .. }) {
            // systemd may kill this process as soon as it gets the message.
            complain(format_args!("{}", message.said()));
            // If systemd does not get it, the watchdog ends the unit.
            let _ = voice.notifier.send(message);
            voice.decided = true;
            return Said::Final;
        }
        let sent = voice.notifier.send(message);
        sent.map_or_else(Said::Unheard, |()| Said::Told)
    }

    /// Returns how long to wait until the next check is due.
    fn pause(&self, start: Instant, now: Instant) -> Duration {
        let took = now.duration_since(start);
        let pause = self.health.pause(now, took);
        match self.check {
            // Commands one after another would take the processor from the service that starts.
            Check::Command(_) => pause.max(took.min(self.timing.interval)),
            Check::Http(_) | Check::Connect(_) => pause,
        }
    }
}

/// The result of a notification.
enum Said {
    Told,
    Unheard(io::Error),
    /// No more notifications are allowed.
    Final,
}
