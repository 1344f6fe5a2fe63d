//! What is told to whom when something happens to a service: the hooks of its definition.
//!
//! conductor writes the hooks of a service into its target, in a section that systemd ignores. Neither the probe nor
//! conductor runs a hook itself: systemd does, in a unit of its own, so nothing waits for it.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// The section of the target with the hooks.
pub const HOOKS: &str = "[X-Conductor-Hooks]";

/// How often in a row an instance has to end until it is a crash loop.
pub const LOOP: u32 = 5;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// An instance ended although nobody stopped it.
    Crash,
    /// An instance was restarted because its checks failed.
    Unhealthy,
    /// An instance ended several times in a row.
    CrashLoop,
    /// A change of the service failed.
    DeployFailed,
    /// An instance that had crashed or was unhealthy does its work again.
    Recovered,
    /// A run of a job failed.
    JobFailed,
}

impl HookEvent {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Crash,
        Self::Unhealthy,
        Self::CrashLoop,
        Self::DeployFailed,
        Self::Recovered,
        Self::JobFailed,
    ];

    /// Returns its name in definitions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Unhealthy => "unhealthy",
            Self::CrashLoop => "crash_loop",
            Self::DeployFailed => "deploy_failed",
            Self::Recovered => "recovered",
            Self::JobFailed => "job_failed",
        }
    }

    /// Returns the event with this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Returns whether it happens to an instance, whose unit then reports it.
    pub fn is_of_instance(self) -> bool {
        matches!(self, Self::Crash | Self::Unhealthy | Self::CrashLoop | Self::Recovered)
    }
}

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is done at an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAction {
    /// A command is run.
    Command(Vec<String>),
    /// A unit is started.
    Unit(String),
    /// The event is posted to a URL.
    Url(String),
    /// The event is posted to the URL in a file, which only root needs to be able to read.
    UrlFile(String),
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What is done.
    pub action: HookAction,
    /// The user of a command; `None` for a user of its own.
    pub user: Option<String>,
    /// How long the command, or the posting, may take.
    pub timeout: Duration,
}

impl Hook {
    /// Returns the line of the target for this hook.
    pub fn line(&self, event: HookEvent) -> String {
        let Self { action, user, timeout } = self;
        let (key, value) = match action {
            HookAction::Command(words) => ("command", json!(words)),
            HookAction::Unit(unit) => ("unit", json!(unit)),
            HookAction::Url(url) => ("url", json!(url)),
            HookAction::UrlFile(path) => ("url_file", json!(path)),
        };
        let seconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let object = json!({key: value, "user": user, "timeout_ms": seconds});
        format!("{event}={object}")
    }

    /// Returns the hook for an event in the text of a target, if it has one.
    pub fn find(target: &str, event: HookEvent) -> Option<Self> {
        let mut lines = target.lines().skip_while(|line| *line != HOOKS).skip(1);
        let lines = lines.by_ref().take_while(|line| !line.starts_with('['));
        let mut entries = lines.filter_map(|line| line.split_once('='));
        let (_, text) = entries.find(|(name, _)| *name == event.name())?;
        Self::read(&serde_json::from_str(text).ok()?)
    }

