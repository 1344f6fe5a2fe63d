//! Reads the facts about a host that the doctor judges.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use conductor_core::runtime::{PROBE, Scope};
use conductor_core::service::Service;
use nix::unistd::geteuid;

use super::open::{self, Links};
use super::trust::Trust;
use super::zones::{local_time_zone, time_zone};
use crate::doctor::{Docker, FoundProbe, Journald, Podman, Seen, Swap, UnknownZone, Unseeable};

/// The root of the control groups.
const CGROUPS: &str = "/sys/fs/cgroup";
/// The longest file of others that is read.
const LONGEST: u64 = 1024 * 1024;
/// How long a program of others may take, in seconds, and then until SIGKILL.
const TIMEOUT: [&str; 2] = ["--kill-after=5", "20"];
/// The exit statuses of `timeout` after that time, and without the program.
const TIMED_OUT: i32 = 124;
const NO_PROGRAM: i32 = 127;

/// Runs a program, which must not take long; `None` if it is not installed.
fn ask(program: &str, arguments: &[&str]) -> Option<Result<Output, String>> {
    let mut command = Command::new("timeout");
    command.args(TIMEOUT).arg(program).args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.code() == Some(NO_PROGRAM) => None,
        Ok(output) if output.status.code() == Some(TIMED_OUT) => {
            Some(Err(format!("{program} does not answer within {} s", TIMEOUT[1])))
        }
        Ok(output) => Some(Ok(output)),
        Err(error) => Some(Err(format!("cannot run timeout: {error}"))),
    }
}

/// Returns the last line that a program wrote about a failure.
fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned())
}

/// Reads a file of others; an error is its absence.
fn text(path: &Path) -> Option<String> {
    open::read_text(path, Links::Followed, LONGEST).ok()
}

/// Returns the files of a directory with an extension, sorted.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == extension));
    files.sort();
    files
}

/// Returns what is at the probe's path.
/// It is not run if users that are not trusted can change it.
pub(crate) fn probe(trust: Option<Trust>) -> FoundProbe {
    let path = Path::new(PROBE);
    if !path.exists() {
        return FoundProbe::Missing;
    }
    if let Some(Err(problem)) = trust.map(|trust| trust.check(path)) {
        return FoundProbe::Unsafe(problem);
    }
    let broken = |reason: String| FoundProbe::Other(Unseeable::Broken(reason));
    match ask(PROBE, &["--version"]) {
        Some(Ok(output)) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            match said.trim().strip_prefix("conductor-probe ") {
                Some(version) => FoundProbe::Version(version.to_owned()),
                None => broken("it does not tell its version".to_owned()),
            }
        }
        Some(Ok(output)) => broken(last_line(&output)),
        Some(Err(reason)) => broken(reason),
        None => broken("it cannot be executed".to_owned()),
    }
}

/// Returns the controllers that units can have; `None` if the control groups are not of version 2.
pub(crate) fn controllers(scope: Scope) -> Option<BTreeSet<String>> {
    let root = Path::new(CGROUPS);
    let all = fs::read_to_string(root.join("cgroup.controllers")).ok()?;
    let found = match scope {
        Scope::System => all,
        Scope::User => {
            let uid = geteuid();
            let own = format!("user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers");
            fs::read_to_string(root.join(own)).unwrap_or(all)
        }
    };
    Some(found.split_whitespace().map(str::to_owned).collect())
}

/// Returns whether the host has swap, and whether it is counted.
pub(crate) fn swap() -> Swap {
    let areas = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let groups = ["system.slice", "user.slice", "init.scope"];
    let mut groups = groups.iter().map(|group| Path::new(CGROUPS).join(group));
    // The root itself has neither file.
    let group = groups.find(|group| group.join("memory.max").exists());
    Swap {
        is_on: areas.lines().count() > 1,
        is_counted: group.map(|group| group.join("memory.swap.max").exists()),
    }
}

/// Returns the name of the calling user, and whether its systemd runs without a session (loginctl(1)).
pub(crate) fn lingers() -> Option<(String, bool)> {
    // A statically linked conductor does not see users of a directory server; this program does.
    let output = ask("id", &["--user", "--name"])?.ok()?;
    let user = output.status.success().then(|| String::from_utf8_lossy(&output.stdout))?;
    let user = user.trim().to_owned();
    let lingers = Path::new("/var/lib/systemd/linger").join(&user).exists();
    Some((user, lingers))
}

