//! The documents: their links lead somewhere, the book has each guide, and messages that are explained are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files below a directory with one of some endings, without what is built.
fn files(directory: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("it was there");
        if kind.is_dir() && name != "target" && name != ".git" && name != "snapshots" {
            found.extend(files(&path, endings));
        } else if kind.is_file()
            && path.extension().is_some_and(|end| endings.iter().any(|of| end == *of))
        {
            found.push(path);
        }
    }
    found
}

/// Returns a text without its blocks of code.
fn without_code(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the anchors of a document's headings, as the hosts of repositories make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = without_code(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.map(|char| if char == ' ' { '-' } else { char }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn each_link_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    let mut wrong = Vec::new();
    for file in files(root(), &["md"]) {
        let text = without_code(&read(&file));
        for link in text.split("](").skip(1) {
            let link = link.split([')', ' ', '\n']).next().unwrap_or_default();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            let has_anchor = || anchor.is_empty() || anchors(&read(&target)).contains(anchor);
            if !target.exists() || !has_anchor() {
                wrong.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(links > 200, "{links}");
}

#[test]
fn the_book_has_each_guide() {
    let summary = read(&root().join("docs/SUMMARY.md"));
    let directory = root().join("docs");
    for file in files(&directory, &["md"]) {
        let file = file.strip_prefix(&directory).unwrap().display().to_string();
        assert!(file == "SUMMARY.md" || summary.contains(&format!("]({file})")), "{file}");
    }
}

#[test]
fn each_message_that_is_explained_is_there() {
    let sources =
        ["conductor-cli", "conductor-core", "conductor-host", "conductor-probe", "probe-protocol"];
    let sources = sources.map(|name| files(&root().join(name).join("src"), &["rs"])).concat();
    // A text may go over several lines, of which each ends with a backslash.
    let joined = |text: String| {
        let mut joined = String::new();
        for line in text.lines() {
            if joined.ends_with('\\') {
                joined.pop();
                joined.push_str(line.trim_start());
            } else {
                joined.push('\n');
                joined.push_str(line);
            }
        }
        joined
    };
    let sources: Vec<_> = sources.iter().map(|file| joined(read(file))).collect();
    let document = read(&root().join("docs/troubleshooting.md"));
    let mut count = 0;
    for row in document.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cell = row.split(" | ").next().unwrap();
        if cell.ends_with("in the journal") {
            // Of journald.
            continue;
        }
        for message in format!("`{cell}").split('`').skip(1).step_by(2) {
            assert!(sources.iter().any(|source| source.contains(message)), "{message}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// A default that stands in two documents is wrong in one of them after it changes: it has its place in the
/// reference, which is generated from the code.
#[test]
fn a_default_is_in_the_reference_alone() {
    let is_value = |word: &str| word.starts_with(|char: char| char.is_ascii_digit());
    let mut wrong = Vec::new();
    for file in files(&root().join("docs"), &["md"]) {
        // Decisions and measurements tell of their time.
        let is_other = ["reference.md", "benchmarks.md"].iter().all(|name| !file.ends_with(name));
        if !is_other || file.starts_with(root().join("docs/decisions")) {
            continue;
        }
        let text = read(&file);
        let words: Vec<_> = text
            .split_whitespace()
            .map(|word| word.trim_matches(['`', '(', ')', ',', '.']))
            .collect();
        for at in (0..words.len()).filter(|at| words[*at].starts_with("default")) {
            let names = ["is", "of", "to"].iter().any(|word| words.get(at + 1) == Some(word))
                && words.get(at + 2).is_some_and(|word| is_value(word));
            let before = &words[at.saturating_sub(3)..at];
            if names || before.ends_with(&["by"]) && before.iter().any(|word| is_value(word)) {
                let near = &words[at.saturating_sub(6)..words.len().min(at + 6)];
                wrong.push(format!("{}: {}", file.display(), near.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "name the default in docs/reference.md only:\n{}", wrong.join("\n"));
}
