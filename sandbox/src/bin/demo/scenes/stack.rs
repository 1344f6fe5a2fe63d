//! An application of several processes that was written for Compose: imported, started, deployed under load, and
//! rolled back.

use super::shop::{SHOP as SITE, no_request_failed, shop_is_asked as is_asked};
use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};

/// The directory of the definitions.
const DEFINITIONS: &str = "/etc/conductor/services";
/// The definition of the application: web server, worker, scheduler and migration.
const APPLICATION: &str = "stack.yaml";

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    import(operator)?;
    start(operator)?;
    operator.screen.step(
        "Now the application is under load, and version 2 comes. `apply` runs the migration first, \
        then replaces web server, worker and scheduler: all of them, or none.",
    )?;
    is_asked(operator)?;
    revise(operator, "v1", "v2")?;
    operator.screen.step("And back again:")?;
    revise(operator, "v2", "v1")?;
    no_request_failed(operator)?;
    operator.screen.remark("The worker goes on, and the databases were not touched:")?;
    let before = orders(operator, "v1")?;
    wait_for("another order", || Ok((orders(operator, "v1")? > before).then_some(())))?;
    operator.types("conductor status")?;
    Ok(())
}

/// Makes definitions of the Compose file.
fn import(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Here is an application that was written for Compose: a web server, a worker, a \
         scheduler, a migration, PostgreSQL and Redis, from one image of Debian's packages.",
    )?;
    operator.types("cat /srv/stack/compose.yaml")?;
    operator.screen.step(
        "conductor makes definitions. Web server, worker, scheduler and migration run the same \
         program, so they become one application:",
    )?;
    operator.looks(&format!("rm {DEFINITIONS}/*"))?;
    operator
        .types("cd /srv/stack; umask 077; echo PASSWORD=secret >.env; echo secret >password")?;
    operator.types(&format!(
        "conductor import compose /srv/stack/compose.yaml --application --out {DEFINITIONS}"
    ))?;
    operator.types(&format!("cat {DEFINITIONS}/{APPLICATION}"))?;
    operator.types("conductor check")?;
    Ok(())
}

/// Starts the application, with nginx in front of it.
fn start(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "`apply` starts all of them in order: the databases, when they are healthy the migration, \
         and when that is done the application.",
    )?;
    operator.types("conductor apply")?;
    operator.types("cp /srv/stack/site.conf /etc/nginx/conf.d && systemctl start nginx")?;
    operator.types(&format!("curl -sS --data '' {SITE}"))?;
    wait_for("an order", || Ok((orders(operator, "v1")? > 0).then_some(())))?;
    operator.types(&format!("curl -sS {SITE}"))?;
    Ok(())
}

/// Changes the revision of the application.
fn revise(operator: &Operator<'_>, from: &str, to: &str) -> Result<(), Failure> {
    operator.types(&format!(
        "cd {DEFINITIONS}; sed -i 's/^revision: {from}/revision: {to}/' {APPLICATION}"
    ))?;
    let before = orders(operator, from)?;
    operator.types("conductor apply")?;
    let after = orders(operator, to)?;
    told(after >= before, || format!("there were {before} orders, and now there are {after}"))
}

/// Returns the number of orders in the database, as this revision of the web server counts them.
fn orders(operator: &Operator<'_>, revision: &str) -> Result<u64, Failure> {
    let answer = operator.looks(&format!("curl -sS --max-time 10 {SITE}"))?;
    let count = answer.strip_prefix(&format!("{revision}: "));
    let count = count.and_then(|rest| rest.strip_suffix(" orders")?.parse().ok());
    count.ok_or_else(|| Failure::Story(format!("{revision} should answer, not {answer:?}")))
}