/// Returns the texts of needrestart's configuration; `None` if it is not installed.
pub(crate) fn needrestart() -> Option<Vec<String>> {
    let directory = Path::new("/etc/needrestart");
    if !Path::new("/usr/sbin/needrestart").exists() {
        return None;
    }
    let mut all = vec![directory.join("needrestart.conf")];
    all.extend(files(&directory.join("conf.d"), "conf"));
    Some(all.iter().filter_map(|file| text(file)).collect())
}

/// Returns what docker says of itself; `None` if it is not installed.
pub(crate) fn docker() -> Option<Seen<Docker>> {
    Some(match ask("docker", &["info", "--format", "{{json .}}"])? {
        Err(reason) => Err(Unseeable::Broken(reason)),
        Ok(output) if output.stdout.trim_ascii().is_empty() => {
            Err(Unseeable::of(last_line(&output)))
        }
        Ok(output) => Docker::parse(&String::from_utf8_lossy(&output.stdout)),
    })
}

/// Returns where podman looks for images; `None` if it is not installed.
pub(crate) fn podman(scope: Scope) -> Option<Podman> {
    ask("podman", &["--version"])?.ok()?;
    let mut directories = vec![PathBuf::from("/etc/containers")];
    if scope == Scope::User {
        let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".config")));
        directories.extend(config.map(|config| config.join("containers")));
    }
    let main = directories.iter().rev().map(|it| it.join("registries.conf"));
    let main = main.chain([PathBuf::from("/usr/share/containers/registries.conf")]);
    let mut all: Vec<_> = main.filter(|file| file.exists()).take(1).collect();
    for directory in &directories {
        all.extend(files(&directory.join("registries.conf.d"), "conf"));
    }
    let mut podman = Podman::default();
    for file in all {
        if let Some(text) = text(&file) {
            podman.read(&file.display().to_string(), &text);
        }
    }
    Some(podman)
}

/// Returns whether a package brings a unit of this name.
pub(crate) fn has_unit(name: &str) -> bool {
    let mut directories = ["/usr/lib/systemd/system", "/lib/systemd/system"].into_iter();
    directories.any(|directory| Path::new(directory).join(name).exists())
}

/// Returns the rules that `nftables.service` loads.
pub(crate) fn nftables() -> String {
    text(Path::new("/etc/nftables.conf")).unwrap_or_default()
}

/// Returns the settings of journald, without those of units.
pub(crate) fn journald() -> Seen<Journald> {
    let output = ask("systemd-analyze", &["cat-config", "--no-pager", "systemd/journald.conf"]);
    let output = output.unwrap_or_else(|| Err("systemd-analyze is not installed".to_owned()));
    let output = output.map_err(Unseeable::Broken)?;
    // Without any file, the defaults apply, and it fails.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Journald::parse(&text, Path::new("/var/log/journal").is_dir()))
}

/// Returns what the program of nginx says of its version.
pub(crate) fn nginx_version(program: &str) -> Seen<String> {
    let output = ask(program, &["-v"]);
    let output = output.unwrap_or_else(|| Err(format!("there is no {program}")));
    let output = output.map_err(Unseeable::Broken)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stderr).into_owned()),
        false => Err(Unseeable::of(last_line(&output))),
    }
}

/// Returns the jobs whose time zones the host does not have.
pub(crate) fn unknown_zones(services: &[Service]) -> Vec<UnknownZone> {
    let mut unknown = Vec::new();
    for service in services {
        for (job, scheduled) in &service.jobs {
            let zones = scheduled.time_zones().into_iter();
            let zone = zones.into_iter().find(|zone| time_zone(zone).is_err());
            unknown.extend(zone.map(|zone| UnknownZone {
                service: service.id.clone(),
                job: job.clone(),
                zone,
            }));
        }
    }
    unknown
}

/// Returns what is wrong with the host's own time zone.
pub(crate) fn local_zone() -> Option<String> {
    local_time_zone(Path::new("/")).err().map(|invalid| invalid.message)
}

impl Unseeable {
    /// Returns why something was not seen, by what a program said of it.
    fn of(message: String) -> Self {
        match message.to_lowercase().contains("permission denied") {
            true => Self::Denied(message),
            false => Self::Broken(message),
        }
    }
}
