//! The checks of Docker and Podman themselves, and the memory of their clients.

use std::fs;
use std::thread;
use std::time::Duration;

use conductor_sandbox::Engine;

use crate::place::{Place, until};
use crate::processes::Processes;
use crate::table::{Cost, Report};

const PORT: u16 = 25001;
const WINDOW: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(5);

/// How many clients run at once.
const CLIENTS: u16 = 10;
/// How often a check is requested that does not wait for the engine's own timer.
const RUNS: u32 = 30;

/// A container of an engine, which checks the application with busybox's wget.
pub(crate) struct Container<'a> {
    pub(crate) engine: Engine,
    pub(crate) place: &'a Place,
}

impl Container<'_> {
    /// Measures all of the sandbox with the engine's checks, and with the same container without them.
    pub(crate) fn measure_checks(&self, report: &mut Report) {
        let program = self.engine.program();
        let ports = (PORT, PORT);
        let never = match self.engine {
            Engine::Docker => "--no-healthcheck",
            Engine::Podman => "--health-interval=disable",
        };
        self.start(never);
        let idle = self.place.rate(WINDOW / 2);
        if self.engine == Engine::Podman {
            let runs = format!("for n in $(seq {RUNS}); do podman healthcheck run checked; done");
            let run = format!("systemd-run --quiet --wait sh -c '{runs}'");
            let runs = || drop(self.place.sh(&run));
            let (whole, checks) = self.place.per_check(idle, ports, runs);
            let cost = Cost { own: None, whole: Some(whole), checks };
            report.cost("podman healthcheck run, in a row", cost);
        }
        self.stop();

        self.start("--health-interval=1s");
        let (whole, checks) = self.place.per_check(idle, ports, || thread::sleep(WINDOW));
        self.stop();
        let name = format!("{program}'s own check, 1 s");
        report.cost(&name, Cost { own: None, whole: Some(whole), checks });
    }

    fn start(&self, health: &str) {
        let url = format!("http://127.0.0.1:{PORT}/health");
        let check = match health {
            "--no-healthcheck" => String::new(),
            _ => format!("--health-cmd 'wget -q -O /dev/null {url}'"),
        };
        self.place.sh(&format!(
            "{} run --detach --name checked --network host --volume /usr/local/bin/app:/mnt/app:ro \
             {check} {health} localhost/app:v1 /mnt/app 127.0.0.1:{PORT}",
            self.engine.program()
        ));
        thread::sleep(SETTLE);
    }

    fn stop(&self) {
        self.place.sh(&format!("{} rm --force checked", self.engine.program()));
    }

    /// Measures the processes that run for each container that a unit runs.
    pub(crate) fn measure_clients(&self, report: &mut Report) {
        let program = self.engine.program();
        let client =
            format!("{program} run --rm --name c-$1 --network host localhost/app:v1 sleep inf");
        self.clients(&client, |running| {
            report.memory(&format!("{program} run, the client"), &running(&[program, "run"]));
            if self.engine == Engine::Podman {
                report.memory("conmon", &running(&["conmon"]));
            }
        });
        if self.engine == Engine::Docker {
            let ours = "conductor-probe docker --name c-$1 -- \
                        --rm --network host localhost/app:v1 sleep inf";
            self.clients(ours, |running| {
                let name = "conductor-probe docker, in its place";
                report.memory(name, &running(&["conductor-probe", "docker"]));
            });
        }
    }

    /// Runs some containers in the foreground.
    fn clients(&self, command: &str, measure: impl FnOnce(&dyn Fn(&[&str]) -> Processes)) {
        let (place, program) = (self.place, self.engine.program());
        fs::write(place.sandbox.path("/run/client.sh"), format!("exec {command}\n"))
            .expect("a script");
        place.each("start", "client", 1..=CLIENTS);
        let list = format!("{program} ps --quiet --filter name=c-");
        until("the containers run", || place.sh(&format!("{list} | wc -l")) == CLIENTS.to_string());
        thread::sleep(SETTLE);
        measure(&|words| Processes::find(&place.sandbox, words));
        place.sh(&format!("{program} rm --force $({list})"));
        place.each("stop", "client", 1..=CLIENTS);
        until("the containers are gone", || place.sh(&list).is_empty());
    }
}
