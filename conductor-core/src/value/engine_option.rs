//! Words for docker and podman that conductor passes on as they are.

use std::sync::LazyLock;

use super::character::control;
use super::words::Argument;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

text_type!(
    /// An option of docker or podman with its value, in one word: `--device-cgroup-rule=c 42:* rmw`.
    EngineOption,
    check,
    PATTERN,
    numbers: Numbers::Refused,
    "An option of docker or podman with its value, in one word: --NAME=VALUE, or --NAME=true."
);

static PATTERN: LazyLock<String> = LazyLock::new(|| {
    let taken: Vec<_> = TAKEN.iter().map(|(name, _)| *name).collect();
    format!(
        "^--(?!({}|{})=)[a-z0-9]+(-[a-z0-9]+)*=[^{}]*$",
        taken.join("|"),
        HEALTH_PATTERN,
        control!()
    )
});

/// The options of the engines' own health checks.
const HEALTH_PATTERN: &str = "health(check)?-[a-z-]+";

const ENGINE: &str =
    "remove it: conductor looks for the container where the engine has all of them";

/// Options that conductor gives itself or that have a key, and what to do instead. podman also takes its options for all
/// commands here, and old names of its options.
const TAKEN: [(&str, &str); 95] = [
    ("add-host", "use extra_hosts"),
    ("arch", "use platform"),
    ("attach", "remove it: conductor detaches, and logs to the journal"),
    ("cap-add", "use cap_add"),
    ("cap-drop", "use cap_drop"),
    ("cgroup-manager", ENGINE),
    ("cgroup-parent", "remove it: each service has its own slice"),
    ("cgroups", "remove it: each service has its own slice"),
    ("cidfile", "remove it: conductor names the container"),
    ("conmon", ENGINE),
    ("conmon-pidfile", "remove it: conductor watches the container"),
    ("cpu-period", "use limits.cpu"),
    ("cpu-quota", "use limits.cpu"),
    ("cpu-shares", "use limits.cpu_weight"),
    ("cpus", "use limits.cpu"),
    ("cpuset-cpus", "use limits.cpuset"),
    ("detach", "remove it: conductor detaches"),
    ("detach-keys", "remove it: conductor detaches"),
    ("device", "use devices"),
    ("dns", "use dns"),
    ("dns-search", "use dns_search"),
    ("entrypoint", "use entrypoint"),
    ("env", "use env"),
    ("env-file", "use env_files"),
    ("events-backend", ENGINE),
    ("expose", "remove it: it has no effect; use port, or ports"),
    ("gpus", "use gpus"),
    ("group-add", "use group_add"),
    ("help", "remove it"),
    ("hostname", "use hostname"),
    ("imagestore", ENGINE),
    ("init", "use init"),
    ("init-path", "remove it: the first process is conductor's"),
    ("interactive", "remove it: an instance has no standard input"),
    ("ipc", "use ipc"),
    ("label", "use labels"),
    ("label-file", "use labels"),
    ("link", "use networks"),
    ("log-driver", "remove it: conductor logs to the journal"),
    ("log-opt", "remove it: conductor logs to the journal"),
    ("memory", "use limits.memory"),
    ("memory-swap", "use limits.memory_swap"),
    ("mount", "use volumes or tmpfs"),
    ("name", "use container_name"),
    ("namespace", ENGINE),
    ("net", "use networks or network_mode"),
    ("net-alias", "use networks"),
    ("network", "use networks or network_mode"),
    ("network-alias", "use networks"),
    ("network-backend", ENGINE),
    ("network-config-dir", ENGINE),
    ("oom-score-adj", "use limits.oom_score_adjust"),
    ("os", "use platform"),
    ("override-arch", "use platform"),
    ("override-os", "use platform"),
    ("override-variant", "use platform"),
    ("pid", "use pid"),
    ("pidfile", "remove it: conductor watches the container"),
    ("pids-limit", "use limits.pids"),
    ("platform", "use platform"),
    ("pod", "use pod"),
    ("pod-id-file", "use pod"),
    ("privileged", "use privileged"),
    ("publish", "use ports, or port"),
    ("publish-all", "use ports, or port"),
    ("pull", "use conductor apply --pull"),
    ("read-only", "use read_only"),
    ("replace", "remove it: conductor replaces the container"),
    ("requires", "use depends_on"),
    ("restart", "remove it: systemd restarts the container"),
    ("rm", "remove it: conductor removes the container"),
    ("rmi", "remove it: conductor removes images that no release needs"),
    ("root", ENGINE),
    ("rootfs", "use image"),
    ("runroot", ENGINE),
    ("sdnotify", "remove it: conductor reports readiness"),
    ("security-opt", "use security_opt"),
    ("shm-size", "use shm_size"),
    ("sig-proxy", "remove it: conductor passes signals on"),
    ("stop-signal", "use stop_signal"),
    ("stop-timeout", "use deploy.stop_timeout"),
    ("storage-driver", ENGINE),
    ("sysctl", "use sysctls"),
    ("timeout", "use timeout, with type: oneshot"),
    ("tmpdir", ENGINE),
    ("tmpfs", "use tmpfs"),
    ("transient-store", ENGINE),
    ("tty", "use tty"),
    ("ulimit", "use ulimits"),
    ("user", "use user"),
    ("userns", "use userns"),
    ("variant", "use platform"),
    ("volume", "use volumes"),
    ("volumepath", ENGINE),
    ("workdir", "use working_dir"),
];

