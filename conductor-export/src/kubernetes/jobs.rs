//! Converts commands that run to their end: scheduled jobs, services of that type, and what runs before a deploy.

use conductor_core::definition::Overlap;
use conductor_core::service::{ScheduledJob, When};

use super::model::{JobTemplate, Metadata, Object, PodTemplate, Spec, Text};
use super::{Conversion, LONGEST, labels, metadata, name, of_revision};
use crate::given::Given;
use crate::text::seconds;

/// How late a run may start that the cluster missed: less than the time between two runs of any schedule.
const LATE: u64 = 60;

impl Conversion<'_> {
    /// Adds a service that runs to its end.
    pub(super) fn oneshot(&mut self, given: &Given<'_>) {
        let (mut spec, annotations) = self.pod(given);
        spec.restart_policy = Some("OnFailure");
        if let Some(container) = spec.containers.first_mut() {
            container.startup_probe = None;
            container.readiness_probe = None;
            container.liveness_probe = None;
        }
        let own = format!("{}-{}", name(given.service.id.as_str()), of_revision(given));
        let of_pods = Metadata { labels: labels(given), annotations, ..Metadata::default() };
        self.objects.push(Object {
            api_version: "batch/v1",
            kind: "Job",
            metadata: metadata(given, own),
            spec: Some(Spec {
                active_deadline_seconds: given.service.timeout.map(|it| seconds(it.duration())),
                template: Some(PodTemplate { metadata: of_pods, spec }),
                ..Spec::default()
            }),
        });
    }

    /// Adds the jobs of a service.
    pub(super) fn jobs(&mut self, given: &Given<'_>) {
        let service = given.service;
        if let Some(before) = &service.deploy.before {
            let entrypoint = service.deploy.before_entrypoint.as_ref();
            let entrypoint = entrypoint.or(service.entrypoint.as_ref());
            let mut container = self.container(given, before, entrypoint.map(Vec::as_slice));
            self.limits(given, &service.limits, &mut container);
            let spec = self.task(given, container);
            let own = format!("{}-before-{}", name(service.id.as_str()), of_revision(given));
            self.report.note(
                service,
                "deploy.before",
                format!(
                    "apply before.yaml first, then: kubectl wait --for=condition=complete job/{own}"
                ),
            );
            self.before.push(Object {
                api_version: "batch/v1",
                kind: "Job",
                metadata: metadata(given, own),
                spec: Some(Spec {
                    backoff_limit: Some(0),
                    active_deadline_seconds: Some(seconds(
                        service.deploy.before_timeout.duration(),
                    )),
                    ..spec
                }),
            });
        }
        for (job_name, job) in &service.jobs {
            self.job(given, job_name.as_str(), job);
        }
    }

    fn job(&mut self, given: &Given<'_>, job_name: &str, job: &ScheduledJob) {
        let service = given.service;
        let path = format!("cron.{job_name}");
        let own = name(&format!("{}-{job_name}", service.id));
        let mut refuse = |does: &str, instead: &str| {
            self.report.leave_out(service, &path, does, instead);
        };
        if own.len() > LONGEST {
            return refuse(
                "Kubernetes has no CronJobs with such long names",
                "give it a shorter name",
            );
        }
        let schedule = match &job.when {
            When::Every(_) => {
                return refuse(
                    "it runs a time after its last end",
                    "write schedule: \"*/10 * * * *\"",
                );
            }
            When::Calendar(_) => {
                return refuse(
                    "it runs at times in systemd's syntax",
                    "write schedule, in crontab syntax",
                );
            }
            When::Crontab(crontab) if crontab.expression().is_at_boot() => {
                return refuse("it runs once after each boot of the host", "");
            }
            When::Crontab(crontab) => match sundays(crontab.as_str()) {
                Some(schedule) => schedule,
                None => {
                    return refuse("it counts Sunday as day 7 in steps", "write the days as 0-6");
                }
            },
        };
        let entrypoint = job.entrypoint.as_ref().or(service.entrypoint.as_ref());
        let mut container = self.container(given, &job.command, entrypoint.map(Vec::as_slice));
        container.env.extend(job.env.iter().map(|(name, value)| super::model::Pair {
            name: name.to_string(),
            value: Text(given.text(value.as_str(), "1")),
        }));
        if let Some(user) = &job.user {
            self.security(given, Some(user), &format!("{path}.user"), &mut container);
        }
        self.limits(given, &job.limits.or(&service.limits), &mut container);
        let spec = self.task(given, container);
        if job.overlap == Overlap::Queue {
            let does = "a run that is due while the previous one runs starts after it";
            let instead = "here it is skipped";
            self.report.leave_out(service, &format!("{path}.overlap"), does, instead);
        }
        let template = Spec {
            backoff_limit: Some(0),
            active_deadline_seconds: job.timeout.map(|timeout| seconds(timeout.duration())),
            ..spec
        };
        self.objects.push(Object {
            api_version: "batch/v1",
            kind: "CronJob",
            metadata: metadata(given, own),
            spec: Some(Spec {
                schedule,
                time_zone: job.timezone.as_ref().map(ToString::to_string),
                concurrency_policy: Some("Forbid"),
                starting_deadline_seconds: (!job.catch_up).then_some(LATE),
                suspend: (!job.enabled).then_some(true),
                job_template: Some(Box::new(JobTemplate { spec: template })),
                ..Spec::default()
            }),
        });
    }

    /// Returns the specification of a job that is tried once.
    fn task(&mut self, given: &Given<'_>, container: super::model::Container) -> Spec {
        let mut pod = self.around(given, container);
        pod.restart_policy = Some("Never");
        pod.termination_grace_period_seconds = None;
        Spec {
            template: Some(PodTemplate { spec: pod, ..PodTemplate::default() }),
            ..Spec::default()
        }
    }
}

/// Returns a schedule in which Sunday is day 0: Kubernetes knows no day 7. `None` if there are steps to it.
fn sundays(schedule: &str) -> Option<String> {
    let mut fields: Vec<String> = schedule.split_whitespace().map(str::to_owned).collect();
    let [_, _, _, _, days] = fields.as_mut_slice() else { return Some(schedule.to_owned()) };
    let mut items = Vec::new();
    for item in days.split(',') {
        match item.split_once('/') {
            Some((range, _)) if range.contains('7') => return None,
            Some(_) => items.push(item.to_owned()),
            None => match item.split_once('-') {
                _ if item == "7" => items.push("0".to_owned()),
                Some(("7", "7")) => items.push("0".to_owned()),
                Some((first, "7")) => items.extend([format!("{first}-6"), "0".to_owned()]),
                _ => items.push(item.to_owned()),
            },
        }
    }
    *days = items.join(",");
    Some(fields.join(" "))
}

#[cfg(test)]
mod tests {
    use super::sundays;

    #[test]
    fn sunday_is_day_0() {
        for (schedule, written) in [
            ("30 3 * * 1-5,7", Some("30 3 * * 1-5,0")),
            ("0 0 * * 5-7", Some("0 0 * * 5-6,0")),
            ("0 0 7 7 *", Some("0 0 7 7 *")),
            ("@daily", Some("@daily")),
            ("0 0 * * 1-7/2", None),
        ] {
            assert_eq!(sundays(schedule).as_deref(), written, "{schedule}");
        }
    }
}
