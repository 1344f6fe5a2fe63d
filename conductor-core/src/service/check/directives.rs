//! Advises on directives of `systemd:` that do not do what they seem to do.

use super::{Check, known};
use crate::definition::{Children, Definition, Fault, Field, Job, Located, Runtime};
use crate::error::{Problem, shown};
use crate::value::{Directive, Section, Setting, Tokenized as _, token_names};

/// The beginnings of directives for processes that systemd itself starts (systemd.exec(5)). An engine starts the
/// processes of a container.
const OF_PROCESSES: [&str; 27] = [
    "Ambient",
    "Bind",
    "CPUScheduling",
    "CacheDirectory",
    "Capability",
    "ConfigurationDirectory",
    "DynamicUser",
    "IOScheduling",
    "Inaccessible",
    "Keyring",
    "Limit",
    "LogsDirectory",
    "NUMA",
    "Nice",
    "NoExec",
    "NoNewPrivileges",
    "OOMScore",
    "Private",
    "Protect",
    "ReadOnly",
    "ReadWrite",
    "Restrict",
    "StateDirectory",
    "SystemCall",
    "TemporaryFileSystem",
    "UMask",
    "WorkingDirectory",
];

/// The beginnings of directives for a unit's control group (systemd.resource-control(5)). A container of docker is
/// in another group.
const OF_GROUPS: [&str; 8] =
    ["AllowedCPUs", "AllowedMemoryNodes", "CPU", "Device", "IO", "IPAddress", "Memory", "Tasks"];

impl Check<'_> {
    /// Returns the advice on the directives of a definition, and refuses those that systemd would.
    pub(super) fn advice_on_directives(&self, definition: &Definition) -> Vec<Problem> {
        self.session(definition);
        let mut problems = Vec::new();
        let Field::Given(sections) = &definition.systemd else { return problems };
        let runtime = known(&definition.runtime);
        for (section, table) in &sections.value.0 {
            let Field::Given(table) = table else { continue };
            for (name, setting) in &table.value.0 {
                let Field::Given(setting) = setting else { continue };
                let fault = not_in_container(runtime, &section.value, name)
                    .or_else(|| has_token(&setting.value));
                problems.extend(fault.map(|fault| self.source.problem(setting.at, fault)));
            }
        }
        problems
    }

    /// Refuses a session of PAM for a job that keeps what its command leaves behind: systemd closes the session
    /// when the unit ends, and refuses a unit that does not end all of its processes.
    fn session(&self, definition: &Definition) {
        let (Field::Given(sections), Field::Given(jobs)) = (&definition.systemd, &definition.cron)
        else {
            return;
        };
        let keeps = |job: &Field<Job>| {
            let Field::Given(Located {
                value: Job { children: Field::Given(children), .. }, ..
            }) = job
            else {
                return false;
            };
            children.value == Children::Keep
        };
        if !jobs.value.0.iter().any(|(_, job)| keeps(job)) {
            return;
        }
        for (section, table) in &sections.value.0 {
            let Field::Given(table) = table else { continue };
            let names = table.value.0.iter().map(|(name, _)| name);
            for name in names.filter(|name| is_session(&section.value, &name.value)) {
                let fault = Fault::new("PAMName does not work for a job with children: keep");
                self.refuse(
                    name.at,
                    fault.hint("remove one of them: systemd refuses the two together"),
                );
            }
        }
    }
}

/// Returns whether a directive opens a session of PAM.
fn is_session(section: &Section, name: &Directive) -> bool {
    section.as_str() == "Service" && name.as_str() == "PAMName"
}

