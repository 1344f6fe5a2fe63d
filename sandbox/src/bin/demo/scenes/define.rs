//! A definition is checked, and becomes units.

use super::HELLO;
use crate::failure::{Failure, told};
use crate::operator::Operator;

/// The lines of a unit that are shown.
const TELLING: [&str; 12] = [
    "# ────",
    "ExecStart=",
    "Restart=",
    "Slice=",
    "LogExtraFields=CONDUCTOR_ID=",
    "Environment=",
    "DynamicUser=",
    "ProtectSystem=",
    "CapabilityBoundingSet=",
    "MemoryMax=",
    "CPUQuota=",
    "TasksMax=",
];

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Definitions can be checked anywhere without any change to a host, for example in a pull request.",
    )?;
    let checked = operator.types("conductor check")?;
    told(checked.contains("2 services"), || {
        format!("the two definitions should be checked: {checked}")
    })?;

    operator
        .screen
        .step("A definition is short: a command, the number of instances, and their limits.")?;
    operator.types(&format!("cat {HELLO}"))?;
    operator
        .screen
        .remark("It compiles to ordinary systemd units. This is one of the instances:")?;
    let mut first = false;
    let text = operator.types_and_shows("conductor render", |line| {
        if line.starts_with("# ────") {
            first = line.contains("conductor-hello-") && line.ends_with("-1.service");
        }
        first && TELLING.iter().any(|start| line.starts_with(start))
    })?;
    for expected in ["MemoryMax=64M", "CPUQuota=50%", "TasksMax=34", "DynamicUser=yes"] {
        told(text.contains(expected), || format!("the unit should say {expected}"))?;
    }
    Ok(())
}
