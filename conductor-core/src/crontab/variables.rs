//! The variables of a crontab at one of its lines: those for commands, and those for cron only.

use std::collections::BTreeMap;

use super::draft::Advice;
use crate::error::{Invalid, shown};
use crate::value::{Argument, EnvName, EnvValue, HostPath, MailTo, Span, TimeZone, literal};

/// The most variables in a crontab: each entry gets all of those above it.
const MOST: usize = 200;

/// Where cron mails the output of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mailing {
    /// To the user of each command: the crontab does not say.
    ToUser,
    /// To these addresses.
    To(MailTo),
    /// Nowhere.
    Nowhere,
}

/// The variables of a crontab at one of its lines.
#[derive(Debug)]
pub(super) struct Variables {
    env: BTreeMap<EnvName, EnvValue>,
    /// The program that runs commands.
    shell: String,
    /// Whether that is sh(1) whatever the variables say.
    always_sh: bool,
    home: Option<HostPath>,
    mailing: Mailing,
    timezone: Option<TimeZone>,
    jitter: Option<Span>,
}

impl Variables {
    /// Returns the variables that Debian's cron sets, without those that depend on the user.
    pub(super) fn new() -> Self {
        const SHELL: &str = "/bin/sh";
        let defaults = [("PATH", "/usr/bin:/bin"), ("SHELL", SHELL)];
        let env = defaults
            .into_iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        Self {
            env: env.collect(),
            shell: SHELL.to_owned(),
            always_sh: false,
            home: None,
            mailing: Mailing::ToUser,
            timezone: None,
            jitter: None,
        }
    }

    /// Returns the variables that anacron sets, which are none: it passes on those of its own unit. It always runs
    /// sh(1).
    pub(super) fn of_anacron() -> Self {
        Self { env: BTreeMap::new(), always_sh: true, ..Self::new() }
    }

    pub(super) fn env(&self) -> &BTreeMap<EnvName, EnvValue> {
        &self.env
    }

    pub(super) fn home(&self) -> Option<&HostPath> {
        self.home.as_ref()
    }

    /// Returns the program that runs commands.
    ///
    /// # Errors
    /// `SHELL` is not an absolute path, which systemd needs.
    pub(super) fn shell(&self) -> Result<&str, Invalid> {
        let is_path = self.shell.parse::<HostPath>().is_ok() && !self.shell.ends_with('/');
        match is_path {
            true => Ok(&self.shell),
            false => Err(Invalid::new(format!("SHELL is {}, not a path", shown(&self.shell)))
                .hint("write its path, such as SHELL=/bin/bash")),
        }
    }

