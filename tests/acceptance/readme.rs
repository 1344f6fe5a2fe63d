//! The README shows what conductor prints.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::pool::{Company, Pool};

const README: &str = include_str!("../../README.md");

/// Returns the tests, which need no sandbox.
pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial = |name: &str, test: fn(&Pool) -> Result<(), Failed>| {
        pool.trial(Company::Others, format!("readme::{name}"), test)
    };
    vec![trial("units_are_those_of_the_definition", units), trial("errors_are_as_shown", errors)]
}

/// Returns the first block of code in a language.
fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let (_, rest) = README.split_once(&start).expect("there is such a block");
    rest.split_once("```").expect("it ends").0
}

/// Runs conductor in an empty root that has one definition, and returns what it prints.
fn run(pool: &Pool, command: &str, definition: &str) -> Result<String, Failed> {
    let root = tempfile::tempdir()?;
    let services = root.path().join("etc/conductor/services");
    fs::create_dir_all(&services)?;
    fs::write(services.join("hello.yaml"), definition)?;
    let mut conductor = Command::new(pool.binary()?);
    let output = conductor.arg(command).arg("--root").arg(root.path()).output()?;
    let printed = String::from_utf8([output.stdout, output.stderr].concat())?;
    Ok(printed.replace(&root.path().display().to_string(), ""))
}

/// Returns lines without the digest, which is new with each change of a template.
fn lines(text: &str) -> Vec<String> {
    let digest = text.lines().find_map(|line| line.strip_prefix("Digest=")).expect("a digest");
    let text = text.replace(digest, "DIGEST").replace(&digest[..6], "DIGEST");
    text.lines().map(|line| line.trim_start_matches("# ──── ").to_owned()).collect()
}

fn units(pool: &Pool) -> Result<(), Failed> {
    let printed = lines(&run(pool, "render", block("yaml"))?);
    let mut rest = printed.iter();
    for shown in lines(block("ini")) {
        // A comment stands for what is left out.
        if shown.starts_with("# ...") || shown.is_empty() {
            continue;
        }
        let shown = shown.trim_start_matches("# ");
        if !rest.any(|line| line == shown) {
            return Err(format!("{shown:?} is not printed here: {printed:#?}").into());
        }
    }
    Ok(())
}

fn errors(pool: &Pool) -> Result<(), Failed> {
    let definition = block("yaml").replace("memory:", "memroy:").replace("cpu: 0.5", "cpu: fast");
    let printed = run(pool, "apply", &definition)?;
    let (_, shown) = README.split_once("    $ conductor apply\n").expect("errors are shown");
    let shown: Vec<_> = shown.lines().map_while(|line| line.strip_prefix("    ")).collect();
    assert_eq!(printed.trim_end(), shown.join("\n"));
    Ok(())
}
