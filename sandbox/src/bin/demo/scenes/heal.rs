//! An instance is killed, and systemd restarts it.

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};
use crate::services::{greeting, instances};

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Kill an instance with SIGKILL: systemd restarts it at once, and the others keep \
         running.",
    )?;
    let before = instances(operator, "hello")?;
    let victim = &before[1];
    operator.types(&format!("kill -KILL {}", victim.process))?;
    let ((), took) = wait_for("an answer by another process", || {
        let ask = format!("curl -sS --max-time 2 127.0.0.1:{}", victim.port);
        let answer = operator.runs(&ask)?;
        let killed = format!("process {}", victim.process);
        let new = answer.status == Some(0) && !answer.text.ends_with(&killed);
        Ok(new.then_some(()))
    })?;
    operator.screen.remark(&format!(
        "It answered again {:.2} s later, as another process:",
        took.as_secs_f64()
    ))?;
    operator.types(&format!("curl -s localhost:{}", victim.port))?;
    let shown = operator.types(&format!("systemctl show --property NRestarts {}", victim.unit))?;
    told(shown == "NRestarts=1", || format!("{shown} should be NRestarts=1"))?;

    let after = instances(operator, "hello")?;
    for (old, new) in before.iter().zip(&after) {
        let restarted = u64::from(old.unit == victim.unit);
        let as_told = new.restarts == restarted && (new.process == old.process) == (restarted == 0);
        told(as_told, || format!("only {} should be new: {after:?}", victim.unit))?;
        greeting(operator, new.port)?;
    }
    Ok(())
}
