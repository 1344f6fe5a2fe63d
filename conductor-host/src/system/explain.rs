//! Explains why systemd could not start a program: the exit statuses of its own child process, with what is
//! missing on the host.
//!
//! systemd 257 loses its own line that says it ("Failed at step EXEC ...") if a unit has two or more fields in
//! `LogExtraFields=`.

use std::path::Path;

use futures_util::try_join;
use zbus::OwnedVariant;
use zbus::wire::Variant;

use super::block::block_on;
use super::last_words::{Attempt, LastWords};
use super::scheduled::CommandEnd;
use super::systemd::{SERVICE, Systemd, SystemdError, UNIT};
use conductor_core::name::UnitName;

/// The name and the meaning of an exit status of systemd itself (systemd.exec(5), "Process Exit Codes").
const STATUSES: [(i32, &str, &str); 40] = [
    (200, "CHDIR", "systemd could not enter the working directory"),
    (201, "NICE", "systemd could not set Nice="),
    (202, "FDS", "systemd could not pass file descriptors"),
    (203, "EXEC", "systemd could not execute the program"),
    (204, "MEMORY", "systemd had too little memory"),
    (205, "LIMITS", "systemd could not set resource limits"),
    (206, "OOM_ADJUST", "systemd could not set OOMScoreAdjust="),
    (207, "SIGNAL_MASK", "systemd could not set the signal mask"),
    (208, "STDIN", "systemd could not set up the standard input"),
    (209, "STDOUT", "systemd could not set up the standard output"),
    (210, "CHROOT", "systemd could not change the root directory"),
    (211, "IOPRIO", "systemd could not set IOSchedulingPriority="),
    (212, "TIMERSLACK", "systemd could not set TimerSlackNSec="),
    (213, "SECUREBITS", "systemd could not set SecureBits="),
    (214, "SETSCHEDULER", "systemd could not set the CPU scheduler"),
    (215, "CPUAFFINITY", "systemd could not set CPUAffinity="),
    (216, "GROUP", "systemd could not find or become the group"),
    (217, "USER", "systemd could not find or become the user"),
    (218, "CAPABILITIES", "systemd could not set capabilities"),
    (219, "CGROUP", "systemd could not set up the control group"),
    (220, "SETSID", "systemd could not create a session"),
    (222, "STDERR", "systemd could not set up the standard error"),
    (224, "PAM", "systemd could not set up PAMName="),
    (225, "NETWORK", "systemd could not set up the network namespace"),
    (
        226,
        "NAMESPACE",
        "systemd could not set up the file systems: an image, a volume or a path of the sandbox",
    ),
    (227, "NO_NEW_PRIVILEGES", "systemd could not set NoNewPrivileges="),
    (228, "SECCOMP", "systemd could not apply the filters of system calls"),
    (229, "SELINUX_CONTEXT", "systemd could not set SELinuxContext="),
    (230, "PERSONALITY", "systemd could not set Personality="),
    (231, "APPARMOR_PROFILE", "systemd could not set AppArmorProfile="),
    (232, "ADDRESS_FAMILIES", "systemd could not set RestrictAddressFamilies="),
    (233, "RUNTIME_DIRECTORY", "systemd could not create RuntimeDirectory="),
    (235, "CHOWN", "systemd could not change the owner of a socket"),
    (236, "SMACK_PROCESS_LABEL", "systemd could not set SmackProcessLabel="),
    (238, "STATE_DIRECTORY", "systemd could not create StateDirectory="),
    (239, "CACHE_DIRECTORY", "systemd could not create CacheDirectory="),
    (240, "LOGS_DIRECTORY", "systemd could not create LogsDirectory="),
    (241, "CONFIGURATION_DIRECTORY", "systemd could not create ConfigurationDirectory="),
    (243, "CREDENTIALS", "systemd could not read a secret"),
    (245, "BPF", "systemd could not set up BPF"),
];

impl CommandEnd {
    /// Returns how a process ended, in words. A status that systemd uses itself has its name.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Exited(status) => match meaning(status) {
                Some((name, _)) => format!("exited with status {status}/{name}"),
                None => format!("exited with status {status}"),
            },
            Self::Killed(signal) => format!("was killed by signal {signal}"),
        }
    }
}

