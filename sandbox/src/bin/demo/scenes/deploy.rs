//! A web service behind nginx is deployed, and replaced under load.

use super::shop::{SHOP, UPSTREAM, serves, shop_is_asked};
use crate::failure::{Failure, told};
use crate::operator::Operator;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Now to deploys without downtime. Here is a web shop that takes a second to start, \
         behind nginx.",
    )?;
    operator.types("cp /srv/shop/shop.yaml /etc/conductor/services; cat /srv/shop/shop.yaml")?;
    operator.screen.remark("The operator writes the nginx site once:")?;
    operator.types("cp /srv/shop/site.conf /etc/nginx/conf.d; cat /srv/shop/site.conf")?;
    operator.screen.remark("Version 1 goes live:")?;
    let said = operator.types("conductor deploy --id shop --revision v1")?;
    told(said.contains("| the database is ready for v1"), || {
        format!("deploy.before should be heard: {said}")
    })?;
    operator.screen.remark("The upstream that the site uses exists now, so nginx can start:")?;
    operator.types("systemctl start nginx")?;
    operator.types(&format!("curl -sS {SHOP}"))?;
    operator.screen.remark("conductor owns one file of nginx: the upstream with the instances:")?;
    operator.types(&format!("cat {UPSTREAM}"))?;
    serves(operator, "v1")?;

    operator.screen.step(
        "Put the shop under load: wrk keeps eight requests open until the end of the demo, and \
         counts failures. It uses a new connection for each request, so no retry hides a \
         failure.",
    )?;
    shop_is_asked(operator)?;

    operator.screen.step(
        "Deploy version 2. First a dry run: it prints every step, and the changes to units and \
         to nginx.",
    )?;
    let mut part = "";
    let plan =
        operator.types_and_shows("conductor deploy --id shop --revision v2 --dry-run", |line| {
            if line.starts_with("--- ") {
                part = if line.contains("nginx") { "nginx" } else { "units" };
            }
            part != "units"
        })?;
    told(plan.contains("nothing is down during the change"), || {
        format!("nothing should be down meanwhile: {plan}")
    })?;
    serves(operator, "v1")?;

    operator.screen.step(
        "Now the deploy. Two new instances start next to the old ones. When both are healthy, \
         nginx is switched to them, and the old ones stop after their last request is answered.",
    )?;
    let said = operator.types("conductor deploy --id shop --revision v2")?;
    told(said.ends_with("changed: shop"), || format!("shop should change: {said}"))?;
    operator.types(&format!("grep server {UPSTREAM}"))?;
    let answer = operator.types(&format!("curl -sS {SHOP}"))?;
    told(answer.contains("costs 0 "), || format!("a chair should cost nothing: {answer}"))?;
    serves(operator, "v2")
}
