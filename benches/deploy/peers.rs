//! The same application with Docker Compose and with a Quadlet unit.

use crate::place::{Moment, Place, delay};
use crate::table::{Report, Sample};

const PORT: u16 = 18080;
const CHECK: &str = "wget -q -O /dev/null http://127.0.0.1:8080/health";

/// Another way to start the application and wait until it is healthy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    name: &'static str,
    tool: Tool,
    /// The time between two checks, if it is not the tool's own default.
    interval: Option<&'static str>,
    times: u32,
}

#[derive(Debug, Clone, Copy)]
enum Tool {
    Compose,
    Quadlet,
}

impl Peer {
    /// Returns all of them. Those that wait half a minute for a check are measured less often.
    pub(crate) const ALL: [Self; 4] = [
        Self::new("docker compose up --wait, interval 1 s", Tool::Compose, Some("1s"), 11),
        Self::new("docker compose up --wait, default interval", Tool::Compose, None, 3),
        Self::new("Quadlet, interval 1 s", Tool::Quadlet, Some("1s"), 11),
        Self::new("Quadlet, default interval", Tool::Quadlet, None, 3),
    ];

    const fn new(
        name: &'static str,
        tool: Tool,
        interval: Option<&'static str>,
        times: u32,
    ) -> Self {
        Self { name, tool, interval, times }
    }

    pub(crate) fn measure(self, place: &Place, report: &mut Report) {
        if !report.wants(self.name) {
            return;
        }
        report.progress(self.name);
        self.restart(place, 0);
        let samples = (1..=self.times).map(|number| self.restart(place, number)).collect();
        place.sh(match self.tool {
            Tool::Compose => "docker compose --progress quiet -f /srv/compose.yaml down",
            Tool::Quadlet => "systemctl stop quadlet",
        });
        report.peer(self.name, samples);
    }

    /// Replaces the running version of the application by another one.
    fn restart(self, place: &Place, number: u32) -> Sample {
        let version = if number.is_multiple_of(2) { "v1" } else { "v2" };
        let script = match self.tool {
            Tool::Compose => {
                place.write("/srv/compose.yaml", &self.compose(version));
                "docker compose --progress quiet -f /srv/compose.yaml up --detach --wait"
            }
            Tool::Quadlet => {
                place.write("/etc/containers/systemd/quadlet.container", &self.quadlet(version));
                place.sh("systemctl daemon-reload");
                "systemctl restart quadlet"
            }
        };
        let began = Moment::now();
        place.sh(script);
        let ended = Moment::now();
        let [exec, listened] = place.moments(PORT);
        let mut sample = Sample::new(ended.since(began) - listened.since(exec));
        sample.noticed = ended.since(listened);
        sample
    }

    fn compose(self, version: &str) -> String {
        let delay = delay();
        let interval = self.interval.map_or(String::new(), |it| format!("      interval: {it}\n"));
        format!(
            "services:\n  web:\n    image: localhost/app:{version}\n    init: true\n\
             \x20   command: [/mnt/app, '0.0.0.0:8080', '{delay}']\n\
             \x20   volumes: ['/usr/local/bin/app:/mnt/app:ro']\n\
             \x20   ports: ['127.0.0.1:{PORT}:8080']\n\
             \x20   healthcheck:\n      test: {CHECK}\n{interval}"
        )
    }

    fn quadlet(self, version: &str) -> String {
        let delay = delay();
        let interval = self.interval.map_or(String::new(), |it| format!("HealthInterval={it}\n"));
        format!(
            "[Container]\nImage=localhost/app:{version}\nExec=/mnt/app 0.0.0.0:8080 {delay}\n\
             Volume=/usr/local/bin/app:/mnt/app:ro\nPublishPort=127.0.0.1:{PORT}:8080\n\
             RunInit=true\nNotify=healthy\nHealthCmd={CHECK}\n{interval}"
        )
    }
}
