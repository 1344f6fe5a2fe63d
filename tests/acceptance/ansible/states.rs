//! The states of the module `conductor_service` besides `present` and `absent`, and the forms of a definition.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::FleetTest;
use super::fleet::{Fleet, Outcome, Task};
use super::service::{FILE, MODULE, definition, web, with_host};
use crate::host::{Host, SERVICES};
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] = &[
    ("a_service_is_stopped_started_and_rolled_back", stopped_started_and_rolled_back),
    ("numbers_and_templates_say_what_they_say", numbers_and_templates),
];

/// Returns the arguments for a state.
fn state(state: &str, mut arguments: Value) -> Value {
    arguments["state"] = state.into();
    arguments
}

/// Returns the revision on the host, as text, and how many instances run.
fn runs(host: &Host) -> (String, usize) {
    let status = host.conductor(&["status", "--id", "web", "--output", "json"]).exits(0).json();
    let revision = status["services"][0]["revision"].as_str().unwrap_or_default().to_owned();
    (revision, host.running("web").len())
}

/// Runs calls of the module, each in check mode or not, and returns their results.
fn call<const N: usize>(fleet: &Fleet<'_>, calls: [(bool, &Value); N]) -> [Outcome; N] {
    let task = |(check, arguments): (bool, &Value)| Task {
        module: MODULE,
        arguments: arguments.clone(),
        check,
    };
    fleet.tasks(&calls.map(task)).try_into().expect("each task has a result")
}

fn stopped_started_and_rolled_back(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let mut with = definition("{revision}");
        with["proxy"] = json!({"nginx": {"upstream": "app"}});
        with["deploy"] = json!({"keep": 2});
        let deployed = |revision: &str| {
            state("deployed", json!({"id": "web", "definition": with, "revision": revision}))
        };
        let of = |name: &str| state(name, json!({"id": "web", "definition": with}));
        let bare = |name: &str| state(name, json!({"id": "web"}));
        stop_and_start(host, fleet, [deployed("r1"), deployed("r2")], &of, &bare);

        let back = state("rolled_back", json!({"id": "web", "revision": "r1"}));
        let [planned, done] = call(fleet, [(true, &back), (false, &back)]);
        let planned = planned.changed(true);
        assert_eq!(done.changed(true).steps(), planned.steps());
        assert_eq!(runs(host), ("r1".to_owned(), 2));
        let unknown = state("rolled_back", json!({"id": "web", "revision": "r9"}));
        // Without a revision, to the one that the current release replaced.
        let [again, deploy, before, unknown, both] = call(
            fleet,
            [
                (false, &back),
                (false, &deployed("r3")),
                (false, &bare("rolled_back")),
                (false, &unknown),
                (false, &of("rolled_back")),
            ],
        );
        again.changed(false);
        deploy.changed(true);
        before.changed(true);
        unknown.fails(&["r9"]);
        both.fails(&["state=rolled_back takes no definition"]);
        assert_eq!(runs(host), ("r1".to_owned(), 2));
    })
}

/// Deploys two revisions, and stops and starts the service. `of` returns the arguments for a state with the
/// definition, and `bare` those without.
fn stop_and_start(
    host: &Host,
    fleet: &Fleet<'_>,
    [r1, r2]: [Value; 2],
    of: &dyn Fn(&str) -> Value,
    bare: &dyn Fn(&str) -> Value,
) {
    let (stopped, started) = (of("stopped"), of("started"));
    let [first, second, planned] = call(fleet, [(false, &r1), (false, &r2), (true, &stopped)]);
    first.changed(true);
    second.changed(true);
    let planned = planned.changed(true);
    assert_eq!(runs(host), ("r2".to_owned(), 2));
    let [done, again] = call(fleet, [(false, &stopped), (false, &stopped)]);
    assert_eq!(done.changed(true).steps(), planned.steps());
    again.changed(false);
    // It stays stopped in the next apply, and when what starts services at boot does so.
    host.apply();
    host.sh("systemctl start conductor-start@web.service");
    assert_eq!(runs(host), ("r2".to_owned(), 0));
    host.sh("grep -q down /etc/nginx/conf.d/conductor-web.conf");

    let src = json!({"id": "web", "src": "/root/web.yaml", "remote_src": true});
    let [refused, planned, file, plan, done, again, by_itself] = call(
        fleet,
        [
            (false, &bare("started")),
            (true, &bare("started")),
            (false, &state("stopped", src)),
            (true, &started),
            (false, &started),
            (false, &started),
            (false, &bare("started")),
        ],
    );
    let texts =
        ["web has no instances, because /etc/conductor/services/web.json says so", "hint: "];
    refused.fails(&texts);
    planned.fails(&texts);
    file.fails(&["state=stopped needs definition, and not a file", "hint: "]);
    let plan = plan.changed(true);
    assert_eq!(done.changed(true).steps(), plan.steps());
    again.changed(false);
    by_itself.changed(false);
    assert_eq!(runs(host), ("r2".to_owned(), 2));

    // Without a definition, what was stopped by hand is started.
    host.sh("systemctl stop conductor-web.target");
    let none = state("started", json!({"id": "none"}));
    let [planned, done, none] =
        call(fleet, [(true, &bare("started")), (false, &bare("started")), (false, &none)]);
    planned.changed(true);
    assert_eq!(done.changed(true).result["file"], FILE);
    none.fails(&["there is no definition of none in", "hint: "]);
    assert_eq!(runs(host), ("r2".to_owned(), 2));
}

