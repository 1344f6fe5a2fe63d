//! The demo: its stories check what they tell.

use std::process::Command;
use std::sync::Arc;

use conductor_sandbox::build;
use libtest_mimic::{Failed, Trial};

use crate::pool::{Company, Pool};

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial = |name: &str, arguments: &'static [&'static str]| {
        pool.trial(Company::Others, format!("demo::{name}"), |_| story(arguments))
    };
    vec![trial("stack", &["stack"]), trial("services", &[])]
}

/// Runs a story. Each boots a sandbox of its own.
fn story(arguments: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new(build::demo()?);
    let output = command.args(arguments).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complained}");
    assert!(told.contains("; not one failed."), "{told}");
    Ok(())
}
