//! A web service behind nginx is deployed, and replaced while customers use it.

use super::shop::{SHOP, UPSTREAM, serves, shop_is_asked};
use crate::failure::{Failure, told};
use crate::operator::Operator;

pub(crate) fn play(operator: &Operator<'_>) -> Result<(), Failure> {
    operator.screen.step(
        "Now for what this is about: new versions of a service that nobody notices. Here is a web \
         shop that takes a second to start. nginx stands in front of it.",
    )?;
    operator.types("cp /srv/shop/shop.yaml /etc/conductor/services; cat /srv/shop/shop.yaml")?;
    operator.screen.remark("The site is the operator's own, and written once:")?;
    operator.types("cp /srv/shop/site.conf /etc/nginx/conf.d; cat /srv/shop/site.conf")?;
    operator.screen.remark("Version 1 goes live:")?;
    let said = operator.types("conductor deploy --id shop --revision v1")?;
    told(said.contains("| the database is ready for v1"), || {
        format!("deploy.before should be heard: {said}")
    })?;
    operator.screen.remark("nginx has the upstream that its site asks for, so it can start:")?;
    operator.types("systemctl start nginx")?;
    operator.types(&format!("curl -sS {SHOP}"))?;
    operator
        .screen
        .remark("conductor owns one file of nginx's, the upstream with the instances:")?;
    operator.types(&format!("cat {UPSTREAM}"))?;
    serves(operator, "v1")?;

    operator.screen.step(
        "Customers come: eight at a time, again and again until the end of this story. wrk counts \
         what fails; with a connection for each request, no retry hides anything.",
    )?;
    shop_is_asked(operator)?;

    operator.screen.step(
        "Version 2. Look before you leap: a dry run prints every step, and what it changes in units \
         and in nginx.",
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
        "Do it. Two new instances start beside the old ones; once both are healthy nginx takes them \
         over, and the old ones stop when their last request is answered.",
    )?;
    let said = operator.types("conductor deploy --id shop --revision v2")?;
    told(said.ends_with("changed: shop"), || format!("shop should change: {said}"))?;
    operator.types(&format!("grep server {UPSTREAM}"))?;
    let answer = operator.types(&format!("curl -sS {SHOP}"))?;
    told(answer.contains("costs 0 "), || format!("a chair should cost nothing: {answer}"))?;
    serves(operator, "v2")
}
