//! Names jobs after what they run, and services after the files of their lines.

use std::collections::BTreeSet;
use std::path::Path;

use super::programs::{INTERPRETERS, SHELLS, WRAPPERS, Wrapped, is_assignment, of_shell};
use super::simple::commands;
use crate::name::{JobName, ServiceId, is_reserved, slug};

/// Another unit of a service has this name.
const BEFORE: &str = "before";
/// The name of a job whose command suggests none.
const FALLBACK: &str = "job";
/// Words before a command in a shell that are not commands.
const KEYWORDS: [&str; 10] = ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "}"];
/// Commands of a shell that test or prepare something, and suggest no name.
const PREPARE: [&str; 28] = [
    "[", "[[", "cd", ":", "umask", "export", "set", ".", "fi", "done", "esac", "case", "for", "in",
    "ulimit", "trap", "exit", "source", "read", "wait", "shift", "unset", "local", "let", "return",
    "shopt", "pushd", "popd",
];
/// Programs that do so. A job has their name if it runs nothing else.
const ASIDES: [&str; 7] = ["test", "true", "false", "sleep", "which", "type", "hash"];
const SCRIPTS: [&str; 5] = [".sh", ".py", ".pl", ".rb", ".php"];
/// How deep commands within commands are read.
const DEEPEST: usize = 8;

/// What a simple command runs, in one word.
enum Program {
    Main(String),
    /// It only tests or prepares something.
    Aside(String),
}

/// Names a job after the first main program in its command; the name is unique.
pub(super) fn job(command: &str, taken: &mut BTreeSet<JobName>) -> JobName {
    let label = match named(command, 0) {
        Some(Program::Main(label) | Program::Aside(label)) => label,
        None => String::new(),
    };
    unique(&label, |name: &JobName| taken.insert(name.clone()))
}

/// Names a service after a file; the name is unique.
pub(super) fn service(wanted: &str, taken: &mut BTreeSet<ServiceId>) -> ServiceId {
    unique(wanted, |id: &ServiceId| taken.insert(id.clone()))
}

/// Returns the id that a file's name suggests.
pub(super) fn of_file(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match slug(&name) {
        id if id.is_empty() => "crontab".to_owned(),
        id => id,
    }
}

/// Returns the first free name of NAME, NAME-2, NAME-3, ...
fn unique<T: std::str::FromStr>(label: &str, mut free: impl FnMut(&T) -> bool) -> T {
    /// Leaves room for a number.
    const LONGEST: usize = 56;
    let label = match slug(label) {
        label if label.is_empty() => FALLBACK.to_owned(),
        label if label == BEFORE || is_reserved(&label) => format!("{label}-{FALLBACK}"),
        label => label,
    };
    // A slug is ASCII, and does not end in a dash.
    let cut = label.get(..LONGEST).unwrap_or(&label).trim_end_matches('-');
    let numbered = (2_u32..).map(|number| format!("{cut}-{number}"));
    std::iter::once(label.clone())
        .chain(numbered)
        .filter_map(|name| name.parse().ok())
        .find(|name| free(name))
        .expect("numbers do not run out")
}

/// Returns what a command for a shell runs, if a word says it.
fn named(command: &str, depth: usize) -> Option<Program> {
    if depth > DEEPEST {
        return None;
    }
    let mut aside = None;
    for words in commands(command) {
        match program(&words, depth) {
            Some(Program::Main(name)) => return Some(Program::Main(name)),
            Some(Program::Aside(name)) if aside.is_none() => aside = Some(Program::Aside(name)),
            _ => {}
        }
    }
    aside
}

