//! Checks the parts of a definition that have keys of their own.

use std::collections::BTreeMap;

use super::{Check, NotYet};
use crate::definition::{self, Fault, Field, Located, Table};
use crate::name::JobName;
use crate::service::{Deploy, Job, Limits, When};
use crate::value::{Span, UpstreamName};

impl Check<'_> {
    pub(super) fn limits(&self, limits: Field<definition::Limits>) -> Limits {
        let definition::Limits { memory, cpu, pids } = limits.into_value().unwrap_or_default();
        Limits {
            memory: memory.into_value(),
            cpu: cpu.into_value(),
            pids: self.at_least_one(pids, "processes"),
        }
    }

    pub(super) fn at_least_one<T: PartialEq + Default>(
        &self,
        field: Field<T>,
        what: &str,
    ) -> Option<T> {
        let located = field.given()?;
        if located.value == T::default() {
            self.refuse(located.at, Fault::new(format!("0 {what}")).hint("write 1 or more"));
        }
        Some(located.value)
    }

    /// Reads a span that must not be zero.
    pub(super) fn span(&self, field: Field<Span>, default: Span) -> Span {
        let Some(located) = field.given() else {
            return default;
        };
        if located.value.duration().is_zero() {
            self.refuse(located.at, Fault::new("no time at all").hint("for example 5s"));
        }
        located.value
    }

    pub(super) fn deploy(
        &self,
        deploy: Field<definition::Deploy>,
        not_yet: &mut NotYet<'_, '_>,
    ) -> Deploy {
        let definition::Deploy { before, order, batch, drain, stop_timeout, keep } =
            deploy.into_value().unwrap_or_default();
        not_yet.field(&before, "nothing runs before the instances start");
        not_yet.field(&batch, "all instances start at a time");
        not_yet.field(&drain, "no proxy is drained");
        not_yet.field(&keep, "no old release is kept");
        Deploy {
            before: self.command(before, None),
            order: order.into_value().unwrap_or_default(),
            batch: self.at_least_one(batch, "instances at a time"),
            drain: drain.into_value().unwrap_or(Span::from_secs(30)),
            stop_timeout: self.span(stop_timeout, Span::from_secs(30)),
            keep: keep.into_value().unwrap_or(2),
        }
    }

    pub(super) fn upstream(
        &self,
        proxy: Field<definition::Proxy>,
        has_port: bool,
    ) -> Option<UpstreamName> {
        let proxy = proxy.given()?;
        if proxy.value.nginx.is_absent() {
            let fault = Fault::new("the key nginx is missing");
            self.refuse(proxy.at, fault.hint("nginx: {upstream: NAME}"));
        }
        let nginx = proxy.value.nginx.given()?;
        if nginx.value.upstream.is_absent() {
            let fault = Fault::new("the key upstream is missing");
            self.refuse(nginx.at, fault.hint("nginx: {upstream: NAME}"));
        }
        if !has_port {
            let fault = Fault::new("there is no port to proxy to");
            self.refuse(nginx.at, fault.hint("add port: NUMBER to the service"));
        }
        nginx.value.upstream.into_value()
    }

    pub(super) fn jobs(
        &self,
        cron: Field<Table<JobName, definition::Job>>,
    ) -> BTreeMap<JobName, Job> {
        let table = cron.into_value().map_or(Vec::new(), |table| table.0);
        let jobs = table.into_iter().filter_map(|(name, job)| {
            let job = job.given()?;
            Some((name.value, self.job(job)?))
        });
        jobs.collect()
    }

    fn job(&self, job: Located<definition::Job>) -> Option<Job> {
        let at = job.at;
        let definition::Job {
            schedule,
            calendar,
            command,
            timezone,
            jitter,
            catch_up,
            timeout,
            on_failure,
        } = job.value;
        let refused = matches!(schedule, Field::Refused) || matches!(calendar, Field::Refused);
        let when = match (schedule.into_value(), calendar.into_value()) {
            (Some(schedule), None) => Some(When::Crontab(schedule)),
            (None, Some(calendar)) => Some(When::Calendar(calendar)),
            _ if refused => None,
            _ => {
                let fault = Fault::new("not exactly one of schedule and calendar");
                self.refuse(at, fault.hint("for example schedule: \"*/30 * * * *\""));
                None
            }
        };
        if command.is_absent() {
            self.refuse(
                at,
                Fault::new("the key command is missing").hint("add command: [PROGRAM]"),
            );
        }
        let command = self.command(command, None);
        Some(Job {
            when: when?,
            command: command?,
            timezone: timezone.into_value(),
            jitter: jitter.into_value(),
            catch_up: catch_up.into_value().unwrap_or(false),
            timeout: timeout.into_value(),
            on_failure: on_failure.into_value(),
        })
    }
}
