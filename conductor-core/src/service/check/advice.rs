//! Advises on values that are valid, but are rarely what was meant.

use super::Check;
use super::lookalikes::{has_number, variable};
use crate::definition::{
    Definition, Fault, Field, Job, Limits, Located, NetworkMode, NodeId, Runtime, Table,
};
use crate::error::{Problem, shown};
use crate::value::{Argument, EnvName, EnvValue, Port, Span, unknown_token};

/// No program runs in less memory.
const LEAST_MEMORY: u64 = 1 << 20;
/// From this many processors on, the number is taken for a percentage.
const MANY_PROCESSORS: u64 = 10;
/// Programs that replace variables in an argument of theirs.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

impl Check<'_> {
    /// Returns the advice on one definition, in the order of the file.
    pub(super) fn advice(&self, definition: &Definition) -> Vec<Problem> {
        let mut advice = Advice { check: self, problems: Vec::new() };
        advice.service(definition);
        advice.problems.extend(self.advice_on_directives(definition));
        advice.problems.extend(self.advice_on_capabilities(definition));
        advice.problems.extend(self.advice_on_low_ports(definition));
        advice.problems.sort_by_key(|problem| problem.position);
        advice.problems
    }
}

struct Advice<'c, 's> {
    check: &'c Check<'s>,
    problems: Vec<Problem>,
}

impl Advice<'_, '_> {
    fn add(&mut self, at: NodeId, message: String, hint: &str) {
        self.problems.push(self.check.source.problem(at, Fault::new(message).hint(hint)));
    }

    fn service(&mut self, definition: &Definition) {
        let Definition {
            runtime,
            network_mode,
            entrypoint,
            command,
            port,
            env,
            limits,
            health,
            deploy,
            max_parallel,
            cron,
            ..
        } = definition;
        let native = matches!(runtime, Field::Absent)
            || matches!(runtime, Field::Given(runtime) if runtime.value == Runtime::Native);
        if let (Field::Given(limit), Field::Absent) = (max_parallel, cron) {
            let message = "max_parallel counts scheduled jobs, and the service has none".to_owned();
            self.add(limit.at, message, "remove this key, or add jobs under cron");
        }
        if let Field::Given(port) = port {
            if health.is_absent() {
                let hint = "add health: {http: /health} or {tcp: true}; without it, an instance \
                            is ready as soon as it runs";
                self.add(port.at, "the service has a port and no health check".to_owned(), hint);
            }
            let on_host =
                matches!(network_mode, Field::Given(mode) if mode.value == NetworkMode::Host);
            if native || on_host {
                self.fixed_port(port, command, env);
            }
        }
        self.command(entrypoint, command);
        self.env(env);
        self.limits(limits);
        if let Field::Given(health) = health {
            self.command(&Field::Absent, &health.value.command);
        }
        if let Field::Given(deploy) = deploy {
            self.command(&deploy.value.before_entrypoint, &deploy.value.before);
        }
        if let Field::Given(jobs) = cron {
            for (_, job) in &jobs.value.0 {
                if let Field::Given(job) = job {
                    self.job(&job.value);
                }
            }
        }
    }

    fn job(&mut self, job: &Job) {
        let Job { every, entrypoint, command, env, limits, jitter, timeout, .. } = job;
        self.command(entrypoint, command);
        self.env(env);
        self.limits(limits);
        self.months(every);
        self.months(jitter);
        self.months(timeout);
    }

    /// Advises on a native service whose program has the number of `port`: it listens on that port, and
    /// conductor gives the instance another one.
    fn fixed_port(
        &mut self,
        port: &Located<Port>,
        command: &Field<Vec<Field<Argument>>>,
        env: &Field<Table<EnvName, EnvValue>>,
    ) {
        let number = port.value.to_string();
        let words = given(command).map(|word| (word.at, word.value.as_str()));
        let values = values(env).map(|value| (value.at, value.value.as_str()));
        let found = words.chain(values).find(|(_, text)| has_number(text, &number));
        if let Some((at, text)) = found {
            let message = format!(
                "{} has the number of port, but each instance gets another port of the host",
                shown(text)
            );
            let hint = format!(
                "write {{port}} in its place, or let the program read PORT; if it always listens at {number}, write \
                 ports: [{number}] in place of port"
            );
            self.add(at, message, &hint);
        }
    }

