//! YAML, JSON and TOML mean the same, and every mistake is found at its place in each.

#[path = "support/mistakes.rs"]
mod mistakes;

use std::collections::BTreeMap;
use std::path::Path;

use conductor_core::error::Problem;
use conductor_core::release::Release;
use conductor_core::service::{Origin, Places, Service};
use conductor_core::unit::Templates;
use mistakes::MISTAKES;

const EXTENSIONS: [&str; 3] = ["yaml", "json", "toml"];
const DESIGN: [&str; 3] = [
    include_str!("data/design.yaml"),
    include_str!("data/design.json"),
    include_str!("data/design.toml"),
];

fn parse(extension: &str, text: &str) -> Result<Service, Vec<Problem>> {
    let file = format!("web.{extension}");
    Service::parse(Path::new(&file), text).map_err(|problems| problems.0)
}

#[test]
fn the_three_formats_give_the_same_service() {
    let mut seen = Vec::new();
    for (extension, text) in EXTENSIONS.iter().zip(DESIGN) {
        let service = parse(extension, text).unwrap();
        let templates = Templates::new(&[]).unwrap();
        let release = Release::new(&service, "v1".parse().unwrap(), &templates);
        let digest = release.digest.clone();
        // Only the place differs.
        let mut service = service.into_fields();
        service.origin = Origin {
            file: "web".into(),
            position: (1, 1),
            path: String::new(),
            volumes: BTreeMap::new(),
            ports: Vec::new(),
            upstream: None,
            volume_names: BTreeMap::new(),
            hooks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            files: Vec::new(),
            keys: Places::default(),
        };
        for advice in &mut service.advice {
            (advice.file, advice.position) = ("web".into(), None);
        }
        seen.push((format!("{service:#?}"), digest));
    }
    assert!(seen[0].0.contains("cleanup-api-tokens"));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// Removes the mark `«` from a text, and returns its line and column.
fn marked(text: &str) -> (String, (usize, usize)) {
    let (before, after) = text.split_once('«').expect("the text has a mark");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (format!("{before}{after}"), (line, column))
}

#[test]
fn a_mistake_is_told_alike_and_at_its_place_in_every_format() {
    for (texts, path, message) in MISTAKES {
        let mut told: Option<(String, Option<String>)> = None;
        for (extension, text) in EXTENSIONS.iter().zip(texts) {
            let (text, position) = marked(text);
            let problems = parse(extension, &text).expect_err(&text);
            let [problem] = problems.as_slice() else {
                panic!("not one problem in {text}: {problems:#?}");
            };
            assert_eq!(problem.path, *path, "{problem}");
            assert!(problem.message.starts_with(message), "{problem}");
            assert_eq!(problem.position, Some(position), "{problem}\nin {text}");
            // The end of the message differs in a format without null.
            if !message.starts_with("expected text") {
                let this = (problem.message.clone(), problem.hint.clone());
                assert_eq!(told.get_or_insert_with(|| this.clone()), &this, "{extension}");
            }
        }
    }
}

#[test]
fn a_problem_is_printed_as_editors_read_it() {
    let problems = parse("yaml", "id: web\ncommand: [/x]\nlimits: {memory: 512Q}\n").unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "web.yaml:3:18: limits.memory: \"512Q\" is not a size\n  \
         hint: write 512M, 1.5G or a number of bytes"
    );
}

/// Many mistakes, none of which hides another or is reported twice.
const MANY: [&str; 3] = [
    "id: Web\nruntime: dokcer\nport: 0\ncommand: [x, \"\\0\"]\nenv: {1A: x, B: true}\nuser: a b\n\
     limits: {memory: 1Q, cpu: .nan, pids: 0}\nhealth: {http: x, retries: 0}\nbatch: 1\n\
     deploy: {batch: 0, order: first}\nproxy: {nginx: 5}\ncron: {Tidy: {schedule: x}}\nuser: b\n",
    "{\"id\": \"Web\", \"runtime\": \"dokcer\", \"port\": 0, \"command\": [\"x\", \"\\u0000\"],\n\
     \"env\": {\"1A\": \"x\", \"B\": true}, \"user\": \"a b\",\n\
     \"limits\": {\"memory\": \"1Q\", \"cpu\": -1, \"pids\": 0},\n\
     \"health\": {\"http\": \"x\", \"retries\": 0}, \"batch\": 1,\n\
     \"deploy\": {\"batch\": 0, \"order\": \"first\"}, \"proxy\": {\"nginx\": 5},\n\
     \"cron\": {\"Tidy\": {\"schedule\": \"x\"}}, \"user\": \"b\"}",
    "id = \"Web\"\nruntime = \"dokcer\"\nport = 0\ncommand = [\"x\", \"\\u0000\"]\n\
     env = {1A = \"x\", B = true}\nuser = \"a b\"\n\
     limits = {memory = \"1Q\", cpu = nan, pids = 0}\nhealth = {http = \"x\", retries = 0}\nbatch = 1\n\
     deploy = {batch = 0, order = \"first\"}\nproxy.nginx = 5\ncron.Tidy.schedule = \"x\"\nuser = \"b\"\n",
];

#[test]
fn all_mistakes_of_a_file_are_told_at_once_and_once() {
    for (extension, text) in EXTENSIONS.iter().zip(MANY) {
        let problems = parse(extension, text).unwrap_err();
        let mut paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let places: Vec<_> = problems.iter().map(|problem| problem.position).collect();
        assert!(places.is_sorted(), "{extension}: {problems:#?}");
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "",
                "batch",
                "command[1]",
                "cron.Tidy",
                "cron.Tidy.schedule",
                "deploy.batch",
                "deploy.order",
                "env.1A",
                "env.B",
                "health.http",
                "health.retries",
                "id",
                "limits.cpu",
                "limits.memory",
                "limits.pids",
                "port",
                "proxy.nginx",
                "runtime",
                "user",
            ],
            "{extension}: {problems:#?}"
        );
    }
}
