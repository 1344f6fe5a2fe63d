//! docs/tutorial.md: its commands run as they stand there, and print what stands there.

use std::iter;

use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[("each_command_prints_what_it_says", each_command)];

const TUTORIAL: &str = include_str!("../../docs/tutorial.md");

fn each_command(host: &Host) {
    let blocks = TUTORIAL.split("```console\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|block| Some(block.split_once("```")?.0)).collect();
    let commands: Vec<_> = blocks.iter().flat_map(|block| commands(block)).collect();
    assert!(commands.len() > 30, "{commands:#?}");
    for (command, expected) in commands {
        // Not a pipe: what goes on in the background would keep it open.
        host.sh(&format!("exec >/root/printed 2>&1\n{command}"));
        let printed = host.sh("cat /root/printed");
        let printed: Vec<_> = masked(&printed);
        let expected: Vec<_> = masked(&expected);
        assert!(matches(&expected, &printed), "{command}\n{expected:#?}\n{printed:#?}");
    }
}

/// Returns the commands of a block, each with its output.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut lines = block.lines().peekable();
    iter::from_fn(|| {
        let first = lines.next()?;
        let mut command = first.strip_prefix("$ ").expect("a command").to_owned();
        if first.ends_with("<<'END'") {
            for line in lines.by_ref() {
                command.push('\n');
                command.push_str(line);
                if line == "END" {
                    break;
                }
            }
        }
        let mut output = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            output.push_str(line);
            output.push('\n');
        }
        Some((command, output))
    })
    .collect()
}

/// Returns the lines with a `*` for each digest, duration and size, and without those that tell how long a step took.
fn masked(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.contains(": done in "));
    let lines = lines.map(|line| line.replace("just now", "*"));
    let masked = lines.map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        match &words[..] {
            [_] | [] => line,
            words => words.iter().map(|word| mask(word)).collect::<Vec<_>>().join(" "),
        }
    });
    masked.collect()
}

fn mask(word: &str) -> String {
    let is_measured =
        |number: &str| !number.is_empty() && number.parse::<f64>().is_ok_and(|n| n < 1000.0);
    let units = ["", "ms", "s", "K", "M"];
    if word == "-" || units.iter().any(|unit| word.strip_suffix(unit).is_some_and(is_measured)) {
        return "*".to_owned();
    }
    let is_digest = |text: &str| {
        text.get(..6).is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    match word.split_once('.') {
        Some((before, after)) if is_digest(after) => format!("{before}.*{}", &after[6..]),
        _ => word.to_owned(),
    }
}

/// Returns whether lines are those that are expected, of which `...` stands for any number.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((dots, rest)) if dots == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| first == line && matches(rest, others)),
    }
}
