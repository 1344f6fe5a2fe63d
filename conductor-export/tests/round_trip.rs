//! What came by an import and goes by an export to the same engine keeps its meaning: imported again, it is the same
//! definition, but for what the export named.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_import::{Surroundings, compose, quadlet};

#[path = "support/round.rs"]
mod round;

use round::{Kept, Round};

const ROOT: &str = "/srv/shop";

/// Reads a file of the inputs of the imports as if it were in `ROOT`.
fn read(name: &str, path: &Path) -> Option<String> {
    let path = path.strip_prefix(ROOT).ok()?;
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conductor-import/tests/inputs");
    fs::read_to_string(inputs.join(name).join(path)).ok()
}

/// Calls with surroundings that have the files of an input.
fn with(name: &str, import: impl FnOnce(&Surroundings<'_>) -> Round) -> String {
    let round = import(&Surroundings {
        read: &|path| Ok(read(name, path)),
        variable: &|name| (name == "HOME").then(|| "/root".to_owned()),
        directory: Path::new(ROOT),
        defined: BTreeMap::new(),
    });
    shown(&round)
}

/// Returns the files, what was said, and how the definitions differ when the files are imported again.
///
/// A definition of which nothing was left out must not differ.
fn shown(Round { exported, services }: &Round) -> String {
    let mut text = String::new();
    for file in &exported.files {
        writeln!(text, "──── {}\n{}", file.name, file.text.trim_end()).unwrap();
    }
    writeln!(text, "──── left out").unwrap();
    exported.left_out.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── notes").unwrap();
    exported.notes.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── imported again").unwrap();
    for (id, kept) in services {
        match kept {
            Kept::Same => {}
            Kept::Told(diff) => writeln!(text, "{id}:\n{diff}").unwrap(),
            Kept::Untold(diff) => panic!("{id} differs, and nothing says why:\n{diff}"),
        }
    }
    text
}

fn compose(name: &str, options: compose::Options) -> String {
    let files = match options.files.is_empty() {
        true => vec![PathBuf::from("compose.yaml")],
        false => options.files,
    };
    let options = compose::Options { files, ..options };
    with(name, |surroundings| {
        let first = compose::import(&options, surroundings).unwrap();
        round::compose(&options, surroundings, &first).unwrap()
    })
}

fn docker() -> compose::Options {
    compose::Options { runtime: Runtime::Docker, ..compose::Options::default() }
}

#[test]
fn a_shop() {
    insta::assert_snapshot!(compose("shop", docker()));
}

#[test]
fn a_shop_with_its_volumes() {
    let options = compose::Options { adopt_volumes: true, runtime: Runtime::Podman, ..docker() };
    insta::assert_snapshot!(compose("shop", options));
}

#[test]
fn every_key() {
    let profiles = vec!["*".to_owned()];
    insta::assert_snapshot!(compose("every-key", compose::Options { profiles, ..docker() }));
}

#[test]
fn forms() {
    insta::assert_snapshot!(compose("forms", docker()));
}

#[test]
fn layers() {
    let files = vec!["compose.yaml".into(), "override.yaml".into()];
    insta::assert_snapshot!(compose("layers", compose::Options { files, ..docker() }));
}

#[test]
fn containers_of_quadlet() {
    let files = [
        "web.container",
        "db.container",
        "queue.container",
        "app.network",
        "data.volume",
        "web.image",
        "all.pod",
    ];
    let options = quadlet::Options {
        files: files.map(PathBuf::from).into(),
        runtime: Runtime::Podman,
        adopt_volumes: true,
        ..quadlet::Options::default()
    };
    let text = with("quadlet", |surroundings| {
        let first = quadlet::import(&options, surroundings).unwrap();
        round::quadlet(&options, surroundings, &first).unwrap()
    });
    insta::assert_snapshot!(text);
}

/// Imports a Compose file, and again what is exported of that.
fn twice(text: &str) -> (String, Round) {
    let options = compose::Options { files: vec!["compose.yaml".into()], ..docker() };
    let surroundings = Surroundings {
        read: &|path| Ok(path.ends_with("compose.yaml").then(|| text.to_owned())),
        variable: &|_| None,
        directory: Path::new(ROOT),
        defined: BTreeMap::new(),
    };
    let first = compose::import(&options, &surroundings).unwrap();
    let round = round::compose(&options, &surroundings, &first).unwrap();
    (first.definitions[0].text.clone(), round)
}

/// The export writes `network_mode: bridge` for a service without networks.
#[test]
fn a_request_in_the_engines_own_network_stays_one() {
    let (text, round) = twice(
        "services:\n  web:\n    image: a:1\n    network_mode: bridge\n    ports: [\"3000:3000\"]\n    \
         healthcheck: {test: [CMD, curl, -f, \"http://localhost:3000/up\"], start_period: 1m}\n",
    );
    assert!(text.contains("http: /up"), "{text}");
    assert_eq!(round.services["web"], Kept::Same);
}

/// The export gives the two a key each in the file, and their services find them by conductor's name.
#[test]
fn two_volumes_with_one_name_keep_it() {
    let (_, round) = twice(
        "services:\n  web: {image: \"a:1\", volumes: [\"our.data:/data\"]}\n  \
         db: {image: \"a:1\", volumes: [\"our-data:/data\"]}\nvolumes: {our.data: , our-data: }\n",
    );
    let exported = &round.exported.files[0].text;
    assert!(exported.contains("source: web-our-data"), "{exported}");
    assert_eq!((&round.services["web"], &round.services["db"]), (&Kept::Same, &Kept::Same));
}

/// Imports a unit of Quadlet, and again what is exported of that.
fn quadlet_twice(lines: &str) -> Round {
    let text =
        format!("[Container]\nImage=quay.io/a/b:1\n{lines}\n[Install]\nWantedBy=default.target\n");
    let options = quadlet::Options {
        files: vec!["web.container".into()],
        runtime: Runtime::Podman,
        ..quadlet::Options::default()
    };
    let surroundings = Surroundings {
        read: &|path| Ok(path.ends_with("web.container").then(|| text.clone())),
        variable: &|_| None,
        directory: Path::new(ROOT),
        defined: BTreeMap::new(),
    };
    let first = quadlet::import(&options, &surroundings).unwrap();
    round::quadlet(&options, &surroundings, &first).unwrap()
}

/// The check allows more than the unit does, so the export would compute more, too.
#[test]
fn a_timeout_of_a_unit_of_quadlet_stays() {
    for timeout in ["120", "410", "401\nTimeoutStartSec=400", "400\nTimeoutStartSec=401"] {
        let round = quadlet_twice(&format!(
            "HealthCmd=/bin/up\nHealthStartPeriod=210s\nHealthInterval=30s\nHealthRetries=3\nNotify=healthy\n\
             [Service]\nTimeoutStartSec={timeout}"
        ));
        let unit = &round.exported.files[0].text;
        let times: Vec<_> = unit.lines().filter(|it| it.starts_with("TimeoutStartSec=")).collect();
        assert_eq!(times.join("\n"), format!("TimeoutStartSec={timeout}"), "{unit}");
        assert_eq!(round.services["web"], Kept::Same);
    }
}

/// The export has to write one, because systemd waits for the check, and the import does not keep it.
#[test]
fn a_timeout_that_follows_from_the_check_is_none_of_the_definition() {
    for (times, timeout) in [
        ("HealthStartPeriod=5m", "490"),
        ("HealthStartPeriod=1h\nHealthInterval=1m30s\nHealthRetries=5", "4510"),
        ("HealthStartPeriod=90s\nHealthInterval=2.5s\nHealthRetries=1", "105"),
        ("HealthStartPeriod=1ms\nHealthInterval=300ms\nHealthRetries=200", "131"),
    ] {
        let round = quadlet_twice(&format!("HealthCmd=/bin/up\n{times}"));
        let unit = &round.exported.files[0].text;
        assert!(unit.contains(&format!("TimeoutStartSec={timeout}\n")), "{unit}");
        assert_eq!(round.services["web"], Kept::Same);
    }
}

/// podman runs a list of one word in a shell, which not each image has.
#[test]
fn a_check_without_arguments_stays_one() {
    for command in [
        r#"["CMD", "/healthcheck"]"#,
        r#"["/usr/bin/env", "A=b"]"#,
        r#"["/usr/bin/env", "-0"]"#,
        r#"["env", "a"]"#,
    ] {
        let round = quadlet_twice(&format!("HealthCmd={command}"));
        assert_eq!(round.services["web"], Kept::Same, "{command}");
    }
}
