//! What runs, seen with conductor and with systemd's own tools.

use crate::failure::{Failure, told};
use crate::operator::Operator;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "The usual tools work: the journal has a service's output over all releases, and \
         systemctl shows ordinary units.",
    )?;
    let logs = operator.types("conductor logs --id hello -n 2")?;
    told(logs.lines().count() == 2, || format!("two lines should be logged: {logs}"))?;
    let units = operator.types("systemctl list-units --plain --no-legend 'conductor-hello*'")?;
    told(units.contains("conductor-hello.target"), || {
        format!("hello's target should be listed: {units}")
    })?;

    operator
        .screen
        .step("One table shows what runs. Its data come only from the units and systemd.")?;
    let table = operator.types("conductor status")?;
    told(table.lines().count() == 6, || format!("five instances should run: {table}"))
}
