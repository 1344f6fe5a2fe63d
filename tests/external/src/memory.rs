//! Works in memory and in a directory of its own.

use std::path::Path;

use conductor_host::conductor_core::definition::{DefinitionText, Format};
use conductor_host::conductor_core::error::Problems;
use conductor_host::conductor_core::service::Service;
use conductor_host::conductor_core::settings::Settings;
use conductor_host::conductor_core::unit::{Override, Templates};
use conductor_host::system::Paths;
use conductor_host::{Apply, Change, Conductor, ErrorKind, Event};
use serde_json::json;

pub(crate) fn all() {
    mistakes_are_told();
    let root = tempfile::tempdir().unwrap();
    renders(root.path());
    plans_and_applies(root.path());
    in_a_task(root.path());
    assert_sent::<Conductor>();
}

/// A conductor can be shared by threads.
fn assert_sent<T: Send + Sync + 'static>() {}

fn web() -> DefinitionText {
    let value = json!({
        "id": "web", "command": ["/usr/bin/web"], "port": 8080, "instances": 2,
        "cron": {"tidy": {"schedule": "@daily", "command": ["/usr/bin/tidy"]}},
    });
    DefinitionText::from_value(&value).unwrap()
}

fn mistakes_are_told() {
    let Problems(problems) = Service::from_value(&json!({"id": "web", "comand": []})).unwrap_err();
    let hints: Vec<_> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    assert!(hints.contains(&"did you mean command?"), "{problems:?}");
}

fn conductor(root: &Path) -> Conductor {
    Conductor::new(Paths::below(root).unwrap(), None).unwrap().offline()
}

fn renders(root: &Path) {
    let settings = Settings::parse_as(Format::Toml, Path::new("form"), "ports = \"30000-30009\"");
    let target = Override {
        file: "service.target.hbs".into(),
        text: "[Unit]\nDescription=Instances of {{id}}\n".to_owned(),
    };
    let conductor = conductor(root)
        .with_settings(settings.unwrap())
        .with_templates(Templates::new(&[target]).unwrap());
    let units = conductor.render(web().services()).unwrap().units;
    assert!(units.values().any(|unit| unit.text.contains("PORT=30001")));
    assert!(units.values().any(|unit| unit.text.contains("Instances of web")));
    let twice = [web().services(), web().services()].concat();
    assert_eq!(conductor.render(&twice).map(drop).unwrap_err().kind(), ErrorKind::Definition);
}

fn plans_and_applies(root: &Path) {
    let conductor = conductor(root);
    assert!(conductor.install_definition(&web()).unwrap().changed());
    let services = conductor.read(&[]).unwrap();
    let change = Change::Apply(Apply { services, ..Apply::default() });
    let planned = conductor.plan(&change).unwrap();
    assert!(planned.plan.changes() && planned.diff().contains("+ExecStart="));
    let mut steps = Vec::new();
    let report = conductor.carry_out(&change, &mut |event: Event| {
        if let Event::Done { step, .. } = event {
            steps.push(step.to_string());
        }
    });
    let report = report.unwrap();
    assert!(report.changed && !steps.is_empty());
    let status = conductor.status(None).unwrap();
    assert_eq!(status.services[0].instances.len(), 2);
}

/// With zbus's feature `tokio`, `zbus::block_on` panics in a task. There is no bus here: that is an error.
fn in_a_task(root: &Path) {
    let paths = Paths::user(&root.join("config"), &root.join("state"), &root.join("run"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let conductor = Conductor::new(paths, None).unwrap();
        for error in [
            conductor.history(None, 1).map(drop).unwrap_err(),
            conductor.status(None).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Systemd, "{error}");
        }
    });
}
