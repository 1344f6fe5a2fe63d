//! Imported definitions contain what the crontab contains, and nothing is lost without a message.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use conductor_core::crontab::{CrontabLine, Imported, Importer, Owner, Source, lines};
use conductor_core::service::{Service, When};
use conductor_core::value::Tokens;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn import_all(sources: &[(&str, &[u8], Owner)], fold: bool) -> Imported {
    let mut importer = Importer::new(BTreeMap::new()).fold(fold).fold_hint("fold it");
    for (file, text, owner) in sources {
        let (file, owner) = (Path::new(file), owner.clone());
        importer.add(&Source { file, text, owner, id: None });
    }
    importer.finish()
}

fn import(text: &[u8], owner: Owner) -> Imported {
    import_all(&[("/etc/cron.d/x", text, owner)], true)
}

/// Reads the imported definitions.
fn services(imported: &Imported) -> Vec<Service> {
    let read = imported.definitions.iter().map(|definition| {
        // Jobs that are to be merged run in the image of the other definition.
        let merged = match definition.text.starts_with("# Merge this") {
            true => format!("{}runtime: docker\nimage: app\n", definition.text),
            false => definition.text.clone(),
        };
        let service = Service::parse(Path::new("x.yaml"), &merged);
        let service = service.unwrap_or_else(|error| panic!("{error}\n{}", definition.text));
        assert_eq!(service.id, definition.id);
        service
    });
    read.collect()
}

fn expand(text: &str) -> String {
    let tokens =
        Tokens { id: "I", revision: "R", instance: "N", port: Some("P"), socket: Some("S") };
    tokens.expand(text).into_owned()
}

/// The parts of a job that a crontab has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    schedule: String,
    user: String,
    command: Vec<String>,
    stdin: Option<String>,
    env: BTreeMap<String, String>,
}

/// Returns the jobs of services by the first word of their command, which is unique.
fn jobs(services: &[Service]) -> BTreeMap<String, Job> {
    let of_service = |service: &Service| -> Vec<_> {
        let jobs = service.jobs.values().map(|job| {
            let When::Crontab(schedule) = &job.when else { panic!("no schedule") };
            let mut env: BTreeMap<_, _> = service.env.clone();
            env.extend(job.env.clone());
            let env = env.iter().map(|(name, value)| (name.to_string(), expand(value.as_str())));
            let user = job.user.as_ref().or(service.user.as_ref()).unwrap();
            let job = Job {
                schedule: schedule.to_string(),
                user: user.to_string(),
                command: job.command.iter().map(|word| expand(word.as_str())).collect(),
                stdin: job.stdin.as_ref().map(|stdin| expand(stdin.as_str())),
                env: env.collect(),
            };
            let name = job.command[2].split(' ').next().unwrap().to_owned();
            (name, job)
        });
        jobs.collect()
    };
    services.iter().flat_map(of_service).collect()
}

/// Any character; those that are special to cron, YAML or conductor are more frequent.
fn text() -> impl Strategy<Value = String> {
    const PIECES: &str =
        "\\\"'%$#=[]{}<>&*?:!@-+|~, \t\u{1}\u{1b}\u{7f}\u{85}\u{a0}\u{feff}\u{2028}nx0";
    let usable = |c: &char| {
        let code = u32::from(*c);
        !matches!(c, '\0' | '\n' | '\r')
            && !(0xfdd0..=0xfdef).contains(&code)
            && code & 0xfffe != 0xfffe
    };
    let character = prop_oneof![
        3 => select(PIECES.chars().collect::<Vec<_>>()).prop_map(String::from),
        1 => any::<char>().prop_filter("usable", usable).prop_map(String::from),
        1 => select(vec!["{port}", "{{id}}", "---", ": ", " #"]).prop_map(str::to_owned),
    ];
    vec(character, 0..16).prop_map(|pieces| pieces.concat())
}

fn schedule() -> impl Strategy<Value = &'static str> {
    select(vec!["@daily", "@reboot", "*/5 * * * *", "0 0 1,15 * sun", "59 23 31 12 7"])
}

