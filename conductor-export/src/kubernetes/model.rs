//! The objects of Kubernetes that an export has (apps/v1, batch/v1, v1).

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::model::model;

pub(crate) type Map<T> = BTreeMap<String, T>;

/// A text of a container in which `$(NAME)` is no variable.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Text(pub(crate) String);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.replace("$(", "$$("))
    }
}

/// A number or a share, such as the port or the name of a port.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum IntOrText {
    Int(u32),
    Text(&'static str),
}

model! {
    /// An object of any kind.
    Object {
        #[serde(rename = "apiVersion")]
        api_version: &'static str,
        kind: &'static str,
        metadata: Metadata,
        spec: Option<Spec>,
    }
    Metadata {
        name: String,
        labels: Map<String>,
        annotations: Map<String>,
    }
    #[serde(rename_all = "camelCase")]
    /// The specifications of all kinds; each object has the fields of its own.
    Spec {
        // Deployment
        replicas: Option<u16>,
        revision_history_limit: Option<u16>,
        min_ready_seconds: Option<u64>,
        progress_deadline_seconds: Option<u64>,
        strategy: Option<Strategy>,
        // Job
        backoff_limit: Option<u32>,
        active_deadline_seconds: Option<u64>,
        // CronJob
        schedule: String,
        time_zone: Option<String>,
        concurrency_policy: Option<&'static str>,
        starting_deadline_seconds: Option<u64>,
        suspend: Option<bool>,
        job_template: Option<Box<JobTemplate>>,
        // Service
        r#type: Option<&'static str>,
        #[serde(rename = "clusterIP")]
        cluster_ip: Option<&'static str>,
        ports: Vec<ServicePort>,
        // PersistentVolumeClaim
        access_modes: Vec<&'static str>,
        resources: Option<Resources>,
        // Deployment and Service
        selector: Option<Selector>,
        template: Option<PodTemplate>,
    }
    JobTemplate {
        spec: Spec,
    }
    Strategy {
        r#type: &'static str,
        #[serde(rename = "rollingUpdate")]
        rolling_update: Option<RollingUpdate>,
    }
    #[serde(rename_all = "camelCase")]
    RollingUpdate {
        max_surge: Option<IntOrText>,
        max_unavailable: Option<IntOrText>,
    }
    #[serde(rename_all = "camelCase")]
    ServicePort {
        name: String,
        port: u16,
        target_port: u16,
        protocol: &'static str,
    }
    PodTemplate {
        metadata: Metadata,
        spec: Pod,
    }
    #[serde(rename_all = "camelCase")]
    Pod {
        restart_policy: Option<&'static str>,
        termination_grace_period_seconds: Option<u64>,
        hostname: Option<String>,
        host_network: bool,
        #[serde(rename = "hostPID")]
        host_pid: bool,
        #[serde(rename = "hostIPC")]
        host_ipc: bool,
        dns_policy: Option<&'static str>,
        dns_config: Option<Dns>,
        host_aliases: Vec<HostAlias>,
        node_selector: Map<String>,
        security_context: Option<PodSecurity>,
        containers: Vec<Container>,
        volumes: Vec<Volume>,
    }
    Dns {
        nameservers: Vec<String>,
        searches: Vec<String>,
    }
    HostAlias {
        ip: String,
        hostnames: Vec<String>,
    }
    #[serde(rename_all = "camelCase")]
    PodSecurity {
        supplemental_groups: Vec<u32>,
        sysctls: Vec<Pair>,
    }
    Pair {
        name: String,
        value: Text,
    }
    #[serde(rename_all = "camelCase")]
    Container {
        name: String,
        image: String,
        image_pull_policy: Option<&'static str>,
        command: Vec<Text>,
        args: Vec<Text>,
        working_dir: Option<String>,
        env: Vec<Pair>,
        env_from: Vec<EnvFrom>,
        ports: Vec<ContainerPort>,
        tty: bool,
        resources: Option<Resources>,
        security_context: Option<Security>,
        startup_probe: Option<Probe>,
        readiness_probe: Option<Probe>,
        liveness_probe: Option<Probe>,
        volume_mounts: Vec<Mount>,
    }
    #[serde(rename_all = "camelCase")]
    EnvFrom {
        secret_ref: Option<Reference>,
    }
    Reference {
        name: String,
    }
    #[serde(rename_all = "camelCase")]
    ContainerPort {
        container_port: u16,
        protocol: &'static str,
    }
    Resources {
        limits: Map<String>,
        requests: Map<String>,
    }
    #[serde(rename_all = "camelCase")]
    Security {
        run_as_user: Option<u32>,
        run_as_group: Option<u32>,
        privileged: bool,
        allow_privilege_escalation: Option<bool>,
        read_only_root_filesystem: bool,
        capabilities: Option<Capabilities>,
        seccomp_profile: Option<Seccomp>,
    }
    Capabilities {
        add: Vec<String>,
        drop: Vec<String>,
    }
    Seccomp {
        r#type: &'static str,
    }
    #[serde(rename_all = "camelCase")]
    Probe {
        http_get: Option<HttpGet>,
        tcp_socket: Option<TcpSocket>,
        exec: Option<Exec>,
        period_seconds: Option<u64>,
        timeout_seconds: Option<u64>,
        success_threshold: Option<u32>,
        failure_threshold: Option<u64>,
    }
    #[serde(rename_all = "camelCase")]
    HttpGet {
        path: String,
        port: u16,
        http_headers: Vec<Header>,
    }
    Header {
        name: String,
        value: String,
    }
    TcpSocket {
        port: u16,
    }
    Exec {
        command: Vec<String>,
    }
    #[serde(rename_all = "camelCase")]
    Mount {
        name: String,
        mount_path: String,
        sub_path: Option<String>,
        read_only: bool,
    }
    #[serde(rename_all = "camelCase")]
    Volume {
        name: String,
        host_path: Option<HostPath>,
        persistent_volume_claim: Option<Claim>,
        empty_dir: Option<EmptyDir>,
        secret: Option<SecretVolume>,
    }
    HostPath {
        path: String,
    }
    #[serde(rename_all = "camelCase")]
    Claim {
        claim_name: String,
    }
    #[serde(rename_all = "camelCase")]
    EmptyDir {
        medium: &'static str,
        size_limit: Option<String>,
    }
    #[serde(rename_all = "camelCase")]
    SecretVolume {
        secret_name: String,
        default_mode: Option<u32>,
    }
}

/// The instances that an object is about: labels of a Deployment, or of a Service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Selector {
    Labels {
        #[serde(rename = "matchLabels")]
        match_labels: Map<String>,
    },
    Plain(Map<String>),
}