    fn command(
        &mut self,
        entrypoint: &Field<Vec<Field<Argument>>>,
        command: &Field<Vec<Field<Argument>>>,
    ) {
        let is_shell = given(entrypoint).chain(given(command)).next().is_some_and(|program| {
            let name = program.value.as_str().rsplit('/').next().unwrap_or_default();
            SHELLS.contains(&name)
        });
        for word in given(entrypoint).chain(given(command)) {
            self.token(word.at, word.value.as_str());
            if let Some(variable) = variable(word.value.as_str()).filter(|_| !is_shell) {
                let message = format!("no shell reads the command: {variable} stays as it is");
                let hint = match variable {
                    "$PORT" | "${PORT}" => "write {port}",
                    _ => "write the value, or run a shell: [/bin/sh, -c, \"exec PROGRAM ...\"]",
                };
                self.add(word.at, message, hint);
            }
        }
    }

    fn env(&mut self, env: &Field<Table<EnvName, EnvValue>>) {
        for value in values(env) {
            let text = value.value.as_str();
            self.token(value.at, text);
            // A lone dollar sign is common in passwords and patterns.
            if let Some(variable) = variable(text).filter(|variable| variable.starts_with("${")) {
                let message = format!("{variable} stays as it is: variables are not replaced");
                self.add(value.at, message, "write the value, or put it into a file of env_files");
            }
        }
    }

    fn token(&mut self, at: NodeId, text: &str) {
        if let Some((written, meant)) = unknown_token(text) {
            let message = format!("{{{written}}} is not a token, and stays as it is");
            self.add(at, message, &format!("did you mean {{{meant}}}?"));
        }
    }

    fn limits(&mut self, limits: &Field<Limits>) {
        let Field::Given(limits) = limits else { return };
        let Limits { memory, memory_high, .. } = &limits.value;
        for memory in [memory, memory_high].into_iter().filter_map(Field::located) {
            if memory.value.bytes() >= LEAST_MEMORY {
                continue;
            }
            let bytes = memory.value.bytes();
            let message = format!("no program runs in {bytes} bytes of memory");
            self.add(memory.at, message, "add a unit: 512M, 1.5G");
        }
        if let Field::Given(cpu) = &limits.value.cpu
            && let Some(number) = self.check.source.written(cpu.at)
            && number.parse().is_ok_and(|number: u64| number >= MANY_PROCESSORS)
        {
            let message = format!("{number} is {number} processors, not a percentage");
            self.add(cpu.at, message, &format!("write {number}% for a part of one processor"));
        }
    }

    /// Advises on a span in months that was probably meant in minutes.
    fn months(&mut self, span: &Field<Span>) {
        let Field::Given(span) = span else { return };
        let Some(written) = self.check.source.written(span.at) else { return };
        if is_in_months(written) {
            let message = format!("{} is {}: M is a month", shown(written), span.value);
            self.add(span.at, message, "write min or m for minutes, month for months");
        }
    }
}

/// Returns whether a span is written with `M`, systemd's month.
pub(super) fn is_in_months(written: &str) -> bool {
    written.ends_with('M') || written.contains("M ")
}

/// Returns the values of a list that were not refused.
pub(super) fn given<T>(list: &Field<Vec<Field<T>>>) -> impl Iterator<Item = &Located<T>> {
    list.located().into_iter().flat_map(|list| &list.value).filter_map(Field::located)
}

