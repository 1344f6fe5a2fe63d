//! The table of the keys of `[Container]`: what becomes of each, as the key of Compose that means the same.

use crate::table::{Fate, Row};

/// How a value is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// As a text.
    Text,
    /// Another item of a list.
    Item,
    /// Words, each an item of a list.
    Items,
    /// Words, as one list.
    Words,
    /// Words `NAME=VALUE`, each an entry.
    Pairs,
    /// A key in `healthcheck`.
    Health,
    /// Handled by a function of its own.
    Other,
    /// An option of podman, `--NAME=VALUE`.
    Option(&'static str),
    /// Nothing, with a note.
    Note,
    /// Nothing, which is reported.
    LeftOut,
}

/// A row of the table.
pub(super) struct Key {
    pub(super) row: Row,
    pub(super) take: Take,
    /// The key of Compose.
    pub(super) to: &'static str,
}

/// The options of the table that docker does not have.
pub(super) const ONLY_PODMAN: [&str; 8] = [
    "--gidmap",
    "--http-proxy",
    "--read-only-tmpfs",
    "--secret",
    "--subgidname",
    "--subuidname",
    "--tz",
    "--uidmap",
];

/// What a pod does, and what to do instead without pods.
pub(super) const WITHOUT_PODS: (&str, &str) = (
    "the container shares the address of others in a pod",
    "import with --runtime podman; or put them into one network, where ids lead to them in place of localhost",
);

/// Returns the rows of the table, in the order of the alphabet.
pub fn rows() -> impl Iterator<Item = Row> {
    KEYS.iter().map(|key| key.row)
}

const fn key(key: &'static str, take: Take, to: &'static str, text: &'static str) -> Key {
    let fate = match take {
        Take::LeftOut => Fate::LeftOut,
        Take::Note | Take::Option(_) | Take::Other => Fate::Replaced,
        _ => Fate::Carried,
    };
    Key { row: Row { key, fate, text }, take, to }
}

macro_rules! option {
    ($key:literal, $name:literal) => {
        key($key, Take::Option($name), "", concat!("`options: [", $name, "=...]`"))
    };
}