/// Returns what to do instead of an option, if it is not for a definition.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    if name.starts_with("health-") || name.starts_with("healthcheck-") {
        return Some("use health");
    }
    TAKEN.iter().find(|(taken, _)| *taken == name).map(|(_, instead)| *instead)
}

/// Accepts only the form with `=`, which no engine can read as an option and the name of the image.
fn check(text: &str) -> Result<(), Invalid> {
    let (option, value) = match text.split_once('=') {
        Some((option, value)) => (option, Some(value)),
        None => (text, None),
    };
    let name = option.strip_prefix("--");
    let is_name = |name: &str| {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        name.split('-').all(part)
    };
    let Some(name) = name.filter(|name| is_name(name)) else {
        return Err(Invalid::new(format!("{} is not an option with its value", shown(text)))
            .hint("write its long form, and the value in the same word: --NAME=VALUE"));
    };
    if let Some(instead) = instead_of(name) {
        return Err(Invalid::new(format!("--{name} is not for options")).hint(instead));
    }
    let Some(value) = value else {
        return Err(Invalid::new(format!("{} has no value", shown(text)))
            .hint(format!("write --{name}=VALUE in one word, or --{name}=true")));
    };
    if value.chars().any(char::is_control) {
        return Err(Invalid::new(format!("{} contains a control character", shown(text)))
            .hint("write one line"));
    }
    text.parse::<Argument>().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_options_pass() {
        for good in [
            "--cgroupns=host",
            "--no-healthcheck=true",
            "--ip=10.88.0.9",
            "--device-cgroup-rule=c 1:3 r",
            "--annotation=",
        ] {
            assert!(good.parse::<EngineOption>().is_ok(), "{good}");
        }
        for (bad, hint) in [
            ("-d", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("-it", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("--", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("eve/image", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("--Name=x", "write its long form, and the value in the same word: --NAME=VALUE"),
            ("--name=x", "use container_name"),
            ("--name", "use container_name"),
            ("--health-cmd=true", "use health"),
            ("--healthcheck-command=true", "use health"),
            ("--override-arch=arm64", "use platform"),
            ("--root=/srv/other", ENGINE),
            ("--memory=1g", "use limits.memory"),
            ("--annotation", "write --annotation=VALUE in one word, or --annotation=true"),
            ("--annotation=a\nb", "write one line"),
        ] {
            let error = bad.parse::<EngineOption>().unwrap_err();
            assert_eq!(error.hint.as_deref(), Some(hint), "{bad:?}");
        }
        assert!(TAKEN.is_sorted());
    }
}
