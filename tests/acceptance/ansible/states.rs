//! The states of the module `conductor_service` besides `present` and `absent`, and the forms of a definition.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::FleetTest;
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

fn stopped_started_and_rolled_back(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let task = |arguments: &Value| fleet.task(MODULE, arguments, &[]);
        let check = |arguments: &Value| fleet.task(MODULE, arguments, &["--check"]);
        let mut deployed = state("deployed", web("v1"));
        deployed["definition"]["proxy"] = json!({"nginx": {"upstream": "app"}});
        deployed["definition"]["deploy"] = json!({"keep": 2});
        let with = deployed["definition"].clone();
        for revision in ["r1", "r2"] {
            deployed["revision"] = revision.into();
            task(&deployed).changed(true);
        }

        let stopped = state("stopped", json!({"id": "web", "definition": with}));
        let planned = check(&stopped).changed(true);
        assert_eq!(runs(host), ("r2".to_owned(), 2));
        assert_eq!(task(&stopped).changed(true).steps(), planned.steps());
        // It stays stopped: in the next task, the next apply, a deploy, and what starts services at boot.
        task(&stopped).changed(false);
        host.apply();
        host.sh("systemctl start conductor-start@web.service");
        assert_eq!(runs(host), ("r2".to_owned(), 0));
        host.sh("grep -q down /etc/nginx/conf.d/conductor-web.conf");
        let refused = task(&state("started", json!({"id": "web"})));
        refused.fails(&[
            "web has no instances, because /etc/conductor/services/web.json says so",
            "hint: ",
        ]);
        check(&state("started", json!({"id": "web"}))).fails(&["web has no instances"]);
        let src =
            state("stopped", json!({"id": "web", "src": "/root/web.yaml", "remote_src": true}));
        task(&src).fails(&["state=stopped needs definition, and not a file", "hint: "]);

        let started = state("started", json!({"id": "web", "definition": with}));
        let planned = check(&started).changed(true);
        assert_eq!(task(&started).changed(true).steps(), planned.steps());
        assert_eq!(runs(host), ("r2".to_owned(), 2));
        task(&started).changed(false);
        // Without a definition, what was stopped by hand is started.
        let started = state("started", json!({"id": "web"}));
        task(&started).changed(false);
        host.sh("systemctl stop conductor-web.target");
        check(&started).changed(true);
        assert_eq!(task(&started).changed(true).result["file"], FILE);
        assert_eq!(runs(host), ("r2".to_owned(), 2));
        task(&state("started", json!({"id": "none"})))
            .fails(&["there is no definition of none in", "hint: "]);

        let back = state("rolled_back", json!({"id": "web", "revision": "r1"}));
        let planned = check(&back).changed(true);
        assert_eq!(task(&back).changed(true).steps(), planned.steps());
        assert_eq!(runs(host), ("r1".to_owned(), 2));
        task(&back).changed(false);
        // Without a revision, to the one that the current release replaced.
        deployed["revision"] = "r3".into();
        task(&deployed).changed(true);
        task(&state("rolled_back", json!({"id": "web"}))).changed(true);
        assert_eq!(runs(host).0, "r1");
        let unknown = state("rolled_back", json!({"id": "web", "revision": "r9"}));
        task(&unknown).fails(&["r9"]);
        let both = state("rolled_back", json!({"id": "web", "definition": with}));
        task(&both).fails(&["state=rolled_back takes no definition"]);
    })
}

fn numbers_and_templates(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        // What YAML made of 1.10 is no revision.
        for revision in [json!(1.1), json!(42)] {
            let arguments = json!({"id": "web", "state": "deployed", "revision": revision,
                "definition": definition("v1")});
            let texts = ["revision: expected text, found the number", "hint: put it in quotes"];
            fleet.task(MODULE, &arguments, &[]).fails(&texts);
        }
        let mut inside = web("v1");
        inside["definition"]["revision"] = json!(1.1);
        fleet.task(MODULE, &inside, &["--check"]).fails(&["definition: revision: expected text"]);
        inside = web("v1");
        inside["definition"]["env"]["VERSION"] = json!(1.1);
        fleet.task(MODULE, &inside, &[]).fails(&["definition: env.VERSION: expected text"]);
        assert!(!host.path(SERVICES).exists());

        // Jinja makes text of numbers before ansible-core 2.19.
        let mut arguments = state("deployed", web("v1"));
        arguments["revision"] = "1.10".into();
        arguments["definition"]["instances"] = "2".into();
        let done = fleet.task(MODULE, &arguments, &[]).changed(true);
        assert_eq!(done.result["revision"], "1.10");
        assert_eq!(runs(host), ("1.10".to_owned(), 2));
        host.sh(&format!("grep -q '\"instances\": 2,' {FILE}"));

        let template = "# {{ inventory_hostname }}\nid: web\ncommand: [/usr/bin/sleep, infinity]\n\
            instances: {{ 1 + 2 }}\nenv: {A: 1.10, B: \"{{ '{{' }}\"}\n";
        fleet.write("templates/web.yaml.j2", template);
        let rendered = json!({"id": "web", "template": "web.yaml.j2"});
        fleet.task(MODULE, &rendered, &["--check"]).changed(true);
        fleet.task(MODULE, &rendered, &[]).changed(true);
        let written = "# web1\nid: web\ncommand: [/usr/bin/sleep, infinity]\ninstances: 3\nenv: {A: 1.10, B: \"{{\"}";
        assert_eq!(
            host.sh(&format!("cd {SERVICES}; ls; cat web.yaml")),
            format!("web.yaml\n{written}")
        );
        fleet.task(MODULE, &rendered, &[]).changed(false);
        // A text that looks like data stays text.
        fleet.write("templates/web.json.j2", "{\"id\": \"web\",\n\"prot\": 1}\n");
        let wrong = json!({"id": "web", "template": "web.json.j2"});
        fleet
            .task(MODULE, &wrong, &[])
            .fails(&["web.json:2:1: prot: unknown key", "did you mean port"]);
        let none = json!({"id": "web", "template": "none.yaml.j2"});
        fleet.task(MODULE, &none, &[]).fails(&["none.yaml.j2"]);
        let two = json!({"id": "web", "template": "web.yaml.j2", "src": "web.yaml"});
        fleet.task(MODULE, &two, &[]).fails(&["mutually exclusive: definition|src|template"]);
    })
}
