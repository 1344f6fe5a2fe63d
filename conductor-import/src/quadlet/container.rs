//! Translates `[Container]` to the keys of Compose, whose conversion does the rest.

use std::collections::BTreeSet;

use super::Units;
use super::keys::{KEYS, Take};
use super::unit::{Line, specifiers, words};
use super::variables::{Replaced, Variables};
use crate::node::{Entry, Node, Place, Value};
use crate::report::{Origin, Report};

/// Arguments of podman with a key of Compose, and whether each is another item of a list.
const ARGUMENTS: [(&str, &str, bool); 23] = [
    ("add-host", "extra_hosts", true),
    ("cap-add", "cap_add", true),
    ("cap-drop", "cap_drop", true),
    ("cpu-shares", "cpu_shares", false),
    ("cpus", "cpus", false),
    ("cpuset-cpus", "cpuset", false),
    ("device", "devices", true),
    ("dns", "dns", true),
    ("gpus", "gpus", false),
    ("group-add", "group_add", true),
    ("hostname", "hostname", false),
    ("ipc", "ipc", false),
    ("memory", "mem_limit", false),
    ("memory-swap", "memswap_limit", false),
    ("oom-score-adj", "oom_score_adj", false),
    ("pid", "pid", false),
    ("pids-limit", "pids_limit", false),
    ("platform", "platform", false),
    ("privileged", "privileged", false),
    ("security-opt", "security_opt", true),
    ("shm-size", "shm_size", false),
    ("tmpfs", "tmpfs", true),
    ("tty", "tty", false),
];

/// Keys whose values name an image, a file or a directory.
const OF_HOST: [&str; 5] = ["Image", "Volume", "Mount", "EnvironmentFile", "Rootfs"];

/// A container in Compose's words, and what has no word there.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) entries: Vec<Entry>,
    /// Options of podman.
    pub(super) options: Vec<(String, Origin)>,
    /// The variables that were replaced in its values.
    pub(super) variables: BTreeSet<String>,
    /// The file of its pod.
    pub(super) pod: Option<(String, Origin)>,
    /// Its file.
    pub(super) file: usize,
}

/// The translation of one file.
pub(super) struct Translation<'t> {
    pub(super) units: &'t Units,
    pub(super) name: &'t str,
    pub(super) report: &'t mut Report,
    variables: &'t Variables<'t>,
    container: Container,
    group: Option<String>,
    /// The addresses of `IP=` and `IP6=`, each with its key: the network may follow.
    addresses: Vec<(&'static str, Node, Origin)>,
}

impl<'t> Translation<'t> {
    pub(super) fn new(
        units: &'t Units,
        name: &'t str,
        variables: &'t Variables<'t>,
        report: &'t mut Report,
    ) -> Self {
        let container = Container {
            entries: Vec::new(),
            options: Vec::new(),
            variables: BTreeSet::new(),
            pod: None,
            file: 0,
        };
        Self { units, name, report, variables, container, group: None, addresses: Vec::new() }
    }

    /// Translates the lines of the section.
    pub(super) fn translate(mut self, lines: &[Line]) -> Container {
        for line in lines.iter().filter(|line| line.section == "Container") {
            let origin = Origin::new(line.at, format!("Container.{}", line.key));
            let value = match specifiers(&line.value, self.name) {
                Ok(value) => match self.replace(line, &value, &origin) {
                    Some(value) => value,
                    None => continue,
                },
                Err(specifier) => {
                    let message =
                        format!("left out: systemd would replace {specifier} in the value");
                    self.report.leave_out(&origin, message, "write the value out");
                    continue;
                }
            };
            self.line(line, &value, &origin);
        }
        self.give_addresses();
        self.name_container(lines);
        if let Some(group) = self.group.take() {
            let user = self.container.entries.iter_mut().find(|entry| entry.key == "user");
            if let Some(Entry { value, .. }) = user
                && let Some(user) = value.as_text()
            {
                value.value = Value::Text(format!("{user}:{group}"));
            }
        }
        self.container
    }

