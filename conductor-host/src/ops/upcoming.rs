//! When scheduled jobs will run.

use std::collections::BTreeMap;
use std::iter;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Conductor;
use super::error::Error;
use crate::system::{local_time_zone, time_zone};
use conductor_core::cron::{CalendarEvent, Timetable};
use conductor_core::error::Invalid;
use conductor_core::name::{JobName, ServiceId, UnitName};
use conductor_core::plan::{self, Observed};
use conductor_core::unit::{TimerUnit, Unit};

/// The most times that are returned for one job.
const MOST: usize = 10_000;

/// The runs of the jobs of a host within some time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Upcoming {
    /// From when on, in microseconds since 1970.
    pub from: i64,
    /// Up to when.
    pub to: i64,
    /// The jobs, by their next time; those without one come last.
    pub jobs: Vec<UpcomingJob>,
}

/// The runs of one job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct UpcomingJob {
    /// Its service.
    pub id: ServiceId,
    /// Its name.
    pub job: JobName,
    /// Its timer.
    pub timer: UnitName,
    /// The calendar events of the timer, in systemd's syntax; none if it runs at boot, or after an interval.
    pub calendar: Vec<String>,
    /// The time between the end of a run and the next, if it runs after an interval.
    pub every: Option<String>,
    /// The longest random delay of each run.
    pub jitter: Option<String>,
    /// Whether the clock runs it, as its definition says.
    pub enabled: bool,
    /// Whether an operator paused it.
    pub paused: bool,
    /// When it runs, in microseconds since 1970, without its random delay; nothing while it is paused. Those after
    /// an interval are as if its runs took no time.
    pub times: Vec<i64>,
    /// Whether there are more times than are returned.
    pub truncated: bool,
}

impl Conductor {
    /// Returns the time zone of jobs that name none.
    ///
    /// # Errors
    /// `/etc/localtime` is not a time zone.
    pub fn time_zone(&self) -> Result<TimeZone, Invalid> {
        local_time_zone(self.paths.root.as_deref().unwrap_or(Path::new("/")))
    }

    /// Returns when jobs run from a moment on: those of all services, or of one. `local` is the time
    /// zone of those that name none.
    ///
    /// # Errors
    /// There is no such service; a timer has a calendar event or a time zone that is not known here; the
    /// unit directory cannot be read.
    pub fn upcoming(
        &self,
        only: Option<&ServiceId>,
        local: &TimeZone,
        from: Timestamp,
        span: Duration,
    ) -> Result<Upcoming, Error> {
        let observed = self.observe_files(None)?;
        let ids = observed.services().filter(|id| only.is_none_or(|only| only == *id));
        let ids: Vec<_> = ids.collect();
        if let (Some(only), []) = (only, ids.as_slice()) {
            return Err(Error::UnknownService { service: only.clone() });
        }
        let to = from.checked_add(span).unwrap_or(Timestamp::MAX);
        let next = self.next_after_intervals(&ids, &observed)?;
        let mut jobs = Vec::new();
        for id in ids {
            for (name, unit) in observed.units_of(id) {
                if let Some(timer) = unit.metadata.kind.timer() {
                    let enabled = observed.links_to(id, name).next().is_some();
                    let mut job =
                        UpcomingJob::new(id, name, unit, timer, enabled, local, from, to)?;
                    if let Some(interval) = plan::interval(unit) {
                        let next = next.get(name).copied().flatten();
                        job.repeat(interval.duration(), next, from, to, enabled);
                    }
                    jobs.push(job);
                }
            }
        }
        jobs.sort_by_key(|job| (job.times.first().copied().unwrap_or(i64::MAX), job.id.clone()));
        Ok(Upcoming { from: from.as_microsecond(), to: to.as_microsecond(), jobs })
    }

    /// Returns when systemd runs jobs next that run after an interval, by their timers. Only systemd knows it.
    fn next_after_intervals(
        &self,
        services: &[&ServiceId],
        observed: &Observed,
    ) -> Result<BTreeMap<UnitName, Option<Timestamp>>, Error> {
        let units = services.iter().flat_map(|id| observed.units_of(id));
        let timers = units.filter(|(_, unit)| plan::interval(unit).is_some());
        let pairs: Vec<_> = timers.map(|(name, _)| (name.triggered(), name.clone())).collect();
        let systemd = if pairs.is_empty() { None } else { self.systemd()? };
        let Some(systemd) = systemd else { return Ok(BTreeMap::new()) };
        let next = systemd.job_details(&pairs)?.into_iter().map(|details| {
            let usec = i64::try_from(details.next_usec?).ok()?;
            Timestamp::from_microsecond(usec).ok()
        });
        Ok(pairs.into_iter().map(|(_, timer)| timer).zip(next).collect())
    }
}

impl UpcomingJob {
    /// Adds the times of an interval: from the next run that systemd knows on, or from now on if it knows none.
    fn repeat(
        &mut self,
        interval: Duration,
        next: Option<Timestamp>,
        from: Timestamp,
        to: Timestamp,
        runs: bool,
    ) {
        let first = next.or_else(|| from.checked_add(interval).ok());
        let times = iter::successors(first, |last| last.checked_add(interval).ok());
        let times = times.take_while(|time| *time <= to).take(if runs { MOST + 1 } else { 0 });
        self.times = times.map(Timestamp::as_microsecond).collect();
        self.truncated = self.times.len() > MOST;
        self.times.truncate(MOST);
    }

    #[expect(clippy::too_many_arguments, reason = "each is needed, and there is one caller")]
    fn new(
        id: &ServiceId,
        name: &UnitName,
        unit: &Unit,
        timer: &TimerUnit,
        runs: bool,
        local: &TimeZone,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, Error> {
        let calendar: Vec<_> = unit.values("OnCalendar").map(str::to_owned).collect();
        let unreadable = |reason: String| Error::Timer { timer: name.clone(), reason };
        let events = calendar.iter().map(|text| text.parse::<CalendarEvent>());
        let events = events.collect::<Result<Vec<_>, _>>();
        let events = events.map_err(|invalid| unreadable(invalid.message))?;
        let zone = |name: Option<&str>| name.map_or_else(|| Ok(local.clone()), time_zone);
        let timetable = Timetable::new(events, zone);
        let timetable = timetable.map_err(|invalid| unreadable(invalid.message))?;
        let within = timetable.times_after(from).take_while(|time| *time <= to);
        let within = within.take(if runs { MOST + 1 } else { 0 });
        let mut runs_at: Vec<_> = within.map(Timestamp::as_microsecond).collect();
        let truncated = runs_at.len() > MOST;
        runs_at.truncate(MOST);
        Ok(Self {
            id: id.clone(),
            job: timer.job.clone(),
            timer: name.clone(),
            jitter: unit.values("RandomizedDelaySec").next().map(str::to_owned),
            enabled: runs || timer.paused.is_some(),
            paused: timer.paused.is_some(),
            calendar,
            every: plan::interval(unit).map(|interval| interval.to_string()),
            times: runs_at,
            truncated,
        })
    }
}
