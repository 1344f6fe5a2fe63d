//! The definitions are applied, and the services answer.

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};
use crate::services::{greeting, instances};

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Apply makes the host run what is defined. Then conductor exits, and systemd supervises.",
    )?;
    let report = operator.types("conductor apply")?;
    let expected = "changed: cache, hello";
    told(report.contains(expected), || format!("it should say {expected:?}: {report}"))?;
    let left = operator.runs("pgrep -x conductor")?;
    told(left.status == Some(1), || format!("no conductor should run any more: {}", left.text))?;

    operator.screen.step(
        "Real programs run now: each of hello's three instances answers on its own port, and so \
         does Redis.",
    )?;
    let hello = instances(operator, "hello")?;
    told(hello.len() == 3, || format!("hello should have three instances: {hello:?}"))?;
    for instance in &hello {
        greeting(operator, instance.port)?;
        let answer = operator.types(&format!("curl -s localhost:{}", instance.port))?;
        let expected = format!("Hello from process {}", instance.process);
        told(answer == expected, || format!("{answer:?} should be {expected:?}"))?;
    }
    let port = instances(operator, "cache")?[0].port;
    wait_for("Redis answering", || {
        let pong = operator.runs(&format!("redis-cli -p {port} ping"))?;
        Ok((pong.text == "PONG").then_some(()))
    })?;
    for (command, expected) in [("set colour blue", "OK"), ("get colour", "blue")] {
        let answer = operator.types(&format!("redis-cli -p {port} {command}"))?;
        told(answer == expected, || format!("{answer:?} should be {expected:?}"))?;
    }
    Ok(())
}