    /// Adds the addresses of `IP=` and `IP6=` to the network of the container: podman refuses them with more than one.
    fn give_addresses(&mut self) {
        for (key, address, origin) in std::mem::take(&mut self.addresses) {
            let networks = self.container.entries.iter_mut().find(|it| it.key == "networks");
            let networks = networks.map(|networks| &mut networks.value.value);
            let Some(Value::Map(networks)) = networks else {
                let does =
                    "left out: it gives the container an address in the network of all containers";
                self.report.leave_out(&origin, does, "write a network, and the address there");
                continue;
            };
            let [network] = networks.as_mut_slice() else {
                let does = "left out: podman takes an address with one network only";
                self.report.leave_out(&origin, does, "write Network=NAME:ip=ADDRESS");
                continue;
            };
            let entry = Entry { key: key.to_owned(), at: address.at, value: address };
            match &mut network.value.value {
                Value::Map(own) => {
                    // The last value counts.
                    own.retain(|other| other.key != key);
                    own.push(entry);
                }
                other => *other = Value::Map(vec![entry]),
            }
        }
    }

    /// Sets the name that the container has with Quadlet.
    fn name_container(&mut self, lines: &[Line]) {
        let is_task = |line: &Line| {
            line.section == "Service" && line.key == "Type" && line.value == "oneshot"
        };
        let given = self.container.entries.iter().position(|entry| entry.key == "container_name");
        match (given, lines.first()) {
            // It is gone when its command has ended.
            (Some(given), _) if lines.iter().any(is_task) => {
                let Entry { at, value, .. } = self.container.entries.remove(given);
                let origin = Origin::new(at, "Container.ContainerName");
                let note = "a name in its networks; the container itself is named after its unit";
                self.report.note(&origin, note);
                self.push("x-aliases", value);
            }
            // That of a template's instance is not known.
            (None, Some(first)) if !self.name.contains('@') && !lines.iter().any(is_task) => {
                let at = Place { line: 1, ..first.at };
                self.set("container_name", Node::text(format!("systemd-{}", self.name), at));
            }
            _ => {}
        }
    }

    /// Replaces the variables of a value. `None` if it names something of the host, and would name something else.
    fn replace(&mut self, line: &Line, value: &str, origin: &Origin) -> Option<String> {
        let take = KEYS.iter().find(|key| key.row.key == line.key).map(|key| key.take);
        let split = matches!(take, Some(Take::Items | Take::Words | Take::Pairs))
            || ["Entrypoint", "PodmanArgs"].contains(&line.key.as_str());
        let Replaced { text, unset, has_value } = self.variables.replace(value, split);
        if has_value {
            self.report.from_variables.insert(line.at);
        }
        if let Some(first) = unset.first().filter(|_| OF_HOST.contains(&line.key.as_str())) {
            let message = format!("left out: the variable {first} is not set");
            let instead = format!("set it for the import: {first}=VALUE conductor import quadlet");
            self.report.leave_out(origin, message, instead);
            return None;
        }
        for name in unset {
            self.report.note(origin, format!("the variable {name} is not set: it is empty"));
        }
        Some(text)
    }

