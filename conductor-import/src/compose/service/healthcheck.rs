//! Health checks.

use conductor_core::definition::Runtime;

use super::{Conversion, extension, ports, words};
use crate::draft::{Item, Val};
use crate::health;
use crate::node::{Entry, Node};
use crate::report::Origin;
use crate::units;

const KEYS: [&str; 7] =
    ["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"];
/// Docker's defaults, in milliseconds.
const INTERVAL: u64 = 30_000;
const TIMEOUT: u64 = 30_000;
const RETRIES: u64 = 3;

pub(crate) fn healthcheck(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let node = &entry.value;
    c.unknown(node, origin, &KEYS);
    let test = node.entry("test");
    let test_origin = test.map_or(origin.clone(), |test| origin.key("test", test.at));
    let is_off = node.get("disable").and_then(Node::as_bool) == Some(true);
    let Some(test) = test.map(|test| &test.value).filter(|test| !test.is_null() && !is_off) else {
        if !is_off {
            c.leave_out(
                origin,
                "it changes the times of the health check of the image",
                "write health with a test: a definition does not use the check of an image",
            );
        }
        return;
    };
    let Some(command) = command(c, test, &test_origin) else { return };
    if command.is_empty() {
        return;
    }
    set_check(c, &command, &test_origin);
    if c.draft.has("health") {
        times(c, node, origin);
    }
}

/// Returns the command of a test, empty for none.
fn command(c: &mut Conversion<'_>, test: &Node, origin: &Origin) -> Option<Vec<String>> {
    let shell = |text: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let Some(items) = test.as_list() else {
        return test.as_text().map(|text| if text == "NONE" { Vec::new() } else { shell(text) });
    };
    let words: Vec<_> = items.iter().filter_map(Node::as_text).map(str::to_owned).collect();
    match words.split_first() {
        Some((kind, rest)) => match kind.as_str() {
            "NONE" => Some(Vec::new()),
            "CMD" => Some(rest.to_vec()),
            "CMD-SHELL" => Some(shell(&rest.join(" "))),
            _ => {
                c.wrong(test, origin, "a test: it begins with CMD, CMD-SHELL or NONE");
                None
            }
        },
        None => Some(Vec::new()),
    }
}

fn set_check(c: &mut Conversion<'_>, command: &[String], origin: &Origin) {
    let as_command = words(command, origin);
    let simple = match command {
        [sh, flag, text] if sh.ends_with("sh") && flag == "-c" => health::simple(text),
        words => Some(words.to_vec()),
    };
    let request = simple.and_then(|words| health::request(&words));
    let reached = request.as_ref().and_then(|request| reached(c, request.port));
    let Some((request, reached)) = request.zip(reached) else {
        return c.draft.put("health", "command", as_command, origin);
    };
    match reached {
        Reached::Default => {}
        Reached::Fixed(port) => {
            c.draft.put("health", "port", Val::Plain(port.to_string()), origin);
        }
    }
    c.draft.put("health", "http", Val::Text(super::plain(&request.path)), origin);
    if request.any_status {
        c.draft.put("health", "status", Val::Text("100-599".to_owned()), origin);
    }
    if !request.headers.is_empty() {
        let header = |(name, value): &(String, String)| Item {
            key: name.clone(),
            value: Val::Text(value.clone()),
            origin: origin.clone(),
        };
        let headers = request.headers.iter().map(header).collect();
        c.draft.put("health", "headers", Val::Map(headers), origin);
    }
    c.draft.fall_back("health", "http", ("command", as_command, &["status", "headers", "port"]));
}

/// How conductor's probe reaches a port of a container.
enum Reached {
    /// It is the one that a check uses unless it names another: the only one, or `port`.
    Default,
    /// At this port of the host, one of several.
    Fixed(u16),
}

/// Returns how the probe reaches a port; `None` if the check has to run in the container, as with Compose: then nobody
/// outside of its networks reaches it.
fn reached(c: &Conversion<'_>, port: u16) -> Option<Reached> {
    // In another network than the engine's own, the host reaches no port of the container.
    let is_apart = |mode: &str| !matches!(mode, "bridge" | "default");
    if c.node.text_of("network_mode").is_some_and(is_apart) || c.runtime() == Runtime::Native {
        return None;
    }
    let published = ports::published_tcp(c);
    match published.iter().find(|it| it.container == port) {
        None => {
            let own = c.get(extension::KEY).and_then(|own| own.text_of("port"));
            (published.is_empty() && own == Some(&port.to_string())).then_some(Reached::Default)
        }
        Some(_) if published.len() == 1 => Some(Reached::Default),
        Some(own) => own.host.map(Reached::Fixed),
    }
}

/// Sets the times. Docker checks for the first time after one interval, and counts failures then, unless there is a
/// start period. conductor checks at once, and waits for a success.
fn times(c: &mut Conversion<'_>, node: &Node, origin: &Origin) {
    let mut time = |key: &str, default: u64| {
        let Some(entry) = node.entry(key).filter(|entry| !entry.value.is_null()) else {
            return Some((default, origin.clone()));
        };
        let origin = origin.key(key, entry.at);
        let found = entry.value.as_text().and_then(units::milliseconds);
        if found.is_none() {
            c.wrong(&entry.value, &origin, "a time, such as 1m30s");
        }
        // Docker takes 0 for its default.
        Some((found?, origin)).map(|(time, at)| if time == 0 { (default, at) } else { (time, at) })
    };
    let (interval, timeout) = (time("interval", INTERVAL), time("timeout", TIMEOUT));
    let start_period = time("start_period", 0);
    let retries = match node.entry("retries").filter(|entry| !entry.value.is_null()) {
        None => RETRIES,
        Some(entry) => match entry.value.as_text().and_then(|text| text.parse().ok()) {
            Some(0) => RETRIES,
            Some(retries) => retries,
            None => {
                c.wrong(&entry.value, &origin.key("retries", entry.at), "a number");
                RETRIES
            }
        },
    };
    let mut put = |key: &str, time: &Option<(u64, Origin)>| {
        if let Some((time, origin)) = time {
            c.draft.put("health", key, Val::Text(units::span(*time)), origin);
        }
    };
    put("interval", &interval);
    put("timeout", &timeout);
    c.draft.put("health", "retries", Val::Plain(retries.to_string()), origin);
    let grace = interval.map_or(INTERVAL, |(time, _)| time).saturating_mul(retries);
    if let Some((start, at)) = start_period {
        // A day is the most that a definition takes.
        let start = start.saturating_add(grace).min(86_400_000);
        c.draft.put("health", "start_period", Val::Text(units::span(start)), &at);
    }
}
