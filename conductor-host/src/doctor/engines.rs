//! docker and podman.

use std::collections::{BTreeMap, BTreeSet};

use conductor_core::definition::{PullPolicy, Runtime};
use conductor_core::error::Problem;
use conductor_core::unit::Engine;
use serde::Deserialize;

use super::{Check, Diagnosis, Facts, Seen, Unseeable, list};

/// What docker's daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Docker {
    /// Whether containers go on while the daemon does not run.
    pub(crate) live_restore: bool,
    /// Whether it is a node of a swarm, in which that is not possible.
    pub(crate) swarm: bool,
    /// Whether containers can write to the journal.
    pub(crate) journald: bool,
}

impl Docker {
    /// Reads what `docker info --format '{{json .}}'` prints.
    pub(crate) fn parse(text: &str) -> Seen<Self> {
        let broken = |reason: String| Unseeable::Broken(format!("docker info: {reason}"));
        let info: Info = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if let Some(error) = info.server_errors.into_iter().flatten().next() {
            return Err(match error.contains("permission denied") {
                true => Unseeable::Denied(error),
                false => Unseeable::Broken(error),
            });
        }
        Ok(Self {
            live_restore: info.live_restore_enabled,
            swarm: info.swarm.local_node_state == "active",
            journald: info.plugins.log.iter().flatten().any(|driver| driver == "journald"),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Info {
    live_restore_enabled: bool,
    swarm: Swarm,
    plugins: Plugins,
    server_errors: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Swarm {
    local_node_state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Plugins {
    log: Option<Vec<String>>,
}

/// How podman finds images without a registry (containers-registries.conf(5)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Podman {
    /// The registries that it tries in turn.
    pub(crate) registries: Vec<String>,
    /// Names for which one file or another has the registry.
    pub(crate) aliases: BTreeSet<String>,
    /// Whether it asks the user which of several registries is meant, and fails without one.
    pub(crate) enforcing: bool,
    /// A file that it would not read.
    pub(crate) broken: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Registries {
    unqualified_search_registries: Option<Vec<String>>,
    short_name_mode: Option<String>,
    aliases: BTreeMap<String, String>,
}

impl Podman {
    /// Adds what a file says; a later one wins.
    pub(crate) fn read(&mut self, file: &str, text: &str) {
        let registries: Registries = match toml::from_str(text) {
            Ok(registries) => registries,
            Err(error) => {
                let problem = Problem::of_file(file, error.message());
                self.broken = Some(problem.to_string());
                return;
            }
        };
        if let Some(found) = registries.unqualified_search_registries {
            self.registries = found;
        }
        if let Some(mode) = registries.short_name_mode {
            self.enforcing = mode == "enforcing";
        }
        for (name, full) in registries.aliases {
            // An empty one removes it.
            match full.is_empty() {
                true => self.aliases.remove(&name),
                false => self.aliases.insert(name),
            };
        }
    }
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    if facts.engines.contains(&Engine::Docker) {
        docker(facts.docker.as_ref(), diagnosis);
    }
    if facts.engines.contains(&Engine::Podman) {
        match &facts.podman {
            Some(podman) => short_names(facts, podman, diagnosis),
            None => diagnosis.error(
                Check::Podman,
                "podman is not installed, and services need it",
                "apt install podman, or write runtime: docker",
            ),
        }
    }
}

fn docker(docker: Option<&Seen<Docker>>, diagnosis: &mut Diagnosis) {
    let docker = match docker {
        None => {
            return diagnosis.error(
                Check::Docker,
                "docker is not installed, and services need it",
                "apt install docker.io, or write runtime: podman",
            );
        }
        Some(Err(Unseeable::Denied(reason))) => {
            for check in [Check::Docker, Check::DockerLogDriver, Check::DockerLiveRestore] {
                diagnosis.unseen(check, reason);
            }
            return;
        }
        Some(Err(Unseeable::Broken(reason))) => {
            return diagnosis.error(
                Check::Docker,
                format!("docker does not answer: {reason}"),
                "systemctl status docker.service says why; systemctl start docker.service starts it",
            );
        }
        Some(Ok(docker)) => docker,
    };
    if !docker.journald {
        diagnosis.error(
            Check::DockerLogDriver,
            "docker has no log driver journald, with which all containers of conductor start",
            "use a docker that runs on a host with systemd and has it: docker info lists the log drivers",
        );
    }
    if !docker.live_restore {
        let remedy = match docker.swarm {
            true => {
                "leave the swarm, which does not allow it, and then write \"live-restore\": true into \
                     /etc/docker/daemon.json, and run systemctl reload docker"
            }
            false => {
                "write \"live-restore\": true into /etc/docker/daemon.json, and run systemctl reload docker"
            }
        };
        diagnosis.warning(
            Check::DockerLiveRestore,
            "a restart of docker, as in an upgrade of its package, stops all containers",
            remedy,
        );
    }
}

/// Judges images of podman without a registry.
fn short_names(facts: &Facts, podman: &Podman, diagnosis: &mut Diagnosis) {
    if let Some(problem) = &podman.broken {
        return diagnosis.error(
            Check::PodmanShortNames,
            format!("podman cannot read its registries: {problem}"),
            "correct the file",
        );
    }
    let images = facts
        .services
        .iter()
        .filter(|service| service.runtime == Runtime::Podman && service.pull != PullPolicy::Never);
    let names = images.filter_map(|service| {
        let name = short_name(service.image.as_ref()?.as_str())?;
        (!podman.aliases.contains(name)).then_some((service.id.as_str(), name))
    });
    let names: Vec<_> = names.collect();
    let Some((_, name)) = names.first() else { return };
    let ids = list(names.iter().map(|(id, _)| *id));
    let qualified = format!("docker.io/{}{name}", if name.contains('/') { "" } else { "library/" });
    match podman.registries.as_slice() {
        [] => diagnosis.error(
            Check::PodmanShortNames,
            format!("podman does not know from which registry {name} comes: images of {ids}"),
            format!(
                "write image: {qualified}, or unqualified-search-registries = [\"docker.io\"] into \
                 /etc/containers/registries.conf"
            ),
        ),
        [_] => {}
        several if podman.enforcing => diagnosis.error(
            Check::PodmanShortNames,
            format!(
                "podman would ask from which of {} registries {name} comes, and nobody is there to answer: images \
                 of {ids}",
                several.len()
            ),
            format!("write image: {qualified}, with the registry that you mean"),
        ),
        several => diagnosis.warning(
            Check::PodmanShortNames,
            format!(
                "podman tries {} registries in turn for {name}, so that another one than you mean may answer: \
                 images of {ids}",
                several.len()
            ),
            format!("write image: {qualified}, with the registry that you mean"),
        ),
    }
}

/// Returns the name of an image without tag and digest, if it has no registry: its first part is neither the name
/// of a host nor `localhost`.
fn short_name(image: &str) -> Option<&str> {
    let image = image.split('@').next().unwrap_or_default();
    let name = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let registry = name.split_once('/').map(|(registry, _)| registry);
    let has_one = registry.is_some_and(|it| it == "localhost" || it.contains(['.', ':', '{']));
    (!has_one && !name.contains('{')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_registry_is_short() {
        for (image, name) in [
            ("nginx", Some("nginx")),
            ("nginx:1.27", Some("nginx")),
            ("team/app@sha256:00", Some("team/app")),
            ("team/app:{revision}", Some("team/app")),
            ("localhost/app", None),
            ("registry.example/app", None),
            ("registry:5000/app:v1", None),
        ] {
            assert_eq!(short_name(image), name, "{image}");
        }
    }

    #[test]
    fn what_docker_says_is_read() {
        let text = r#"{"ID":"x","LiveRestoreEnabled":true,"Plugins":{"Volume":["local"],"Log":["journald","json-file"]},
            "Swarm":{"LocalNodeState":"inactive"},"ServerErrors":null}"#;
        assert_eq!(
            Docker::parse(text),
            Ok(Docker { live_restore: true, swarm: false, journald: true })
        );
        let denied = r#"{"ServerErrors":["permission denied while trying to connect"]}"#;
        assert!(matches!(Docker::parse(denied), Err(Unseeable::Denied(_))));
        let down = r#"{"ServerErrors":["Cannot connect to the Docker daemon"]}"#;
        assert!(matches!(Docker::parse(down), Err(Unseeable::Broken(_))));
        assert!(matches!(Docker::parse("docker"), Err(Unseeable::Broken(_))));
    }

    #[test]
    fn later_files_of_podman_win() {
        let mut podman = Podman::default();
        podman.read(
            "a.conf",
            "unqualified-search-registries = ['a.example', 'b.example']\n[aliases]\nx = 'a/x'\n",
        );
        podman.read("b.conf", "short-name-mode = 'enforcing'\n[[registry]]\nlocation = 'a'\n[aliases]\ny = 'a/y'\nx = ''\n");
        assert_eq!(podman.registries, ["a.example", "b.example"]);
        assert_eq!(podman.aliases, ["y".to_owned()].into());
        assert!(podman.enforcing && podman.broken.is_none());
        podman.read("c.conf", "unqualified-search-registries = []\nshort");
        assert!(podman.broken.is_some_and(|problem| problem.starts_with("c.conf: ")));
    }
}
