//! The units of a service's jobs: for each a service and a timer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probe_protocol::{Mail, UnitPath};
use serde::Serialize;

use super::compile::metadata;
use super::run::Task;
use super::shared::turn_unit;
use super::{CompileError, Release, hooks, job_unit, timer_unit};
use crate::definition::{Overlap, Runtime};
use crate::name::{JobName, ReleaseName, UnitName, dynamic_user};
use crate::runtime::{Scope, output_file};
use crate::service::{ScheduledJob, Service, When};
use crate::unit::{
    JobUnit, Kind, Lines, Link, Pin, Record, Templates, TimerUnit, Unit, UnitSet, Values, escape,
};

/// The target of all enabled timers, both of the host and of a user.
const TIMERS: &str = "timers.target";
/// How many bytes of a job's input are in one line: a multiple of three, of which base64 makes four
/// characters each.
const INPUT_LINE: usize = 768;
/// The most bytes of a command line in the subject of a mail, whose lines have at most 998 (RFC 5322).
const LONGEST_LINE: usize = 800;

/// The values of `job.timer.hbs`.
#[derive(Serialize)]
struct TimerView<'a> {
    id: &'a str,
    description: String,
    service: &'a str,
    when: Lines,
    wanted_by: &'a str,
}

/// Compiles all jobs of a service, for the release of this name.
pub(super) fn compile(
    release: &Release<'_>,
    name: &ReleaseName,
    record: Option<&Record>,
    host_limit: Option<u16>,
    scope: Scope,
    templates: &Templates,
) -> Result<UnitSet, CompileError> {
    let service = release.service;
    let mut set = UnitSet::default();
    let pin = release.task_pin(name)?;
    for (job_name, job) in &service.jobs {
        let metadata = |kind| metadata(service, kind);
        let (unit, timer) = (job_unit(&service.id, job_name), timer_unit(&service.id, job_name));
        let turn = turn(service, job_name, host_limit);
        let of_release = (release, pin.as_ref());
        let text = runner(of_release, (job_name, job), &unit, turn.as_ref(), scope, templates)?;
        let kind = Kind::Job(Box::new(JobUnit {
            name: job_name.clone(),
            revision: release.revision.clone(),
            release: name.clone(),
            image: release.engine_image()?,
            pin: pin.clone(),
            volumes: service.named_volumes(),
            networks: release.network_settings(),
            pod: release.pod(),
            record: record.cloned(),
        }));
        let view = TimerView {
            id: service.id.as_str(),
            description: escape::description(&format!("When {} runs {job_name}", service.id)),
            service: unit.as_str(),
            when: when(job),
            wanted_by: TIMERS,
        };
        let runner = Unit::new(text, metadata(kind));
        let text = templates.render(unit_templates::TIMER, &Values::new(&view))?;
        set.units.insert(unit, runner);
        let kind = Kind::Timer(TimerUnit { job: job_name.clone(), paused: None });
        if job.enabled {
            set.links.insert(timer_link(&timer));
        }
        set.units.insert(timer, Unit::new(text, metadata(kind)));
    }
    Ok(set)
}

/// Returns the link that starts a timer at boot.
pub fn timer_link(timer: &UnitName) -> Link {
    Link { by: UnitName::from_checked(TIMERS.to_owned()), unit: timer.clone() }
}