pub(super) const KEYS: &[Key] = &[
    key("AddCapability", Take::Items, "cap_add", "`cap_add`"),
    key("AddDevice", Take::Item, "devices", "`devices`"),
    key("AddHost", Take::Item, "extra_hosts", "`extra_hosts`"),
    key("Annotation", Take::Pairs, "annotations", "`options: [--annotation=NAME=VALUE]`"),
    key("AppArmor", Take::Option("--security-opt=apparmor"), "", "`security_opt: [apparmor=...]`"),
    key(
        "AutoUpdate",
        Take::Note,
        "",
        "nothing: `conductor apply --pull always` pulls the image again, and deploys it",
    ),
    key(
        "CgroupsMode",
        Take::LeftOut,
        "",
        "it chooses the control group; conductor has one for each service",
    ),
    key(
        "ContainerName",
        Take::Text,
        "container_name",
        "`container_name`; without it, that is `systemd-NAME`, as podman has it",
    ),
    key(
        "ContainersConfModule",
        Take::LeftOut,
        "",
        "it loads a module of containers.conf; write options",
    ),
    key("DNS", Take::Item, "dns", "`dns`"),
    key("DNSOption", Take::Item, "dns_opt", "`options: [--dns-option=...]`"),
    key("DNSSearch", Take::Item, "dns_search", "`dns_search`"),
    key("DropCapability", Take::Items, "cap_drop", "`cap_drop`"),
    key("Entrypoint", Take::Other, "entrypoint", "`entrypoint`"),
    key("Environment", Take::Pairs, "environment", "`env`"),
    key("EnvironmentFile", Take::Other, "env_file", "`env_files`"),
    key(
        "EnvironmentHost",
        Take::LeftOut,
        "",
        "it passes the whole environment of podman on; write env",
    ),
    key("Exec", Take::Words, "command", "`command`"),
    key(
        "ExposeHostPort",
        Take::Note,
        "",
        "nothing: containers in a network reach all ports of each other",
    ),
    option!("GIDMap", "--gidmap"),
    key(
        "GlobalArgs",
        Take::LeftOut,
        "",
        "it passes options to podman itself; the settings of the host are in containers.conf",
    ),
    key("Group", Take::Other, "user", "`user: USER:GROUP`"),
    key("GroupAdd", Take::Item, "group_add", "`group_add`"),
    key(
        "HealthCmd",
        Take::Other,
        "healthcheck",
        "`health`: `curl` and `wget` of a published port become `http`, others `command`",
    ),
    key("HealthInterval", Take::Health, "interval", "`health.interval`"),
    key("HealthLogDestination", Take::Note, "", "nothing: the journal has the results of checks"),
    key("HealthMaxLogCount", Take::Note, "", "nothing: the journal has the results of checks"),
    key("HealthMaxLogSize", Take::Note, "", "nothing: the journal has the results of checks"),
    key("HealthOnFailure", Take::Note, "", "nothing: conductor restarts an unhealthy instance"),
    key("HealthRetries", Take::Health, "retries", "`health.retries`"),
    key("HealthStartPeriod", Take::Health, "start_period", "`health.start_period`"),
    key(
        "HealthStartupCmd",
        Take::LeftOut,
        "",
        "it is another health check until the first success; health is checked at once",
    ),
    key(
        "HealthStartupInterval",
        Take::Note,
        "",
        "nothing: a new instance is checked every few milliseconds",
    ),
    key(
        "HealthStartupRetries",
        Take::Note,
        "",
        "nothing: a new instance is checked every few milliseconds",
    ),
    key(
        "HealthStartupSuccess",
        Take::Note,
        "",
        "nothing: `health.success_threshold` is for all checks",
    ),
    key(
        "HealthStartupTimeout",
        Take::Note,
        "",
        "nothing: a new instance is checked every few milliseconds",
    ),
    key("HealthTimeout", Take::Health, "timeout", "`health.timeout`"),
    key("HostName", Take::Text, "hostname", "`hostname`"),
    option!("HttpProxy", "--http-proxy"),
    key("IP", Take::Other, "networks", "`ipv4_address` in `networks`, if there is one"),
    key("IP6", Take::Other, "networks", "`ipv6_address` in `networks`, if there is one"),
    key(
        "Image",
        Take::Other,
        "image",
        "`image` and `revision`; that of a `.image` file if it names one",
    ),
    key("Label", Take::Pairs, "labels", "`labels`"),
    key("LogDriver", Take::Note, "", "nothing: the journal has the log"),
    key("LogOpt", Take::Note, "", "nothing: the journal has the log"),
    key("Mask", Take::Option("--security-opt=mask"), "", "`security_opt: [mask=...]`"),
    key("Memory", Take::Text, "mem_limit", "`limits.memory`"),
    key(
        "Mount",
        Take::Other,
        "volumes",
        "`volumes` or `tmpfs`; other types `options: [--mount=...]`",
    ),
    key(
        "Network",
        Take::Other,
        "networks",
        "`networks`, with aliases and addresses, or `network_mode`; other modes are left out",
    ),
    key("NetworkAlias", Take::Other, "networks", "aliases in `networks`"),
    key("NoNewPrivileges", Take::Other, "security_opt", "`security_opt: [no-new-privileges]`"),
    key("Notify", Take::Other, "", "left out if `yes`; with `healthy` `health` does so"),
    key("PidsLimit", Take::Text, "pids_limit", "`limits.pids`"),
    key("Pod", Take::Other, "", "`pod`, with what the `.pod` file says of it; podman only"),
    key("PodmanArgs", Take::Other, "", "`options`"),
    key("PublishPort", Take::Item, "ports", "`ports`; a port without one of the host is `port`"),
    key("Pull", Take::Text, "pull_policy", "`pull`"),
    key("ReadOnly", Take::Text, "read_only", "`read_only`"),
    key(
        "ReadOnlyTmpfs",
        Take::Other,
        "",
        "nothing if `false`, which conductor says itself; else `options: [--read-only-tmpfs=true]`",
    ),
    key("ReloadCmd", Take::LeftOut, "", "systemctl reload runs it; conductor has no reload"),
    key("ReloadSignal", Take::LeftOut, "", "systemctl reload sends it; conductor has no reload"),
    key("Retry", Take::Note, "", "nothing: a failed pull fails the apply"),
    key("RetryDelay", Take::Note, "", "nothing: a failed pull fails the apply"),
    key("Rootfs", Take::LeftOut, "", "a directory is the root file system; use runtime: native"),
    key("RunInit", Take::Text, "init", "nothing if `true`, the default; else `init: false`"),
    key(
        "SeccompProfile",
        Take::Option("--security-opt=seccomp"),
        "",
        "`security_opt: [seccomp=...]`",
    ),
    option!("Secret", "--secret"),
    key("SecurityLabelDisable", Take::Other, "security_opt", "`security_opt: [label=disable]`"),
    key(
        "SecurityLabelFileType",
        Take::Option("--security-opt=label=filetype"),
        "",
        "`security_opt: [label=filetype:...]`",
    ),
    key(
        "SecurityLabelLevel",
        Take::Option("--security-opt=label=level"),
        "",
        "`security_opt: [label=level:...]`",
    ),
    key("SecurityLabelNested", Take::Other, "security_opt", "`security_opt: [label=nested]`"),
    key(
        "SecurityLabelType",
        Take::Option("--security-opt=label=type"),
        "",
        "`security_opt: [label=type:...]`",
    ),
    key("ServiceName", Take::Note, "", "nothing: units are named after the id"),
    key("ShmSize", Take::Text, "shm_size", "`shm_size`"),
    key(
        "StartWithPod",
        Take::Note,
        "",
        "nothing: the start of a pod starts none of its containers",
    ),
    key("StopSignal", Take::Text, "stop_signal", "`stop_signal`"),
    key("StopTimeout", Take::Text, "stop_grace_period", "`deploy.stop_timeout`"),
    option!("SubGIDMap", "--subgidname"),
    option!("SubUIDMap", "--subuidname"),
    key("Sysctl", Take::Pairs, "sysctls", "`sysctls`"),
    option!("Timezone", "--tz"),
    key("Tmpfs", Take::Item, "tmpfs", "`tmpfs`"),
    option!("UIDMap", "--uidmap"),
    key("Ulimit", Take::Other, "ulimits", "`ulimits`"),
    key("Unmask", Take::Option("--security-opt=unmask"), "", "`security_opt: [unmask=...]`"),
    key("User", Take::Other, "user", "`user`"),
    key("UserNS", Take::Text, "userns_mode", "`userns`"),
    key(
        "Volume",
        Take::Other,
        "volumes",
        "`volumes`; one of a `.volume` file or of podman is a named volume",
    ),
    key("WorkingDir", Take::Text, "working_dir", "`working_dir`"),
];
