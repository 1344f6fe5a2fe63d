//! Converts one service of a Compose file.

mod depends;
mod engine;
mod environment;
mod extension;
mod files;
mod healthcheck;
mod limits;
mod networks;
mod ports;
mod program;
mod volumes;

use conductor_core::definition::Runtime;
use conductor_core::value::literal;

use super::keys::{self, KEYS};
use super::project::Project;
use crate::draft::{Draft, Val};
use crate::node::{Entry, Node};
use crate::report::{Origin, Report};

pub(crate) use depends::{depends_on, links};
pub(crate) use engine::{
    devices, extra_hosts, flag, gpus, init, labels, list, logging, mapping, option, options, pull,
    runtime_of, size, stdin_open, text, tmpfs, ulimits, user,
};
pub(crate) use environment::{env_file, environment};
pub(crate) use files::{configs, secrets};
pub(crate) use healthcheck::healthcheck;
pub(crate) use limits::{
    blkio, cpu_quota, cpu_shares, cpus, cpuset, deploy, memory, memory_swap, oom_score, pids,
    replicas, stop_grace_period,
};
pub(crate) use networks::{container_name, network_mode, networks};
pub(crate) use ports::{expose, ports};
pub(crate) use program::{build, command, entrypoint, image, restart};
pub(crate) use volumes::{named_volume, volumes};

/// The conversion of one service.
pub(crate) struct Conversion<'c> {
    pub(crate) project: &'c Project<'c>,
    /// The name of the service in the project.
    pub(crate) name: &'c str,
    pub(crate) node: &'c Node,
    pub(crate) draft: Draft,
    pub(crate) report: &'c mut Report,
}

/// Converts each key of a service.
pub(crate) fn convert(c: &mut Conversion<'_>) {
    let origin = c.draft.origin.clone();
    if c.runtime() != Runtime::Native {
        let runtime = if c.runtime() == Runtime::Docker { "docker" } else { "podman" };
        c.draft.text("runtime", runtime, &origin);
    }
    let node = c.node;
    for entry in node.as_map().unwrap_or_default() {
        if entry.value.is_null() && !keys::MEANS_SOMETHING_EMPTY.contains(&entry.key.as_str()) {
            continue;
        }
        let origin = origin.key(&entry.key, entry.at);
        match KEYS.iter().find(|key| key.row.key == entry.key) {
            Some(key) => (key.convert)(c, entry, &origin),
            None if entry.key.starts_with("x-") => {}
            None => {
                let message = format!("left out: Compose has no key {}", entry.key);
                c.report.leave_out(&origin, message, "");
            }
        }
    }
    environment::finish(c, &origin);
    program::finish(c, &origin);
    networks::finish(c, &origin);
    depends::finish(c, &origin);
    environment::without_port(c);
    extension::extend(c);
    engine::note_proxies(c);
}

impl<'c> Conversion<'c> {
    pub(crate) fn runtime(&self) -> Runtime {
        self.project.runtime()
    }

    /// Says that a key was left out, with the words of the table.
    pub(crate) fn leave_out(&mut self, origin: &Origin, does: &str, instead: &str) {
        self.report.leave_out(origin, format!("left out: {does}"), instead);
    }

    pub(crate) fn note(&mut self, origin: &Origin, message: impl Into<String>) {
        self.report.note(origin, message);
    }

    /// Leaves out the keys of a mapping that are not known.
    pub(crate) fn unknown(&mut self, node: &Node, origin: &Origin, known: &[&str]) {
        for entry in node.as_map().unwrap_or_default() {
            if !known.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
                let origin = origin.key(&entry.key, entry.at);
                let message = format!("it sets {} of {}", entry.key, origin.path);
                let message = message.replace(&format!(".{}", entry.key), "");
                self.leave_out(&origin, &message, "");
            }
        }
    }

    /// Leaves out a value of the wrong kind.
    pub(crate) fn wrong(&mut self, node: &Node, origin: &Origin, wanted: &str) {
        let message = match node.as_text() {
            Some(text) => format!("{text:?} is not {wanted}"),
            None => format!("expected {wanted}, found {}", node.kind()),
        };
        self.report.leave_out(origin, format!("left out: {message}"), "");
    }

    /// Returns a key of the service.
    pub(crate) fn get(&self, key: &str) -> Option<&'c Node> {
        self.node.get(key)
    }

    /// Returns the absolute path of a file or directory that a value names.
    pub(crate) fn path(&self, node: &Node, path: &str) -> String {
        let home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let (Some(rest), Some(home)) = (home, self.project.variable("HOME")) {
            return crate::names::absolute(std::path::Path::new("/"), &format!("{home}{rest}"))
                .display()
                .to_string();
        }
        crate::names::absolute(self.report.base(node.at), path).display().to_string()
    }
}

/// Returns text in which conductor replaces nothing.
pub(crate) fn plain(text: &str) -> String {
    literal(text).into_owned()
}

/// Returns each text of a list, with its origin.
pub(crate) fn texts<'n>(
    node: &'n Node,
    origin: &'n Origin,
) -> impl Iterator<Item = (Origin, &'n Node)> {
    let is_list = node.as_list().is_some();
    node.items().iter().enumerate().map(move |(index, item)| {
        (if is_list { origin.item(index, item.at) } else { origin.clone() }, item)
    })
}

/// Returns words as a list in a definition.
pub(crate) fn words(words: &[String], origin: &Origin) -> Val {
    let item = |word: &String| crate::draft::Item {
        key: String::new(),
        value: Val::Text(plain(word)),
        origin: origin.clone(),
    };
    Val::List(words.iter().map(item).collect())
}

/// Does nothing: the key means nothing for a definition, or was used elsewhere.
pub(crate) fn nothing(_: &mut Conversion<'_>, _: &Entry, _: &Origin) {}