/// Returns what a simple command runs.
fn program(words: &[String], depth: usize) -> Option<Program> {
    let mut words = words;
    let (name, arguments) = loop {
        let (word, rest) = words.split_first()?;
        words = rest;
        if KEYWORDS.contains(&word.as_str()) || is_assignment(word) {
            continue;
        }
        let name = last_component(substituted(word));
        if name == "eval" {
            return named(&rest.join(" "), depth + 1);
        }
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
            break (name, rest);
        };
        match wrapper.wrapped(rest) {
            Wrapped::Words([]) => break (name, rest),
            Wrapped::Words(rest) => words = rest,
            Wrapped::Command(command) => return named(command, depth + 1),
        }
    };
    if SHELLS.contains(&name) {
        return match of_shell(arguments) {
            Some(Wrapped::Command(command)) => named(command, depth + 1),
            Some(Wrapped::Words([script, ..])) => main_program(last_component(script)),
            _ => main_program(name),
        };
    }
    let version = |c: char| c.is_ascii_digit() || c == '.';
    let mut interpreters = INTERPRETERS.iter();
    if let Some(interpreter) =
        interpreters.find(|interpreter| interpreter.name == name.trim_end_matches(version))
    {
        return match interpreter.script(arguments) {
            Some(script) => main_program(last_component(script)),
            None => Some(Program::Aside(name.to_owned())),
        };
    }
    let mut operands = arguments.iter().filter(|word| !word.starts_with('-'));
    match name {
        name if PREPARE.contains(&name) => None,
        name if ASIDES.contains(&name) => Some(Program::Aside(name.to_owned())),
        "run-parts" => main_program(operands.next_back().map_or(name, |word| last_component(word))),
        "rake" => {
            main_program(operands.find(|word| !is_assignment(word)).map_or(name, String::as_str))
        }
        name => main_program(name),
    }
}

/// Returns a program of this name, without the end that only says its language; `None` if nothing of it can be in the
/// name of a job.
fn main_program(name: &str) -> Option<Program> {
    let name = SCRIPTS.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    (!slug(name).is_empty()).then(|| Program::Main(name.to_owned()))
}

/// Returns the last word in `$(which php)`, and any other word as it is.
fn substituted(word: &str) -> &str {
    let inner = word.strip_prefix("$(").and_then(|word| word.strip_suffix(')'));
    let inner = inner.or_else(|| word.strip_prefix('`')?.strip_suffix('`'));
    inner.and_then(|inner| inner.split_whitespace().next_back()).unwrap_or(word)
}

