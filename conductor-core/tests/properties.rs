//! The values of a definition are unchanged when its units are read as systemd does.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/systemd.rs"]
mod systemd;

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;

use conductor_core::release::Release;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Templates;
use conductor_core::value::{Cpu, ImageReference, Memory, Port, PortRange, Span, Tokens, Volume};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use systemd::UnitFile;

const TOKENS: [&str; 5] = ["id", "revision", "instance", "port", "socket"];
const DESIGN: [(&str, &str); 3] = [
    ("yaml", include_str!("data/design.yaml")),
    ("json", include_str!("data/design.json")),
    ("toml", include_str!("data/design.toml")),
];

/// Any character; those that are special to systemd, Handlebars or the formats are more frequent.
fn character() -> impl Strategy<Value = char> {
    const MEANING: &str =
        "\\\"'`%$;#=[]{}<>&*?:!@-+|~/ \t\n\r\u{1}\u{1b}\u{7f}\u{85}\u{a0}\u{feff}\u{2028}nx0";
    prop_oneof![
        2 => select(MEANING.chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

/// Valid text of an argument: no NUL, no noncharacters, no tokens.
fn argument() -> impl Strategy<Value = String> {
    let usable = |c: &char| {
        let code = u32::from(*c);
        *c != '\0' && !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
    };
    let text = vec(character().prop_filter("usable", usable), 0..24);
    text.prop_map(String::from_iter).prop_filter("no token", |text| {
        TOKENS.iter().all(|name| !text.contains(&format!("{{{name}}}")))
    })
}

fn description() -> impl Strategy<Value = String> {
    argument().prop_filter_map("one line", |text| {
        let line: String = text.chars().filter(|c| !c.is_control()).collect();
        let line = line.trim().to_owned();
        (!line.is_empty()).then_some(line)
    })
}

/// Compiles a native service and returns its unit files in the order of their names.
fn compile(
    arguments: &[String],
    env: &BTreeMap<String, String>,
    description: &str,
) -> Vec<(String, UnitFile)> {
    let command: Vec<_> =
        std::iter::once("/bin/x").chain(arguments.iter().map(String::as_str)).collect();
    let definition =
        json!({"id": "web", "command": command, "env": env, "description": description});
    let service = Service::parse(Path::new("web.json"), &definition.to_string())
        .unwrap_or_else(|problems| panic!("{definition}: {problems}"));
    let templates = Templates::new(&[]).unwrap();
    let release = Release::new(&service, "v1".parse().unwrap(), &templates);
    let set = release.compile(&BTreeMap::new(), None, Scope::System, &templates).unwrap();
    let units = set.units.into_iter();
    units.map(|(name, unit)| (name.to_string(), UnitFile::read(&unit.text))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arguments_environment_and_description_come_back(
        arguments in vec(argument(), 0..5),
        env in btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", argument(), 0..4),
        description in description(),
    ) {
        let units = compile(&arguments, &env, &description);

        let instance = units.iter().find(|(name, _)| name.ends_with("-1.service"));
        let instance = &instance.expect("there is an instance").1;
        let [exec] = instance.values("Service", "ExecStart")[..] else { panic!("{instance:?}") };
        let mut words = systemd::command(exec);
        prop_assert_eq!(words.remove(0), "/bin/x");
        prop_assert_eq!(words, arguments.clone());
        let read: BTreeMap<_, _> = instance
            .values("Service", "Environment")
            .iter()
            .flat_map(|line| systemd::words(line))
            .map(|word| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap())
            .collect();
        prop_assert_eq!(read, env.clone());
        let target = &units.iter().find(|(name, _)| name.ends_with(".target")).unwrap().1;
        let [read] = target.values("Unit", "Description")[..] else { panic!("{target:?}") };
        prop_assert_eq!(systemd::specifiers(read), description);

        // The same files as with plain values, line for line.
        let plain_env = env.keys().map(|name| (name.clone(), "x".to_owned())).collect();
        let plain = compile(&vec!["x".to_owned(); arguments.len()], &plain_env, "plain");
        prop_assert_eq!(units.len(), plain.len());
        for ((name, unit), (_, plain)) in units.iter().zip(&plain) {
            prop_assert_eq!(unit.outline(), plain.outline(), "{}", name);
        }
        let sections: Vec<_> = instance.sections().collect();
        prop_assert_eq!(sections[..2].to_vec(), ["Unit", "Service"]);
        prop_assert_eq!(*sections.last().unwrap(), "X-Conductor");
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        extension in select(vec!["yaml", "json", "toml", "txt"]),
        text in prop_oneof![any::<String>(), vec(character(), 0..200).prop_map(String::from_iter)],
    ) {
        let _ = Service::parse(Path::new(&format!("web.{extension}")), &text);
    }

    #[test]
    fn no_change_of_a_definition_makes_parser_or_compiler_panic(
        (extension, text) in select(DESIGN.to_vec()),
        changes in vec((any::<prop::sample::Index>(), 0..8_usize, vec(character(), 0..4)), 1..4),
    ) {
        let mut text = text.replace("docker", "native").replace("bin/puma", "/bin/puma");
        for (at, removed, inserted) in changes {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((at + removed).min(text.len()));
            text.replace_range(at..end, &String::from_iter(inserted));
        }
        let Ok(service) = Service::parse(Path::new(&format!("web.{extension}")), &text) else {
            return Ok(());
        };
        let templates = Templates::new(&[]).unwrap();
        let ports = (1..=service.instances).map(|n| (n, "20001".parse().unwrap())).collect();
        let release = Release::new(&service, "v1".parse().unwrap(), &templates);
        let _ = release.compile(&ports, None, Scope::System, &templates);
    }

    #[test]
    fn what_is_printed_is_read_as_the_same_value(
        bytes in 1..=i64::MAX.cast_unsigned(),
        shift in 0..60_u32,
        milli in 10..=8_192_000_u32,
        micros in 0..=31_557_600_000_000_u64,
        ports in (1..=u16::MAX, 1..=u16::MAX),
        path in "/[a-z{}%é._-]{1,10}",
        image in "([a-z]{1,5}\\.[a-z]{2}(:[1-9][0-9]{0,3})?/)?[a-z0-9]{1,9}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,9})?(@sha256:[0-9a-f]{64})?",
        read_only in any::<bool>(),
    ) {
        prop_assume!(!["/.", "/.."].contains(&path.as_str()));
        again::<Memory>(&bytes.to_string());
        again::<Memory>(&(bytes >> shift << shift).max(1).to_string());
        again::<Cpu>(&format!("{}.{:03}", milli / 1000, milli % 1000));
        again::<Span>(&format!("{micros}us"));
        again::<Port>(&ports.0.to_string());
        again::<PortRange>(&format!("{}-{}", ports.0.min(ports.1), ports.0.max(ports.1)));
        again::<Volume>(&format!("{path}:{path}{}", if read_only { ":ro" } else { "" }));
        prop_assert_eq!(again::<ImageReference>(&image), image);
    }

    #[test]
    fn expanding_changes_nothing_but_the_tokens(text in argument(), around in argument()) {
        let tokens = Tokens {
            id: "ID",
            revision: "REVISION",
            instance: "INSTANCE",
            port: Some("PORT"),
            socket: Some("SOCKET"),
        };
        prop_assert_eq!(tokens.expand(&text), text.as_str());
        for name in TOKENS {
            // A brace beside a token makes it the literal text.
            let (before, after) = (around.trim_end_matches('{'), text.trim_start_matches('}'));
            let replaced = format!("{before}{}{after}", name.to_uppercase());
            let token = format!("{before}{{{name}}}{after}");
            let literal = format!("{before}{{{{{name}}}}}{after}");
            prop_assert_eq!(tokens.expand(&token).into_owned(), replaced);
            prop_assert_eq!(tokens.expand(&literal).into_owned(), token);
        }
    }
}

/// Reads a text, prints the value, and reads that.
fn again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> String {
    let value: T = text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let printed = value.to_string();
    assert_eq!(printed.parse::<T>().as_ref().ok(), Some(&value), "{text} {printed}");
    printed
}
