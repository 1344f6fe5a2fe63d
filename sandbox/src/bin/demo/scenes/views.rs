//! What runs, seen with conductor and with systemd's own tools.

use crate::failure::{Failure, told};
use crate::operator::Operator;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Nothing is hidden: the journal has what a service wrote, across releases, and systemctl \
         shows ordinary units.",
    )?;
    let logs = operator.types("conductor logs --id hello -n 2")?;
    told(logs.lines().count() == 2, || format!("two lines should be logged: {logs}"))?;
    let units = operator.types("systemctl list-units --plain --no-legend 'conductor-hello*'")?;
    told(units.contains("conductor-hello.target"), || {
        format!("hello's target should be listed: {units}")
    })?;

    operator.screen.step(
        "One table says what runs. There is no database behind it, only the units and systemd.",
    )?;
    let table = operator.types("conductor status")?;
    told(table.lines().count() == 6, || format!("five instances should run: {table}"))
}
