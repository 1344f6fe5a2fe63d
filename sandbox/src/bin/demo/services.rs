//! The instances in the sandbox, from `conductor status --output json` and systemd.

use serde_json::Value;

use crate::failure::{Failure, told};
use crate::operator::{Operator, wait_for};

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) unit: String,
    pub(crate) port: u64,
    pub(crate) restarts: u64,
    /// The program's PID: the child of the probe, which is systemd's `MainPID`, or the main process itself
    /// without a probe; 0 if it is not running, as before a restart.
    pub(crate) process: u64,
}

/// Returns the instances of a service.
pub(crate) fn instances(operator: &Operator<'_>, id: &str) -> Result<Vec<Instance>, Failure> {
    let line = format!("conductor status --id {id} --output json");
    let text = operator.looks(&line)?;
    let unclear = || Failure::Story(format!("`{line}` should name the instances of {id}: {text}"));
    let status: Value = serde_json::from_str(&text).map_err(|_| unclear())?;
    let found = status["services"][0]["instances"].as_array();
    let mut instances = Vec::new();
    for instance in found.ok_or_else(unclear)? {
        let unit = instance["unit"].as_str().ok_or_else(unclear)?;
        instances.push(Instance {
            unit: unit.to_owned(),
            port: instance["port"].as_u64().ok_or_else(unclear)?,
            restarts: instance["restarts"].as_u64().ok_or_else(unclear)?,
            process: program(operator, instance["main_pid"].as_u64().unwrap_or(0))?,
        });
    }
    told(!instances.is_empty(), || format!("{id} should have instances"))?;
    Ok(instances)
}

/// Returns the child of a main process, or that process itself.
fn program(operator: &Operator<'_>, main: u64) -> Result<u64, Failure> {
    let children = operator.runs(&format!("pgrep --oldest --parent {main}"))?;
    Ok(if main == 0 { 0 } else { children.text.parse().unwrap_or(main) })
}

/// Waits until an instance of hello answers, and returns its answer.
pub(crate) fn greeting(operator: &Operator<'_>, port: u64) -> Result<String, Failure> {
    let what = format!("an answer on port {port}");
    let ask = format!("curl -sS --max-time 2 127.0.0.1:{port}");
    let (answer, _) = wait_for(&what, || {
        let answer = operator.runs(&ask)?;
        Ok((answer.status == Some(0)).then_some(answer.text))
    })?;
    Ok(answer)
}
