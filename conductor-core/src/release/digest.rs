//! The digest of a release.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use probe_protocol::Timing;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::definition::{NetworkMode, Runtime, ServiceType, defaults};
use crate::name::{NetworkName, Revision, ServiceId};
use crate::service::{Connection, Deploy, Health, Limits, Pod, Process, Service, ServiceFields};
use crate::unit::hex;
use crate::value::{
    Argument, Capability, CredentialName, Directive, EnvName, EnvValue, FixedPort, HostPath,
    Listen, Port, Section, Setting, Span, User, Volume,
};

/// The input of the hash. Without the number of instances, their ports, `cron` and `proxy`: they change
/// without replacing an instance. With `stop_timeout`, because systemd reads it from the unit.
#[derive(Serialize)]
struct Fingerprint<'a> {
    id: &'a ServiceId,
    revision: &'a Revision,
    runtime: Runtime,
    #[serde(skip_serializing_if = "is_default")]
    service_type: ServiceType,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    /// Without the conditions, which the units do not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<&'a ServiceId>,
    image: &'a Option<Argument>,
    command: &'a [Argument],
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: &'a Option<Vec<Argument>>,
    port: Option<Port>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ports: &'a [FixedPort],
    listen: Listen,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: &'a BTreeMap<NetworkName, Connection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<NetworkMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: &'a Option<Pod>,
    env: &'a BTreeMap<EnvName, EnvValue>,
    env_files: &'a [HostPath],
    secrets: &'a BTreeMap<CredentialName, HostPath>,
    volumes: &'a [Volume],
    user: &'a Option<User>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    cap_add: &'a BTreeSet<Capability>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    cap_drop: &'a BTreeSet<Capability>,
    #[serde(skip_serializing_if = "Process::is_unset")]
    process: &'a Process,
    limits: &'a Limits,
    /// Absent if it is true: older versions had no such key, and their digests stay valid.
    #[serde(skip_serializing_if = "Clone::clone")]
    sandbox: bool,
    health: &'a Option<Health>,
    stop_timeout: Span,
    settings: &'a BTreeMap<Section, BTreeMap<Directive, Setting>>,
    /// Whether the instances report what happens to them. What is done then is not in their units.
    #[serde(skip_serializing_if = "is_false")]
    reports: bool,
    templates: Option<&'a str>,
    /// Absent if the release was not renewed: its name is then the same on each host.
    #[serde(skip_serializing_if = "is_zero")]
    renewed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default(service_type: &ServiceType) -> bool {
    *service_type == ServiceType::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Returns the hash of a release's canonical JSON: maps are sorted, and each value has one form.
pub(super) fn digest(
    service: &Service,
    revision: &Revision,
    templates: Option<&str>,
    renewed: u32,
) -> String {
    // Without `..`: for each new field it must be decided whether it replaces instances.
    let ServiceFields {
        id,
        application: _,
        description: _,
        image,
        revision: _,
        pull: _,
        runtime,
        service_type,
        timeout,
        depends_on,
        command,
        entrypoint,
        instances: _,
        port,
        ports,
        listen,
        networks,
        network_mode,
        pod,
        env,
        env_files,
        secrets,
        volumes,
        user,
        cap_add,
        cap_drop,
        process,
        limits,
        sandbox,
        health,
        deploy,
        proxy: _,
        mail_to: _,
        max_parallel: _,
        hooks: _,
        jobs: _,
        settings,
        origin: _,
        advice: _,
    } = &**service;
    let Deploy {
        before: _,
        before_entrypoint: _,
        before_timeout: _,
        order: _,
        order_is_given: _,
        data: _,
        batch: _,
        drain: _,
        stop_timeout,
        keep: _,
        min_healthy_time: _,
        changed_files: _,
    } = deploy;
    // Every check had the probe's timeout once, unless it was given. A new default must not replace instances.
    let health = health.clone().map(|health| match health.timeout_is_given {
        true => health,
        false => Health { timeout: defaults::span(Timing::DEFAULT.timeout), ..health },
    });
    let fingerprint = Fingerprint {
        id,
        revision,
        runtime: *runtime,
        service_type: *service_type,
        timeout: *timeout,
        depends_on: depends_on.keys().collect(),
        image,
        command,
        entrypoint,
        port: *port,
        ports,
        listen: *listen,
        networks,
        network_mode: *network_mode,
        pod,
        env,
        env_files,
        secrets,
        volumes,
        user,
        cap_add,
        cap_drop,
        process,
        limits,
        sandbox: *sandbox,
        health: &health,
        stop_timeout: *stop_timeout,
        settings,
        reports: service.reports(),
        templates,
        renewed,
    };
    let mut hasher = Hasher(Sha256::new());
    serde_json::to_writer(&mut hasher, &fingerprint)
        .expect("a map with string keys into a hasher cannot fail");
    hex(&hasher.0.finalize())
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
