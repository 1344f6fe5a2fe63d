//! The JSON Schema and the parser accept and refuse the same variants of good values.

#[path = "support/schema.rs"]
mod judges;

use judges::{parser_accepts, validator, with};
use serde_json::{Value, json};

/// Returns a definition with a text: the key and its value.
type Place = fn(&str) -> (&'static str, Value);

/// A good value of each kind, and its place. Without schedules: only the parser knows the ranges of their
/// fields.
const PLACES: &[(&str, Place)] = &[
    ("web-1", |text| ("id", json!(text))),
    ("A web", |text| ("description", json!(text))),
    ("v1.2", |text| ("revision", json!(text))),
    ("8080", |text| ("port", json!(text))),
    ("1.5G", |text| ("limits", json!({"memory": text}))),
    ("150%", |text| ("limits", json!({"cpu": text}))),
    // Names with dots are for containers, of which the schema does not know.
    ("A_1", |text| ("env", json!({text.replace('.', "-"): "x"}))),
    ("x", |text| ("env", json!({"A": text}))),
    ("/a/b", |text| ("env_files", json!([text]))),
    ("a.b", |text| ("secrets", json!({text: "/x"}))),
    ("/a:/b:ro", |text| ("volumes", json!([text]))),
    ("/a b:/c", |text| ("volumes", json!([text]))),
    ("0-3,7", |text| ("limits", json!({"cpuset": text}))),
    ("-50", |text| ("limits", json!({"oom_score_adjust": text}))),
    ("www", |text| ("user", json!(text))),
    ("1000", |text| ("user", json!(text))),
    ("app:staff", |text| ("user", json!(text))),
    ("mail", |text| ("group_add", json!([text]))),
    ("/a/b", |text| ("working_dir", json!(text))),
    ("SIGTERM", |text| ("stop_signal", json!(text))),
    ("nofile", |text| ("ulimits", json!({text: 1}))),
    ("1024", |text| ("ulimits", json!({"nofile": {"soft": 0, "hard": text}}))),
    ("/a:size=1m,ro", |text| ("tmpfs", json!([text]))),
    ("CAP_KILL", |text| ("cap_add", json!([text]))),
    ("/ok", |text| ("health", json!({"http": text}))),
    ("1min 3s", |text| ("deploy", json!({"drain": text}))),
    ("app", |text| ("proxy", json!({"nginx": {"upstream": text}}))),
    ("edge-1", |text| ("proxy", json!({text: {"upstream": "app"}}))),
    ("a-b", |text| ("cron", json!({text: {"calendar": "daily", "command": ["x"]}}))),
    ("ops@a.example", |text| ("mail_to", json!(text))),
    ("a,b+c%d", |text| job("mail_to", text)),
    ("Etc/UTC", |text| job("timezone", text)),
    ("1min 3s", |text| {
        ("cron", json!({"a": {"calendar": "daily", "command": ["x"], "jitter": text}}))
    }),
    ("a@%n.service", |text| job("on_failure", text)),
    ("Nice", |text| ("systemd", json!({"Service": {text: "x"}}))),
    ("x", |text| ("systemd", json!({"Service": {"Nice": text}}))),
];

fn job(key: &str, text: &str) -> (&'static str, Value) {
    let mut job = json!({"calendar": "daily", "command": ["x"]});
    job[key] = json!(text);
    ("cron", json!({"a": job}))
}

/// Changes one character of a good value in every way, and compares the results of both.
#[test]
fn patterns_and_checks_agree_on_every_near_miss() {
    const CHANGES: &str = "a0K_-./:%@{ \t\n\\\"*é\u{85}";
    let validator = validator();
    for (good, place) in PLACES {
        let chars: Vec<char> = good.chars().collect();
        let mut tried = vec![(*good).to_owned(), String::new()];
        for at in 0..=chars.len() {
            let (before, after) = chars.split_at(at);
            let join = |middle: Option<char>, after: &[char]| {
                before.iter().copied().chain(middle).chain(after.iter().copied()).collect()
            };
            for change in CHANGES.chars() {
                tried.push(join(Some(change), after));
                tried.extend(after.get(1..).map(|after| join(Some(change), after)));
            }
            tried.extend(after.get(1..).map(|after| join(None, after)));
        }
        for text in tried {
            let (key, value) = place(&text);
            let definition = with(key, value);
            let verdicts = (parser_accepts(&definition), validator.is_valid(&definition));
            assert_eq!(verdicts.0, verdicts.1, "parser and schema: {text:?} in {definition}");
        }
    }
}
