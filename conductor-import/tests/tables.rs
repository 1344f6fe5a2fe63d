//! Checks the tables in `docs/compose.md` against the code.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use conductor_import::{Row, compose, quadlet};

#[path = "support/generated.rs"]
mod generated;

fn table(heading: &str, rows: impl Iterator<Item = Row>) -> String {
    let mut table =
        format!("| {heading} | | what it becomes, or what it does |\n| --- | --- | --- |\n");
    for Row { key, fate, text } in rows {
        writeln!(table, "| `{key}` | {} | {text} |", fate.word()).unwrap();
    }
    table
}

#[test]
fn the_tables_of_keys_are_generated() {
    let service = table("key of a service", compose::rows());
    generated::assert_generated("compose.md", "compose keys", &service);
    let container = table("key of `[Container]`", quadlet::rows());
    generated::assert_generated("compose.md", "quadlet keys", &container);
}

#[test]
fn each_key_has_one_row_in_order() {
    for keys in [
        compose::rows().map(|row| row.key).collect::<Vec<_>>(),
        quadlet::rows().map(|row| row.key).collect(),
    ] {
        let sorted: Vec<_> = keys.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(keys, sorted);
    }
}
