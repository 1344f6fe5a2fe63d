//! Applications: several services in one definition.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use conductor_core::service::{Places, Service, check_conflicts, check_dependencies};

const YAML: &str = "\
id: shop
description: The shop
image: registry.example/shop
runtime: docker
env: {MODE: production, LEVEL: info}
limits: {memory: 256M, cpu: 1}
networks: [backend]
x-health: &health {http: /up}
processes:
  web:
    port: 8080
    instances: 2
    health: *health
    depends_on: [migrate, db]
  worker:
    command: [work]
    description: The worker
    env: {LEVEL: debug, QUEUE: mail}
    limits: {memory: 1G}
    networks: [backend, mail]
  migrate:
    type: oneshot
    command: [migrate]
";
const JSON: &str = r#"{"id": "shop", "description": "The shop", "image": "registry.example/shop",
"runtime": "docker", "env": {"MODE": "production", "LEVEL": "info"},
"limits": {"memory": "256M", "cpu": 1}, "networks": ["backend"], "processes": {
"web": {"port": 8080, "instances": 2, "health": {"http": "/up"}, "depends_on": ["migrate", "db"]},
"worker": {"command": ["work"], "description": "The worker",
  "env": {"LEVEL": "debug", "QUEUE": "mail"}, "limits": {"memory": "1G"}, "networks": ["backend", "mail"]},
"migrate": {"type": "oneshot", "command": ["migrate"]}}}"#;
const TOML: &str = r#"
id = "shop"
description = "The shop"
image = "registry.example/shop"
runtime = "docker"
env = {MODE = "production", LEVEL = "info"}
limits = {memory = "256M", cpu = 1}
networks = ["backend"]
[processes.web]
port = 8080
instances = 2
health = {http = "/up"}
depends_on = ["migrate", "db"]
[processes.worker]
command = ["work"]
description = "The worker"
env = {LEVEL = "debug", QUEUE = "mail"}
limits = {memory = "1G"}
networks = ["backend", "mail"]
[processes.migrate]
type = "oneshot"
command = ["migrate"]
"#;

