//! The parts of a Compose file that an export has (compose-spec, and the schema of `docker stack deploy`).

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::model::model;

/// A text in which `$` begins no variable.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Text(pub(crate) String);

impl<T: ToString> From<T> for Text {
    fn from(text: T) -> Self {
        Self(text.to_string())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.replace('$', "$$"))
    }
}

pub(crate) type Texts = Vec<Text>;
pub(crate) type Map<T> = BTreeMap<String, T>;

model! {
    /// A Compose file.
    ComposeFile {
        services: Map<Service>,
        networks: Map<Network>,
        volumes: Map<Volume>,
        secrets: Map<Secret>,
    }
    /// A service. The order of the fields is that in the file.
    Service {
        image: Text,
        pull_policy: &'static str,
        platform: Option<Text>,
        entrypoint: Option<Texts>,
        command: Texts,
        working_dir: Option<Text>,
        user: Option<Text>,
        group_add: Texts,
        scale: Option<u16>,
        restart: &'static str,
        depends_on: Map<DependsOn>,
        network_mode: Option<&'static str>,
        networks: Map<Attachment>,
        container_name: Option<Text>,
        hostname: Option<Text>,
        ports: Texts,
        environment: Map<Text>,
        env_file: Texts,
        secrets: Vec<SecretMount>,
        volumes: Vec<Mount>,
        tmpfs: Texts,
        read_only: bool,
        shm_size: Option<String>,
        init: Option<bool>,
        tty: bool,
        cap_add: Texts,
        cap_drop: Texts,
        privileged: bool,
        security_opt: Texts,
        devices: Texts,
        gpus: Option<Gpus>,
        pid: Option<Text>,
        ipc: Option<Text>,
        userns_mode: Option<Text>,
        ulimits: Map<Ulimit>,
        sysctls: Map<Text>,
        extra_hosts: Texts,
        dns: Texts,
        dns_search: Texts,
        labels: Map<Text>,
        annotations: Map<Text>,
        cgroup: Option<Text>,
        device_cgroup_rules: Texts,
        dns_opt: Texts,
        domainname: Option<Text>,
        mac_address: Option<Text>,
        mem_swappiness: Option<Text>,
        runtime: Option<Text>,
        storage_opt: Map<Text>,
        uts: Option<Text>,
        stop_signal: Option<Text>,
        stop_grace_period: Option<String>,
        mem_limit: Option<String>,
        memswap_limit: Option<String>,
        cpus: Option<String>,
        cpu_shares: Option<u64>,
        cpuset: Option<Text>,
        pids_limit: Option<u32>,
        oom_score_adj: Option<i64>,
        blkio_config: Option<Blkio>,
        healthcheck: Option<Healthcheck>,
        deploy: Option<Deploy>,
    }
    DependsOn {
        condition: &'static str,
    }
    Attachment {
        aliases: Texts,
        ipv4_address: Option<String>,
        ipv6_address: Option<String>,
    }
    SecretMount {
        source: String,
        target: Text,
    }
    Mount {
        r#type: &'static str,
        source: Option<Text>,
        target: Text,
        read_only: bool,
        bind: Option<Bind>,
        tmpfs: Option<TmpfsOptions>,
    }
    Bind {
        propagation: Option<&'static str>,
        selinux: Option<&'static str>,
        create_host_path: Option<bool>,
    }
    TmpfsOptions {
        size: Option<u64>,
    }
    Ulimit {
        soft: Option<i64>,
        hard: Option<i64>,
    }
    Blkio {
        weight: Option<u64>,
        device_read_bps: Vec<Rate>,
        device_write_bps: Vec<Rate>,
        device_read_iops: Vec<Rate>,
        device_write_iops: Vec<Rate>,
    }
    Rate {
        path: Text,
        rate: String,
    }
    Healthcheck {
        test: Texts,
        interval: Option<String>,
        timeout: Option<String>,
        retries: Option<u32>,
        start_period: Option<String>,
    }
    Deploy {
        mode: Option<&'static str>,
        replicas: Option<u16>,
        update_config: Option<Update>,
        rollback_config: Option<Update>,
        restart_policy: Option<Restart>,
        resources: Option<Resources>,
    }
    Update {
        order: Option<&'static str>,
        parallelism: Option<u16>,
        failure_action: Option<&'static str>,
        monitor: Option<String>,
    }
    Restart {
        condition: &'static str,
    }
    Resources {
        limits: Option<Limits>,
    }
    Limits {
        memory: Option<String>,
        cpus: Option<String>,
        pids: Option<u32>,
    }
    Network {
        name: Option<Text>,
        driver: Option<&'static str>,
        external: bool,
        internal: bool,
        enable_ipv6: bool,
        ipam: Option<Ipam>,
        driver_opts: Map<Text>,
    }
    Ipam {
        config: Vec<Range>,
    }
    Range {
        subnet: String,
        gateway: Option<String>,
    }
    Volume {
        name: Option<Text>,
        external: bool,
    }
    Secret {
        file: Text,
    }
}

/// Graphics processors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gpus {
    /// All of them.
    All,
    /// So many, or these.
    Some { count: Option<u64>, device_ids: Vec<String> },
}

impl Serialize for Gpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Request<'g> {
            #[serde(skip_serializing_if = "Option::is_none")]
            count: &'g Option<u64>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            device_ids: &'g [String],
        }
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Some { count, device_ids } => {
                [Request { count, device_ids }].serialize(serializer)
            }
        }
    }
}
