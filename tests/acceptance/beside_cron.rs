//! Debian's crontabs, as its packages install them, run by Debian's cron and by conductor: what each command is
//! given is compared.
//!
//! `docs/cron.md` names the differences. A difference that this test does not expect, or one that is expected and
//! gone, is one that the guide has to say.

#![expect(clippy::print_stderr, reason = "how much was compared is for whoever runs the tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::host::{Host, SERVICES};

/// The directory in which [`SHELL`] writes what it is given.
const LOOK: &str = "/srv/look";
/// Stands in for the shell of all crontabs.
const SHELL: &str = include_str!("looksh.sh");

/// A crontab with what Debian's have not.
const CRONTAB: &str = r#"SHELL=/usr/local/bin/looksh
A=crontab
TRAILS="tr  "
@reboot root true root
@reboot alice true alice
@reboot alice true input%one%%two\%
@reboot homeless true homeless
PATH=/usr/local/bin:/usr/bin:/bin
LC_TIME=C
@reboot alice true variables; echo \% '\\'
HOME=/srv
USER=me
@reboot alice true home
"#;

/// What PAM has for cron: variables, limits and a priority. Crontabs win over the variables.
const PREPARE: &str = r"
    useradd --create-home --user-group --shell /bin/bash alice
    usermod --append --groups games,users alice
    useradd --no-create-home --user-group --home-dir /nowhere homeless
    printf '%s\n' PATH=/opt/bin:/usr/bin A=environment PROXY=http://proxy:3128 >/etc/environment
    printf '%s\n' LANG=C LC_TIME=de_DE.UTF-8 >/etc/default/locale
    printf '%s\n' '* soft nofile 2000' 'alice hard nproc 3333' 'alice - priority 3' \
        >/etc/security/limits.d/test.conf
    mkdir -m 1777 /srv/look; chmod 1777 /srv/look; chmod +x /usr/local/bin/looksh";

/// Makes every entry in a directory of crontabs run when cron starts, by the shell that looks.
const ALL_AT_BOOT: &str = r"
    cd /etc/cron.d
    for file in [!.]*; do
        sed -E -i -e '/^SHELL *=/d' -e 's/^[ \t]*([0-9*][^ \t]*[ \t]+){5}/@reboot /' \
            -e 's/^@[a-z]+/@reboot/' $file
        sed -i '1i SHELL=/usr/local/bin/looksh' $file
    done";

/// What differs although all of it is imported.
const ALWAYS: [&str; 10] = [
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "RUNTIME_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "control group",
    // Of a user without a home.
    "directory",
    "standard input",
    "standard output",
];

/// What differs without PAM.
const WITHOUT_PAM: [&str; 9] = [
    // Of crontabs that do not set it.
    "A",
    "LANG",
    "LC_TIME",
    "Max open files",
    "Max processes",
    "PROXY",
    "login uid",
    "nice",
    "umask",
];

/// What one command was given.
type Given = BTreeMap<String, String>;

