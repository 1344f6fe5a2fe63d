//! Man pages: those of the commands, of the probe, and of definitions.

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use conductor_core::definition;
use serde_json::{Map, Value};

use crate::args::Arguments;
use crate::commands::version::VERSION;

/// What stands at the top of each page.
const MANUAL: &str = "conductor";
/// The day of this version in the changelog; `.ci/release` compares them.
const DATE: &str = "2026-11-29";
/// The parts of a definition with keys of their own, as the schema names them, and where they stand.
const PARTS: [(&str, &str); 12] = [
    ("Children", "processes"),
    ("Process", "processes.NAME"),
    ("Network", "networks.NAME"),
    ("Pod", "pod"),
    ("Dependency", "depends_on.NAME"),
    ("Health", "health"),
    ("Limits", "limits"),
    ("Proxy", "proxy.NAME"),
    ("Deploy", "deploy"),
    ("Hooks", "hooks"),
    ("Hook", "hooks.EVENT"),
    ("Job", "cron.NAME"),
];

/// Returns the pages, by their paths below `/usr/share`; that of definitions is the last.
pub(super) fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    of_commands(command, &mut pages);
    pages.push(("man/man1/conductor-probe.1".to_owned(), of_probe()));
    pages.push(("man/man5/conductor-definition.5".to_owned(), of_definitions()));
    pages
}

fn of_commands(command: clap::Command, pages: &mut Vec<(String, String)>) {
    for subcommand in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        of_commands(subcommand.clone(), pages);
    }
    let page = Man::new(command).manual(MANUAL).date(DATE).source(format!("{MANUAL} {VERSION}"));
    let name = format!("man/man1/{}", page.get_filename());
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = page.render(&mut text);
    let text = String::from_utf8_lossy(&text);
    // One command for the same space: `mandoc -Tlint` warns about the others.
    pages.push((name, text.replace(".br\n\n.br\n", ".sp\n")));
}

fn page(name: &str, section: &str, about: &str) -> Roff {
    let source = format!("{MANUAL} {VERSION}");
    let mut roff = Roff::new();
    roff.control("TH", [name, section, DATE, &source, MANUAL]);
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
    roff
}

/// Returns the page of the probe: its help as it is.
fn of_probe() -> String {
    let mut roff = page("conductor-probe", "1", "reports the health of a service to systemd");
    for (heading, text) in conductor_probe::manual() {
        roff.control("SH", [heading]).control("nf", []);
        for line in text.trim_end().lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["SEE ALSO"]).text([bold("conductor"), roman("(1)")]);
    roff.to_roff()
}

fn of_definitions() -> String {
    let mut roff = page("conductor-definition", "5", "definitions of services");
    let text = "One service, or one application of several, per file in /etc/conductor/services, with the extension \
                .yaml, .yml, .json or .toml. All errors are reported at once, with their places, before anything \
                changes: conductor check. conductor schema prints the JSON Schema, and conductor init writes a first \
                definition.";
    roff.control("SH", ["DESCRIPTION"]).text([roman(text)]);
    let schema = Value::from(definition::schema());
    keys(&mut roff, "KEYS", &schema);
    let mut parts: Map<_, _> = schema["$defs"].as_object().cloned().unwrap_or_default();
    for (name, place) in PARTS {
        if let Some(part) = parts.remove(name) {
            keys(&mut roff, &format!("KEYS OF {place}"), &part);
        }
    }
    // None is forgotten, should there be a new one.
    for (name, part) in parts.iter().filter(|(_, part)| part["properties"].is_object()) {
        keys(&mut roff, &format!("KEYS OF {name}"), part);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("conductor"), roman("(1), "), bold("systemd.exec"), roman("(5)")]);
    roff.to_roff()
}

/// Adds the keys of a part of a definition: name, default, and what they are.
fn keys(roff: &mut Roff, heading: &str, part: &Value) {
    let Some(properties) = part["properties"].as_object() else { return };
    roff.control("SH", [heading]);
    for (key, schema) in properties {
        let mut first = vec![bold(key.as_str())];
        match &schema["default"] {
            Value::Null => {}
            Value::String(default) => first.push(roman(format!(" (default: {default})"))),
            default => first.push(roman(format!(" (default: {default})"))),
        }
        roff.control("TP", []).text(first);
        roff.text(inlines(schema["description"].as_str().unwrap_or_default()));
    }
}

/// Returns a text in which code between backticks is bold.
fn inlines(text: &str) -> Vec<Inline> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { roman(part) } else { bold(part) }).collect()
}