    /// Sets a variable; returns a note about it, if there is one.
    ///
    /// # Errors
    /// It cannot be imported.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<Option<Invalid>, Invalid> {
        if name == "LOGNAME" && self.always_sh {
            return Ok(None);
        }
        if name == "LOGNAME" {
            let note =
                Invalid::new("cron does not let a crontab set LOGNAME, so it is not set here");
            return Ok(Some(note));
        }
        let key = name.parse::<EnvName>()?;
        if key.is_of_containers() {
            return Err(Invalid::new(format!("systemd ignores the variable {name}"))
                .hint("give it a name without dots"));
        }
        let text = literal(value).parse::<EnvValue>()?;
        format!("{name}={value}").parse::<Argument>()?;
        if self.env.len() >= MOST && !self.env.contains_key(&key) {
            return Err(Invalid::new(format!("more than {MOST} variables"))
                .hint("put them into a file, and name it under env_files"));
        }
        let note = match name {
            "HOME" => {
                let path = value.parse::<HostPath>().map_err(|why| {
                    why.hint("cron starts commands in HOME; write an absolute path")
                })?;
                self.home = Some(path);
                None
            }
            "SHELL" => {
                if !self.always_sh {
                    value.clone_into(&mut self.shell);
                }
                None
            }
            "MAILTO" => {
                let mail_to = value.parse::<MailTo>();
                let note = mail_to.as_ref().err().cloned();
                self.mailing = match mail_to {
                    Ok(to) if !to.addresses().is_empty() => Mailing::To(to),
                    _ => Mailing::Nowhere,
                };
                note.map(|Invalid { message, .. }| {
                    let hint = "write mail_to into the definition";
                    Invalid::new(format!("MAILTO: {message}; the output is not mailed")).hint(hint)
                })
            }
            "CRON_TZ" => {
                self.timezone = Some(value.parse()?);
                let note =
                    Invalid::new("Debian's cron ignores CRON_TZ and uses the host's time zone");
                Some(
                    note.hint(format!("if the times are in that time zone, add timezone: {value}")),
                )
            }
            "RANDOM_DELAY" => {
                // A variable of cronie, in minutes.
                let jitter = format!("{value}min").parse()?;
                let note = Invalid::new("Debian's cron ignores RANDOM_DELAY");
                let note = note.hint(format!("for the same delay, add jitter: {jitter}"));
                self.jitter = Some(jitter);
                Some(note)
            }
            _ => None,
        };
        self.env.insert(key, text);
        Ok(note)
    }

    /// Returns where cron mails the output of commands.
    pub(super) fn mailing(&self) -> &Mailing {
        &self.mailing
    }

    /// Returns comments for a job about what a definition expresses in another way than a crontab.
    pub(super) fn advice(&self) -> Advice {
        let mut advice = Advice::default();
        let timezone = self.timezone.iter().map(|timezone| format!("timezone: {timezone}"));
        let jitter = self.jitter.iter().map(|jitter| format!("jitter: {jitter}"));
        advice.keys.extend(timezone.chain(jitter));
        advice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_cron_reads_becomes_advice() {
        let mut variables = Variables::new();
        assert_eq!(variables.advice(), Advice::default());
        assert_eq!(variables.mailing(), &Mailing::ToUser);
        assert_eq!(variables.set("MAILTO", "root"), Ok(None));
        assert!(variables.set("CRON_TZ", "Europe/London").unwrap().is_some());
        assert!(variables.set("RANDOM_DELAY", "45").unwrap().is_some());
        let Advice { why, keys } = variables.advice();
        let advice = [why, keys].concat().join("\n");
        for part in ["timezone: Europe/London", "jitter: 45min"] {
            assert!(advice.contains(part), "{advice}");
        }
        assert_eq!(variables.mailing(), &Mailing::To("root".parse().unwrap()));
        // None, and one that cron does not mail to either.
        variables.set("MAILTO", "").unwrap();
        assert_eq!(variables.mailing(), &Mailing::Nowhere);
        variables.set("MAILTO", "root").unwrap();
        assert!(variables.set("MAILTO", "|/bin/sh").unwrap().is_some());
        assert_eq!(variables.mailing(), &Mailing::Nowhere);
    }

    #[test]
    fn what_systemd_cannot_set_is_refused() {
        let mut variables = Variables::new();
        for (name, value) in [
            ("", "x"),
            ("bad-name", "x"),
            ("A", "\u{fffe}"),
            ("HOME", "~"),
            ("HOME", ""),
            ("CRON_TZ", "a b"),
            ("RANDOM_DELAY", "soon"),
        ] {
            assert!(variables.set(name, value).is_err(), "{name}={value}");
        }
        assert!(variables.set("LOGNAME", "x").unwrap().is_some());
        variables.set("SHELL", "bash").unwrap();
        assert!(variables.shell().is_err());
        for number in 0..300 {
            let set = variables.set(&format!("V{number}"), "{port}");
            assert_eq!(set.is_ok(), number < 198, "{number}");
        }
        assert_eq!(variables.env()[&"V0".parse().unwrap()].as_str(), "{{port}}");
        variables.set("V0", "y").unwrap();
    }
}
