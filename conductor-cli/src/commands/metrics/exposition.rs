//! The text of metrics. Names and labels are a contract: `docs/monitoring.md` lists them.
//!
//! No label is called `job` or `instance`: Prometheus has labels of these names for what it scrapes, and would rename
//! ours.

use std::fmt;
use std::time::Duration;

use conductor_core::definition::Runtime;
use conductor_host::{InstanceMetrics, JobMetrics, Metrics, ServiceMetrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

/// The formats, with what HTTP calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// Returns the text of metrics.
pub(super) fn exposition(metrics: Metrics, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(metrics)));
    let mut text = String::new();
    let written = match format {
        Format::OpenMetrics => text::encode(&mut text, &registry),
        Format::Prometheus => prometheus_text::encode(&mut text, &registry),
    };
    // Writing to a String cannot fail.
    written.unwrap_or_default();
    text
}

#[derive(Debug)]
struct Families(Metrics);

/// The labels of a sample.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A family of metrics: its name without what its unit and type add, and its description.
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
}

impl Family {
    fn plain(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: None }
    }

    fn seconds(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: Some(Unit::Seconds) }
    }

    fn bytes(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: Some(Unit::Bytes) }
    }

    fn infos(self, to: &mut DescriptorEncoder<'_>, all: &[Labels<'_>]) -> fmt::Result {
        if all.is_empty() {
            return Ok(());
        }
        let unit = self.unit.as_ref();
        let mut encoder = to.encode_descriptor(self.name, self.help, unit, MetricType::Info)?;
        all.iter().try_for_each(|labels| encoder.encode_info(labels))
    }

    fn gauges(self, to: &mut DescriptorEncoder<'_>, samples: &[(Labels<'_>, f64)]) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let unit = self.unit.as_ref();
        let mut encoder = to.encode_descriptor(self.name, self.help, unit, MetricType::Gauge)?;
        samples
            .iter()
            .try_for_each(|(labels, value)| encoder.encode_family(labels)?.encode_gauge(value))
    }

    fn counters(
        self,
        to: &mut DescriptorEncoder<'_>,
        samples: &[(Labels<'_>, f64)],
    ) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let unit = self.unit.as_ref();
        let mut encoder = to.encode_descriptor(self.name, self.help, unit, MetricType::Counter)?;
        samples.iter().try_for_each(|(labels, value)| {
            let none: Option<&Exemplar<Labels<'_>, f64>> = None;
            encoder.encode_family(labels)?.encode_counter(value, none)
        })
    }
}

impl Collector for Families {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        Family::plain("conductor_build", "The version of conductor that reports.")
            .infos(to, &[version])?;
        self.services(to)?;
        let strings = self.0.services.iter().map(Numbered::new).collect::<Vec<_>>();
        instances(to, &strings)?;
        jobs(to, &self.0.services)
    }
}

impl Families {
    fn services(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let services = &self.0.services;
        let names: Vec<_> = services
            .iter()
            .map(|it| it.release.as_ref().map(|(name, revision)| (name.to_string(), revision)))
            .collect();
        let infos: Vec<_> = services
            .iter()
            .zip(&names)
            .filter_map(|(service, name)| {
                let (release, revision) = name.as_ref()?;
                let mut labels = of_service(service);
                labels.extend([("revision", revision.as_str()), ("release", release)]);
                Some(labels)
            })
            .collect();
        Family::plain("conductor_service", "The current release of a service.")
            .infos(to, &infos)?;
        let each = |value: fn(&ServiceMetrics) -> Option<f64>| -> Vec<_> {
            services.iter().filter_map(|it| Some((of_service(it), value(it)?))).collect()
        };
        Family::plain("conductor_service_instances", "How many instances of a service should run.")
            .gauges(to, &each(|it| Some(count(it.wanted))))?;
        Family::seconds(
            "conductor_service_last_deploy_timestamp",
            "When the current release of a service was deployed, since 1970.",
        )
        .gauges(to, &each(|it| it.deployed.map(|at| at.as_secs_f64())))
    }
}

/// A service, and the numbers of its instances as text.
struct Numbered<'a> {
    service: &'a ServiceMetrics,
    numbers: Vec<(String, String)>,
}

impl<'a> Numbered<'a> {
    fn new(service: &'a ServiceMetrics) -> Self {
        let text = |it: &InstanceMetrics| (it.number.to_string(), it.release.to_string());
        Self { service, numbers: service.instances.iter().map(text).collect() }
    }

    fn instances(&self) -> impl Iterator<Item = (Labels<'_>, &'_ str, &'a InstanceMetrics)> {
        self.service.instances.iter().zip(&self.numbers).map(|(instance, (number, release))| {
            let mut labels = of_service(self.service);
            labels.push(("instance_number", number));
            (labels, release.as_str(), instance)
        })
    }
}

