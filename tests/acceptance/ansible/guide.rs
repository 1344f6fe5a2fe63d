//! Follows the guide `docs/ansible.md`: writes its files, runs its commands, and compares their output with
//! the guide.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use libtest_mimic::Failed;

use super::FleetTest;
use super::control::{COLLECTION, Control};
use super::fleet::Fleet;
use super::quality::lint;
use super::role::programs;
use crate::pool::Pool;
use crate::ran::Ran;

pub(crate) const TESTS: &[FleetTest] = &[("the_guide_does_what_it_says", the_guide)];

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ansible.md"));
const ROLL: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/integrations/ansible/playbooks/roll.yml"));

/// A command of the guide, and the lines of output that it shows.
struct Step<'g> {
    command: &'g str,
    shown: Vec<&'g str>,
}

fn the_guide(pool: &Pool) -> Result<(), Failed> {
    let hosts = [pool.bare()?, pool.bare()?, pool.bare()?];
    let fleet = Fleet::new(vec![("web1", &hosts[0]), ("web2", &hosts[1]), ("web3", &hosts[2])])?;
    let files = files(GUIDE);
    for (name, text) in &files {
        match *name {
            "conductor.conductor.roll" => assert_eq!(format!("---\n{text}"), ROLL),
            name => fleet.write(name, text),
        }
    }
    lint_playbooks(&files)?;

    // The checkout, with built programs.
    let release = fleet.path("conductor/target/release");
    programs(pool, &release)?;
    symlink(&release, fleet.path("conductor/target/probe"))?;
    fs::create_dir(fleet.path("conductor/integrations"))?;
    symlink(COLLECTION, fleet.path("conductor/integrations/ansible"))?;

    let steps = steps(GUIDE);
    assert!(steps.len() > 8, "the guide has lost its commands");
    for Step { command, shown } in steps {
        let (program, arguments) = command.split_once(' ').expect("a command has arguments");
        let ran = Ran::new(fleet.plain(program).args(arguments.split(' ')));
        let fails = shown.iter().any(|line| line.contains("failed=1"));
        let ran = ran.exits(if fails { 2 } else { 0 });
        compare(&ran, &shown);
    }
    for host in &hosts {
        assert_eq!(host.sh("curl -sS http://127.0.0.1:8000/"), "Hello");
    }
    Ok(())
}

/// Returns the files in the guide: each code block after a line that ends with a file's name.
fn files(guide: &str) -> Vec<(&str, String)> {
    let mut files = Vec::new();
    let mut lines = guide.lines();
    let mut name = None;
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            // A block without a name continues the previous file.
            files.push((name.take().expect("code has a name"), code.join("\n") + "\n"));
        } else if let Some(found) = line.rsplit('`').nth(1).filter(|name| name.contains('.')) {
            name = Some(found);
        }
    }
    files
}

/// Returns the commands: indented lines that begin with a prompt, and the lines after each.
fn steps(guide: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut open = false;
    for line in guide.lines() {
        match line.strip_prefix("    ") {
            Some(line) if line.starts_with("$ ") => {
                steps.push(Step { command: &line[2..], shown: Vec::new() });
                open = true;
            }
            Some(line) if open => {
                steps.last_mut().expect("a command is before it").shown.push(line.trim());
            }
            _ => open = false,
        }
    }
    steps
}

/// Asserts that the shown lines are in the output, in this order, ignoring white space.
fn compare(ran: &Ran, shown: &[&str]) {
    let normal = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let output: Vec<_> = ran.stdout.lines().chain(ran.stderr.lines()).map(normal).collect();
    let mut rest = output.iter();
    for line in shown {
        let wanted = normal(line);
        assert!(rest.any(|line| line.contains(&wanted)), "no {wanted:?}, or not there\n{ran}");
    }
}

/// Runs ansible-lint on the playbooks of the guide.
fn lint_playbooks(files: &[(&str, String)]) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    for (name, text) in files {
        if Path::new(name).extension().is_some_and(|ending| ending == "yml") {
            fs::write(directory.path().join(name), format!("---\n{text}"))?;
        }
    }
    lint(Control::get()?, directory.path())
}