    fn line(&mut self, line: &Line, value: &str, origin: &Origin) {
        let Some(key) = KEYS.iter().find(|key| key.row.key == line.key) else {
            let message = format!("left out: [Container] has no key {}", line.key);
            return self.report.leave_out(origin, message, "");
        };
        let at = line.at;
        match key.take {
            Take::Text => self.set(key.to, Node::text(value, at)),
            Take::Item => self.push(key.to, Node::text(value, at)),
            Take::Items => {
                for word in self.split(value, origin) {
                    self.push(key.to, Node::text(word, at));
                }
            }
            Take::Words => {
                let items = self.split(value, origin).into_iter().map(|word| Node::text(word, at));
                let list = Value::List(items.collect());
                self.set(key.to, Node::new(list, at));
            }
            Take::Pairs => {
                for word in self.split(value, origin) {
                    let (name, value) = word.split_once('=').unwrap_or((&word, ""));
                    self.put(key.to, name, Node::text(value, at));
                }
            }
            Take::Health => self.put("healthcheck", key.to, Node::text(value, at)),
            Take::Option(name) => match name.strip_prefix("--security-opt=") {
                Some(option) => {
                    // Those of labels have a colon: label=type:TYPE.
                    let equals = if option.contains('=') { ":" } else { "=" };
                    self.push("security_opt", Node::text(format!("{option}{equals}{value}"), at));
                }
                None => self.option(format!("{name}={value}"), origin),
            },
            Take::Note => {
                let text = key.row.text.strip_prefix("nothing: ").unwrap_or(key.row.text);
                self.report.note(origin, format!("not needed: {}", text.replace('`', "")));
            }
            Take::LeftOut => {
                let (does, instead) = key.row.text.split_once("; ").unwrap_or((key.row.text, ""));
                self.report.leave_out(origin, format!("left out: {does}"), instead);
            }
            Take::Other => self.other(line, value, origin),
        }
    }

    /// Translates keys that need more than another name.
    fn other(&mut self, line: &Line, value: &str, origin: &Origin) {
        let at = line.at;
        let is_true = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1");
        match line.key.as_str() {
            "Image" => self.image(value, at, origin),
            "Entrypoint" => {
                // A program, or a list in JSON's form.
                let words = list(value).unwrap_or_else(|| self.split(value, origin));
                let items = words.into_iter().map(|word| Node::text(word, at)).collect();
                self.set("entrypoint", Node::new(Value::List(items), at));
            }
            "EnvironmentFile" => {
                let (path, required) = match value.strip_prefix('-') {
                    Some(path) => (path, "false"),
                    None => (value, "true"),
                };
                let entry = |key: &str, text: &str| Entry {
                    key: key.into(),
                    at,
                    value: Node::text(text, at),
                };
                let entries =
                    vec![entry("path", path), entry("required", required), entry("format", "raw")];
                self.push("env_file", Node::new(Value::Map(entries), at));
            }
            "User" => self.set("user", Node::text(value, at)),
            "Group" => self.group = Some(value.to_owned()),
            "HealthCmd" => self.put("healthcheck", "test", health_command(value, at)),
            "Mount" => self.mount(value, at, origin),
            "IP" | "IP6" => {
                let key = if line.key == "IP" { "ipv4_address" } else { "ipv6_address" };
                self.addresses.push((key, Node::text(value, at), origin.clone()));
            }
            "Network" => self.network(value, at, origin),
            "NetworkAlias" => {
                // Aliases are of the networks, which may follow: they are names of the container.
                self.push("x-aliases", Node::text(value, at));
            }
            "NoNewPrivileges" if is_true => {
                self.push("security_opt", Node::text("no-new-privileges", at));
            }
            "SecurityLabelDisable" if is_true => {
                self.push("security_opt", Node::text("label=disable", at));
            }
            "SecurityLabelNested" if is_true => {
                self.push("security_opt", Node::text("label=nested", at));
            }
            "ReadOnlyTmpfs" if is_true => self.option("--read-only-tmpfs=true".to_owned(), origin),
            "ReadOnlyTmpfs" => {
                self.report.note(origin, "not needed: read_only leaves no directory writable");
            }
            "Notify" if value == "healthy" => {}
            "Notify" if is_true => self.report.leave_out(
                origin,
                "left out: the program in the container says by itself when it is ready",
                "write health: an instance counts as started when it is healthy",
            ),
            "Pod" => self.container.pod = Some((value.to_owned(), origin.clone())),
            "PodmanArgs" => {
                let words = self.split(value, origin);
                self.arguments(words, at, origin);
            }
            "Ulimit" => {
                let (name, limit) = value.split_once('=').unwrap_or((value, ""));
                let node = match limit.split_once(':') {
                    Some((soft, hard)) => {
                        let entry = |key: &str, text: &str| Entry {
                            key: key.into(),
                            at,
                            value: Node::text(text, at),
                        };
                        Node::new(Value::Map(vec![entry("soft", soft), entry("hard", hard)]), at)
                    }
                    None => Node::text(limit, at),
                };
                self.put("ulimits", name, node);
            }
            "Volume" => self.volume(value, at),
            _ => {}
        }
    }

