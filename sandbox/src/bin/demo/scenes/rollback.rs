//! A broken version is rejected, a good one is rolled back, and no request fails.

use super::shop::{SHOP, no_request_failed, serves};
use crate::failure::{Failure, told};
use crate::operator::Operator;
use crate::services::instances;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Version 3 is broken: it starts, and answers every request with an error. It gets no \
         requests except the health check's, and the message shows the cause.",
    )?;
    let before = instances(operator, "shop")?;
    let said = operator.is_refused("conductor deploy --id shop --revision v3", 3)?;
    for expected in [
        "last health check: never healthy",
        "500 Internal Server Error",
        "there is no column 'prize'",
        "the previous release still serves",
    ] {
        told(said.contains(expected), || format!("the message should say {expected:?}"))?;
    }
    operator.screen.remark("Version 2 still serves, and no unit of version 3 is left:")?;
    operator.types("conductor status --id shop")?;
    let after = instances(operator, "shop")?;
    told(before == after, || format!("no instance should be touched: {after:?}"))?;
    let left = operator.looks("find /etc/systemd/system /run/systemd/system -name '*shop-v3*'")?;
    told(left.is_empty(), || format!("no unit of v3 should be left: {left}"))?;
    serves(operator, "v2")?;

    operator.screen.step(
        "But version 2 sells chairs for nothing. Roll back: the units of version 1 were kept, \
         and nginx is switched to them in the same way.",
    )?;
    let said = operator.types("conductor rollback --id shop")?;
    told(said.ends_with("changed: shop"), || format!("shop should change: {said}"))?;
    let answer = operator.types(&format!("curl -sS {SHOP}"))?;
    told(answer.contains("costs 80"), || format!("a chair should cost 80: {answer}"))?;
    operator.types("conductor status --id shop")?;
    serves(operator, "v1")?;

    operator.screen.step(
        "Two deploys, one of them broken, and a rollback. How many requests failed? wrk's report \
         would have a line for socket errors, and one for error responses.",
    )?;
    no_request_failed(operator)
}
