//! Converts a command to a container.

use conductor_core::definition::PullPolicy;
use conductor_core::service::{Limits, Process};
use conductor_core::value::{Argument, User};

use super::model::{
    Capabilities, Container, EnvFrom, Map, Pair, Reference, Resources, Seccomp, Security, Text,
};
use super::{Conversion, name};
use crate::given::Given;

impl Conversion<'_> {
    /// Returns the container of a command of a service.
    pub(super) fn container(
        &mut self,
        given: &Given<'_>,
        command: &[Argument],
        entrypoint: Option<&[Argument]>,
    ) -> Container {
        let service = given.service;
        let texts = |words: &[Argument]| given.words(words, "1").into_iter().map(Text).collect();
        let own = name(service.id.as_str());
        let env = given.env("1").into_iter();
        let mut container = Container {
            name: own.clone(),
            image: given.image.clone(),
            image_pull_policy: match service.pull {
                PullPolicy::Always => Some("Always"),
                PullPolicy::Never => Some("Never"),
                // Without it, Kubernetes pulls an image `latest` each time.
                PullPolicy::Missing => given.is_latest().then_some("IfNotPresent"),
            },
            command: entrypoint.map_or(Vec::new(), texts),
            args: texts(command),
            working_dir: service
                .process
                .working_dir
                .as_ref()
                .map(|it| given.text(it.as_str(), "1")),
            env: env.map(|(name, value)| Pair { name, value: Text(value) }).collect(),
            tty: service.process.tty == Some(true),
            ..Container::default()
        };
        if entrypoint.is_some_and(<[Argument]>::is_empty) {
            // Without the entrypoint of the image, the command is the program.
            container.command = std::mem::take(&mut container.args);
        }
        for (index, path) in service.env_files.iter().enumerate() {
            let secret = match index {
                0 => format!("{own}-env"),
                _ => format!("{own}-env-{}", index + 1),
            };
            let make = format!(
                "make it before: kubectl create secret generic {secret} --from-env-file={path}"
            );
            self.report.note(service, &format!("env_files[{index}]"), make);
            container.env_from.push(EnvFrom { secret_ref: Some(Reference { name: secret }) });
        }
        let is_numbered = |word: &Argument| word.as_str().contains("{instance}");
        let env = service.env.values().any(|value| value.as_str().contains("{instance}"));
        if service.instances > 1 && (env || service.command.iter().any(is_numbered)) {
            self.report.leave_out(
                service,
                "instances",
                "{instance} is the number of each instance; here it is 1 in all of them",
                "write one service for each, or a StatefulSet, whose pods have numbers",
            );
        }
        self.security(given, service.user.as_ref(), "user", &mut container);
        container
    }

    /// Sets as whom the container runs, and what it may do.
    pub(super) fn security(
        &mut self,
        given: &Given<'_>,
        user: Option<&User>,
        path: &str,
        container: &mut Container,
    ) {
        let service = given.service;
        let Process { read_only, privileged, security_opt, gpus, .. } = &service.process;
        let mut security = Security {
            privileged: *privileged == Some(true),
            read_only_root_filesystem: *read_only == Some(true),
            ..Security::default()
        };
        if let Some(user) = user {
            let group = user.group().map(|group| group.as_str().parse());
            match (user.name().as_str().parse(), group.transpose()) {
                (Ok(user), Ok(group)) => {
                    security.run_as_user = Some(user);
                    security.run_as_group = group;
                }
                _ => self.report.leave_out(
                    service,
                    path,
                    "it is the name of a user in the image",
                    "write numbers: docker run --rm --entrypoint id IMAGE NAME shows them",
                ),
            }
        }
        let capabilities = Capabilities {
            add: service.cap_add.iter().map(plain).collect(),
            drop: service.cap_drop.iter().map(plain).collect(),
        };
        security.capabilities = Some(capabilities).filter(|it| *it != Capabilities::default());
        for (index, option) in security_opt.iter().enumerate() {
            match option.as_str() {
                // Kubernetes refuses a container with both.
                "no-new-privileges" | "no-new-privileges:true" if security.privileged => {
                    self.report.leave_out(
                        service,
                        &format!("security_opt[{index}]"),
                        "no program gets more rights than the one that starts it; Kubernetes allows a \
                         privileged container that in any case",
                        "remove privileged, and write the capabilities that it needs as cap_add",
                    );
                }
                "no-new-privileges" | "no-new-privileges:true" => {
                    security.allow_privilege_escalation = Some(false);
                }
                "seccomp=unconfined" | "seccomp:unconfined" => {
                    security.seccomp_profile = Some(Seccomp { r#type: "Unconfined" });
                }
                _ => self.report.leave_out(
                    service,
                    &format!("security_opt[{index}]"),
                    "it sets an option of the container's security",
                    "write securityContext",
                ),
            }
        }
        container.security_context = Some(security).filter(|it| *it != Security::default());
        match gpus.as_ref().map(|gpus| gpus.as_str().parse::<u64>()) {
            None => {}
            Some(Ok(count)) => {
                let resources = container.resources.get_or_insert_default();
                resources.limits.insert("nvidia.com/gpu".to_owned(), count.to_string());
            }
            Some(Err(_)) => self.report.leave_out(
                service,
                "gpus",
                "it has all graphics processors, or those with these names",
                "write how many it needs",
            ),
        }
    }

    /// Sets the limits of a container.
    pub(super) fn limits(&mut self, given: &Given<'_>, limits: &Limits, container: &mut Container) {
        // Without `..`: for each new limit it must be decided here what becomes of it.
        let Limits {
            memory,
            cpu,
            // Reported by the table.
            memory_high: _,
            memory_swap: _,
            cpu_weight: _,
            cpuset: _,
            pids: _,
            io_weight: _,
            io_read_bps: _,
            io_write_bps: _,
            io_read_iops: _,
            io_write_iops: _,
            oom_score_adjust: _,
        } = limits;
        let mut found = Map::new();
        if let Some(memory) = memory {
            found.insert("memory".to_owned(), memory.bytes().to_string());
        }
        if let Some(cpu) = cpu {
            found.insert("cpu".to_owned(), cpu.to_string());
        }
        if !found.is_empty() {
            let resources: &mut Resources = container.resources.get_or_insert_default();
            resources.limits.extend(found);
            let note =
                "the scheduler reserves as much as the limits; write resources.requests for less";
            self.report.note(given.service, "limits", note);
        }
    }
}

/// Returns the name of a capability without its prefix.
fn plain(capability: &conductor_core::value::Capability) -> String {
    let text = capability.to_string();
    text.strip_prefix("CAP_").unwrap_or(&text).to_owned()
}
