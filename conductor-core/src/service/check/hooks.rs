//! Reads the hooks of a service, and those that a host has for all services.

use std::collections::BTreeMap;

use probe_protocol::{Hook, HookAction, HookEvent};

use super::{Check, SAMPLE};
use crate::definition::{Fault, Field, HookKeys, Hooks, Located, NodeId, Source, defaults};
use crate::error::shown;
use crate::value::{HookText, HostPath, Span, UnitReference};

/// What is written if a hook has no action, or several.
const ACTIONS: &str = "write one of command, unit, url and url_file";
/// The longest time of a hook.
const LONGEST: Span = Span::from_secs(60 * 60);

/// A hook, and its place.
pub(crate) type HookAt = (Hook, (usize, usize));

/// Reads the hooks of a service or of a host, each with its place.
pub(crate) fn hooks(source: &Source<'_>, hooks: Field<Hooks>) -> BTreeMap<HookEvent, HookAt> {
    // Without `..`: a new event does not compile until it is read.
    let Hooks { crash, unhealthy, crash_loop, deploy_failed, recovered, job_failed } =
        hooks.into_value().unwrap_or_default();
    let all = [
        (HookEvent::Crash, crash),
        (HookEvent::Unhealthy, unhealthy),
        (HookEvent::CrashLoop, crash_loop),
        (HookEvent::DeployFailed, deploy_failed),
        (HookEvent::Recovered, recovered),
        (HookEvent::JobFailed, job_failed),
    ];
    let read = |(event, hook): (HookEvent, Field<HookKeys>)| {
        let Located { value, at } = hook.given()?;
        let check = Check { source, root: at };
        Some((event, (check.hook(value, at)?, source.position(at))))
    };
    all.into_iter().filter_map(read).collect()
}

impl Check<'_> {
    /// Reads the hooks of the service, each with its place.
    pub(super) fn hooks(
        &self,
        given: Field<Hooks>,
        has_check: bool,
    ) -> BTreeMap<HookEvent, HookAt> {
        if let Field::Given(given) = &given
            && let Field::Given(hook) = &given.value.unhealthy
            && !has_check
        {
            let fault = Fault::new("the service has no health check, so it is never unhealthy");
            self.refuse(hook.at, fault.hint("add health, or remove this hook"));
        }
        hooks(self.source, given)
    }

    fn hook(&self, keys: HookKeys, at: NodeId) -> Option<Hook> {
        let HookKeys { command, unit, url, url_file, user, timeout } = keys;
        let given =
            [!command.is_absent(), !unit.is_absent(), !url.is_absent(), !url_file.is_absent()];
        let count = given.into_iter().filter(|given| *given).count();
        if count != 1 {
            let says =
                if count == 0 { "the hook does nothing" } else { "the hook does two things" };
            self.refuse(at, Fault::new(says).hint(ACTIONS));
            return None;
        }
        if let (Field::Given(user), true) = (&user, command.is_absent()) {
            let fault = Fault::new("a user is for a command");
            self.refuse(user.at, fault.hint("remove user: a request has a user of its own"));
        }
        let timeout = match &timeout {
            Field::Given(span) if span.value > LONGEST => {
                let fault = Fault::new(format!("{} is longer than an hour", span.value));
                self.refuse(span.at, fault.hint("write at most 1h"));
                defaults::HOOK_TIMEOUT
            }
            _ => self.span(timeout, defaults::HOOK_TIMEOUT),
        };
        let command = self.hook_command(command);
        let unit = self.hook_unit(unit);
        let url = url.into_value().map(|url| HookAction::Url(url.to_string()));
        let file = url_file.into_value().map(|path| HookAction::UrlFile(path.to_string()));
        Some(Hook {
            action: command.or(unit).or(url).or(file)?,
            user: user.into_value().map(|user| user.to_string()),
            timeout: timeout.duration(),
        })
    }

    fn hook_command(&self, command: Field<Vec<Field<HookText>>>) -> Option<HookAction> {
        let command = command.given()?;
        let hint = "write the absolute path of a program, and its arguments";
        match command.value.first() {
            None => self.refuse(command.at, Fault::new("the command is empty").hint(hint)),
            Some(Field::Given(program)) => {
                if let Err(invalid) = program.value.as_str().parse::<HostPath>() {
                    let fault = Fault::new(format!("the program: {}", invalid.message));
                    self.refuse(program.at, fault.hint(hint));
                }
            }
            Some(_) => {}
        }
        for word in command.value.iter().filter_map(|word| match word {
            Field::Given(word) => Some(word),
            _ => None,
        }) {
            let text = word.value.as_str();
            if SAMPLE.expand(text) != text {
                let fault =
                    Fault::new(format!("{} has a token, which a hook does not", shown(text)));
                self.refuse(word.at, fault.hint("use the variables, such as CONDUCTOR_ID"));
            }
        }
        let words = command.value.into_iter().filter_map(Field::into_value);
        Some(HookAction::Command(words.map(|word| word.to_string()).collect()))
    }

    fn hook_unit(&self, unit: Field<UnitReference>) -> Option<HookAction> {
        let unit = unit.given()?;
        let text = unit.value.as_str();
        if text.contains('%') {
            let fault =
                Fault::new(format!("{} has a specifier, which a hook does not", shown(text)));
            self.refuse(unit.at, fault.hint("write the whole name, such as page@web.service"));
        }
        let is_template = text.contains("@.");
        if is_template {
            let fault = Fault::new(format!("{} is a template", shown(text)));
            self.refuse(unit.at, fault.hint("write an instance of it, such as page@web.service"));
        }
        Some(HookAction::Unit(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::service::Service;

    fn parse(hooks: &str) -> Result<Service, String> {
        let text = format!("id: a\ncommand: [/bin/x]\non:\n{hooks}");
        Service::parse(Path::new("a.yaml"), &text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn each_event_has_its_hook() {
        let service = parse(
            "  crash: {command: [/bin/page, '$x'], user: ops, timeout: 5s}\n  \
             crash_loop: {unit: page@a.service}\n  deploy_failed: {url: 'https://a.example/b'}\n  \
             job_failed: {url_file: /etc/conductor/chat.url}\n",
        )
        .unwrap();
        assert_eq!(service.hooks.len(), 4);
        let crash = &service.hooks[&HookEvent::Crash];
        assert_eq!(crash.action, HookAction::Command(vec!["/bin/page".into(), "$x".into()]));
        assert_eq!((crash.user.as_deref(), crash.timeout.as_secs()), (Some("ops"), 5));
        assert_eq!(service.hooks[&HookEvent::CrashLoop].timeout.as_secs(), 30);
        assert_eq!(service.origin.hooks[&HookEvent::JobFailed], ("a.yaml".into(), (7, 15)));
    }

    #[test]
    fn every_mistake_is_told_at_its_place() {
        let error = parse(
            "  crashes: {unit: a.service}\n  crash: {}\n  unhealthy: {unit: a.service}\n  \
             crash_loop: {unit: a.service, url: 'http://a'}\n  deploy_failed: {url: example.org}\n  \
             recovered: {command: [page, '{id}']}\n  job_failed: {unit: 'page@%n.service', user: ops}\n",
        )
        .unwrap_err();
        insta::assert_snapshot!(error);
    }
}