/// A line of a crontab: a variable, a job, a comment or nothing.
#[derive(Debug, Clone)]
enum Piece {
    Set(String, String),
    Job { schedule: &'static str, user: &'static str, rest: String, stdin: Option<String> },
    Comment(String),
    Blank,
}

fn piece() -> impl Strategy<Value = Piece> {
    let known = select(vec!["A", "B_1", "SHELL_X", "PATH", "MAILTO", "TZ"]);
    let names =
        prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[A-Za-z_][A-Za-z0-9_]{40,254}"];
    let value = text().prop_map(|text| text.replace('"', ""));
    // After a backslash at the end of a line of input, cron would read the line end as `%`.
    let line = text().prop_map(|text| text.trim_end_matches('\\').to_owned());
    let stdin = vec(line, 0..4).prop_map(|lines| lines.join("\n"));
    let job = (schedule(), select(vec!["root", "www-data", "Debian-exim"]), text());
    prop_oneof![
        2 => (names, value).prop_map(|(name, value)| Piece::Set(name, value)),
        4 => (job, prop::option::of(stdin)).prop_map(|((schedule, user, rest), stdin)| {
            Piece::Job { schedule, user, rest, stdin }
        }),
        1 => text().prop_map(Piece::Comment),
        1 => Just(Piece::Blank),
    ]
}

/// Returns a crontab, and its jobs.
fn write(pieces: &[Piece]) -> (String, BTreeMap<String, Job>) {
    let mut text = String::new();
    let mut jobs = BTreeMap::new();
    let defaults = [("PATH", "/usr/bin:/bin"), ("SHELL", "/bin/sh")];
    let mut env: BTreeMap<_, _> =
        defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for (number, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Set(name, value) => {
                text.extend([name, " = \"", value, "\"\n"]);
                // cron removes white space at the end, even if it is quoted.
                let value = value.trim_end_matches([' ', '\t', '\u{b}', '\u{c}']);
                env.insert(name.clone(), value.to_owned());
            }
            Piece::Job { schedule, user, rest, stdin } => {
                let name = format!("/opt/j{number}");
                let command = format!("{name} {rest}");
                let escaped = command.replace('\\', "\\\\").replace('%', "\\%");
                let fields = schedule.replace(' ', "\t ");
                text.extend(["  ", &fields, " ", user, "\t", &escaped]);
                if let Some(stdin) = stdin {
                    text.push('%');
                    text.push_str(&stdin.replace('%', "\\%").replace('\n', "%"));
                }
                text.push('\n');
                let end = |stdin: &String| match stdin.is_empty() || stdin.ends_with('\n') {
                    true => stdin.clone(),
                    false => format!("{stdin}\n"),
                };
                let job = Job {
                    schedule: (*schedule).to_owned(),
                    user: (*user).to_owned(),
                    command: vec!["/bin/sh".to_owned(), "-c".to_owned(), command],
                    stdin: stdin.as_ref().map(end),
                    env: env.clone(),
                };
                jobs.insert(name, job);
            }
            Piece::Comment(comment) => text.extend([" #", comment, "\n"]),
            Piece::Blank => text.push_str(" \t\n"),
        }
    }
    (text, jobs)
}

