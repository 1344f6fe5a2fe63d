//! Names jobs after what they run, and services after the files of their lines.

use std::collections::BTreeSet;
use std::path::Path;

use crate::name::{JobName, ServiceId, is_reserved, slug};

/// Another unit of a service has this name.
const BEFORE: &str = "before";
/// The name of a job whose command suggests none.
const FALLBACK: &str = "job";
/// Words before a command in a shell that are not commands.
const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "while", "until", "do", "!", "time"];
/// Programs that run another one.
const WRAPPERS: [&str; 14] = [
    "exec", "command", "nice", "ionice", "chronic", "env", "nohup", "timeout", "flock", "setsid",
    "sudo", "chrt", "eval", "bundle",
];
/// Commands that only test or prepare something.
const ASIDES: [&str; 22] = [
    "test", "[", "[[", "cd", ":", "true", "false", "sleep", "umask", "export", "set", ".", "fi",
    "done", "esac", "case", "for", "in", "ulimit", "trap", "exit", "perl",
];
/// Programs that run a script.
const INTERPRETERS: [&str; 9] =
    ["sh", "bash", "dash", "php", "python", "python3", "perl", "ruby", "node"];
const SCRIPTS: [&str; 5] = [".sh", ".py", ".pl", ".rb", ".php"];

/// Names a job after the first main program in its command; the name is unique.
pub(super) fn job(command: &str, taken: &mut BTreeSet<JobName>) -> JobName {
    let command = of_shell(command).unwrap_or(command);
    let label = simple_commands(command).find_map(program).unwrap_or_default();
    unique(&label, |name: &JobName| taken.insert(name.clone()))
}

/// Returns what a shell runs that is all of a command: `bash -l -c 'COMMAND'`, as whenever(1) writes it.
fn of_shell(command: &str) -> Option<&str> {
    let (before, inner) = command.split_once(['\'', '"'])?;
    let mut words = before.split_whitespace();
    let is_shell = matches!(last_component(words.next()?), "sh" | "bash" | "dash");
    let options: Vec<_> = words.collect();
    let takes = options.last().is_some_and(|option| option.ends_with('c'));
    (is_shell && takes && options.iter().all(|option| option.starts_with('-')))
        .then(|| inner.split(['\'', '"']).next())
        .flatten()
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

/// Splits where a shell begins another command, except within quotes.
fn simple_commands(command: &str) -> impl Iterator<Item = Vec<&str>> {
    let mut quote = None;
    let separates = move |character: char| match quote {
        Some(open) if open == character => {
            quote = None;
            false
        }
        Some(_) => false,
        None if matches!(character, '\'' | '"') => {
            quote = Some(character);
            false
        }
        None => ";&|(){}`\n".contains(character),
    };
    command.split(separates).map(|command| command.split_whitespace().collect())
}

/// Returns one word for what a simple command runs.
fn program(words: Vec<&str>) -> Option<String> {
    let mut words = words.into_iter().map(|word| word.trim_matches(['"', '\'', '\\'])).peekable();
    let mut wrapped = false;
    let program = loop {
        let word = words.next()?;
        if KEYWORDS.contains(&word) || is_assignment(word) || word.starts_with(['<', '>']) {
            continue;
        }
        // Options of a wrapper, and their values, as in `nice -n 10`.
        if wrapped && word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            continue;
        }
        let name = last_component(word);
        match WRAPPERS.contains(&name) {
            true => wrapped = true,
            false => break name,
        }
    };
    let is_path = |word: &str| !word.starts_with('-') && word.contains(['/', '.']);
    let script = || words.clone().find(|word| is_path(word)).map(last_component);
    let told = match program {
        "run-parts" => words.clone().next_back().map(last_component),
        "rake" => words.clone().find(|word| !word.starts_with('-') && !is_assignment(word)),
        name if INTERPRETERS.contains(&name) => script(),
        _ => None,
    };
    if told.is_none() && ASIDES.contains(&program) {
        return None;
    }
    let name = told.unwrap_or(program);
    let name = SCRIPTS.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    (!slug(name).is_empty()).then(|| name.to_owned())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
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
