//! YAML, JSON and TOML say the same, and every mistake is found at its place in each.

use std::collections::BTreeMap;
use std::path::Path;

use conductor_core::error::Problem;
use conductor_core::release::Release;
use conductor_core::service::{Origin, Service};
use conductor_core::unit::Templates;

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
        let mut service = parse(extension, text).unwrap();
        let templates = Templates::new(&[]).unwrap();
        let release = Release::new(&service, "v1".parse().unwrap(), &templates);
        let digest = release.digest.clone();
        let fields: BTreeMap<_, _> = service
            .not_yet
            .drain(..)
            .map(|problem| (problem.path, (problem.message, problem.hint)))
            .collect();
        // Where it stands is all that differs.
        service.origin = Origin {
            file: "web".into(),
            position: (1, 1),
        };
        seen.push((format!("{service:#?}"), digest, fields));
    }
    assert!(seen[0].0.contains("cleanup-api-tokens"));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// Takes the mark `«` out of a text and gives the line and column where it stood.
fn marked(text: &str) -> (String, (usize, usize)) {
    let (before, after) = text.split_once('«').expect("the text has a mark");
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (format!("{before}{after}"), (line, column))
}

/// A mistake in the three formats, marked, and the path and the beginning of the message.
type Mistake = ([&'static str; 3], &'static str, &'static str);

const MISTAKES: &[Mistake] = &[
    (
        [
            "id: «WEB\ncommand: [/x]\n",
            "{\"id\": «\"WEB\", \"command\": [\"/x\"]}",
            "id = «\"WEB\"\ncommand = [\"/x\"]\n",
        ],
        "id",
        "\"WEB\" is not an id",
    ),
    (
        [
            "«command: [/x]\n",
            "«{\"command\": [\"/x\"]}",
            "«command = [\"/x\"]\n",
        ],
        "",
        "the key id is missing",
    ),
    (
        [
            "id: web\ncommand: [/x]\n«prot: 80\n",
            "{\"id\": \"web\", \"command\": [\"/x\"],\n  «\"prot\": 80}",
            "id = \"web\"\ncommand = [\"/x\"]\n«prot = 80\n",
        ],
        "prot",
        "unknown key \"prot\"",
    ),
    (
        [
            "id: web\ndescription: größe\ncommand: [/x, 'ää', «null]\n",
            "{\"id\": \"web\", \"command\": [\"/x\", \"ää\", «true]}",
            "id = \"web\"\ncommand = [\"/x\", \"ää\", «true]\n",
        ],
        "command[2]",
        "expected text, found",
    ),
    (
        [
            "id: web\r\ncommand: [/x]\r\nlimits:\r\n  cpu: 1\r\n  memory: «512Q\r\n",
            "{\"id\": \"web\", \"command\": [\"/x\"],\r\n\"limits\": {\"cpu\": 1,\r\n \"memory\": «\"512Q\"}}",
            "id = \"web\"\r\ncommand = [\"/x\"]\r\n[limits]\r\ncpu = 1\r\nmemory = «\"512Q\"\r\n",
        ],
        "limits.memory",
        "\"512Q\" is not a size",
    ),
    (
        [
            "id: web\ncommand: [/x]\nlimits: {cpu: «-1}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"limits\": {\"cpu\": «-1}}",
            "id = \"web\"\ncommand = [\"/x\"]\nlimits = {cpu = «-1}\n",
        ],
        "limits.cpu",
        "\"-1\" is not an amount of CPU",
    ),
    (
        [
            "id: web\ncommand: [/x]\nport: «70000\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": «70000}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = «70000\n",
        ],
        "port",
        "\"70000\" is not a port",
    ),
    (
        [
            "id: web\ncommand: [/x]\ninstances: «-1\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"instances\": «-1}",
            "id = \"web\"\ncommand = [\"/x\"]\ninstances = «-1\n",
        ],
        "instances",
        "-1 is not a whole number from 0 to 65535",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv:\n  GOOD: ä\n  «not-good: x\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"GOOD\": \"ä\", «\"not-good\": \"x\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[env]\nGOOD = \"ä\"\n«not-good = \"x\"\n",
        ],
        "env.not-good",
        "\"not-good\" is not the name of an environment variable",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv: {A: ok, B: «\"a\\0b\"}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"A\": \"ok\", \"B\": «\"a\\u0000b\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nenv = {A = \"ok\", B = «\"a\\u0000b\"}\n",
        ],
        "env.B",
        "\"a\\0b\" contains a NUL",
    ),
    (
        [
            "id: web\ncommand: [/x]\nruntime: «nativ\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"runtime\": «\"nativ\"}",
            "id = \"web\"\ncommand = [\"/x\"]\nruntime = «\"nativ\"\n",
        ],
        "runtime",
        "\"nativ\" is not known",
    ),
    (
        [
            "id: web\ncommand: «/x -a\n",
            "{\"id\": \"web\", \"command\": «\"/x -a\"}",
            "id = \"web\"\ncommand = «\"/x -a\"\n",
        ],
        "command",
        "expected a list, found text",
    ),
    (
        [
            "id: web\ncommand: [/x]\nhealth:\n  «http: /ok\n  tcp: true\nport: 80\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": 80, \"health\": «{\"http\": \"/ok\", \"tcp\": true}}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = 80\nhealth = «{http = \"/ok\", tcp = true}\n",
        ],
        "health",
        "not exactly one of http, tcp and command",
    ),
    (
        [
            "id: web\ncommand: [/x]\nhealth: {http: «/ok}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"health\": {\"http\": «\"/ok\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nhealth.http = «\"/ok\"\n",
        ],
        "health.http",
        "there is no port to check",
    ),
    (
        [
            "id: web\ncommand: [/x]\ncron:\n  tidy:\n    schedule: «'60 * * * *'\n    command: [x]\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"cron\": {\"tidy\": {\"schedule\": «\"60 * * * *\", \"command\": [\"x\"]}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[cron.tidy]\nschedule = «\"60 * * * *\"\ncommand = [\"x\"]\n",
        ],
        "cron.tidy.schedule",
        "\"60 * * * *\" is not a crontab expression: \"60\" in the minute: not 0 to 59",
    ),
    (
        [
            "id: web\ncommand: [/x]\nsystemd: {Service: {«ExecStart: /bin/sh}}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"systemd\": {\"Service\": {«\"ExecStart\": \"/bin/sh\"}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[systemd.Service]\n«ExecStart = \"/bin/sh\"\n",
        ],
        "systemd.Service.ExecStart",
        "ExecStart is set by conductor",
    ),
    (
        [
            "id: web\ncommand: [/x]\nsystemd: {Service: {After: [a, «\"b\\nc\"]}}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"systemd\": {\"Service\": {\"After\": [\"a\", «\"b\\nc\"]}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[systemd.Service]\nAfter = [\"a\", «\"b\\nc\"]\n",
        ],
        "systemd.Service.After[1]",
        "\"b\\nc\" contains '\\n'",
    ),
    (
        [
            "id: web\ncommand: [/x]\nport: 80\n«port: 81\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": 80,\n «\"port\": 81}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = 80\n«port = 81\n",
        ],
        "",
        "the key \"port\" stands here twice",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv: {A: x, «A: y}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"A\": \"x\", «\"A\": \"y\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nenv = {A = \"x\", «A = \"y\"}\n",
        ],
        "",
        "the key \"A\" stands here twice",
    ),
];

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
            // What was found instead of text differs where a format has no null.
            if !message.starts_with("expected text") {
                let this = (problem.message.clone(), problem.hint.clone());
                assert_eq!(
                    told.get_or_insert_with(|| this.clone()),
                    &this,
                    "{extension}"
                );
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

/// Many mistakes, none of which hides another or is told twice.
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
        let mut paths: Vec<_> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
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