fn values<K, V>(table: &Field<Table<K, V>>) -> impl Iterator<Item = &Located<V>> {
    let entries = match table {
        Field::Given(table) => table.value.0.as_slice(),
        Field::Absent | Field::Refused => &[],
    };
    entries.iter().filter_map(|(_, value)| match value {
        Field::Given(value) => Some(value),
        Field::Absent | Field::Refused => None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::service::Service;

    /// Returns the advice on a service with more keys.
    fn advice(more: &str) -> Vec<String> {
        let text = format!("id: web\ncommand: [/bin/x]\n{more}\n");
        let service = Service::parse(Path::new("web.yaml"), &text).unwrap();
        service.advice.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_rarely_meant_gets_a_word() {
        for (more, expected) in [
            (
                "limits: {memory: 512}",
                "web.yaml:3:18: limits.memory: no program runs in 512 bytes of memory\n  \
                 hint: add a unit: 512M, 1.5G",
            ),
            (
                "limits: {memory_high: 512}",
                "web.yaml:3:23: limits.memory_high: no program runs in 512 bytes of memory\n  \
                 hint: add a unit: 512M, 1.5G",
            ),
            (
                "limits: {cpu: 50}",
                "web.yaml:3:15: limits.cpu: 50 is 50 processors, not a percentage\n  \
                 hint: write 50% for a part of one processor",
            ),
            (
                "cron: {a: {schedule: '@daily', command: [x], timeout: 5M}}",
                "web.yaml:3:55: cron.a.timeout: \"5M\" is 5month: M is a month\n  \
                 hint: write min or m for minutes, month for months",
            ),
            (
                "deploy: {before: [x, --port=$PORT]}",
                "web.yaml:3:22: deploy.before[1]: no shell reads the command: $PORT stays as it is\n  \
                 hint: write {port}",
            ),
            (
                "env: {A: 'a${B:-c}'}",
                "web.yaml:3:10: env.A: ${B:-c} stays as it is: variables are not replaced\n  \
                 hint: write the value, or put it into a file of env_files",
            ),
            (
                "runtime: docker\nimage: a:v1\nuser: app\ncap_add: [KILL]",
                "web.yaml:6:11: cap_add[0]: docker gives capabilities to root only, and the program \
                 runs as app\n  hint: remove user, or give the program in the image file \
                 capabilities (setcap)",
            ),
            (
                "ports: [9100, 53/udp]",
                "web.yaml:3:15: ports[1]: only a program with a capability can listen at port 53\n  \
                 hint: add cap_add: [NET_BIND_SERVICE]",
            ),
            (
                "env: {A: ':{prot}'}",
                "web.yaml:3:10: env.A: {prot} is not a token, and stays as it is\n  \
                 hint: did you mean {port}?",
            ),
            (
                "port: 9100\nhealth: {tcp: true}\nenv: {LISTEN: ':9100'}",
                "web.yaml:5:15: env.LISTEN: \":9100\" has the number of port, but each instance gets \
                 another port of the host\n  hint: write {port} in its place, or let the \
                 program read PORT; if it always listens at 9100, write ports: [9100] in place of port",
            ),
        ] {
            assert_eq!(advice(more), [expected]);
        }
    }

    #[test]
    fn what_was_meant_gets_none() {
        for more in [
            "limits: {memory: 64M, cpu: 400%}",
            "limits: {memory: 1048576, cpu: 8}",
            "cron: {a: {schedule: '@daily', command: [/bin/sh, -c, 'echo $HOME'], timeout: 5m}}",
            "env: {PASSWORD: 'pa$WORD', JSON: '{\"id\": {}}'}",
            "port: 9100\nhealth: {tcp: true}\nenv: {LISTEN: ':{port}'}",
            "ports: [53]\ncap_add: [NET_BIND_SERVICE]",
            "ports: [53]\nsandbox: false",
        ] {
            assert_eq!(advice(more), [""; 0], "{more}");
        }
    }

    #[test]
    fn months_are_told_from_minutes() {
        assert!(["5M", "1h 5M", "5M 3s"].iter().all(|span| is_in_months(span)));
        assert!(["5m", "5min", "1month", "5"].iter().all(|span| !is_in_months(span)));
    }
}