    /// Translates arguments of podman: those that have a key of Compose, and others as options.
    fn arguments(&mut self, words: Vec<String>, at: Place, origin: &Origin) {
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            // `--name value` is `--name=value`, unless another option follows.
            let joined = match word.starts_with("--") && !word.contains('=') {
                true => words
                    .next_if(|next| !next.starts_with('-'))
                    .map(|next| format!("{word}={next}")),
                false => None,
            };
            let word = joined.unwrap_or(word);
            let (name, value) = word.split_once('=').unwrap_or((&word, "true"));
            let known =
                ARGUMENTS.iter().find(|(argument, ..)| Some(*argument) == name.strip_prefix("--"));
            match known {
                Some((_, key, true)) => self.push(key, Node::text(value, at)),
                Some((_, key, false)) => self.set(key, Node::text(value, at)),
                None => self.option(word, origin),
            }
        }
    }

    fn image(&mut self, value: &str, at: Place, origin: &Origin) {
        let kind = value.rsplit('.').next().unwrap_or_default();
        match self.units.value(value, "Image", "Image") {
            Some(image) => self.set("image", Node::text(image, at)),
            None if matches!(kind, "build" | "image") => {
                let message = format!("left out: {value} is not imported");
                self.report.leave_out(origin, message, "build and push the image, and name it");
            }
            None if value.contains("{{") => {
                let message = "left out: another tool has yet to write the name of the image";
                self.report.leave_out(origin, message, "import the file that it makes of this one");
            }
            None => self.set("image", Node::text(value, at)),
        }
    }

    fn mount(&mut self, value: &str, at: Place, origin: &Origin) {
        let field = |names: &[&str]| {
            let mut parts = value.split(',').filter_map(|part| part.split_once('='));
            parts.find(|(name, _)| names.contains(name)).map(|(_, value)| value)
        };
        let is_read_only = value
            .split(',')
            .any(|part| matches!(part, "ro" | "readonly" | "ro=true" | "readonly=true"));
        let (source, target) =
            (field(&["source", "src"]), field(&["target", "destination", "dst"]));
        match (field(&["type"]), source, target) {
            (Some("bind" | "volume"), Some(source), Some(target))
                if value.split(',').count() <= 4 =>
            {
                let mode = if is_read_only { ":ro" } else { "" };
                self.volume(&format!("{source}:{target}{mode}"), at);
            }
            (Some("tmpfs"), None, Some(target)) if value.split(',').count() == 2 => {
                self.push("tmpfs", Node::text(target, at));
            }
            _ => self.option(format!("--mount={value}"), origin),
        }
    }

    fn network(&mut self, value: &str, at: Place, origin: &Origin) {
        let (name, options) = match value.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (value, None),
        };
        match name {
            "host" | "none" => return self.set("network_mode", Node::text(name, at)),
            "bridge" | "private" | "pasta" | "slirp4netns" if options.is_none() => return,
            "ns" | "container" | "private" | "pasta" | "slirp4netns" => {
                let message = "left out: it is another kind of network than a bridge";
                return self.report.leave_out(origin, message, "networks, or options");
            }
            _ if name.ends_with(".container") => {
                let message = "left out: the container shares the address of another one, and goes out only through it";
                let instead = "put both into one pod, with the ports and networks of the other one";
                return self.report.leave_out(origin, message, instead);
            }
            _ => {}
        }
        let (mut aliases, mut own) = (Vec::new(), Vec::new());
        for option in options.into_iter().flat_map(|options| options.split(',')) {
            let key = match option.split_once('=') {
                Some(("alias", alias)) => {
                    aliases.push(Node::text(alias, at));
                    continue;
                }
                Some(("ip", address)) => Some(("ipv4_address", address)),
                Some(("ip6", address)) => Some(("ipv6_address", address)),
                _ => None,
            };
            if let Some((key, address)) = key {
                own.push(Entry { key: key.into(), at, value: Node::text(address, at) });
            } else {
                let message = format!("left out: it sets {option} of the connection");
                self.report.leave_out(origin, message, "");
            }
        }
        let aliases = (!aliases.is_empty()).then(|| Node::new(Value::List(aliases), at));
        own.extend(aliases.map(|value| Entry { key: "aliases".into(), at, value }));
        let value = if own.is_empty() { Value::Null } else { Value::Map(own) };
        self.put("networks", name.strip_suffix(".network").unwrap_or(name), Node::new(value, at));
    }

    fn volume(&mut self, value: &str, at: Place) {
        let value = match value.split_once(':') {
            Some((source, rest)) => match source.strip_suffix(".volume") {
                Some(name) => format!("{name}:{rest}"),
                None => value.to_owned(),
            },
            None => value.to_owned(),
        };
        self.push("volumes", Node::text(value, at));
    }

    fn split(&mut self, value: &str, origin: &Origin) -> Vec<String> {
        words(value).unwrap_or_else(|| {
            self.report.leave_out(origin, "left out: a quote is open", "");
            Vec::new()
        })
    }

    fn option(&mut self, option: String, origin: &Origin) {
        self.container.options.push((option, origin.clone()));
    }

    fn entry(&mut self, key: &str, new: Value, at: Place) -> &mut Node {
        let entries = &mut self.container.entries;
        let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
            entries.push(Entry { key: key.to_owned(), at, value: Node::new(new, at) });
            entries.len() - 1
        });
        &mut entries[index].value
    }

    /// Sets a key; the last value counts.
    fn set(&mut self, key: &str, value: Node) {
        self.container.entries.retain(|entry| entry.key != key);
        self.container.entries.push(Entry { key: key.to_owned(), at: value.at, value });
    }

    fn push(&mut self, key: &str, item: Node) {
        let at = item.at;
        if let Value::List(items) = &mut self.entry(key, Value::List(Vec::new()), at).value {
            items.push(item);
        }
    }

    fn put(&mut self, key: &str, inner: &str, value: Node) {
        let at = value.at;
        if let Value::Map(entries) = &mut self.entry(key, Value::Map(Vec::new()), at).value {
            entries.retain(|entry| entry.key != inner);
            entries.push(Entry { key: inner.to_owned(), at, value });
        }
    }
}