/// Any file, mostly one similar to a crontab.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => select(vec![
            "* * * * *", "@daily", "@reboot", " ", "\t", "\n", "\r\n", "root", "%", "\\%", "#", "=",
            "\"", "'", "\0", "A=b", "HOME=/x", "HOME=y", "SHELL=z", "MAILTO=", "CRON_TZ=UTC",
            "RANDOM_DELAY=5", "/bin/x", "conductor run --id web", "--revision", "r1", "61 * * * *",
            "{port}", "é", "\u{2028}", "0 0 1 1 1 root x\n", "---", "\u{feff}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => "[A-Z]{250,1100}(=x\n)?".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn jobs_come_back_as_they_were_written(pieces in vec(piece(), 0..12)) {
        let (text, expected) = write(&pieces);
        let imported = import(text.as_bytes(), Owner::Column);
        prop_assert_eq!(&imported.left_out, &vec![]);
        prop_assert_eq!(imported.entries, expected.len());
        prop_assert_eq!(jobs(&services(&imported)), expected);
    }

    #[test]
    fn whatever_is_in_a_file_becomes_a_job_or_a_complaint(
        text in hostile(),
        system in any::<bool>(),
        fold in any::<bool>(),
    ) {
        let owner = if system { Owner::Column } else { Owner::User("alice".parse().unwrap()) };
        let sources = [("a/b", text.as_slice(), owner.clone()), ("c/b", text.as_slice(), owner)];
        let imported = import_all(&sources, fold);
        prop_assert_eq!(&import_all(&sources, fold), &imported);
        let services = services(&imported);
        let count: usize = services.iter().map(|service| service.jobs.len()).sum();
        prop_assert_eq!(count, imported.entries);
        let ids: BTreeSet<_> = services.iter().map(|service| service.id.clone()).collect();
        prop_assert_eq!(ids.len(), services.len());
        let complaints = |wanted: fn(&CrontabLine) -> bool| {
            let lines = lines(&text, system);
            lines.into_iter().enumerate().filter(|(_, line)| wanted(line)).map(|(at, _)| at + 1)
                .collect::<BTreeSet<_>>()
        };
        for file in ["a/b", "c/b"] {
            let of_file = imported.left_out.iter().filter(|problem| problem.file == Path::new(file));
            let said: BTreeSet<_> = of_file.filter_map(|problem| Some(problem.position?.0)).collect();
            let bad = complaints(|line| matches!(line, CrontabLine::Bad { .. }));
            prop_assert!(bad.is_subset(&said), "{:?} of {:?}", bad, said);
        }
        let entries = complaints(|line| matches!(line, CrontabLine::Entry(_))).len();
        let left_out = imported.left_out.iter().filter(|problem| {
            let line = problem.position.map_or(0, |(line, _)| line);
            complaints(|line| matches!(line, CrontabLine::Entry(_))).contains(&line)
        });
        prop_assert_eq!(imported.entries + left_out.count(), 2 * entries);
    }
}

#[test]
fn what_is_too_much_for_one_definition_becomes_several() {
    let many = (0..2_000).map(|number| format!("A=x{number}\n@daily /opt/j{number}\n"));
    let many = many.collect::<Vec<_>>().concat();
    let long = format!("@daily root /opt/x {}\n", "é".repeat(60_000)).repeat(12);
    for (text, owner, entries) in
        [(many, Owner::User("alice".parse().unwrap()), 2_000), (long, Owner::Column, 12)]
    {
        let imported = import(text.as_bytes(), owner);
        assert_eq!((imported.entries, imported.left_out.len()), (entries, 0));
        assert!(services(&imported).len() > 1);
        let longest = imported.definitions.iter().map(|definition| definition.text.len()).max();
        assert!(longest.unwrap() < 1 << 20);
    }
}

#[test]
fn what_no_definition_can_hold_is_left_out() {
    for (text, why) in [
        (format!("@daily root {}\n", "x".repeat(200_000)), "Linux takes at most"),
        (format!("@daily root {}\n", "\u{85}".repeat(60_000)) + "@daily root x\n", ""),
        (
            format!("@daily root {}%{}\n", "\u{85}".repeat(60_000), "\u{85}".repeat(60_000)),
            "longer than",
        ),
        ("#\n".repeat(10_001) + "@daily root x\n", "more than 10000 lines"),
    ] {
        let imported = import(text.as_bytes(), Owner::Column);
        services(&imported);
        match why {
            "" => assert_eq!((imported.entries, imported.left_out.len()), (2, 0)),
            _ => assert!(imported.left_out[0].message.contains(why), "{:?}", imported.left_out),
        }
    }
}

#[test]
fn a_variable_that_no_definition_can_hold_is_left_out() {
    let long = "X".repeat(1100);
    for (name, why) in [
        (long.as_str(), "is longer than 255 characters"),
        ("EXIT_STATUS", "EXIT_STATUS is set by systemd"),
        ("NOTIFY_SOCKET", "NOTIFY_SOCKET is set by systemd"),
    ] {
        let text = format!("{name}=0\nA=1\n@daily root /opt/x\n");
        let imported = import(text.as_bytes(), Owner::Column);
        let [problem] = imported.left_out.as_slice() else { panic!("{:?}", imported.left_out) };
        assert_eq!(problem.position, Some((1, 1)));
        assert!(problem.message.ends_with(why), "{}", problem.message);
        let jobs = jobs(&services(&imported));
        let names: Vec<_> = jobs["/opt/x"].env.keys().map(String::as_str).collect();
        assert_eq!(names, ["A", "PATH", "SHELL"]);
    }
}