fn instances(to: &mut DescriptorEncoder<'_>, services: &[Numbered<'_>]) -> fmt::Result {
    let all = || services.iter().flat_map(Numbered::instances);
    let infos: Vec<_> = all()
        .map(|(mut labels, release, instance)| {
            labels.extend([("revision", instance.revision.as_str()), ("release", release)]);
            labels
        })
        .collect();
    Family::plain("conductor_instance", "The release that an instance runs.").infos(to, &infos)?;
    let each = |value: fn(&InstanceMetrics) -> Option<f64>| -> Vec<_> {
        all().filter_map(|(labels, _, it)| Some((labels, value(it)?))).collect()
    };
    Family::plain("conductor_instance_up", "Whether the unit of an instance is active.")
        .gauges(to, &each(|it| Some(flag(it.up))))?;
    Family::plain(
        "conductor_instance_healthy",
        "Whether an instance is up and its last check was healthy.",
    )
    .gauges(to, &each(|it| Some(flag(it.healthy))))?;
    Family::plain("conductor_instance_restarts", "How often systemd restarted an instance.")
        .counters(to, &each(|it| it.restarts.map(f64::from)))?;
    Family::bytes("conductor_instance_memory", "The memory that an instance uses.")
        .gauges(to, &each(|it| it.memory_bytes.map(bytes)))?;
    Family::seconds("conductor_instance_cpu", "The processor time that an instance has used.")
        .counters(to, &each(|it| it.cpu.map(|cpu| cpu.as_secs_f64())))
}

fn jobs(to: &mut DescriptorEncoder<'_>, services: &[ServiceMetrics]) -> fmt::Result {
    let all = || {
        services.iter().flat_map(|service| {
            service.jobs.iter().map(move |job| {
                let mut labels = of_service(service);
                labels.push(("job_name", job.name.as_str()));
                (labels, job)
            })
        })
    };
    let each = |value: fn(&JobMetrics) -> Option<f64>| -> Vec<_> {
        all().filter_map(|(labels, job)| Some((labels, value(job)?))).collect()
    };
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    Family::plain(
        "conductor_job_scheduled",
        "Whether a job runs by the clock: its definition says so, and nobody paused it.",
    )
    .gauges(to, &each(|it| Some(flag(it.scheduled))))?;
    Family::plain("conductor_job_running", "Whether a job runs now.")
        .gauges(to, &each(|it| Some(flag(it.running))))?;
    Family::seconds("conductor_job_next_run_timestamp", "When a job runs next, since 1970.")
        .gauges(to, &each(|it| it.next.map(|at| at.as_secs_f64())))?;
    Family::plain(
        "conductor_job_last_run_success",
        "Whether the last run of a job that has ended succeeded.",
    )
    .gauges(to, &each(|it| it.succeeded.map(flag)))?;
    let took: Vec<_> = all().filter_map(|(l, job)| Some((l, seconds(job.took)?))).collect();
    Family::seconds("conductor_job_last_run_duration", "How long the last run of a job took.")
        .gauges(to, &took)?;
    let ended: Vec<_> = all().filter_map(|(l, job)| Some((l, seconds(job.ended)?))).collect();
    Family::seconds(
        "conductor_job_last_run_timestamp",
        "When the last run of a job ended, since 1970.",
    )
    .gauges(to, &ended)?;
    let success: Vec<_> =
        all().filter_map(|(l, job)| Some((l, seconds(job.last_success)?))).collect();
    Family::seconds(
        "conductor_job_last_success_timestamp",
        "When the last run of a job that succeeded ended, since 1970.",
    )
    .gauges(to, &success)
}

fn of_service(service: &ServiceMetrics) -> Labels<'_> {
    let runtime = match service.runtime {
        Runtime::Docker => "docker",
        Runtime::Podman => "podman",
        Runtime::Native => "native",
    };
    vec![("id", service.id.as_str()), ("runtime", runtime)]
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn count(value: usize) -> f64 {
    u32::try_from(value).map_or(f64::INFINITY, f64::from)
}

/// Returns a number of bytes; values of Prometheus are floating point numbers, exact below eight petabytes.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn bytes(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let release = |text: &str| text.parse().unwrap();
        let instance = |number, healthy| InstanceMetrics {
            number,
            release: release("v1.0a1b2c"),
            revision: "v1".parse().unwrap(),
            up: true,
            healthy,
            restarts: Some(3),
            memory_bytes: healthy.then_some(1 << 33),
            cpu: Some(Duration::from_millis(1250)),
        };
        let at = |seconds| Some(Duration::from_secs(seconds));
        let job = JobMetrics {
            name: "nightly".parse().unwrap(),
            scheduled: true,
            running: false,
            next: at(1_800_000_000),
            succeeded: Some(false),
            took: Some(Duration::from_millis(1500)),
            ended: at(1_700_000_001),
            last_success: at(1_600_000_000),
        };
        let never = JobMetrics {
            name: "never".parse().unwrap(),
            scheduled: false,
            running: true,
            next: None,
            succeeded: None,
            took: None,
            ended: None,
            last_success: None,
        };
        let web = ServiceMetrics {
            id: "web".parse().unwrap(),
            runtime: Runtime::Podman,
            release: Some((release("v1.0a1b2c"), "v1".parse().unwrap())),
            deployed: Some(Duration::from_millis(1_700_000_000_500)),
            wanted: 2,
            instances: vec![instance(1, true), instance(2, false)],
            jobs: vec![job, never],
        };
        Metrics { services: vec![web] }
    }

    #[test]
    fn the_metrics_are_what_they_were() {
        let open = exposition(metrics(), Format::OpenMetrics);
        let old = exposition(metrics(), Format::Prometheus);
        insta::assert_snapshot!(format!("{open}\n──── prometheus\n{old}"));
    }

    #[test]
    fn a_host_without_services_has_metrics() {
        let text = exposition(Metrics::default(), Format::OpenMetrics);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[3], "# EOF");
    }
}
