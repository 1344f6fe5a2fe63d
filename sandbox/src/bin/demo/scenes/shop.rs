//! The web shop, and the load on it.

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};
use crate::services::instances;

/// Where nginx serves the shop.
pub(super) const SHOP: &str = "localhost:8080";
/// The file that conductor writes for nginx.
pub(super) const UPSTREAM: &str = "/etc/nginx/conf.d/conductor-shop.conf";
/// The file with the load generator's report.
const REPORT: &str = "/tmp/load";
/// The least number of requests in the time of the scenes.
const AT_LEAST: u64 = 500;

/// Starts the load, which runs until [`no_request_failed`].
pub(super) fn shop_is_asked(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.types(&format!(
        "wrk -t 1 -c 8 -d 1h -H 'Connection: close' http://{SHOP} >{REPORT} 2>&1 &"
    ))?;
    wait_for("a request", || {
        let open = operator.looks("ss -Htn state established 'dport = 8080'")?;
        Ok((!open.is_empty()).then_some(()))
    })?;
    Ok(())
}

/// Checks that exactly the two instances of this revision answer requests to nginx.
pub(super) fn serves(operator: &Operator<'_>, revision: &str) -> Result<(), Failure> {
    let instances = instances(operator, "shop")?;
    let file = operator.looks(&format!("grep 'server ' {UPSTREAM}"))?;
    let as_told = instances.len() == 2
        && file.lines().count() == 2
        && instances.iter().all(|instance| {
            instance.unit.starts_with(&format!("conductor-shop-{revision}."))
                && file.contains(&format!("127.0.0.1:{} ", instance.port))
        });
    told(as_told, || format!("nginx should have two instances of {revision}: {file}"))?;
    let expected: Vec<_> =
        instances.iter().map(|instance| format!("(process {})", instance.process)).collect();
    for _ in 0..4 {
        let answer = operator.looks(&format!("curl -sS --max-time 10 {SHOP}"))?;
        let as_told = answer.starts_with(&format!("shop {revision}: "))
            && expected.iter().any(|process| answer.ends_with(process));
        told(as_told, || format!("{answer:?} should be by {revision}, one of {expected:?}"))?;
    }
    Ok(())
}

/// Ends the load, shows its report, and checks that no request failed.
pub(super) fn no_request_failed(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.looks("kill -INT $(pidof wrk)")?;
    wait_for("wrk's report", || {
        let done = operator.runs(&format!("! pidof wrk && grep -q Transfer/sec {REPORT}"))?;
        Ok((done.status == Some(0)).then_some(()))
    })?;
    let report = operator.types(&format!("cat {REPORT}"))?;
    for complaint in ["Socket errors", "Non-2xx"] {
        told(!report.contains(complaint), || format!("no request should fail: {report}"))?;
    }
    let unclear = || Failure::Story(format!("wrk should say how many requests it made: {report}"));
    let counted = report.lines().find_map(|line| line.trim().split_once(" requests in "));
    let (count, time) = counted.ok_or_else(unclear)?;
    let time = time.split(',').next().unwrap_or(time);
    let enough = count.parse().is_ok_and(|count: u64| count >= AT_LEAST);
    told(enough, || format!("{count} requests in {time} are too few"))?;
    operator.screen.remark(&format!("{count} requests in {time}; not one failed."))
}
