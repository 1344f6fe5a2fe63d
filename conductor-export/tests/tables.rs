//! Checks the table in `docs/leaving.md` against the code.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;

use conductor_export::{Fate, ROWS, Target};

#[path = "support/generated.rs"]
mod generated;

fn cell(fate: Fate) -> String {
    match fate {
        Fate::Kept(text) => text.to_owned(),
        Fate::Partly(text) => format!("in part: {text}"),
        Fate::Lost("") => "**left out**".to_owned(),
        Fate::Lost(instead) => format!("**left out**: `{}`", instead.replace('|', "\\|")),
        Fate::Refused(why) => format!("**refused**: {why}"),
    }
}

#[test]
fn the_table_of_keys_is_generated() {
    let targets = [Target::Compose, Target::Swarm, Target::Quadlet, Target::Kubernetes];
    let mut table = String::from(
        "| key | Compose | swarm | Quadlet | Kubernetes |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in ROWS {
        let cells = targets.map(|target| cell(row.fate(target))).join(" | ");
        writeln!(table, "| `{}` | {cells} |", row.key).unwrap();
    }
    generated::assert_generated("leaving.md", "export keys", &table);
}