fn meaning(status: i32) -> Option<(&'static str, &'static str)> {
    STATUSES.iter().find(|(of, ..)| *of == status).map(|(_, name, meaning)| (*name, *meaning))
}

/// What a unit needs from the host, as systemd has loaded it.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    program: Option<String>,
    user: Option<String>,
    /// Its groups.
    groups: Vec<String>,
    working_directory: Option<String>,
    image: Option<String>,
    mounts: Vec<String>,
    secrets: Vec<String>,
    env_files: Vec<String>,
}

impl Systemd {
    /// Returns which attempt to start a unit failed last, and what the unit needs from the host.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn attempt(&self, unit: &UnitName) -> Result<(Attempt, Needs), SystemdError> {
        block_on(async || {
            let Some(path) = self.path(unit).await? else {
                return Ok((Attempt { current: None, restarted: true }, Needs::default()));
            };
            let service = |property| self.get(&path, SERVICE, property);
            let (id, restarts, program, user, directory, root, image) = try_join!(
                self.get(&path, UNIT, "InvocationID"),
                service("NRestarts"),
                service("ExecStart"),
                service("User"),
                service("WorkingDirectory"),
                service("RootDirectory"),
                service("RootImage"),
            )?;
            let (group, groups, bound, read_only, secrets, env_files) = try_join!(
                service("Group"),
                service("SupplementaryGroups"),
                service("BindPaths"),
                service("BindReadOnlyPaths"),
                service("LoadCredential"),
                service("EnvironmentFiles"),
            )?;
            let user = text(user);
            let current = id.and_then(|id| Vec::<u8>::try_from(id).ok());
            let current = current.filter(|id| id.iter().any(|byte| *byte != 0));
            let current = current.map(|id| hexadecimal(&id));
            let restarts = restarts.and_then(|value| u32::try_from(value).ok());
            let attempt = Attempt { current, restarted: restarts.is_some_and(|count| count > 0) };
            let mounts = [rows(bound, 0, Some(2)), rows(read_only, 0, Some(2))].concat();
            let needs = Needs {
                program: rows(program, 0, None).into_iter().next(),
                // A dynamic user has a group of its own name.
                groups: (text(group).into_iter().chain(texts(groups)))
                    .filter(|group| Some(group) != user.as_ref())
                    .collect(),
                user,
                working_directory: text(directory),
                image: text(root).or(text(image)),
                mounts,
                secrets: rows(secrets, 1, None),
                env_files: rows(env_files, 0, Some(1)),
            };
            Ok((attempt, needs))
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn text(value: Option<OwnedVariant>) -> Option<String> {
    value.and_then(|value| String::try_from(value).ok()).filter(|text| !text.is_empty())
}

/// Returns the texts of an array.
fn texts(value: Option<OwnedVariant>) -> Vec<String> {
    value.and_then(|value| Vec::<String>::try_from(value).ok()).unwrap_or_default()
}

/// Returns a text field of each structure in an array, without those that systemd ignores if they are missing;
/// `optional` is the field that says so.
fn rows(value: Option<OwnedVariant>, field: usize, optional: Option<usize>) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    let Variant::Array(array) = &*value else { return Vec::new() };
    let text = |row: &Variant<'_>| {
        let Variant::Structure(row) = row else { return None };
        let is_optional = optional.and_then(|place| row.fields().get(place));
        match (row.fields().get(field)?, is_optional) {
            (_, Some(Variant::Bool(true))) => None,
            (Variant::Str(text), _) => Some(text.as_str().to_owned()),
            _ => None,
        }
    };
    array.inner().iter().filter_map(text).collect()
}

/// What engines say of their own limits, and what to do about it.
const OF_ENGINES: [(&str, &str); 3] = [
    (
        "Container cannot be connected to network endpoints",
        "docker before 25 puts a new container into one network only: install a newer docker, or write one network",
    ),
    (
        "supported only when connecting to networks with user configured subnets",
        "docker gives fixed addresses only in networks with subnets: write subnets for the network in each definition, \
         and remove the network that is there",
    ),
    (
        "invalid IP address in add-host: \"host-gateway\"",
        "podman before 4.7 does not know host-gateway: write the address of the host in extra_hosts",
    ),
];

/// Returns what an operator can do about the end of a unit.
pub(super) fn hint(words: &LastWords, needs: &Needs) -> Option<String> {
    let missing = |paths: &[&String]| {
        let missing = paths.iter().find(|path| path.starts_with('/') && !Path::new(path).exists());
        missing.map(|path| format!("there is no {path}"))
    };
    let all = |paths: &[String]| missing(&paths.iter().collect::<Vec<_>>());
    let one = |path: &Option<String>| missing(&path.iter().collect::<Vec<_>>());
    if words.left_processes {
        return Some(
            "it ended and left processes: if it put itself in the background, run it in the foreground, for \
             example with \"daemon off;\" (nginx), --nodaemonize or --foreground; if not, find out why it ended"
                .to_owned(),
        );
    }
    let Some(CommandEnd::Exited(status)) = words.end else {
        // Without a process: systemd reads these files itself.
        let nothing = words.end.is_none() && words.health.is_none();
        return all(&needs.env_files).filter(|_| nothing);
    };
    let Some((_, meaning)) = meaning(status) else {
        let says = |said: &str| words.journal.iter().any(|line| line.contains(said));
        return OF_ENGINES.iter().find(|(said, _)| says(said)).map(|(_, hint)| (*hint).to_owned());
    };
    let why = match status {
        200 => one(&needs.working_directory),
        203 => {
            let program = needs.program.as_deref().unwrap_or("the program");
            // With an image the path is one inside of it.
            let why = needs.program.clone().filter(|_| needs.image.is_none());
            Some(one(&why).unwrap_or_else(|| {
                format!(
                    "is {program} there, executable, not below /home (ProtectHome=yes), and is its \
                     interpreter there"
                )
            }))
        }
        216 if !needs.groups.is_empty() => {
            Some(format!("is there a group {}", needs.groups.join(", and a group ")))
        }
        217 => needs.user.as_ref().map(|user| format!("is there a user {user}")),
        226 => one(&needs.image).or_else(|| all(&needs.mounts)),
        243 => all(&needs.secrets),
        _ => None,
    };
    Some(match why {
        Some(why) => format!("{meaning}: {why}"),
        None => meaning.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_of_systemd_names_what_is_missing() {
        let missing = || Some("/no/such".to_owned());
        let list = || vec!["/".to_owned(), "/no/such".to_owned()];
        let needs = Needs {
            program: missing(),
            groups: vec!["staff".to_owned()],
            user: Some("app".to_owned()),
            working_directory: missing(),
            image: None,
            mounts: list(),
            secrets: list(),
            env_files: list(),
        };
        let hint = |end| hint(&LastWords { end, ..LastWords::default() }, &needs);
        let exited = |status| hint(Some(CommandEnd::Exited(status))).unwrap_or_default();
        assert_eq!(exited(203), "systemd could not execute the program: there is no /no/such");
        assert_eq!(exited(217), "systemd could not find or become the user: is there a user app");
        assert_eq!(
            exited(216),
            "systemd could not find or become the group: is there a group staff"
        );
        assert!(exited(226).ends_with("a path of the sandbox: there is no /no/such"));
        assert_eq!(exited(243), "systemd could not read a secret: there is no /no/such");
        assert_eq!(exited(1), "");
        assert_eq!(hint(None).as_deref(), Some("there is no /no/such"));
        assert_eq!(CommandEnd::Exited(203).in_words(), "exited with status 203/EXEC");
    }

    #[test]
    fn what_an_engine_says_of_its_limits_is_explained() {
        let said =
            "Error response from daemon: Container cannot be connected to network endpoints: a, b";
        let hint = |journal: &str| {
            let journal = vec![journal.to_owned()];
            let end = Some(CommandEnd::Exited(1));
            hint(&LastWords { journal, end, ..LastWords::default() }, &Needs::default())
        };
        assert!(hint(said).is_some_and(|hint| hint.starts_with("docker before 25 ")));
        let said = "Error response from daemon: invalid config for network backend: user specified IP address is \
                    supported only when connecting to networks with user configured subnets";
        assert!(hint(said).is_some_and(|hint| hint.contains("write subnets")));
        let said = "Error: invalid IP address in add-host: \"host-gateway\"";
        assert!(hint(said).is_some_and(|hint| hint.starts_with("podman before 4.7 ")));
        assert_eq!(hint("Error response from daemon: Conflict"), None);
    }
}