fn parse(file: &str, text: &str) -> Vec<Service> {
    Service::parse_all(Path::new(file), text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Returns the problems of a definition, which begins with `id: shop`.
fn said(text: &str) -> String {
    let text = format!("id: shop\n{text}");
    let problems = Service::parse_all(Path::new("shop.yaml"), &text).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_three_formats_give_the_same_processes() {
    let all =
        [("shop.yaml", YAML), ("shop.json", JSON), ("shop.toml", TOML)].map(|(file, text)| {
            let services = parse(file, text).into_iter();
            let mut services: Vec<_> = services.map(Service::into_fields).collect();
            for service in &mut services {
                for dependency in service.depends_on.values_mut() {
                    dependency.position = (1, 1);
                }
                let origin = &mut service.origin;
                (origin.file, origin.position) = ("shop".into(), (1, 1));
                origin.keys = Places::default();
            }
            services.sort_by(|a, b| a.id.cmp(&b.id));
            format!("{services:#?}")
        });
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[test]
fn a_process_has_the_shared_keys_and_its_own() {
    let services = parse("shop.yaml", YAML);
    let [web, worker, migrate] = services.as_slice() else { panic!("{services:?}") };
    for service in &services {
        assert_eq!(service.application.as_ref().unwrap().as_str(), "shop");
        assert_eq!(service.image.as_ref().unwrap().as_str(), "registry.example/shop");
    }
    assert_eq!((web.id.as_str(), web.origin.position), ("shop-web", (10, 3)));
    assert_eq!((web.instances, web.port.unwrap().to_string()), (2, "8080".to_owned()));
    let on: Vec<_> = web.depends_on.keys().map(ToString::to_string).collect();
    assert_eq!(on, ["db", "shop-migrate"]);
    let env = |service: &Service| {
        let all = service.env.iter().map(|(name, value)| format!("{name}={value}"));
        all.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(env(web), "LEVEL=info MODE=production");
    assert_eq!(env(worker), "LEVEL=debug MODE=production QUEUE=mail");
    assert_eq!(worker.description.as_ref().unwrap().to_string(), "The worker");
    assert_eq!(migrate.description.as_ref().unwrap().to_string(), "The shop");
    assert_eq!((worker.networks.len(), migrate.networks.len()), (2, 1));
    let limits = |service: &Service| {
        let memory = service.limits.memory.as_ref().unwrap().to_string();
        (memory, service.limits.cpu.is_some())
    };
    assert_ne!(limits(web).0, limits(worker).0);
    assert!(limits(worker).1 && migrate.is_oneshot());
}

#[test]
fn what_two_processes_cannot_both_have_is_refused() {
    let text = "command: [/bin/a]\ncron: {a: {schedule: '@daily', command: [/bin/b]}}\n\
                deploy: {before: [/bin/c], keep: 1}\nprocesses: {web: {command: [/bin/a]}}\n";
    assert_eq!(
        said(text),
        "shop.yaml:2:1: command: command belongs to one process\n  \
         hint: write it in the process that has it: processes.web.command\n\
         shop.yaml:3:1: cron: cron belongs to one process\n  \
         hint: write it in the process that has it: processes.web.cron\n\
         shop.yaml:4:10: deploy.before: deploy.before belongs to one process\n  \
         hint: write it in the process that has it: processes.web.deploy.before"
    );
    let text = "processes:\n  web: {id: web, image: /srv/web, command: [/bin/a]}\n  \
                worker: {runtime: docker, revision: v1, processes: {}, command: [/bin/a]}\n";
    let said_of = said(text);
    for line in [
        "shop.yaml:3:9: processes.web.id: a process has no id of its own\n  \
         hint: remove it: the id is that of the application, and -web",
        "shop.yaml:3:18: processes.web.image: all processes of an application have the same image\n  \
         hint: write image once, above processes; what runs another one is a service with a definition of its own",
        "shop.yaml:4:12: processes.worker.runtime: all processes of an application have the same runtime",
        "shop.yaml:4:29: processes.worker.revision: all processes of an application have the same revision",
        "shop.yaml:4:43: processes.worker.processes: a process has no processes",
    ] {
        assert!(said_of.contains(line), "{said_of}");
    }
}

#[test]
fn bad_processes_are_refused() {
    for (text, message) in [
        ("processes: {}\n", "shop.yaml:2:1: processes: there is no process"),
        ("processes: [web]\n", "shop.yaml:2:1: processes: expected a mapping, found a list"),
        ("processes: {Web: {}}\n", "shop.yaml:2:13: processes.Web: "),
        ("processes:\n  web:\n", "shop.yaml:3:3: processes.web: expected a mapping, found nothing"),
        (
            "processes:\n  web: {command: [/bin/a]}\n  web: {command: [/bin/b]}\n",
            "shop.yaml:4:3: the key \"web\" is given twice",
        ),
        (
            "processes: {web: {port: 80}}\n",
            "shop.yaml:2:18: processes.web: the key command is missing",
        ),
        (
            "processes: {web: {command: [/bin/a], prot: 80}}\n",
            "shop.yaml:2:38: processes.web.prot: unknown key \"prot\"\n  hint: did you mean port?",
        ),
    ] {
        let said = said(text);
        assert!(said.starts_with(message), "{text}: {said}");
    }
    let long = format!("id: {}\nprocesses: {{web: {{command: [/bin/a]}}}}\n", "a".repeat(61));
    let said = Service::parse_all(Path::new("a.yaml"), &long).unwrap_err().to_string();
    assert!(said.starts_with("a.yaml:2:18: processes.web: a"), "{said}");
    assert!(said.contains("the id of the process, is too long"), "{said}");
    let many: Vec<_> = (0..51).map(|n| format!("  p{n}: {{command: [/bin/a]}}\n")).collect();
    let many = many.concat();
    let problem = Service::parse_all(Path::new("a.yaml"), &format!("id: a\nprocesses:\n{many}"));
    let problem = problem.unwrap_err().to_string();
    assert!(problem.starts_with("a.yaml:2:1: processes: more than 50 processes"), "{problem}");
}

#[test]
fn a_mistake_in_a_shared_key_is_reported_once() {
    let both = "processes: {web: {command: [/bin/a]}, worker: {command: [/bin/b]}}\n";
    assert_eq!(
        said(&format!("user: 'a b'\n{both}")).lines().filter(|it| it.contains("user:")).count(),
        1
    );
    assert!(said(&format!("prot: 80\n{both}")).starts_with("shop.yaml:2:1: prot: unknown key"));
    // What is wrong only together with keys of one process names that process.
    let text = "network_mode: none\nprocesses: {web: {command: [/bin/a], port: 80}, worker: {command: [/bin/b]}}\n";
    let said = said(text);
    assert!(said.contains("(in process web)") || said.contains("processes.web.port"), "{said}");
}

#[test]
fn a_volume_belongs_to_one_process() {
    let text = "volumes: ['data:/data']\nprocesses: {web: {command: [/bin/a]}, worker: {command: [/bin/b]}}\n";
    assert_eq!(
        said(text),
        "shop.yaml:2:11: volumes[0]: shop-web and shop-worker would each have a volume data of their own\n  \
         hint: for one that both use, write a path of the host; or, with docker and podman, add \
         volume_names: {data: NAME}, which is the engine's name for it"
    );
    let one = "id: shop\nprocesses: {web: {command: [/bin/a], volumes: ['data:/data']}, worker: {command: [/bin/b]}}\n";
    assert_eq!(parse("shop.yaml", one).len(), 2);
    let named = "id: shop\nimage: a\nruntime: podman\nvolumes: ['data:/data']\nvolume_names: {data: shop_data}\n\
                 processes: {web: {}, worker: {command: [work]}}\n";
    assert_eq!(parse("shop.yaml", named).len(), 2);
}

#[test]
fn ids_are_unique() {
    let app = |file: &str, name: &str| {
        parse(file, &format!("id: shop\nprocesses: {{{name}: {{command: [/bin/a]}}}}\n"))
    };
    let service = |id: &str| parse("x.yaml", &format!("id: {id}\ncommand: [/bin/x]\n"));
    let said = |all: [Vec<Service>; 2]| {
        check_conflicts(&all.concat()).map_or_else(|it| it.to_string(), |()| String::new())
    };
    assert_eq!(said([app("a.yaml", "web"), service("web")]), "");
    assert_eq!(
        said([service("shop-web"), app("a.yaml", "web")]),
        "a.yaml:2:13: processes.web: shop-web is also the id of another service\n  \
         hint: the other is in x.yaml; give one of them another id"
    );
    assert_eq!(
        said([app("a.yaml", "web"), app("b.yaml", "worker")]),
        "b.yaml: id: shop is also the id of another application\n  \
         hint: the other is in a.yaml; give one of them another id"
    );
    assert_eq!(
        said([app("a.yaml", "web"), service("shop")]),
        "a.yaml: id: shop is also the id of another service\n  \
         hint: the other is in x.yaml; give one of them another id"
    );
}

#[test]
fn others_depend_on_processes_and_not_on_the_application() {
    let mut services = parse("shop.yaml", &YAML.replace("migrate, db", "migrate"));
    let other = |on: &str| {
        parse("x.yaml", &format!("id: x\ncommand: [/bin/x]\ndepends_on: [{on}]\n")).remove(0)
    };
    services.push(other("shop-web"));
    assert_eq!(check_dependencies(&services, &[].into()), Ok(()));
    services.push(other("shop"));
    assert_eq!(
        check_dependencies(&services, &[].into()).unwrap_err().to_string(),
        "x.yaml:3:14: depends_on.shop: shop is an application, and not one service\n  \
         hint: write one of its processes: shop-web, shop-worker, shop-migrate"
    );
    let itself = "processes: {web: {command: [/bin/a], depends_on: [web]}}\n";
    assert!(said(itself).contains("processes.web.depends_on[0]: shop-web depends on itself"));
}

#[test]
fn one_service_is_not_an_application() {
    let problems = Service::parse(Path::new("shop.yaml"), YAML).unwrap_err().to_string();
    assert!(problems.starts_with("shop.yaml: this defines an application"), "{problems}");
}

#[test]
fn how_instances_take_over_is_not_for_what_runs_to_its_end() {
    let text = "id: shop\ndeploy: {drain: 10s, min_healthy_time: 1s, keep: 1}\n\
                processes: {web: {command: [/bin/a]}, tidy: {type: oneshot, command: [/bin/b]}}\n";
    let services = parse("shop.yaml", text);
    let deploys: Vec<_> = services.iter().map(|service| &service.deploy).collect();
    assert_eq!(deploys[0].drain.to_string(), "10s");
    assert_eq!(deploys[1].min_healthy_time.to_string(), "0");
    assert_eq!((deploys[0].keep, deploys[1].keep), (1, 1));
    let own = "processes: {tidy: {type: oneshot, command: [/bin/b], deploy: {drain: 1s}}}\n";
    assert!(
        said(own).contains("processes.tidy.deploy.drain: this key means nothing"),
        "{}",
        said(own)
    );
}
