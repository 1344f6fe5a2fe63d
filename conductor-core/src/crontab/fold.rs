//! Lines that already call `conductor run`, and the service that they call.

use std::collections::BTreeMap;

use crate::error::shown;
use crate::name::{Revision, ServiceId};
use crate::service::Limits;
use crate::value::{EnvName, EnvValue, Span, literal};

/// A call of `conductor run`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) id: ServiceId,
    pub(super) revision: Option<Revision>,
    pub(super) env: BTreeMap<EnvName, EnvValue>,
    pub(super) limits: Limits,
    pub(super) timeout: Option<Span>,
    pub(super) command: Vec<String>,
}

/// Returns whether a command contains a call of `conductor run`.
pub(super) fn is_run(command: &str) -> bool {
    let words = command.split(|c: char| c.is_whitespace() || ";&|(){}`'\"".contains(c));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| is_conductor(pair[0]) && pair[1] == "run")
}

/// Reads a command that is only a call of `conductor run`.
///
/// # Errors
/// Why it stays a command for a shell.
pub(super) fn run(command: &str) -> Result<Folded, String> {
    let words = words(command).ok_or("it uses more of the shell than words and quotes")?;
    let mut words = words.into_iter();
    if !words.next().is_some_and(|word| is_conductor(&word))
        || words.next().is_none_or(|word| word != "run")
    {
        return Err("it does not begin with conductor run".to_owned());
    }
    let (mut id, mut revision, mut timeout) = (None, None, None);
    let (mut env, mut limits) = (BTreeMap::new(), Limits::default());
    let command: Vec<_> = loop {
        let word = words.next().ok_or("there is no command after its options")?;
        if word == "--" {
            break words.collect();
        }
        if !word.starts_with('-') {
            break std::iter::once(word).chain(words).collect();
        }
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let known = ["--id", "--revision", "--env", "--memory", "--cpu", "--timeout"];
        if !known.contains(&option.as_str()) {
            return Err(format!("a job has no equivalent of its option {option}"));
        }
        let value = value.or_else(|| words.next()).unwrap_or_default();
        let wrong = || format!("the value of {option} is not valid: {}", shown(&value));
        match option.as_str() {
            "--id" => id = Some(value.parse().map_err(|_| wrong())?),
            "--revision" => revision = Some(value.parse().map_err(|_| wrong())?),
            "--memory" => limits.memory = Some(value.parse().map_err(|_| wrong())?),
            "--cpu" => limits.cpu = Some(value.parse().map_err(|_| wrong())?),
            "--timeout" => timeout = Some(value.parse().map_err(|_| wrong())?),
            _ => {
                let (name, value) = value.split_once('=').ok_or_else(wrong)?;
                let value = literal(value).parse().map_err(|_| wrong())?;
                env.insert(name.parse().map_err(|_| wrong())?, value);
            }
        }
    };
    if command.first().is_none_or(String::is_empty) {
        return Err("there is no command after its options".to_owned());
    }
    let id = id.ok_or("it has no --id")?;
    Ok(Folded { id, revision, env, limits, timeout, command })
}

fn is_conductor(word: &str) -> bool {
    word == "conductor" || word.ends_with("/conductor")
}

/// Splits a command as a shell does; `None` if a shell would do more than split it.
fn words(command: &str) -> Option<Vec<String>> {
    const ACTIVE: &str = ";&|<>()$`*?[]{}~#!\n";
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '$' | '`' => return None,
                        '\\' => match characters.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        quoted => word.push(quoted),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            active if ACTIVE.contains(active) => return None,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_talk_is_a_job() {
        let command = "/usr/local/bin/conductor run --id gocardless_cron_production \
                       --revision 279d903588 scripts/cleanup-api-tokens";
        let run = run(command).unwrap();
        assert_eq!(run.id.as_str(), "gocardless_cron_production");
        assert_eq!(run.revision.unwrap().as_str(), "279d903588");
        assert_eq!(run.command, ["scripts/cleanup-api-tokens"]);
    }

    #[test]
    fn options_come_before_the_command() {
        let run = run(
            "conductor run --id=a --env 'A=b c' --env B= --memory 1G --timeout 5min -- -x --id b",
        );
        let run = run.unwrap();
        assert_eq!(run.command, ["-x", "--id", "b"]);
        let env = |name: &str| run.env.get(&name.parse().unwrap()).unwrap().as_str();
        assert_eq!((env("A"), env("B")), ("b c", ""));
        assert_eq!(run.limits.memory, Some("1G".parse().unwrap()));
        assert_eq!(run.timeout, Some("5min".parse().unwrap()));
    }

    #[test]
    fn what_a_shell_would_do_is_left_to_a_shell() {
        for command in [
            "conductor run --id a x >/dev/null",
            "conductor run --id a x; y",
            "conductor run --id a \"$X\"",
            "conductor run --id a 'x",
            "conductor run --id a x\\",
            "cd /x && conductor run --id a x",
            "A=b conductor run --id a x",
            "conductor run --id a --detach x",
            "conductor run --id A x",
            "conductor run --id a --env A x",
            "conductor run --id a",
            "conductor run --id a ''",
            "conductor run x",
            "conductor --output json run --id a x",
        ] {
            assert!(run(command).is_err(), "{command}");
        }
        assert!(is_run("cd /x && /bin/conductor run --id a x"));
        assert!(!is_run("echo conductor runs"));
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let split = |text| words(text).unwrap();
        assert_eq!(split(" a  'b c'\"d \\\" \\x\"\\ e '' "), ["a", "b cd \" \\x e", ""]);
        assert!(split("").is_empty());
    }
}
