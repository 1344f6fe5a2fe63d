//! Hundreds of hostile definitions at once: programs get every byte as defined.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::Test;
use crate::host::{FEW_FILTERS, Host};
use crate::hostile_text::hostile_text;

pub(crate) const TESTS: &[Test] =
    &[("every_byte_arrives", every_byte_arrives), ("descriptions_arrive", descriptions_arrive)];

const DEFINITIONS: usize = 300;

/// Writes its arguments and environment in hexadecimal, and waits.
const DUMP: &str = r#"
import json, os, sys
dump = {
    "arguments": [os.fsencode(word).hex() for word in sys.argv[2:]],
    "environment": {key.hex(): value.hex() for key, value in os.environb.items()},
}
path = "/dump/" + sys.argv[1]
with open(path + ".new", "w") as file:
    json.dump(dump, file)
os.rename(path + ".new", path)
os.execv("/usr/bin/sleep", ["sleep", "infinity"])
"#;

/// What a program must receive.
#[derive(Debug)]
struct Expected {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// Escapes a text so that no token in it is replaced.
fn literal(text: &str) -> String {
    let mut text = text.to_owned();
    for token in ["id", "revision", "instance", "port"] {
        text = text.replace(&format!("{{{token}}}"), &format!("{{{{{token}}}}}"));
    }
    text
}

/// Returns definitions by id, the same in each run.
fn definitions() -> BTreeMap<String, Expected> {
    let mut runner = TestRunner::deterministic();
    let environment = btree_map("[A-Za-z_][A-Za-z0-9_]{0,12}", hostile_text(), 0..5);
    let strategy = (vec(hostile_text(), 0..7), environment);
    let expected = |number: usize| {
        let tree = strategy.new_tree(&mut runner).expect("a value");
        let (arguments, mut environment) = tree.current();
        // Variables with a meaning for the shell or the loader are skipped.
        environment.retain(|name, _| !name.starts_with("LD_") && !name.starts_with("PYTHON"));
        (format!("h{number:03}"), Expected { arguments, environment })
    };
    (0..DEFINITIONS).map(expected).collect()
}

fn define(host: &Host, id: &str, expected: &Expected) {
    let own = ["/usr/bin/python3", "-I", "/dump/dump.py", id].map(str::to_owned);
    let arguments = expected.arguments.iter().map(|argument| literal(argument));
    let command: Vec<_> = own.into_iter().chain(arguments).collect();
    let environment: BTreeMap<_, _> =
        expected.environment.iter().map(|(name, value)| (name, literal(value))).collect();
    let relaxed: Value = serde_json::from_str(FEW_FILTERS).expect("it is JSON");
    let definition = json!({
        "id": id, "port": 80, "command": command, "env": environment, "volumes": ["/srv/dump:/dump"],
        "systemd": relaxed,
    });
    host.define(&format!("{id}.json"), &definition.to_string());
}

fn every_byte_arrives(host: &Host) {
    host.spoil();
    host.sh("mkdir -m 777 /srv/dump");
    host.write("/srv/dump/dump.py", DUMP);
    let definitions = definitions();
    assert_eq!(definitions.len(), DEFINITIONS);
    for (id, expected) in &definitions {
        define(host, id, expected);
    }
    let began = Instant::now();
    host.apply();
    let applied = began.elapsed();
    let dump = host.path("/srv/dump");
    let mut wrong = Vec::new();
    for (id, expected) in &definitions {
        let deadline = Instant::now() + Duration::from_mins(2);
        let written = loop {
            if let Ok(text) = fs::read_to_string(dump.join(id)) {
                break text;
            }
            assert!(Instant::now() < deadline, "{id} wrote nothing: {expected:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let got: Value = serde_json::from_str(&written).expect("it is JSON");
        let right = expected.arguments.iter().map(|argument| hex(argument)).collect::<Vec<_>>();
        if got["arguments"] != json!(right) {
            wrong.push(format!("{id}: {:?} became {}", expected.arguments, got["arguments"]));
        }
        for (name, value) in &expected.environment {
            let got = &got["environment"][hex(name)];
            if *got != hex(value) {
                wrong.push(format!("{id}: {name}={value:?} became {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!(
        "{DEFINITIONS} hostile definitions: applied in {applied:.1?}, compared after {:.1?}",
        began.elapsed()
    );
    let again = Instant::now();
    host.is_converged();
    eprintln!("applied again, without a change, in {:.1?}", again.elapsed());
    // A few at a time, for the same reason as the filters.
    let stop = "cd /etc/systemd/system; ls -d conductor-h*.target | xargs -n 10 systemctl stop";
    host.sh(stop);
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// One valid line of text: nothing invisible, and no white space around it.
fn descriptions_arrive(host: &Host) {
    let mut runner = TestRunner::deterministic();
    let strategy = hostile_text().prop_filter_map("it is one line", |text| {
        let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        let line = line.trim().to_owned();
        (!line.is_empty()).then_some(line)
    });
    let mut descriptions = BTreeMap::new();
    for number in 0..100 {
        let tree = strategy.new_tree(&mut runner).expect("a value");
        descriptions.insert(format!("d{number:02}"), tree.current());
    }
    // Characters with a meaning for systemd at the end of a line.
    for (id, text) in [("x1", "ends in \\"), ("x2", "ends in \\\\"), ("x3", "%n is 100%")] {
        descriptions.insert(id.to_owned(), text.to_owned());
    }
    for (id, description) in &descriptions {
        let definition = json!({
            "id": id, "description": description, "instances": 0, "command": ["/usr/bin/true"],
        });
        host.define(&format!("{id}.json"), &definition.to_string());
    }
    host.apply();
    let targets =
        "systemctl show -p Id -p Description $(cd /etc/systemd/system; ls conductor-*.target)";
    let shown = host.sh(targets);
    let mut read = BTreeMap::new();
    for block in shown.split("\n\n") {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key));
        let (id, text) = (value("Id=conductor-"), value("Description="));
        let id = id.and_then(|id| id.strip_suffix(".target")).expect("an id");
        read.insert(id.to_owned(), text.unwrap_or_default().to_owned());
    }
    assert_eq!(read, descriptions);
}
