//! Checks the parts of a definition that have keys of their own.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::Check;
use super::advice::is_in_months;
use crate::definition::{
    self, Children, Fault, Field, Located, MOST_INSTANCES, MOST_RELEASES, Order, Overlap, Runtime,
    Table, defaults,
};
use crate::name::{JobName, ProxyName, is_reserved};
use crate::service::{Deploy, Proxy, ScheduledJob, When};
use crate::value::{Span, TimeZone};

/// The longest wait in a deploy, during which the lock is held.
const LONGEST_WAIT: Span = Span::from_secs(24 * 60 * 60);
/// The shortest interval of a job: cron has a minute, and a timer is up to 100 ms late (`AccuracySec=`).
const SHORTEST_INTERVAL: Span = Span::from_secs(1);

impl Check<'_> {
    /// Reads a number from 1 to `most`.
    pub(super) fn number<T>(&self, field: Field<T>, what: &str, most: T) -> Option<T>
    where
        T: Copy + Default + PartialOrd + Display,
    {
        self.source.number(field, what, most)
    }

    /// Reads a span that must not be zero.
    pub(super) fn span(&self, field: Field<Span>, default: Span) -> Span {
        if let Field::Given(span) = &field
            && span.value.duration().is_zero()
        {
            self.refuse(span.at, Fault::new("not a time above 0").hint("write for example 5s"));
        }
        self.wait(field, default)
    }

    /// Reads a span that a deploy waits, which may be zero.
    pub(super) fn wait(&self, field: Field<Span>, default: Span) -> Span {
        let Some(located) = field.given() else {
            return default;
        };
        if located.value > LONGEST_WAIT {
            let fault = Fault::new(format!("{} is longer than a day", located.value));
            let hint = match self.source.written(located.at).is_some_and(is_in_months) {
                true => "M is a month: write min or m for minutes",
                false => "write at most 1d",
            };
            self.refuse(located.at, fault.hint(hint));
        }
        located.value
    }

    /// Reads how a new version takes over, with an order that was decided from the whole definition.
    pub(super) fn deploy(
        &self,
        deploy: definition::Deploy,
        runtime: Option<Runtime>,
        (order, order_is_given): (Order, bool),
        data: Option<String>,
    ) -> Deploy {
        let definition::Deploy {
            before,
            before_entrypoint,
            before_timeout,
            order: _,
            batch,
            drain,
            stop_timeout,
            keep,
            min_healthy_time,
            changed_files,
        } = deploy;
        Deploy {
            before: self.command(before, None),
            before_entrypoint: self.entrypoint(before_entrypoint, runtime),
            before_timeout: self.span(before_timeout, defaults::BEFORE_TIMEOUT),
            order,
            order_is_given,
            data,
            batch: self.number(batch, "instances at a time", MOST_INSTANCES),
            drain: self.wait(drain, defaults::DRAIN),
            stop_timeout: self.span(stop_timeout, defaults::STOP_TIMEOUT),
            keep: self.at_most(keep, "releases", MOST_RELEASES).unwrap_or(defaults::KEEP),
            min_healthy_time: self.wait(min_healthy_time, defaults::MIN_HEALTHY_TIME),
            changed_files: changed_files.into_value().unwrap_or_default(),
        }
    }

    /// Reads the proxy, and returns it with the place of the upstream's name.
    pub(super) fn proxy(
        &self,
        proxy: Field<Table<ProxyName, definition::Proxy>>,
        is_reached: bool,
    ) -> Option<Located<Proxy>> {
        const EXAMPLE: &str = "nginx: {upstream: NAME}";
        let table = proxy.given()?;
        if self.source.is_empty(table.at) {
            self.refuse(table.at, Fault::new("no proxy is named").hint(EXAMPLE));
        }
        let mut entries = table.value.0.into_iter();
        let (name, proxy) = entries.next()?;
        for (other, _) in entries {
            let fault = Fault::new(format!("the service already has the proxy {}", name.value));
            self.refuse(other.at, fault.hint("write one proxy"));
        }
        let proxy = proxy.given()?;
        if proxy.value.upstream.is_absent() {
            let fault = Fault::new("the key upstream is missing");
            self.refuse(proxy.at, fault.hint(format!("{}: {{upstream: NAME}}", name.value)));
        }
        if !is_reached {
            let fault = Fault::new("the service has no port to proxy to");
            self.refuse(
                proxy.at,
                fault.hint("add port: NUMBER, or listen: socket, to the service"),
            );
        }
        let upstream = proxy.value.upstream.given()?;
        let value = Proxy { name: name.value, upstream: upstream.value };
        Some(Located { value, at: upstream.at })
    }

    /// Reads the jobs. `has_memory`: the service limits the memory of all that have no limit of their own.
    pub(super) fn jobs(
        &self,
        cron: Field<Table<JobName, definition::Job>>,
        runtime: Option<Runtime>,
        has_memory: bool,
    ) -> BTreeMap<JobName, ScheduledJob> {
        let table = cron.into_value().map_or(Vec::new(), |table| table.0);
        let jobs = table.into_iter().filter_map(|(name, job)| {
            self.job_name(&name);
            let job = job.given()?;
            Some((name.value, self.job(job, runtime, has_memory)?))
        });
        jobs.collect()
    }

    /// Refuses the name of a unit of conductor.
    fn job_name(&self, name: &Located<JobName>) {
        let text = name.value.as_str();
        if is_reserved(text) {
            let fault = Fault::new(format!("the name {text} is reserved for a unit of conductor"));
            self.refuse(name.at, fault.hint(format!("give the job another name: {text}-job")));
        }
    }

    /// Reads `children`. A container ends with its first process, and all others with it.
    fn children(&self, children: Field<Children>, runtime: Option<Runtime>) -> Children {
        let Some(children) = children.given() else { return Children::default() };
        if children.value == Children::Keep
            && runtime.is_some_and(|runtime| runtime != Runtime::Native)
        {
            let fault = Fault::new("children: keep works only with runtime: native");
            self.refuse(
                children.at,
                fault.hint("remove this key: a container ends with its first process"),
            );
        }
        children.value
    }

    /// Refuses an interval that is too short, and keys that mean nothing with one.
    fn interval(
        &self,
        every: &Located<Span>,
        timezone: Option<&Located<TimeZone>>,
        catch_up: &Field<bool>,
        overlap: &Field<Overlap>,
    ) {
        if every.value < SHORTEST_INTERVAL {
            self.refuse(
                every.at,
                Fault::new("not a time of at least a second").hint("write for example 10min"),
            );
        }
        if let Some(timezone) = timezone {
            let fault = Fault::new("every has no time of day, so no time zone");
            self.refuse(timezone.at, fault.hint("remove this key, or write schedule or calendar"));
        }
        if let Field::Given(catch_up) = catch_up
            && catch_up.value
        {
            let fault = Fault::new("every has no times that can be missed");
            let hint = "remove this key: the interval begins when the host boots; or write \
                        schedule or calendar";
            self.refuse(catch_up.at, fault.hint(hint));
        }
        if let Field::Given(overlap) = overlap
            && overlap.value == Overlap::Queue
        {
            let fault = Fault::new("the interval begins when a run has ended, so none is queued");
            self.refuse(overlap.at, fault.hint("remove this key"));
        }
    }

    fn job(
        &self,
        job: Located<definition::Job>,
        runtime: Option<Runtime>,
        has_memory: bool,
    ) -> Option<ScheduledJob> {
        let at = job.at;
        let definition::Job {
            schedule,
            calendar,
            every,
            command,
            entrypoint,
            timezone,
            jitter,
            catch_up,
            timeout,
            on_failure,
            on_success,
            mail_to,
            overlap,
            children,
            enabled,
            env,
            limits,
            user,
            stdin,
        } = job.value;
        let refused = matches!(schedule, Field::Refused)
            || matches!(calendar, Field::Refused)
            || matches!(every, Field::Refused);
        let timezone = timezone.given();
        let when = match (schedule.into_value(), calendar.into_value(), every.given()) {
            (Some(schedule), None, None) => Some(When::Crontab(schedule)),
            (None, Some(calendar), None) => Some(When::Calendar(calendar)),
            (None, None, Some(every)) => {
                self.interval(&every, timezone.as_ref(), &catch_up, &overlap);
                Some(When::Every(every.value))
            }
            _ if refused => None,
            _ => {
                let fault = Fault::new("exactly one of schedule, calendar and every is needed");
                let hint = "write for example schedule: \"*/30 * * * *\", or every: 30min";
                self.refuse(at, fault.hint(hint));
                None
            }
        };
        if let (Some(When::Calendar(calendar)), Some(timezone)) = (&when, &timezone)
            && let Some(named) = calendar.event().time_zone()
        {
            let fault = Fault::new(format!("calendar also names a time zone: {named}"));
            self.refuse(
                timezone.at,
                fault.hint("remove this key, or remove the time zone from calendar"),
            );
        }
        if command.is_absent() {
            self.refuse(
                at,
                Fault::new("the key command is missing").hint("add command: [PROGRAM]"),
            );
        }
        self.job_program(&command, runtime);
        let command = self.command(command, None);
        Some(ScheduledJob {
            when: when?,
            command: command?,
            entrypoint: self.entrypoint(entrypoint, runtime),
            timezone: timezone.map(|timezone| timezone.value),
            jitter: jitter.into_value(),
            catch_up: catch_up.into_value().unwrap_or(defaults::CATCH_UP),
            timeout: timeout.into_value(),
            on_failure: on_failure.into_value(),
            on_success: on_success.into_value(),
            mail_to: mail_to.into_value(),
            overlap: overlap.into_value().unwrap_or_default(),
            children: self.children(children, runtime),
            enabled: enabled.into_value().unwrap_or(defaults::ENABLED),
            // A job has neither a port nor a socket.
            env: self.env(env, runtime, false, false),
            limits: self.limits(limits, runtime, has_memory),
            user: user.into_value(),
            stdin: stdin.into_value(),
        })
    }
}
