//! The command line understands each command in the documents.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use conductor_core::definition::{DefinitionText, Format};

use crate::args::Arguments;

/// Returns the documents with their names; the package of this crate does not contain them.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = fs::read_dir(root.join("docs")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
    paths.push(root.join("README.md"));
    paths.retain(|path| path.extension().is_some_and(|end| end == "md"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, fs::read_to_string(path).ok()?))
    };
    paths.into_iter().filter_map(read).collect()
}

/// Returns the lines of a document's code, without what a shell prints before a command.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter_map(move |line| {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        let line = if is_fenced { Some(line) } else { line.strip_prefix("    ") };
        let line = line.filter(|_| !is_fence)?.trim_start_matches("$ ");
        Some(line.trim_start_matches("sudo "))
    })
}

/// Returns the words of a command: up to a comment, a pipe, a second command or a redirection.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let ends = |word: &&str| ["#", "|", "||", "&&"].contains(word) || word.starts_with('>');
    line.split_whitespace().take_while(move |word| !ends(word))
}

/// Returns the definitions in a document: blocks of code that begin with an id.
fn definitions(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    let mut is_fenced = false;
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        match if is_fenced { Some(line) } else { line.strip_prefix("    ") } {
            Some(line) if !is_fence => {
                if let Some(block) = blocks.last_mut() {
                    block.extend([line, "\n"]);
                }
            }
            // An indented block may have empty lines.
            _ if line.is_empty() => {}
            _ => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| block.starts_with("id: "));
    blocks
}

#[test]
fn each_command_in_a_document_is_understood() {
    let documents = documents();
    let mut found = 0;
    let mut wrong = Vec::new();
    for (name, text) in &documents {
        for line in code(text).filter(|line| line.starts_with("conductor ")) {
            assert!(
                !line.contains(['\'', '"', '\\']),
                "{name}: this test splits at spaces: {line}"
            );
            found += 1;
            if let Err(error) = Arguments::try_parse_from(words(line)) {
                wrong.push(format!("{name}: {line}\n{error}"));
            }
        }
    }
    assert!(documents.is_empty() || found > 50, "{found} commands");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_definition_in_a_document_is_valid() {
    let documents = documents();
    let mut found = 0;
    let mut wrong = Vec::new();
    for (name, text) in &documents {
        for definition in definitions(text) {
            found += 1;
            if let Err(error) = DefinitionText::new(Format::Yaml, &definition) {
                wrong.push(format!("{name}:\n{definition}\n{error}"));
            }
        }
    }
    assert!(documents.is_empty() || found > 10, "{found} definitions");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