fn numbers_and_templates(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        // What YAML made of 1.10 is no revision.
        let deployed = |revision: Value| {
            let definition = definition("v1");
            state("deployed", json!({"id": "web", "definition": definition, "revision": revision}))
        };
        let (mut inside, mut fraction) = (web("v1"), web("v1"));
        inside["definition"]["revision"] = json!(1.1);
        fraction["definition"]["env"]["VERSION"] = json!(1.1);
        let [float, whole, inside, fraction] = call(
            fleet,
            [
                (false, &deployed(json!(1.1))),
                (false, &deployed(json!(42))),
                (true, &inside),
                (false, &fraction),
            ],
        );
        for outcome in [float, whole] {
            outcome.fails(&["revision: expected text, found the number", "hint: put it in quotes"]);
        }
        inside.fails(&["definition: revision: expected text"]);
        fraction.fails(&["definition: env.VERSION: expected text"]);
        assert!(!host.path(SERVICES).exists());

        // Jinja makes text of numbers before ansible-core 2.19.
        let mut arguments = deployed("1.10".into());
        arguments["definition"]["instances"] = "2".into();
        let [done] = call(fleet, [(false, &arguments)]);
        assert_eq!(done.changed(true).result["revision"], "1.10");
        assert_eq!(runs(host), ("1.10".to_owned(), 2));
        host.sh(&format!("grep -q '\"instances\": 2,' {FILE}"));

        templates(host, fleet);
    })
}

fn templates(host: &Host, fleet: &Fleet<'_>) {
    let template = "# {{ inventory_hostname }}\nid: web\ncommand: [/usr/bin/sleep, infinity]\n\
        instances: {{ 1 + 2 }}\nenv: {A: 1.10, B: \"{{ '{{' }}\"}\n";
    fleet.write("templates/web.yaml.j2", template);
    // A text that looks like data stays text.
    fleet.write("templates/web.json.j2", "{\"id\": \"web\",\n\"prot\": 1}\n");
    let rendered = json!({"id": "web", "template": "web.yaml.j2"});
    let wrong = json!({"id": "web", "template": "web.json.j2"});
    let none = json!({"id": "web", "template": "none.yaml.j2"});
    let two = json!({"id": "web", "template": "web.yaml.j2", "src": "web.yaml"});
    let [planned, done, again, wrong, none, two] = call(
        fleet,
        [
            (true, &rendered),
            (false, &rendered),
            (false, &rendered),
            (false, &wrong),
            (false, &none),
            (false, &two),
        ],
    );
    planned.changed(true);
    done.changed(true);
    again.changed(false);
    wrong.fails(&["web.json:2:1: prot: unknown key", "did you mean port"]);
    none.fails(&["none.yaml.j2"]);
    two.fails(&["mutually exclusive: definition|src|template"]);
    let written = "# web1\nid: web\ncommand: [/usr/bin/sleep, infinity]\ninstances: 3\nenv: {A: 1.10, B: \"{{\"}";
    let found = host.sh(&format!("cd {SERVICES}; ls; cat web.yaml"));
    assert_eq!(found, format!("web.yaml\n{written}"));
}