    fn read(object: &Value) -> Option<Self> {
        let text = |key: &str| object[key].as_str().map(str::to_owned);
        let command = object["command"].as_array().and_then(|words| {
            words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let action = command
            .map(HookAction::Command)
            .or_else(|| text("unit").map(HookAction::Unit))
            .or_else(|| text("url").map(HookAction::Url))
            .or_else(|| text("url_file").map(HookAction::UrlFile))?;
        let timeout = Duration::from_millis(object["timeout_ms"].as_u64()?);
        Some(Self { action, user: text("user"), timeout })
    }
}

/// What a hook is told. It has no text that a service wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub event: HookEvent,
    /// The service.
    pub id: String,
    /// The revision that is concerned.
    pub revision: Option<String>,
    /// The unit to which it happened.
    pub unit: Option<String>,
    /// The number of the instance.
    pub instance: Option<String>,
    /// The name of the job.
    pub job: Option<String>,
    /// systemd's result, such as `exit-code`.
    pub result: Option<String>,
    /// The exit status, or the name of the signal.
    pub status: Option<String>,
    /// How often the instance ended in a row.
    pub ends: Option<u32>,
    /// The name of the host.
    pub host: String,
    /// Seconds since 1970.
    pub time: u64,
}

impl Told {
    /// Returns the names of the variables, and the keys of the JSON object, with their values.
    fn pairs(&self) -> [(&'static str, Option<String>); 11] {
        let Self { event, id, revision, unit, instance, job, result, status, ends, host, time } =
            self;
        [
            ("event", Some(event.name().to_owned())),
            ("id", Some(id.clone())),
            ("revision", revision.clone()),
            ("unit", unit.clone()),
            ("instance", instance.clone()),
            ("job", job.clone()),
            ("result", result.clone()),
            ("exit_status", status.clone()),
            ("ends", ends.map(|count| count.to_string())),
            ("host", Some(host.clone())),
            ("time", Some(time.to_string())),
        ]
    }

    /// Returns the environment variables of a command, the unknown ones empty.
    pub fn environment(&self) -> impl Iterator<Item = String> {
        let pairs = self.pairs().into_iter();
        pairs.map(|(name, value)| {
            format!("CONDUCTOR_{}={}", name.to_ascii_uppercase(), value.unwrap_or_default())
        })
    }

    /// Returns the JSON object that is posted. Its `text` is what chats show.
    pub fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        object.insert("text".to_owned(), self.text().into());
        let pairs = self.pairs().into_iter();
        object.extend(pairs.map(|(name, value)| (name.to_owned(), value.into())));
        Value::Object(object).to_string()
    }

