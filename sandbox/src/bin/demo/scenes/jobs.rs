//! A crontab is converted to a definition, and its lines to timers.

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};

/// A crontab as in `/etc/cron.d`.
const CRONTAB: &str = "/srv/reports";
const DEFINITION: &str = "/etc/conductor/services/reports.yaml";

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Now a crontab. Each line becomes a job with its own timer: a job has a state, an exit \
         status and a journal, and never runs twice at the same time.",
    )?;
    operator.looks(&format!(
        "printf '%s\\n' '# Who bought what.' \
         '0 3 * * *  root  echo no room for the report; exit 28' >{CRONTAB}"
    ))?;
    operator.types(&format!("cat {CRONTAB}"))?;
    let import = format!("conductor cron import --system {CRONTAB}");
    let text = operator.types(&import)?;
    told(text.contains("schedule: \"0 3 * * *\""), || format!("the schedule should stay: {text}"))?;

    operator
        .screen
        .step("Add another job with a systemd calendar event. Apply, and watch it run.")?;
    let tick = "  tick: {calendar: \"*:*:0/2\", command: [/bin/echo, another report]}";
    operator.looks(&format!("{import} | sed '/^cron:/a \\{tick}' >{DEFINITION}"))?;
    operator.types(&format!("grep tick {DEFINITION}; conductor apply"))?;
    let (log, _) = wait_for("the second report", || {
        let log = operator.looks("conductor logs --id reports")?;
        Ok((log.matches("another report").count() >= 2).then_some(log))
    })?;
    told(log.contains("another report"), || log.clone())?;
    operator
        .types_and_shows("conductor logs --id reports", |line| line.contains("another report"))?;
    operator.types("conductor cron next --hours 1")?;

    operator.screen.step(
        "Run the other job now to see that it fails. The status shows the exit status and the \
         last lines; cron would send a mail.",
    )?;
    let said = operator.is_refused("conductor cron run-now --id reports echo", 1)?;
    told(said.contains("exit status 28"), || format!("it should end with 28: {said}"))?;
    let status = operator.types("conductor status --id reports")?;
    for expected in ["exit-code (28)", "no room for the report"] {
        told(status.contains(expected), || format!("the status should say {expected:?}"))?;
    }

    operator.screen.step(
        "And run a single command with the shop's environment and limits. Its input, output and \
         exit status are connected to this terminal.",
    )?;
    let counted = operator.types(
        "printf '%s\\n' pears plums figs | conductor run --id shop --memory 64M wc -l | tr -d ' '",
    )?;
    told(counted.trim() == "3", || format!("it should count 3 lines: {counted}"))?;
    operator.is_refused("conductor run --id shop sh -c 'exit 42'", 42)?;
    Ok(())
}
