//! Converts scheduled jobs to a `.container` file and a timer each.

use conductor_core::definition::Overlap;
use conductor_core::service::{ScheduledJob, When};

use super::Conversion;
use super::container::Command;
use super::unit::Unit;
use crate::given::Given;

impl Conversion<'_> {
    /// Adds the files of a service's jobs.
    pub(super) fn jobs(&mut self, given: &Given<'_>) {
        for (name, job) in &given.service.jobs {
            let path = format!("cron.{name}");
            let name = format!("{}-{name}", given.service.id);
            let task = Command {
                name: name.clone(),
                container_name: None,
                instance: "1".to_owned(),
                command: &job.command,
                entrypoint: job.entrypoint.as_deref().or(given.service.entrypoint.as_deref()),
                user: job.user.as_ref().or(given.service.user.as_ref()),
                limits: job.limits.or(&given.service.limits),
                is_job: true,
            };
            let mut unit = self.container(given, &task);
            Self::joins(given, &mut unit);
            Self::once(&mut unit, job.timeout.map(conductor_core::value::Span::duration));
            for (variable, value) in &job.env {
                let value = given.text(value.as_str(), "1");
                unit.words("Environment", [format!("{variable}={value}")]);
            }
            for (directive, reference) in
                [("OnFailure", &job.on_failure), ("OnSuccess", &job.on_success)]
            {
                if let Some(reference) = reference {
                    unit.line("Unit", directive, &reference.to_string());
                }
            }
            self.add(given, &path, format!("{name}.container"), unit);
            self.report.note(
                given.service,
                &path,
                format!("{name}.timer is a unit of systemd: write it to /etc/systemd/system"),
            );
            self.add(given, &path, format!("{name}.timer"), timer(job));
        }
    }
}

/// Returns the timer of a job (systemd.timer(5)), as conductor has it.
fn timer(job: &ScheduledJob) -> Unit {
    let mut unit = Unit::default();
    let mut line = |key: &str, value: String| unit.line("Timer", key, &value);
    let events = job.when.calendar_events(job.timezone.as_ref());
    for event in &events {
        line("OnCalendar", event.to_string());
    }
    if let When::Every(interval) = job.when {
        line("OnActiveSec", interval.to_string());
        line("OnUnitInactiveSec", interval.to_string());
    } else if events.is_empty() {
        line("OnBootSec", "0".to_owned());
    }
    line("AccuracySec", "100ms".to_owned());
    if let Some(jitter) = &job.jitter {
        line("RandomizedDelaySec", jitter.to_string());
    }
    if job.catch_up {
        line("Persistent", "yes".to_owned());
    }
    if job.overlap == Overlap::Skip && !matches!(job.when, When::Every(_)) {
        line("DeferReactivation", "yes".to_owned());
    }
    if job.enabled {
        unit.line("Install", "WantedBy", "timers.target");
    }
    unit
}
