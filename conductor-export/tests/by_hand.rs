//! Compares the export to Kubernetes of the stack in `examples/stack` with objects that were written by hand, in
//! `examples/kubernetes`. Each difference has a reason, which `docs/leaving.md` gives.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::service::Service;
use conductor_export::{Target, export};
use conductor_import::{Surroundings, compose};
use serde_json::Value;

#[path = "support/generated.rs"]
mod generated;
#[path = "support/yaml.rs"]
mod yaml;

use yaml::yaml;

/// What differs, for the guide; parts of the paths of such differences; and why.
struct Reason(&'static str, &'static [&'static str], &'static str);

const REASONS: &[Reason] = &[
    Reason(
        "a StatefulSet for the database",
        &[
            "Deployment db.kind",
            "Deployment db.spec.revisionHistoryLimit",
            "Deployment db.spec.serviceName",
            "Deployment db.spec.strategy",
            "Deployment db.spec.volumeClaimTemplates",
            "Deployment db.spec.template.spec.volumes[volume-0]",
            "[db].volumeMounts[database]",
            "[db].volumeMounts[volume-0]",
            "PersistentVolumeClaim db-database",
        ],
        "a service with data has one instance, which stops before the next starts: `Recreate` is the same, and \
         the claim has the name of the volume",
    ),
    Reason(
        "`resources`",
        &[".resources"],
        "a definition has limits and no requests, and those of the stack have none",
    ),
    Reason(
        "`securityContext`",
        &[".securityContext"],
        "the stack names its users, and Kubernetes needs numbers: write `user: \"33:33\"`, as `report` has it",
    ),
    Reason(
        "one Secret for all",
        &[".envFrom"],
        "each service has `env_files` of its own, and so a Secret of its own",
    ),
    Reason(
        "`REDIS_HOST` in the Secret",
        &[".env"],
        "what Compose does not take from `.env` is no secret, and stays in `env`",
    ),
    Reason(
        "slower `livenessProbe`",
        &[".livenessProbe"],
        "a definition has one check, for what gets requests and for what is started again",
    ),
    Reason(
        "`startupProbe`, 30 tries",
        &[".startupProbe"],
        "Compose counts `retries` after `start_period`; conductor's `start_period` has both",
    ),
    Reason(
        "`maxSurge: 1`",
        &[".maxSurge"],
        "conductor starts all new instances at once: write `deploy: {batch: 1}`",
    ),
    Reason(
        "`Recreate` for the scheduler",
        &["Deployment scheduler.spec.strategy"],
        "Compose never runs two, and conductor does in a deploy: write `deploy: {order: stop-first}`",
    ),
    Reason(
        "`preStop`",
        &[".lifecycle"],
        "`drain` is left out: conductor waits for connections, which is nothing that a pod can do",
    ),
    Reason(
        "Ingress, PodDisruptionBudget, `topologySpreadConstraints`",
        &["Ingress", "PodDisruptionBudget", ".topologySpreadConstraints"],
        "one host has neither several nodes nor a name for the outside: its proxy is yours",
    ),
    Reason(
        "no Service for worker, scheduler and report",
        &["Service worker", "Service scheduler", "Service report"],
        "what is in a network is found by its id; without ports nobody asks, and the Service does nothing",
    ),
    Reason("no Deployment for report", &["Deployment report"], "`instances: 0` may become 1 again"),
    Reason(
        "`restartPolicy: Never` and `backoffLimit` of the migration",
        &[".restartPolicy", ".backoffLimit"],
        "`depends_on` is left out, so the migration is tried again until the database is there",
    ),
    Reason(
        "how long Jobs are kept",
        &[".ttlSecondsAfterFinished", ".failedJobsHistoryLimit", ".successfulJobsHistoryLimit"],
        "conductor has the journal for that",
    ),
    Reason(
        "defaults that are not written",
        &["Job migrate-v1.spec.template.spec.terminationGracePeriodSeconds"],
        "`stop_timeout` is always exported",
    ),
    Reason("`128Mi`", &[".sizeLimit"], "sizes are exported in bytes"),
];

/// Returns whether a path has a part: names in it are whole.
fn has(path: &str, part: &str) -> bool {
    let mut rests = path.match_indices(part).map(|(at, _)| &path[at + part.len()..]);
    rests.any(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
}

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)
}

