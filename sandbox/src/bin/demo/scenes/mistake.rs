//! A mistake in a definition is explained, and changes nothing.

use super::HELLO;
use crate::failure::{Failure, told};
use crate::operator::Operator;
use crate::services::instances;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Make two mistakes: apply reports each with its place and a hint, and changes nothing.",
    )?;
    let before = instances(operator, "hello")?;
    operator.types(&format!(
        "sed -i.good 's/memory: 64M/memroy: 64M/; s/cpu: 0.5/cpu: fast/' {HELLO}"
    ))?;
    let message = operator.is_refused("conductor apply", 2)?;
    for expected in ["hello.yaml:8:", "memroy", "memory", "limits.cpu", "hint"] {
        told(message.contains(expected), || format!("the message should say {expected}"))?;
    }
    operator.types(&format!("mv {HELLO}.good {HELLO}"))?;
    let after = instances(operator, "hello")?;
    told(before == after, || format!("no instance should be touched: {after:?}"))
}