#[test]
fn only_roots_lines_become_jobs_of_other_services() {
    let call = "conductor run --id web bin/steal";
    let user = |name: &str| Owner::User(name.parse().unwrap());
    for (text, owner, taken) in [
        (format!("@daily root {call}\n"), Owner::Column, true),
        (format!("@daily 0 {call}\n"), Owner::Column, true),
        (format!("@daily {call}\n"), user("root"), true),
        (format!("@daily {call}\n"), Owner::Manager, true),
        (format!("@daily alice {call}\n"), Owner::Column, false),
        (format!("@daily 1000 {call}\n"), Owner::Column, false),
        (format!("@daily {call}\n"), user("alice"), false),
    ] {
        let imported = import(text.as_bytes(), owner.clone());
        assert_eq!(imported.entries, usize::from(taken), "{text}");
        match (taken, imported.left_out.as_slice()) {
            (true, []) => assert_eq!(services(&imported)[0].id.as_str(), "web"),
            (false, [problem]) => {
                assert!(problem.message.contains("cannot become a job of web"), "{problem}");
                assert_eq!(imported.definitions, []);
            }
            other => panic!("{other:?}"),
        }
        // Without --run-id it stays alice's command, and there is no note about --run-id.
        let as_is = import_all(&[("x", text.as_bytes(), owner)], false);
        assert_eq!((as_is.entries, as_is.left_out.len()), (1, 0));
        assert_eq!(as_is.notes[0].hint.is_some(), taken, "{:?}", as_is.notes);
    }
}

#[test]
fn a_service_is_called_from_several_crontabs() {
    let line: &[u8] = b"@daily conductor run --id web --revision r1 bin/x\n";
    let other: &[u8] = b"@hourly /opt/conductor run --revision r2 --id web bin/y\n@daily z\n";
    let owner = Owner::User("root".parse().unwrap());
    let mut importer =
        Importer::new([("web".parse().unwrap(), PathBuf::from("defs/w.yaml"))].into()).fold(true);
    for (file, text) in [("a", line), ("web", other), ("b", line)] {
        importer.add(&Source { file: Path::new(file), text, owner: owner.clone(), id: None });
    }
    let outcome = importer.finish();
    let ids: Vec<_> = outcome.definitions.iter().map(|definition| definition.id.as_str()).collect();
    // The file `web` cannot give its service this name, because the service that it calls has it.
    assert_eq!(ids, ["web", "web-2"]);
    assert!(outcome.definitions[0].text.starts_with("# Merge this into defs/w.yaml, "));
    let services = services(&outcome);
    let names: Vec<_> = services[0].jobs.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["x", "x-2"]);
    assert_eq!(services[0].revision, Some("r1".parse().unwrap()));
    let [problem] = outcome.left_out.as_slice() else { panic!("{:?}", outcome.left_out) };
    assert_eq!(problem.position, Some((1, 9)));
    assert_eq!(problem.message, "the revision r2, but earlier lines have r1");
}

