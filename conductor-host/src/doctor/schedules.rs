//! The time zones of scheduled jobs.

use conductor_core::name::{JobName, ServiceId};

use super::{Check, Diagnosis, Facts};

/// A job in a time zone that the host does not have.
#[derive(Debug, Clone)]
pub(crate) struct UnknownZone {
    /// The service.
    pub(crate) service: ServiceId,
    /// The job.
    pub(crate) job: JobName,
    /// The time zone.
    pub(crate) zone: String,
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    for UnknownZone { service, job, zone } in &facts.unknown_zones {
        diagnosis.error(
            Check::TimeZones,
            format!("the host does not know the time zone {zone} of the job {job} of {service}"),
            "apt install tzdata; timedatectl list-timezones lists the zones",
        );
    }
    let has_jobs = facts.services.iter().any(|service| !service.jobs.is_empty());
    if let Some(problem) = facts.local_zone.as_ref().filter(|_| has_jobs) {
        diagnosis.warning(
            Check::TimeZones,
            format!("jobs without a time zone run by UTC: {problem}"),
            "apt install tzdata, and set the time zone with timedatectl set-timezone Europe/London",
        );
    }
}