    /// Returns what happened, in one line.
    pub fn text(&self) -> String {
        let Self { event, id, host, .. } = self;
        let mut text = format!("{event} of {id}");
        for (word, value) in [("instance", &self.instance), ("job", &self.job)] {
            if let Some(value) = value {
                text.extend([", ", word, " ", value]);
            }
        }
        text.extend([" on ", host]);
        match (&self.result, &self.status) {
            (Some(result), Some(status)) => text + &format!(": {result} ({status})"),
            (Some(result), None) => text + ": " + result,
            _ => text,
        }
    }
}

/// The user of a command without one: nobody else's, and without rights.
const OWN_USER: &str = "--property=DynamicUser=yes";

/// Posts its first argument to its second one, or to the URL in a credential. The URL is not on a command line. What is
/// in the file may have changed since it was checked, and curl reads more than one line as options.
const POST: &str = "url=${2:-$(cat \"$CREDENTIALS_DIRECTORY/url\")}; \
                    case $url in *[[:cntrl:]\\\"\\\\]*) echo 'the file has no URL' >&2; exit 1;; esac; printf 'url = \"%s\"\\n' \"$url\" | \
                    exec curl --silent --show-error --fail --globoff --output /dev/null --proto =http,https \
                    --header 'Content-Type: application/json' --data-raw \"$1\" --config -";

/// Returns the command that has systemd carry out a hook, and returns at once. `number` makes the unit's name one of
/// its own.
pub fn order(hook: &Hook, told: &Told, number: u128) -> Vec<OsString> {
    if let HookAction::Unit(unit) = &hook.action {
        return ["/usr/bin/systemctl", "start", "--no-block", "--", unit]
            .map(OsString::from)
            .into();
    }
    let Told { event, id, .. } = told;
    let mut words: Vec<String> = [
        "/usr/bin/systemd-run",
        "--quiet",
        "--collect",
        "--no-block",
        "--service-type=exec",
        "--slice=conductor.slice",
        "--property=TimeoutStopSec=5s",
    ]
    .map(str::to_owned)
    .into();
    words.push(format!("--unit=conductor-hook-{id}-{event}-{number}.service"));
    words.push(format!("--description=Hook: {}", told.text()));
    words.push(format!("--property=RuntimeMaxSec={}ms", hook.timeout.as_millis()));
    words.push(format!("--property=SyslogIdentifier={id}"));
    words.push(hook.user.as_ref().map_or(OWN_USER.to_owned(), |user| format!("--uid={user}")));
    match &hook.action {
        HookAction::Command(command) => {
            words.extend(told.environment().map(|variable| format!("--setenv={variable}")));
            words.push("--".to_owned());
            // systemd replaces variables in the words of a command.
            words.extend(command.iter().map(|word| word.replace('$', "$$")));
        }
        HookAction::Url(_) | HookAction::UrlFile(_) => {
            let url = match &hook.action {
                HookAction::Url(url) => url.replace('$', "$$"),
                HookAction::UrlFile(path) => {
                    words.push(format!("--property=LoadCredential=url:{path}"));
                    String::new()
                }
                _ => String::new(),
            };
            words.extend(["--", "/bin/sh", "-c"].map(str::to_owned));
            words.extend([POST.replace('$', "$$"), "post".to_owned()]);
            words.extend([told.json().replace('$', "$$"), url]);
        }
        HookAction::Unit(_) => {}
    }
    words.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            event: HookEvent::CrashLoop,
            id: "web".to_owned(),
            revision: Some("v1".to_owned()),
            unit: Some("conductor-web-v1.ab-2.service".to_owned()),
            instance: Some("2".to_owned()),
            job: None,
            result: Some("exit-code".to_owned()),
            status: Some("7".to_owned()),
            ends: Some(5),
            host: "a".to_owned(),
            time: 1_700_000_000,
        }
    }

    fn hook(action: HookAction) -> Hook {
        Hook { action, user: None, timeout: Duration::from_secs(30) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (action, user) in [
            (HookAction::Command(vec!["/bin/a b".into(), "\"=\\\n[x]".into()]), Some("ops".into())),
            (HookAction::Unit("page@web.service".into()), None),
            (HookAction::Url("https://example.org/?a=b".into()), None),
            (HookAction::UrlFile("/etc/url".into()), None),
        ] {
            let hook = Hook { action, user, timeout: Duration::from_millis(1500) };
            let line = hook.line(HookEvent::Crash);
            assert_eq!(line.lines().count(), 1);
            let target = format!("[Unit]\ncrash=x\n\n{HOOKS}\n{line}\n\n[X-Conductor]\n");
            assert_eq!(Hook::find(&target, HookEvent::Crash), Some(hook));
            assert_eq!(Hook::find(&target, HookEvent::Recovered), None);
        }
        assert_eq!(Hook::find("[Unit]\ncrash={\"unit\":\"a\"}\n", HookEvent::Crash), None);
        assert_eq!(Hook::find(&format!("{HOOKS}\ncrash={{}}\n"), HookEvent::Crash), None);
        for event in HookEvent::ALL {
            assert_eq!(HookEvent::named(event.name()), Some(event));
        }
    }

    #[test]
    fn systemd_replaces_nothing_in_a_command() {
        let hook = hook(HookAction::Command(vec!["/bin/echo".into(), "$HOME ${A} %n".into()]));
        let words = order(&hook, &told(), 7);
        assert_eq!(words.last().unwrap(), "$$HOME $${A} %n");
        for word in [
            "--no-block",
            OWN_USER,
            "--setenv=CONDUCTOR_EVENT=crash_loop",
            "--setenv=CONDUCTOR_JOB=",
            "--setenv=CONDUCTOR_EXIT_STATUS=7",
            "--property=RuntimeMaxSec=30000ms",
            "--unit=conductor-hook-web-crash_loop-7.service",
        ] {
            assert!(words.iter().any(|other| other == word), "{word}: {words:?}");
        }
    }

    #[test]
    fn a_url_in_a_file_is_on_no_command_line() {
        let words = order(&hook(HookAction::UrlFile("/etc/url".into())), &told(), 7);
        assert!(words.iter().any(|word| word == "--property=LoadCredential=url:/etc/url"));
        let [.., body, url] = words.as_slice() else { panic!("{words:?}") };
        assert_eq!(url, "");
        let body: Value = serde_json::from_str(body.to_str().unwrap()).unwrap();
        assert_eq!(body["text"], "crash_loop of web, instance 2 on a: exit-code (7)");
        assert_eq!((&body["event"], &body["job"]), (&"crash_loop".into(), &Value::Null));
    }

    #[test]
    fn a_unit_is_started_and_not_waited_for() {
        let words = order(&hook(HookAction::Unit("page.service".into())), &told(), 7);
        assert_eq!(words, ["/usr/bin/systemctl", "start", "--no-block", "--", "page.service"]);
    }
}