/// Debian's cron takes some expressions that are refused here, and then not the whole file is ignored.
#[test]
fn what_cron_takes_is_said_to_be_taken() {
    for (line, entries, left_out, ignored) in [
        ("0 0 * * sat-sun root x", 1, Some("runs backwards; cron takes it, and never runs"), false),
        ("0 0 30 2 * root x", 1, Some("it would never run"), false),
        ("0 0 * * 5#2 root x", 2, None, false),
        ("61 * * * * root x", 1, Some("not from 0 to 59"), true),
        ("* * * * * * root x", 1, Some("the command begins with *"), true),
        ("5/10 * * * * root x", 1, Some("a step needs"), true),
    ] {
        let imported = import(format!("{line}\n@daily root y\n").as_bytes(), Owner::Column);
        assert_eq!(imported.entries, entries, "{line}");
        let said: Vec<_> = imported.left_out.iter().map(|problem| &problem.message).collect();
        assert_eq!(said.len(), usize::from(left_out.is_some()), "{line}: {said:?}");
        let text = said.first().map_or("", |text| text.as_str());
        assert!(text.contains(left_out.unwrap_or_default()), "{line}: {said:?}");
        let whole = imported.notes.iter().any(|note| note.message.contains("the whole file"));
        assert_eq!(whole, ignored, "{line}: {:?}", imported.notes);
    }
    let imported = import(b"MAILTO=\n0 0 * * 5#2 root x\n", Owner::Column);
    assert_eq!(jobs(&services(&imported))["x"].schedule, "0 0 * * 5");
    let [note] = imported.notes.as_slice() else { panic!("{:?}", imported.notes) };
    assert!(note.message.ends_with("cron takes it for \"0 0 * * 5\""), "{note}");
    assert_eq!(note.hint.as_deref(), Some("write calendar: \"Fri *-*-08..14 00:00:00\""));
}

#[test]
fn a_system_crontab_with_an_owner_is_suspected() {
    let root = || Owner::User("root".parse().unwrap());
    for (file, text, suspected) in [
        ("/etc/crontab", "17 * * * * root cd / && x\n", true),
        ("/etc/cron.d/x", "@daily daemon y\n", true),
        ("-", "@daily root x\n@hourly root y\n", true),
        ("-", "@daily root x\n@hourly y\n", false),
        ("-", "@daily x\n", false),
        ("-", "A=1\n", false),
    ] {
        let imported = import_all(&[(file, text.as_bytes(), root())], false);
        let said = imported.notes.iter().any(|note| note.message.contains("begin with a user"));
        assert_eq!(said, suspected, "{text}");
    }
    let imported = import(b"MAILTO=\n@daily root x\n", Owner::Column);
    assert_eq!(imported.notes, []);
}

/// As under cron: without MAILTO, each user gets the output of the own commands.
#[test]
fn output_is_mailed_to_whom_cron_mails_it() {
    let text =
        b"@daily root a\n@daily alice b\nMAILTO=ops\n@daily root c\nMAILTO=\n@daily root d\n";
    let mails = |mut importer: Importer, owner: Owner| {
        let file = Path::new("/etc/cron.d/x");
        importer.add(&Source { file, text, owner, id: None });
        let result = importer.finish();
        let noted = result.notes.iter().filter(|note| note.message.contains("without MAILTO"));
        let noted = noted.map(|note| note.hint.clone()).collect::<Vec<_>>();
        let service = services(&result).pop().unwrap();
        let to = service.jobs.values().map(|job| service.mail_to(job).map(ToString::to_string));
        (to.map(Option::unwrap_or_default).collect::<Vec<_>>(), noted)
    };
    let importer = || Importer::new(BTreeMap::new()).mail_hint("leave it out");
    let hint = Some("leave it out".to_owned());
    let of_system = mails(importer(), Owner::Column);
    assert_eq!(
        of_system,
        (["root", "alice", "ops", ""].map(str::to_owned).into(), vec![hint.clone()])
    );
    let of_bob = mails(importer(), Owner::User("bob".parse().unwrap()));
    assert_eq!(of_bob, (["bob", "bob", "ops", ""].map(str::to_owned).into(), vec![hint]));
    // The name of the user is not known.
    let own = mails(importer(), Owner::Manager);
    assert_eq!(own, (["", "", "ops", ""].map(str::to_owned).into(), vec![]));
    let without = mails(importer().without_mail(true), Owner::Column);
    assert_eq!(without, (vec![String::new(); 4], vec![]));
}

#[test]
fn a_test_before_a_command_becomes_an_if() {
    let imported = import(b"@daily root [ -x /a ] && /a\n", Owner::Column);
    let services = services(&imported);
    let job = services[0].jobs.values().next().unwrap();
    assert_eq!(job.command[2].as_str(), "if [ -x /a ]; then /a; fi");
    assert!(imported.notes[0].message.contains("fails if its test is false"), "{imported:?}");
}

