//! One variable is changed: only its service is replaced, and the next apply changes nothing.

use serde_json::Value;

use super::HELLO;
use crate::failure::{Failure, told};
use crate::operator::Operator;
use crate::services::{greeting, instances};

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Change one environment variable. Before you apply it, diff shows what apply would \
         change.",
    )?;
    operator.types(&format!("sed -i 's/GREETING: Hello/GREETING: Good evening/' {HELLO}"))?;
    let mut files = 0;
    let diff = operator.types_and_shows("conductor diff", |line| {
        files += usize::from(line.starts_with("--- "));
        let telling = ["--- ", "+++ ", "-Environment", "+Environment"];
        files == 1 && telling.iter().any(|start| line.starts_with(start))
    })?;
    told(diff.contains("Good evening"), || {
        format!("the diff should name the new greeting: {diff}")
    })?;

    operator.screen.step(
        "Apply replaces hello's instances, because they changed, and nothing else: the cache keeps \
         its process and its data.",
    )?;
    let (hello, cache) = (instances(operator, "hello")?, instances(operator, "cache")?);
    operator.screen.remark(
        "The new instances get ports of their own, because the old ones serve until the new ones \
         have started:",
    )?;
    let report = operator.types("conductor apply")?;
    told(report.ends_with("changed: hello"), || format!("only hello should change: {report}"))?;
    let (new_hello, new_cache) = (instances(operator, "hello")?, instances(operator, "cache")?);
    told(new_hello.len() == 3, || format!("hello should have three instances: {new_hello:?}"))?;
    for new in &new_hello {
        let kept = hello.iter().any(|old| old.process == new.process || old.unit == new.unit);
        told(!kept, || format!("{} should be new", new.unit))?;
        let answer = greeting(operator, new.port)?;
        let expected = format!("Good evening from process {}", new.process);
        told(answer == expected, || format!("{answer:?} should be {expected:?}"))?;
    }
    operator.types(&format!("curl -s localhost:{}", new_hello[0].port))?;
    let colour = operator.types(&format!("redis-cli -p {} get colour", new_cache[0].port))?;
    told(colour == "blue", || format!("Redis should still know blue: {colour}"))?;
    told(cache == new_cache, || format!("the cache should be untouched: {new_cache:?}"))?;
    operator.screen.remark(&format!(
        "Redis is still process {}; hello's processes are all new.",
        cache[0].process
    ))?;

    operator.screen.step(
        "Apply again: nothing changes, so Chef, Ansible or a timer may run it as often as they like.",
    )?;
    let text = operator.types("conductor apply")?;
    told(text.contains("nothing changed"), || format!("nothing should change: {text}"))?;
    let json = operator.looks("conductor apply --output json")?;
    let result = json.lines().next_back().unwrap_or_default();
    let report: Value = serde_json::from_str(result).unwrap_or_default();
    told(report["changed"] == false, || format!("\"changed\" should be false: {json}"))?;
    let now = (instances(operator, "hello")?, instances(operator, "cache")?);
    told(now == (new_hello, new_cache), || format!("no instance should be touched: {now:?}"))
}