/// Compiles the service that runs a job.
fn runner(
    (release, pin): (&Release<'_>, Option<&Pin>),
    (name, job): (&JobName, &ScheduledJob),
    unit: &UnitName,
    turn: Option<&UnitName>,
    scope: Scope,
    templates: &Templates,
) -> Result<String, CompileError> {
    // Without `..`: the other fields are for the timer.
    let ScheduledJob {
        when: _,
        command,
        entrypoint,
        timezone: _,
        jitter: _,
        catch_up: _,
        timeout,
        on_failure,
        on_success,
        // The service may have it.
        mail_to: _,
        overlap: _,
        children,
        enabled: _,
        env,
        limits,
        user,
        stdin,
    } = job;
    let mut of_unit = Lines::default();
    // By default, systemd refuses the sixth start within ten seconds, also by hand.
    of_unit.push("StartLimitIntervalSec", 0);
    for (directive, reference) in [("OnFailure", on_failure), ("OnSuccess", on_success)] {
        if let Some(reference) = reference {
            of_unit.push(directive, reference);
        }
    }
    if let Some(turn) = turn {
        // Not `Requires=`: a job that is due runs also if its place cannot be held.
        for directive in ["Wants", "After", "PropagatesStopTo"] {
            of_unit.push(directive, turn);
        }
    }
    hooks::report_job(&mut of_unit, release.service);
    if scope == Scope::System {
        // A timer starts before the network is up, and a missed run is due immediately.
        of_unit.push("Wants", "network-online.target");
        of_unit.push("After", "network-online.target");
    }
    let mut of_service = Lines::default();
    // As under cron: a program whose output nobody reads ends.
    of_service.push("IgnoreSIGPIPE", "no");
    if let Some(input) = stdin {
        of_service.push("StandardInput", "data");
        for line in input.as_str().as_bytes().chunks(INPUT_LINE) {
            of_service.push("StandardInputData", STANDARD.encode(line));
        }
    }
    let task = Task {
        command: command.clone(),
        entrypoint: entrypoint.clone(),
        env: env.clone(),
        limits: limits.clone(),
        image_tag: pin.map(|pin| pin.tag.clone()),
        image_source: pin.and_then(Pin::source).map(str::to_owned),
        user: user.clone(),
        timeout: *timeout,
        children: *children,
        run: None,
        mail: mail(release, name, job, unit, scope),
        unit: of_unit,
        service: of_service,
    };
    release.compile_task(task, unit, name.as_str(), scope, templates)
}

/// Returns the unit that holds the place of a job, if the number of those is limited that run at the same time.
fn turn(service: &Service, job: &JobName, host_limit: Option<u16>) -> Option<UnitName> {
    let limit = service.max_parallel;
    limit.or(host_limit)?;
    Some(turn_unit(&service.id, job, limit))
}

/// Returns how the output of a job is mailed, if it is.
fn mail(
    release: &Release<'_>,
    name: &JobName,
    job: &ScheduledJob,
    unit: &UnitName,
    scope: Scope,
) -> Option<Mail<UnitPath>> {
    let service = release.service;
    let mail_to = service.mail_to(job)?;
    let named = job.user.as_ref().or(service.user.as_ref()).map(|user| user.name().to_string());
    let is_dynamic =
        service.runtime == Runtime::Native && service.sandbox && scope == Scope::System;
    let dynamic = || is_dynamic.then(|| dynamic_user(&service.id).to_string());
    // A mail that systemd would end is a failure of the job, so this is shorter.
    let timeout = service.deploy.stop_timeout.duration() / 2;
    Some(Mail {
        output: output_file(unit),
        to: mail_to.addresses().to_vec(),
        name: format!("{name} of {}", service.id),
        line: line(release, job),
        user: named.or_else(dynamic),
        timeout: timeout.max(Duration::from_millis(1)),
        user_manager: scope == Scope::User,
    })
}

/// Returns the command line of a job in one line, for the subject of a mail: of a shell's command, what the shell
/// reads, as cron has it.
fn line(release: &Release<'_>, job: &ScheduledJob) -> String {
    let tokens = release.task_tokens();
    let words: Vec<_> =
        job.command.iter().map(|argument| tokens.expand(argument.as_str())).collect();
    let text = match words.as_slice() {
        [.., option, text] if option == "-c" => text.to_string(),
        words => words.join(" "),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = text.floor_char_boundary(LONGEST_LINE);
    text[..end].to_owned()
}

/// Returns the directives for a job's times (systemd.timer(5)).
fn when(job: &ScheduledJob) -> Lines {
    let mut lines = Lines::default();
    let events = job.when.calendar_events(job.timezone.as_ref());
    for event in &events {
        lines.push("OnCalendar", event);
    }
    if let When::Every(interval) = job.when {
        // The first run. Once the job has run, systemd leaves this out.
        lines.push("OnActiveSec", interval);
        lines.push("OnUnitInactiveSec", interval);
    } else if events.is_empty() {
        // The timer itself starts when the host boots.
        lines.push("OnActiveSec", 0);
    }
    // By default it may be a minute late. With as much as 1s, a job that is due each second and still
    // runs when the next second begins is skipped in that one (DeferReactivation=).
    lines.push("AccuracySec", "100ms");
    if let Some(jitter) = job.jitter {
        lines.push("RandomizedDelaySec", jitter);
    }
    if job.catch_up {
        lines.push("Persistent", "yes");
    }
    match job.overlap {
        // Its time begins when the job has ended.
        _ if matches!(job.when, When::Every(_)) => {}
        Overlap::Skip => lines.push("DeferReactivation", "yes"),
        // A run that is due while the job runs starts when the job has ended.
        Overlap::Queue => {}
    }
    lines
}
