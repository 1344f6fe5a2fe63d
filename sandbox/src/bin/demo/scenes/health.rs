//! A slow service is ready when it answers, and is restarted when it becomes unhealthy.

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};
use crate::services::instances;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "A service with a health check that needs two seconds to start: its unit becomes active \
         when it answers, not when its process exists, and apply waits for that.",
    )?;
    operator.types("cp /srv/slow/slow.yaml /etc/conductor/services; cat /srv/slow/slow.yaml")?;
    operator.types("conductor apply")?;
    let port = instances(operator, "slow")?[0].port;
    // The first request succeeds without a retry.
    operator.types(&format!("curl -sS 127.0.0.1:{port}/"))?;
    let started = moment(operator, "ExecMainStartTimestampMonotonic")?;
    let took = moment(operator, "ActiveEnterTimestampMonotonic")?.saturating_sub(started);
    told(took >= 2_000_000, || format!("it was active after {took} µs, before it answered"))?;
    operator.screen.remark(&format!(
        "Its unit became active {}.{:03} s after its process was started.",
        took / 1_000_000,
        took / 1000 % 1000
    ))?;

    operator.screen.step(
        "Break it: the process runs and answers, but /health returns 500. systemd has no HTTP \
         checks; the probe in the unit reports it to systemd.",
    )?;
    let before = instances(operator, "slow")?[0].process;
    operator.types(&format!("curl -sS 127.0.0.1:{port}/break"))?;
    let (after, took) = wait_for("a healthy new process", || {
        // The order matters: the state that is read first may be that of the old process.
        let now = &instances(operator, "slow")?[0];
        let active = operator.runs(&format!("systemctl is-active {}", now.unit))?;
        let well = active.text == "active" && now.process != before && now.process != 0;
        Ok(well.then_some(now.process))
    })?;
    operator.screen.remark(&format!(
        "{:.1} s later it is healthy as process {after}. The journal says why it was restarted:",
        took.as_secs_f64()
    ))?;
    let journal = operator.types(
        "journalctl --output cat UNIT=$(systemctl show --property Id --value 'conductor-slow-*.service') \
         | grep Watchdog",
    )?;
    told(journal.contains("unhealthy 2/2: 500"), || format!("it should say why: {journal}"))
}

/// Reads one of systemd's times of the instance, in microseconds.
fn moment(operator: &Operator<'_>, property: &str) -> Result<u64, Failure> {
    let show = format!("systemctl show --value --property {property} 'conductor-slow-host*'");
    let text = operator.looks(&show)?;
    text.parse().map_err(|_| Failure::Story(format!("{property} should be a time: {text}")))
}