/// Returns the services of the stack, as an import makes them, and the job beside it.
fn services() -> Vec<Service> {
    let options = compose::Options {
        files: vec![PathBuf::from("compose.yaml")],
        runtime: Runtime::Docker,
        env_directory: Some(PathBuf::from("/etc/conductor/services")),
        ..compose::Options::default()
    };
    let read = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        Ok(fs::read_to_string(example("stack").join(name)).ok())
    };
    let surroundings = Surroundings {
        read: &read,
        variable: &|name| (name == "PASSWORD").then(|| "secret".to_owned()),
        directory: Path::new("/srv/stack"),
        defined: BTreeMap::new(),
    };
    let imported = compose::import(&options, &surroundings).unwrap();
    let report = fs::read_to_string(example("kubernetes/report.yaml")).unwrap();
    let definitions = imported.definitions.iter();
    let texts = definitions.map(|it| (it.id.to_string(), it.text.clone()));
    let texts = texts.chain([("report".to_owned(), report)]);
    let parse = |(id, text): (String, String)| {
        Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
    };
    texts.map(parse).collect()
}

/// Returns the objects of a text, by their kind and name. A `StatefulSet` is to a Deployment as one to another.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let parse = |text: &str| {
        let object = yaml(text);
        let kind = object["kind"].as_str().unwrap().replace("StatefulSet", "Deployment");
        (format!("{kind} {}", object["metadata"]["name"].as_str().unwrap()), object)
    };
    text.split("\n---\n").map(parse).collect()
}

/// Adds the paths at which two values differ, with both.
fn differences(
    path: &str,
    exported: &Value,
    by_hand: &Value,
    found: &mut BTreeMap<String, String>,
) {
    if exported == by_hand {
        return;
    }
    let members = |value: &Value| -> Option<BTreeMap<String, Value>> {
        let name = |value: &Value| -> Option<String> {
            let keys = ["name", "mountPath", "containerPort", "secretRef"];
            let key = keys.iter().find_map(|key| value.get(key))?;
            Some(format!("[{}]", key.as_str().map_or_else(|| key.to_string(), str::to_owned)))
        };
        match value {
            Value::Object(map) => {
                Some(map.iter().map(|(key, value)| (format!(".{key}"), value.clone())).collect())
            }
            Value::Array(list) => {
                list.iter().map(|value| Some((name(value)?, value.clone()))).collect()
            }
            _ => None,
        }
    };
    match (members(exported), members(by_hand)) {
        (Some(exported), Some(by_hand)) => {
            let keys: BTreeSet<_> = exported.keys().chain(by_hand.keys()).collect();
            for key in keys {
                let of = |all: &BTreeMap<String, Value>| all.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}{key}"), &of(&exported), &of(&by_hand), found);
            }
        }
        _ => drop(found.insert(path.to_owned(), format!("{exported} | {by_hand}"))),
    }
}

#[test]
fn an_export_differs_from_what_is_written_by_hand_for_reasons() {
    let exported = export(Target::Kubernetes, &services());
    let text: Vec<_> = exported.files.iter().map(|file| file.text.as_str()).collect();
    let exported = objects(&text.join("\n---\n"));
    let by_hand = objects(&fs::read_to_string(example("kubernetes/by-hand.yaml")).unwrap());
    let mut found = BTreeMap::new();
    let names: BTreeSet<_> = exported.keys().chain(by_hand.keys()).collect();
    for name in names {
        match (exported.get(name), by_hand.get(name)) {
            (Some(exported), Some(by_hand)) => differences(name, exported, by_hand, &mut found),
            (None, _) => drop(found.insert(name.clone(), "only by hand".to_owned())),
            (_, None) => drop(found.insert(name.clone(), "only exported".to_owned())),
        }
    }
    let shown: Vec<_> = found.iter().map(|(path, both)| format!("{path}: {both}")).collect();
    let shown = shown.join("\n");
    insta::assert_snapshot!(shown);
    let mut used = BTreeSet::new();
    for path in found.keys() {
        let parts = REASONS.iter().flat_map(|Reason(_, parts, _)| *parts);
        let reasons: Vec<_> = parts.copied().filter(|part| has(path, part)).collect();
        assert_eq!(reasons.len(), 1, "{path} has the reasons {reasons:?}");
        used.extend(reasons);
    }
    let all: BTreeSet<_> = REASONS.iter().flat_map(|Reason(_, parts, _)| *parts).copied().collect();
    assert_eq!(used, all, "each reason is one of a difference");
}

#[test]
fn the_guide_gives_the_reasons() {
    let mut table = String::from("| by hand | why the export differs |\n| --- | --- |\n");
    for Reason(what, _, why) in REASONS {
        writeln!(table, "| {what} | {why} |").unwrap();
    }
    generated::assert_generated("leaving.md", "by hand", &table);
}