fn not_in_container(
    runtime: Option<Runtime>,
    section: &Section,
    name: &Located<Directive>,
) -> Option<Fault> {
    let name = name.value.as_str();
    let is_of = |beginnings: &[&str]| beginnings.iter().any(|begin| name.starts_with(begin));
    let is_lost = match runtime? {
        Runtime::Native => false,
        Runtime::Docker => is_of(&OF_PROCESSES) || is_of(&OF_GROUPS),
        // Its containers are in the unit's own group.
        Runtime::Podman => is_of(&OF_PROCESSES),
    };
    (is_lost && section.as_str() == "Service").then(|| {
        Fault::new(format!("{name} does not reach the container, which systemd does not start"))
            .hint("use limits, cap_add, user or volumes, or the image")
    })
}

/// Advises on a token in a value: there are only systemd's specifiers.
fn has_token(setting: &Setting) -> Option<Fault> {
    let uses = |name: &&str| setting.values().iter().any(|value| value.as_str().uses(name));
    let name = token_names().find(uses)?;
    let value = setting.values().iter().find(|value| value.as_str().uses(name))?;
    let fault = Fault::new(format!("{} stays as it is: no token is replaced here", shown(value)));
    Some(fault.hint("use a specifier of systemd.unit(5), such as %N for the name of the unit"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::service::Service;

    fn advice(text: &str) -> Vec<String> {
        let service = Service::parse(Path::new("web.yaml"), &format!("id: web\n{text}\n")).unwrap();
        let order = |advice: &String| advice.contains("at the same time");
        let advice = service.advice.iter().map(ToString::to_string);
        advice.filter(|advice| !order(advice)).collect()
    }

    #[test]
    fn a_directive_that_reaches_nothing_gets_a_word() {
        for (text, expected) in [
            (
                "command: [/bin/x]\nsystemd: {Service: {StateDirectory: 'x/{instance}'}}",
                "web.yaml:3:37: systemd.Service.StateDirectory: \"x/{instance}\" stays as it is: no token \
                 is replaced here\n  hint: use a specifier of systemd.unit(5), such as %N for the name \
                 of the unit",
            ),
            (
                "runtime: docker\nimage: a:v1\nsystemd: {Service: {MemoryHigh: 1G}}",
                "web.yaml:4:33: systemd.Service.MemoryHigh: MemoryHigh does not reach the container, which \
                 systemd does not start\n  hint: use limits, cap_add, user or volumes, or the image",
            ),
            (
                "runtime: podman\nimage: a:v1\nsystemd: {Service: {LimitNOFILE: 10}}",
                "web.yaml:4:34: systemd.Service.LimitNOFILE: LimitNOFILE does not reach the container, \
                 which systemd does not start\n  hint: use limits, cap_add, user or volumes, or the image",
            ),
        ] {
            assert_eq!(advice(text), [expected]);
        }
    }

    #[test]
    fn no_process_is_kept_from_a_session() {
        let text = |children: &str, directive: &str| {
            format!(
                "id: a\ninstances: 0\ncron: {{a: {{schedule: '@daily', command: [/x], children: {children}}}}}\n\
                 systemd: {{Service: {{{directive}: cron}}}}\n"
            )
        };
        let parse = |text: &str| Service::parse(Path::new("a.yaml"), text);
        let problems = parse(&text("keep", "PAMName")).unwrap_err().to_string();
        assert!(
            problems.starts_with("a.yaml:4:30: systemd.Service.PAMName: PAMName does not"),
            "{problems}"
        );
        for (children, directive) in [("kill", "PAMName"), ("keep", "UMask")] {
            parse(&text(children, directive).replace("UMask: cron", "UMask: '0002'")).unwrap();
        }
    }

    #[test]
    fn a_directive_that_works_gets_none() {
        for text in [
            "command: [/bin/x]\nsystemd: {Service: {LimitNOFILE: 10, StateDirectory: '%N/{a}'}}",
            "runtime: podman\nimage: a:v1\nsystemd: {Service: {MemoryHigh: 1G, TimeoutStopSec: 9}}",
            "runtime: docker\nimage: a:v1\nsystemd: {Unit: {After: a.service}}",
        ] {
            assert_eq!(advice(text), [""; 0], "{text}");
        }
    }
}