/// Returns the test of a health check, as podman reads its command (`makeHealthCheckFromCli`).
fn health_command(value: &str, at: Place) -> Node {
    let items = |words: Vec<String>| {
        let items = words.into_iter().map(|word| Node::text(word, at)).collect();
        Node::new(Value::List(items), at)
    };
    let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
    match (first.to_ascii_uppercase().as_str(), list(value)) {
        // A list runs without a shell, unless it has only one word or begins with a word of Docker.
        (_, Some(mut words)) if words.len() > 1 => {
            let first = words[0].to_ascii_uppercase();
            // An export writes this for a program without arguments, since podman runs one word in a shell.
            let is_alone =
                words.len() == 2 && !words[1].starts_with('-') && !words[1].contains('=');
            match first.as_str() {
                "/USR/BIN/ENV" if is_alone && words[0] == "/usr/bin/env" => {
                    "CMD".clone_into(&mut words[0]);
                }
                "CMD" | "CMD-SHELL" | "NONE" => words[0] = first,
                _ => words.insert(0, "CMD".to_owned()),
            }
            items(words)
        }
        (_, Some(words)) if words.len() == 1 => Node::text(words[0].clone(), at),
        ("NONE", _) => Node::text("NONE", at),
        ("CMD-SHELL", _) => Node::text(rest, at),
        ("CMD", _) => {
            let words = rest.split_whitespace().map(str::to_owned);
            items(std::iter::once("CMD".to_owned()).chain(words).collect())
        }
        _ => Node::text(value, at),
    }
}

/// Returns the words of a list in JSON's form, if a value is one.
fn list(value: &str) -> Option<Vec<String>> {
    serde_json::from_str(value).ok()
}