fn last_component(word: &str) -> &str {
    word.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_named_by_what_they_do() {
        for (command, name) in [
            ("/usr/local/bin/backup.sh --all", "backup"),
            ("cd / && run-parts --report /etc/cron.hourly", "cron-hourly"),
            (
                "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
                "cron-daily",
            ),
            ("[ -x /usr/sbin/dma ] && /usr/sbin/dma -q", "dma"),
            ("if [ ! -d /run/systemd/system ] && [ -x /a ]; then nice -n10 /a -R; fi", "a"),
            ("command -v debian-sa1 > /dev/null && debian-sa1 1 1", "debian-sa1"),
            ("SERVICE_MODE=1 /sbin/e2scrub_all -A -r", "e2scrub_all"),
            ("php /usr/share/cacti/site/poller.php 2>&1 >/dev/null | ts", "poller"),
            ("test -x /a && perl -e 'sleep int(rand(43200))' && certbot -q renew", "certbot"),
            ("$HOME/bin/Daily.Job", "daily-job"),
            ("/opt/warm-boot --all", "warm-boot-job"),
            ("sh -c 'echo x'", "echo"),
            (
                "/bin/bash -l -c 'cd /srv/app/releases/20240501120000 && RAILS_ENV=production \
                 bundle exec rake books:close --silent'",
                "books-close",
            ),
            ("/sbin/boot", "boot-job"),
            // A redirection is no name, wherever it stands and however it is written.
            ("/bin/true >/dev/null 2>&1", "true"),
            ("/opt/report>/dev/null 2>&1", "report"),
            ("2>/dev/null /opt/report", "report"),
            ("</dev/null > /tmp/log /opt/report", "report"),
            ("/opt/report 2>/tmp/log", "report"),
            ("/opt/report &>/tmp/log", "report"),
            ("cd /srv > /dev/null 2>&1; report", "report"),
            ("/opt/report 2>&1 | logger -t nightly", "report"),
            ("cd /srv/app >/dev/null 2>&1", "job"),
            // What stands before a program.
            ("A=b C='d e' /opt/report", "report"),
            ("cd /srv/app && ./report --all", "report"),
            ("cd /srv/app; . ./env.sh; source x; report", "report"),
            ("nice -n 10 /opt/report", "report"),
            ("nice -19 ionice -c 3 -n 7 report", "report"),
            ("ionice -c idle report", "report"),
            ("chrt --idle 0 report", "report"),
            ("/usr/bin/time -f %e -o /tmp/t report", "report"),
            ("timeout 60 report", "report"),
            ("timeout -k 5 -s KILL 2m report", "report"),
            ("timeout --signal=KILL --kill-after 5 2m report", "report"),
            ("flock -n /run/lock/orders /srv/bin/cancel-orders", "cancel-orders"),
            ("flock -w 10 /run/lock/orders -c 'cancel-orders --all'", "cancel-orders"),
            ("flock --nonblock /run/lock/orders nice report", "report"),
            ("env -i -u HOME A=b report", "report"),
            ("/usr/bin/env python3 /opt/report.py", "report"),
            ("sudo -u www-data -- report", "report"),
            ("sudo -iu www-data A=b report", "report"),
            ("su - www-data -c 'cd /srv && report'", "report"),
            ("su -s /bin/sh -c report www-data", "report"),
            ("runuser -u www-data -- report", "report"),
            ("systemd-cat -t nightly report", "report"),
            ("systemd-run --user --unit x -p Nice=5 report", "report"),
            ("setsid -f report", "report"),
            ("nohup report &", "report"),
            ("exec report", "report"),
            ("eval 'report --all'", "report"),
            ("chronic flock -n f timeout 5 nice report", "report"),
            ("nice", "nice"),
            ("su www-data", "su"),
            // Tests, and waits of a random time.
            ("[ -x /opt/report ] && /opt/report", "report"),
            ("[ $(date +%d) -le 7 ] && report", "report"),
            ("test $(date +%u) -eq 7 && report", "report"),
            ("test -e /opt/x || exit; report", "report"),
            ("[ -e /opt/x ] || exit 0 && report", "report"),
            ("which report >/dev/null && report", "report"),
            ("if ! test -e /opt/x; then report; fi", "report"),
            ("sleep $[ ( $RANDOM % 60 ) + 1 ]s && report", "report"),
            ("sleep `expr $RANDOM % 90` ; report", "report"),
            ("sleep $((RANDOM % 60)); report", "report"),
            ("python3 -c 'import time; time.sleep(9)' && report", "report"),
            ("for i in 1 2; do report $i; done", "report"),
            ("while read -r a; do report $a; done </tmp/list", "report"),
            ("sleep 5", "sleep"),
            // Shells and interpreters.
            ("bash -lc 'report --all >/dev/null 2>&1'", "report"),
            ("/bin/sh -ec \"cd /srv && bash -c 'report'\"", "report"),
            ("bash -o pipefail -c 'report | cat'", "report"),
            ("bash -x /opt/report.sh", "report"),
            ("sh", "sh"),
            ("sh -c 'cd /tmp'", "job"),
            ("php -d memory_limit=1.5G -d error_log=/tmp/a.log /opt/report.php", "report"),
            ("cd /srv && php8.2 artisan schedule:run >> /dev/null 2>&1", "artisan"),
            ("php -f /opt/report.php", "report"),
            ("python3.11 -u -W ignore /opt/report.py", "report"),
            ("python3 -m reports.daily --all", "reports-daily"),
            ("php -r 'echo 1;'", "php"),
            ("$(which php) /opt/report.php", "report"),
            ("`which node` /opt/report", "report"),
            ("${HOME}/bin/report", "report"),
            ("DAY=$(date +%F) report", "report"),
            ("report # not backup", "report"),
            ("# nothing", "job"),
            ("before", "before-job"),
            ("cd /tmp", "job"),
            ("ÄÖ", "job"),
            ("", "job"),
        ] {
            assert_eq!(job(command, &mut BTreeSet::new()).as_str(), name, "{command}");
        }
    }

    #[test]
    fn names_are_given_once() {
        let mut taken = BTreeSet::new();
        let mut name = |command: &str| job(command, &mut taken).to_string();
        assert_eq!(["a", "a-2", "a", "a"].map(&mut name), ["a", "a-2", "a-3", "a-4"]);
        let long = "x".repeat(100);
        assert_eq!(name(&long).len(), 64);
        assert_eq!(name(&long), format!("{}-2", "x".repeat(56)));
    }

    #[test]
    fn a_service_is_named_by_its_file() {
        for (file, id) in
            [("/etc/cron.d/php", "php"), ("Local_Jobs.txt", "local_jobs-txt"), ("/", "crontab")]
        {
            assert_eq!(of_file(Path::new(file)), id);
        }
    }
}