#[test]
fn output_that_is_discarded_keeps_no_call_from_its_service() {
    let line = b"@daily root conductor run --id web bin/x >/dev/null 2>&1\n";
    let imported = import(line, Owner::Column);
    assert_eq!(services(&imported)[0].id.as_str(), "web");
    assert!(imported.notes[0].message.contains("discards output"), "{imported:?}");
    let line = b"@daily root conductor run --id web bin/x >/var/log/x 2>&1\n";
    assert_eq!(services(&import(line, Owner::Column))[0].id.as_str(), "x");
}

#[test]
fn an_anacrontab_is_imported_as_what_it_is() {
    let text: &[u8] = b"SHELL=/bin/bash\nHOME=/root\nRANDOM_DELAY=9\n\n# Each day.\n\
        1\t5\tcron.daily\trun-parts --report /etc/cron.daily \\\n  a%b\n0 1 x y\n";
    let import = |file, owner| import_all(&[(file, text, owner)], false);
    let imported = import("/etc/anacrontab", Owner::Column);
    let [service] = &services(&imported)[..] else { panic!("{imported:?}") };
    let (name, job) = service.jobs.first_key_value().unwrap();
    assert_eq!((name.as_str(), service.id.as_str()), ("cron-daily", "anacrontab"));
    assert!(job.catch_up && job.jitter.is_some());
    let text = &imported.definitions[0].text;
    for part in [
        "or anacron runs them as well.",
        "user: root\nenv:\n  HOME: /root\n  SHELL: /bin/bash\nmail_to: root\ncron:\n  # Each day.\n",
        "    schedule: \"35 7 * * *\"\n    jitter: \"9min\"\n    catch_up: true\n",
        "command: [/bin/sh, -c, \"run-parts --report /etc/cron.daily   a%b\"]",
        "WorkingDirectory: \"-/\"",
    ] {
        assert!(text.contains(part), "no {part}:\n{text}");
    }
    let [problem] = imported.left_out.as_slice() else { panic!("{:?}", imported.left_out) };
    assert_eq!(problem.position, Some((8, 1)));
    let [delay, mail] = imported.notes.as_slice() else { panic!("{:?}", imported.notes) };
    assert!(delay.message.contains("without anacron's delay"), "{delay}");
    assert!(mail.message.contains("without MAILTO"), "{mail}");
    // By its syntax, and with an owner.
    let alice = import("-", Owner::User("alice".parse().unwrap()));
    assert!(alice.definitions[0].text.contains("user: alice\n"), "{alice:?}");
}

/// systemd sets USER, and Debian's cron does not.
#[test]
fn user_is_set_only_by_the_crontab() {
    for (text, unset) in [("@daily root x\n", true), ("USER=me\n@daily root x\n", false)] {
        let imported = import(text.as_bytes(), Owner::Column);
        let found = imported.definitions[0].text.contains("    UnsetEnvironment: USER\n");
        assert_eq!(found, unset, "{text}");
    }
}

/// PAM's variables win over those of a unit, and those of a crontab over PAM's.
#[test]
fn a_session_of_pam_does_not_change_the_variables_of_a_crontab() {
    let import = |owner: Owner, text: &[u8]| {
        let mut importer = Importer::new(BTreeMap::new()).pam(true);
        importer.add(&Source { file: Path::new("x"), text, owner, id: None });
        let outcome = importer.finish();
        services(&outcome);
        outcome.definitions[0].text.clone()
    };
    let text = import(Owner::Column, b"A={port} b\n@daily root x\n");
    let command = "command: [/usr/bin/env, \"A={{port}} b\", \"PATH=/usr/bin:/bin\", \"SHELL=/bin/sh\", \
                   /bin/sh, -c, x]\n";
    assert!(text.contains(command) && !text.contains("env:"), "{text}");
    assert!(text.contains("    PAMName: cron\n    UnsetEnvironment: USER\n"), "{text}");
    // A user's own systemd has no PAM, and anacron no session.
    let manager = import(Owner::Manager, b"@daily x\n");
    let anacron = import(Owner::Column, b"1 5 x y\n");
    assert!(![manager, anacron].concat().contains("PAMName"));
}