pub(crate) fn jobs_get_what_cron_gives(host: &Host) {
    host.write("/usr/local/bin/looksh", SHELL);
    host.sh(PREPARE);
    host.sh(ALL_AT_BOOT);
    host.write("/etc/cron.d/look", CRONTAB);
    let import = ["cron", "import", "--system", "/etc/cron.d"];
    let json = host.conductor(&[&import[..], &["--output", "json"]].concat()).exits(0).json();
    let entries = usize::try_from(json["entries"].as_u64().expect("a number")).expect("small");

    host.sh("systemctl start cron.service");
    let by_cron = looked(host, entries);
    host.sh("systemctl stop cron.service");
    assert_eq!(differences(&by_cron, &by_cron), BTreeSet::new());

    let version = host.sh("systemctl --version | sed -n 's/^systemd \\([0-9]*\\).*/\\1/p'");
    let old_systemd = version.parse::<u32>().is_ok_and(|version| version < 254);
    for (option, differ) in
        [(None, [&ALWAYS[..], &WITHOUT_PAM].concat()), (Some("--pam"), ALWAYS.to_vec())]
    {
        let arguments: Vec<_> = import.iter().copied().chain(option).collect();
        let ran = host.conductor(&arguments).exits(0);
        let noted = ran.stderr.contains("/etc/environment: cron gives commands these variables");
        assert_eq!(noted, option.is_none(), "{ran}");
        host.sh(&format!("rm -rf {SERVICES}"));
        for (place, definition) in ran.stdout.split("---\n").enumerate() {
            host.define(&format!("{place}.yaml"), definition);
        }
        host.conductor(&["check"]).exits(0);
        host.apply();
        host.is_converged();
        // As their timers do when the host boots.
        host.sh("cd /etc/systemd/system; systemctl start $(ls conductor-*.service | grep -v @)");
        let by_conductor = looked(host, entries);
        // Debian 12 has no memory pressure in systemd, and no pam_umask in the session.
        let is_there = |name: &&&str| {
            !(old_systemd && (name.starts_with("MEMORY_PRESSURE") || **name == "umask"))
        };
        let expected: BTreeSet<_> =
            differ.iter().filter(is_there).map(|name| (*name).to_owned()).collect();
        assert_eq!(differences(&by_cron, &by_conductor), expected, "{option:?}");
    }
    // Every session that was opened is closed again, by cron and by systemd.
    host.sh("journalctl --sync");
    let sessions = |end: &str| {
        host.sh(&format!(
            "journalctl --output cat | grep -c 'pam_unix(cron:session): session {end}'"
        ))
    };
    assert_eq!(
        (sessions("opened"), sessions("closed")),
        ((2 * entries).to_string(), (2 * entries).to_string())
    );
    let failed = host.sh("systemctl list-units --failed --plain --no-legend 'conductor-*'");
    assert_eq!(failed, "");
    eprintln!("crontabs: {entries} commands were given by conductor what Debian's cron gives them");
}

/// Waits until all commands have written what they were given, and takes that away.
fn looked(host: &Host, entries: usize) -> BTreeMap<String, Given> {
    let directory = host.path(LOOK);
    let files = || {
        let entries = directory.read_dir().expect("a directory").flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| !path.to_string_lossy().contains("/.")).collect::<Vec<_>>()
    };
    host.eventually("all commands have looked", |_| files().len() >= entries);
    let read = files().into_iter().map(|file| {
        let text = fs::read_to_string(&file).expect("a text");
        fs::remove_file(&file).expect("it is there");
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut given: Given =
            lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        let command = given.get_mut("arguments").expect("arguments");
        *command = without_guard(command);
        let ignored = given.get_mut("SigIgn").expect("signals");
        *ignored = without_internal(ignored);
        (format!("{} {}", given["arguments"], given["user"]), given)
    });
    let all: BTreeMap<_, _> = read.collect();
    assert_eq!(all.len(), entries, "{:#?}", all.keys());
    all
}

/// Returns a mask of signals without 32 and 33, which belong to the C library (nptl(7)): no program can set them. Its
/// `posix_spawn` leaves them ignored. systemd starts programs with it from version 254 on, and so does the probe.
fn without_internal(mask: &str) -> String {
    let mask = u64::from_str_radix(mask, 16).expect("a mask");
    format!("{:x}", mask & !(0b11 << 31))
}

/// Returns a command without the words that differ between `[ -x X ] && X` and `if [ -x X ]; then X; fi`, and the
/// spaces around them.
fn without_guard(command: &str) -> String {
    let words = command.replace("; then ", " && ").replace("; fi", "").replace("if ", "");
    let (shell, command) = words.split_once(" -c ").expect("a command for a shell");
    let command: Vec<_> = command.split("&&").map(str::trim).collect();
    format!("{shell} -c {}", command.join(" && "))
}

/// Returns in what the same commands differ.
fn differences(one: &BTreeMap<String, Given>, other: &BTreeMap<String, Given>) -> BTreeSet<String> {
    let names = |all: &BTreeMap<String, Given>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    let mut found = BTreeSet::new();
    for (key, given) in one {
        let fields = given.keys().chain(other[key].keys()).collect::<BTreeSet<_>>();
        for field in fields {
            if given.get(field) != other[key].get(field) && found.insert(field.clone()) {
                eprintln!(
                    "crontabs: {key}: {field}: {:?} by cron, {:?} by conductor",
                    given.get(field),
                    other[key].get(field)
                );
            }
        }
    }
    found
}
