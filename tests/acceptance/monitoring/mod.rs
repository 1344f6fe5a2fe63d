//! Hooks, and metrics, read by what reads metrics elsewhere: promtool, the official parser in Python, Prometheus, and the
//! textfile collector of `node_exporter`.

pub(crate) mod hooks;
mod metrics;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::pool::{Company, Pool};

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let run = move |pool: &Pool| pool.run_with_programs(|host| metrics::are_scraped(host));
    vec![pool.trial(Company::Others, "monitoring::metrics_are_scraped".to_owned(), run)]
}
