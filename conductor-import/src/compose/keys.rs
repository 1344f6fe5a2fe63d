//! The table of the keys of a service: what becomes of each, and the function that does it.

use super::service::{self as s, Conversion};
use crate::node::Entry;
use crate::report::Origin;
use crate::table::{Fate, Row};

/// Converts one key.
type Convert = fn(&mut Conversion<'_>, &Entry, &Origin);

/// A row of the table.
pub(super) struct Key {
    pub(super) row: Row,
    pub(super) convert: Convert,
}

/// Keys that mean something without a value.
pub(super) const MEANS_SOMETHING_EMPTY: [&str; 1] = ["build"];

/// Returns the rows of the table, in the order of Compose's reference.
pub fn rows() -> impl Iterator<Item = Row> {
    KEYS.iter().map(|key| key.row)
}

const fn carried(key: &'static str, text: &'static str, convert: Convert) -> Key {
    Key { row: Row { key, fate: Fate::Carried, text }, convert }
}

const fn replaced(key: &'static str, text: &'static str, convert: Convert) -> Key {
    Key { row: Row { key, fate: Fate::Replaced, text }, convert }
}

/// The text is what the key does; what follows a semicolon is what to do instead.
macro_rules! left_out {
    ($key:literal, $does:literal, $instead:literal) => {
        Key {
            row: Row { key: $key, fate: Fate::LeftOut, text: concat!($does, "; ", $instead) },
            convert: |c, _, origin| c.leave_out(origin, $does, $instead),
        }
    };
}

pub(super) const KEYS: &[Key] = &[
    replaced("annotations", "`options: [--annotation=NAME=VALUE]`", s::options),
    replaced("attach", "nothing: `conductor logs` shows the log of each service", s::nothing),
    replaced(
        "blkio_config",
        "`limits.io_weight`, `limits.io_read_bps` and so on; weights of single devices are left out",
        s::blkio,
    ),
    replaced(
        "build",
        "`image` and `revision` of the image that `docker compose build` makes; conductor builds none",
        s::build,
    ),
    carried("cap_add", "`cap_add`", s::list),
    carried("cap_drop", "`cap_drop`", s::list),
    replaced("cgroup", "`options: [--cgroupns=...]`", s::option),
    left_out!(
        "cgroup_parent",
        "it puts the container into another control group",
        "conductor has a slice for each service"
    ),
    carried("command", "`command`; text is split as Compose does", s::command),
    replaced(
        "configs",
        "a file: `volumes`, read-only; the content of others is left out",
        s::configs,
    ),
    carried(
        "container_name",
        "`container_name`; for a service of several instances, behind a proxy or with `start-first`, an alias in each \
         network",
        s::container_name,
    ),
    replaced("cpu_count", "nothing: it means something only on Windows", s::nothing),
    replaced("cpu_percent", "nothing: it means something only on Windows", s::nothing),
    replaced("cpu_period", "part of `limits.cpu`, with `cpu_quota`", s::nothing),
    replaced("cpu_quota", "`limits.cpu`", s::cpu_quota),
    left_out!("cpu_rt_period", "it sets the period of real-time scheduling", "none"),
    left_out!("cpu_rt_runtime", "it gives the container real-time scheduling", "none"),
    replaced("cpu_shares", "`limits.cpu_weight`: 1024 shares are 100", s::cpu_shares),
    carried("cpus", "`limits.cpu`", s::cpus),
    carried("cpuset", "`limits.cpuset`", s::cpuset),
    left_out!("credential_spec", "it names credentials of Windows", "none"),
    carried(
        "depends_on",
        "`depends_on`; a service that others wait for to be completed becomes `type: oneshot`",
        s::depends_on,
    ),
    replaced(
        "deploy",
        "`instances`, `limits`, `gpus`, `deploy.order` and `deploy.batch`; what only a swarm does is noted",
        s::deploy,
    ),
    left_out!("develop", "it watches files while you develop", "none"),
    replaced("device_cgroup_rules", "`options: [--device-cgroup-rule=...]`", s::option),
    carried("devices", "`devices`", s::devices),
    carried("dns", "`dns`", s::list),
    replaced("dns_opt", "`options: [--dns-option=...]`", s::option),
    carried("dns_search", "`dns_search`", s::list),
    replaced("domainname", "`options: [--domainname=...]`", s::option),
    carried("entrypoint", "`entrypoint`", s::entrypoint),
    carried(
        "env_file",
        "`env_files`; lines that the engine reads otherwise than Compose are reported",
        s::env_file,
    ),
    carried(
        "environment",
        "`env`; a name without a value gets that of the environment",
        s::environment,
    ),
    replaced("expose", "nothing: services in a network reach all ports of each other", s::expose),
    replaced("extends", "the keys of the other service", s::nothing),
    left_out!("external_links", "it names containers of others", "put both into one network"),
    carried("extra_hosts", "`extra_hosts`", s::extra_hosts),
    carried("gpus", "`gpus`", s::gpus),
    carried("group_add", "`group_add`", s::list),
    carried(
        "healthcheck",
        "`health`: `curl` and `wget` of a published port become `http`, others `command`",
        s::healthcheck,
    ),
    carried("hostname", "`hostname`", s::text),
    carried("image", "`image` and `revision`; podman: with its registry", s::image),
    carried(
        "init",
        "`init: false`; without it conductor has the engine add an init process",
        s::init,
    ),
    carried("ipc", "`ipc`", s::text),
    left_out!("isolation", "it chooses how Windows isolates the container", "none"),
    left_out!("label_file", "it names a file of labels", "write them under labels"),
    carried("labels", "`labels`; those of proxies are noted", s::labels),
    replaced("links", "`depends_on`; an alias is left out", s::links),
    replaced(
        "logging",
        "the journal; drivers that send the log elsewhere are left out",
        s::logging,
    ),
    replaced("mac_address", "`options: [--mac-address=...]`", s::option),
    carried("mem_limit", "`limits.memory`", s::memory),
    left_out!(
        "mem_reservation",
        "it keeps the memory of the container when the host has little",
        "memory_high slows down what uses more"
    ),
    replaced("mem_swappiness", "`options: [--memory-swappiness=...]`", s::option),
    replaced("memswap_limit", "`limits.memory_swap`, without the memory itself", s::memory_swap),
    left_out!("models", "it names models for inference", "none"),
    carried(
        "network_mode",
        "`network_mode` if it is `host` or `none`; others are left out",
        s::network_mode,
    ),
    carried(
        "networks",
        "`networks`: the default network gets the name of the project, and others begin with it",
        s::networks,
    ),
    left_out!(
        "oom_kill_disable",
        "the kernel never kills the container for want of memory",
        "limits: {oom_score_adjust: -1000}"
    ),
    carried("oom_score_adj", "`limits.oom_score_adjust`", s::oom_score),
    carried("pid", "`pid`", s::text),
    carried("pids_limit", "`limits.pids`", s::pids),
    carried("platform", "`platform`", s::text),
    carried("ports", "`ports`; a port without one of the host is `port`", s::ports),
    left_out!(
        "post_start",
        "it runs a command in the container after its start",
        "deploy: {before: [...]} runs one before"
    ),
    left_out!(
        "pre_stop",
        "it runs a command in the container before its end",
        "systemd: {Service: {ExecStop: ...}}"
    ),
    carried("privileged", "`privileged`", s::flag),
    replaced("profiles", "which services are imported: `--profile`", s::nothing),
    left_out!("provider", "another program provides the service", "none"),
    carried("pull_policy", "`pull`", s::pull),
    carried("read_only", "`read_only`", s::flag),
    replaced(
        "restart",
        "conductor always starts a service again; other policies are noted",
        s::restart,
    ),
    replaced("runtime", "`options: [--runtime=...]`", s::runtime_of),
    carried("scale", "`instances`", s::replicas),
    carried("secrets", "a file: `secrets`; others are left out", s::secrets),
    carried("security_opt", "`security_opt`", s::list),
    carried("shm_size", "`shm_size`", s::size),
    replaced("stdin_open", "nothing if `tty` is true; else it is left out", s::stdin_open),
    carried("stop_grace_period", "`deploy.stop_timeout`", s::stop_grace_period),
    carried("stop_signal", "`stop_signal`", s::text),
    replaced("storage_opt", "`options: [--storage-opt=NAME=VALUE]`", s::options),
    carried("sysctls", "`sysctls`", s::mapping),
    carried("tmpfs", "`tmpfs`", s::tmpfs),
    carried("tty", "`tty`", s::flag),
    carried("ulimits", "`ulimits`", s::ulimits),
    left_out!(
        "use_api_socket",
        "it gives the container the socket of the engine",
        "volumes: [\"/run/docker.sock:/run/docker.sock\"]"
    ),
    carried("user", "`user`", s::user),
    carried("userns_mode", "`userns`", s::text),
    replaced("uts", "`options: [--uts=...]`", s::option),
    carried(
        "volumes",
        "`volumes`, with absolute paths; `tmpfs` for that type; a volume that several services use, or with \
         `--adopt-volumes` each, keeps its name in the engine",
        s::volumes,
    ),
    left_out!("volumes_from", "it mounts what another service mounts", "write the volumes out"),
    carried("working_dir", "`working_dir`", s::text),
];
