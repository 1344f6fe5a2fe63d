//! The commands that report about a host: status, logs, diff.

use serde_json::Value;

use crate::Test;
use crate::calls::Calls;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("status_is_a_table_and_an_object", status_is_a_table_and_an_object),
    ("status_shows_what_is_wrong", status_shows_what_is_wrong),
    ("logs_go_across_releases", logs_go_across_releases),
    ("diff_shows_the_line_that_changes", diff_shows_the_line_that_changes),
];

fn status_is_a_table_and_an_object(host: &Host) {
    let ran = host.conductor(&["status"]).exits(0);
    assert_eq!(ran.stdout, "no services on this host; conductor init writes a first definition\n");
    host.define("web.yaml", &format!("id: web\nrevision: v1\n{SLEEP}instances: 2\nport: 80\n"));
    host.define("cache.yaml", &format!("id: cache\n{SLEEP}"));
    let expected =
        "no services on this host; conductor apply runs those of /etc/conductor/services\n";
    assert_eq!(host.conductor(&["status"]).exits(0).stdout, expected);
    host.apply();

    let table = host.conductor(&["status"]).exits(0).stdout;
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0].join(" "),
        "SERVICE REVISION INSTANCE STATE SINCE RESTARTS MEMORY CPU PORT HEALTH"
    );
    assert_eq!(rows.len(), 4, "{table}");
    for (row, service, revision, rest) in [
        (&rows[1], "cache", "host.", "1 active (running)"),
        (&rows[3], "web", "v1.", "2 active (running)"),
    ] {
        assert_eq!((row[0], &*row[2..5].join(" ")), (service, rest), "{table}");
        assert!(row[1].starts_with(revision), "{table}");
    }
    assert!(rows[3].contains(&"20001"), "{table}");
    let since = rows[3][5..7].join(" ");
    assert!(since == "just now" || since.ends_with(" ago"), "{table}");

    let calls = Calls::record(host);
    let json = host.conductor(&["status", "--id", "web", "--output", "json"]).exits(0).json();
    let (mut lists, mut of_instances) = (0, 0);
    for (path, member) in calls.end_with_paths() {
        lists += usize::from(member == "ListUnitsByPatterns");
        of_instances += usize::from(path.contains("conductor_2dweb_2dv1_2e"));
        // A status shows whether it is up, which the list says, and no property of it.
        assert!(!path.ends_with("_2etimer"), "{member} {path}");
    }
    assert!(lists == 1 && of_instances > 2, "{lists} {of_instances}");
    let services = json["services"].as_array().expect("a list");
    assert_eq!(services.len(), 1);
    assert_eq!((&services[0]["id"], &services[0]["revision"]), (&"web".into(), &"v1".into()));
    assert_eq!(services[0]["jobs"], serde_json::json!([]));
    let instance = services[0]["instances"][1].as_object().expect("an object");
    for (field, right) in [
        (
            "unit",
            (|value| value.as_str().is_some_and(|unit| unit.starts_with("conductor-web-v1.")))
                as fn(&Value) -> bool,
        ),
        ("instance", |value| value == 2),
        ("revision", |value| value == "v1"),
        ("port", |value| value == 20001),
        ("active_state", |value| value == "active"),
        ("sub_state", |value| value == "running"),
        ("healthy", |value| value == true),
        ("status", Value::is_null),
        ("restarts", |value| value == 0),
        ("memory_bytes", |value| value.is_u64() || value.is_null()),
        ("cpu_usec", |value| value.is_u64() || value.is_null()),
        ("since", |value| value.as_u64().is_some_and(|usec| usec > 1_600_000_000_000_000)),
    ] {
        let value = instance.get(field).unwrap_or_else(|| panic!("no {field} in {json}"));
        assert!(right(value), "{field} in {json}");
    }
    let ran = host.conductor(&["status", "nobody"]).exits(2);
    ran.complains("there is no service nobody on this host");
    host.conductor(&["logs", "nobody"]).complains("there is no service nobody on this host");
    assert_eq!(host.conductor(&["logs", "web"]).exits(0).stderr, "");
    let wrong = host.conductor(&["remove", "web"]).exits(2);
    wrong.complains("write --id web");

    host.conductor(&["status", "--check"]).exits(0);
    host.define("cache.yaml", &format!("id: cache\n{SLEEP}env: {{A: b}}\n"));
    host.apply();
    let releases = host.conductor(&["status", "cache"]).exits(0).stdout;
    let rows: Vec<_> = releases.lines().skip_while(|line| !line.contains("REPLACED")).collect();
    assert!(rows.len() == 3 && rows[1].contains("(current)"), "{releases}");
    assert!(!host.conductor(&["status"]).stdout.contains("REPLACED"));
}

fn status_shows_what_is_wrong(host: &Host) {
    let command = "[/bin/sh, -c, \"sleep 2; exit 7\"]";
    host.define("a.yaml", &format!("id: a\ncommand: {command}\n"));
    host.apply();
    host.eventually("it waits for its restart", |host| {
        let json = host.conductor(&["status", "--output", "json"]).exits(0).json();
        let instance = &json["services"][0]["instances"][0];
        instance["healthy"] == false && instance["result"] == "exit-code"
    });
    // Between two restarts it is up, and as it should be.
    for (arguments, word) in [
        (&["status", "--check"][..], "exit-code"),
        (&["status", "a", "--check", "--output=json"], "{"),
    ] {
        host.eventually("the check finds it", |host| {
            let ran = host.conductor(arguments);
            ran.status == Some(1) && ran.stdout.contains(word)
        });
    }
}

fn logs_go_across_releases(host: &Host) {
    for line in ["first", "second"] {
        let command =
            format!("[/bin/sh, -c, \"echo {line} from {{instance}}; exec sleep infinity\"]");
        host.define("talker.yaml", &format!("id: talker\ncommand: {command}\ninstances: 2\n"));
        host.apply();
    }
    host.define(
        "other.yaml",
        "id: other\ncommand: [/bin/sh, -c, \"echo mine; exec sleep infinity\"]\n",
    );
    host.apply();
    let logs = |more: &[&str]| {
        let ran = host.conductor(&[&["logs", "--id", "talker"], more].concat()).exits(0);
        ran.stdout
    };
    host.eventually("the journal has it", |_| logs(&[]).contains("second from 2"));
    let all = logs(&[]);
    for line in ["first from 1", "first from 2", "second from 1"] {
        assert!(all.contains(line), "no {line:?} in {all}");
    }
    assert!(!all.contains("mine"));
    let one = logs(&["--instance", "2"]);
    assert!(one.contains("first from 2") && !one.contains("from 1"), "{one}");
    assert_eq!(logs(&["-n", "1"]).lines().count(), 1);
    let json = logs(&["-n", "1", "--output", "json"]);
    let entry: Value = serde_json::from_str(&json).expect("an object");
    assert_eq!(entry["CONDUCTOR_ID"], "talker");
}

fn diff_shows_the_line_that_changes(host: &Host) {
    let define = |value: &str| {
        host.define("web.yaml", &format!("id: web\n{SLEEP}env: {{GREETING: {value}}}\n"));
    };
    define("one");
    let new = host.conductor(&["diff"]).exits(0).stdout;
    assert!(new.contains("--- /dev/null\n+++ conductor-web.target\n"), "{new}");
    host.apply();
    define("two");
    let ran = host.conductor(&["diff"]).exits(0);
    let changed = |sign: char| {
        let lines = ran.stdout.lines().filter(move |line| line.starts_with(sign));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (removed, added) = (changed('-'), changed('+'));
    assert_eq!(removed[1..2], ["-Environment=\"GREETING=one\""], "{ran}");
    assert_eq!(added[1..2], ["+Environment=\"GREETING=two\""], "{ran}");
    // The names, the line, and the digest.
    assert_eq!((removed.len(), added.len()), (3, 3), "{ran}");
    assert_eq!(host.conductor(&["diff", "--output", "json"]).exits(0).json()["changed"], true);
}
