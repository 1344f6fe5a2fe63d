//! Programs that run another one, or a script, and what stands before that in their arguments.

/// Shells, which take a command after `-c`.
pub(super) const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// A program that runs another one.
pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// The options of one letter whose value is the next word, unless it follows at once.
    letters: &'static str,
    /// Long options whose value is the next word.
    long: &'static [&'static str],
    /// The option whose value is a command for a shell.
    command: Option<(char, &'static str)>,
    /// How many words there are before the command, besides options.
    operands: usize,
}

const fn wrapper(name: &'static str) -> Wrapper {
    Wrapper { name, letters: "", long: &[], command: None, operands: 0 }
}

/// Programs that run another one, with what stands before it.
pub(super) const WRAPPERS: &[Wrapper] = &[
    wrapper("command"),
    wrapper("builtin"),
    wrapper("chronic"),
    wrapper("cronic"),
    wrapper("nohup"),
    wrapper("setsid"),
    wrapper("unbuffer"),
    wrapper("run-one"),
    wrapper("bundle"),
    wrapper("dbus-run-session"),
    Wrapper { letters: "a", ..wrapper("exec") },
    Wrapper { letters: "fo", long: &["--format", "--output"], ..wrapper("time") },
    Wrapper { letters: "n", long: &["--adjustment"], ..wrapper("nice") },
    Wrapper { letters: "cn", long: &["--class", "--classdata"], ..wrapper("ionice") },
    Wrapper { letters: "ioe", ..wrapper("stdbuf") },
    Wrapper {
        letters: "uC",
        long: &["--unset", "--chdir"],
        command: Some(('S', "--split-string")),
        ..wrapper("env")
    },
    Wrapper {
        letters: "ks",
        long: &["--kill-after", "--signal"],
        operands: 1,
        ..wrapper("timeout")
    },
    Wrapper {
        letters: "wE",
        long: &["--wait", "--timeout", "--conflict-exit-code"],
        command: Some(('c', "--command")),
        operands: 1,
        ..wrapper("flock")
    },
    Wrapper { letters: "TPD", operands: 1, ..wrapper("chrt") },
    Wrapper { operands: 1, ..wrapper("taskset") },
    Wrapper { long: &["--userspec", "--groups"], operands: 1, ..wrapper("chroot") },
    Wrapper { operands: 1, ..wrapper("setuidgid") },
    Wrapper { operands: 1, ..wrapper("gosu") },
    Wrapper {
        letters: "ughprtCTDRU",
        long: &["--user", "--group", "--host", "--prompt", "--chdir", "--chroot"],
        ..wrapper("sudo")
    },
    Wrapper {
        letters: "ugGs",
        long: &["--user", "--group", "--supp-group", "--shell"],
        command: Some(('c', "--command")),
        ..wrapper("runuser")
    },
    Wrapper {
        letters: "gGsw",
        long: &["--group", "--supp-group", "--shell", "--whitelist-environment"],
        command: Some(('c', "--command")),
        ..wrapper("su")
    },
    Wrapper { letters: "tp", long: &["--identifier", "--priority"], ..wrapper("systemd-cat") },
    Wrapper {
        letters: "upEHM",
        long: &["--unit", "--property", "--setenv", "--slice", "--description", "--uid", "--gid"],
        ..wrapper("systemd-run")
    },
    Wrapper { letters: "nsefpw", ..wrapper("xvfb-run") },
];

/// A program that runs a script.
pub(super) struct Interpreter {
    pub(super) name: &'static str,
    /// The options of one letter whose value is the next word, unless it follows at once.
    letters: &'static str,
    /// The options that are followed by the script or module.
    script: &'static str,
    /// The options that are followed by code.
    code: &'static str,
}

/// Programs that run a script, besides shells; without the version in their names.
pub(super) const INTERPRETERS: [Interpreter; 5] = [
    Interpreter { name: "php", letters: "dcz", script: "fF", code: "rBRE" },
    Interpreter { name: "python", letters: "WXQ", script: "m", code: "c" },
    Interpreter { name: "perl", letters: "", script: "", code: "eE" },
    Interpreter { name: "ruby", letters: "IrCE", script: "", code: "e" },
    Interpreter { name: "node", letters: "r", script: "", code: "ep" },
];

/// What a program runs that runs another one.
pub(super) enum Wrapped<'w> {
    Words(&'w [String]),
    Command(&'w str),
}

impl Wrapper {
    /// Returns what it runs with these arguments.
    pub(super) fn wrapped<'w>(&self, arguments: &'w [String]) -> Wrapped<'w> {
        let (mut words, mut operands) = (arguments, self.operands);
        while let [word, rest @ ..] = words {
            let is_valued = |letter: char| {
                self.letters.contains(letter) || self.command.is_some_and(|(c, _)| c == letter)
            };
            if word.starts_with('-') && word != "--" {
                let (option, attached) = option(word, is_valued);
                let is_command = self.command.is_some_and(|(letter, long)| match option {
                    Name::Letter(own) => own == Some(letter),
                    Name::Long(own) => own == long,
                });
                let takes = match option {
                    Name::Letter(letter) => letter.is_some(),
                    Name::Long(own) => is_command || self.long.contains(&own),
                };
                let (value, after) = match (attached, rest) {
                    (None, [value, after @ ..]) if takes => (value.as_str(), after),
                    (attached, rest) => (attached.unwrap_or_default(), rest),
                };
                if is_command {
                    return Wrapped::Command(value);
                }
                words = after;
            } else if word == "--" || is_assignment(word) {
                words = rest;
            } else if operands > 0 {
                operands -= 1;
                words = rest;
            } else {
                break;
            }
        }
        // su(1) takes its options also after the user.
        if self.name == "su" {
            return match words.iter().position(|word| word == "-c" || word == "--command") {
                Some(at) => Wrapped::Command(words.get(at + 1).map_or("", String::as_str)),
                None => Wrapped::Words(&[]),
            };
        }
        Wrapped::Words(words)
    }
}

/// An option of a program.
enum Name<'w> {
    /// Those of one letter; the one that takes a value, if one does.
    Letter(Option<char>),
    Long(&'w str),
}

/// Returns the option that a word is, and the value if it is in the same word.
fn option(word: &str, is_valued: impl Fn(char) -> bool) -> (Name<'_>, Option<&str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (Name::Long(name), Some(value)),
            None => (Name::Long(word), None),
        };
    }
    let valued = word.char_indices().skip(1).find(|(_, letter)| is_valued(*letter));
    let Some((at, letter)) = valued else { return (Name::Letter(None), None) };
    let attached = &word[at + letter.len_utf8()..];
    (Name::Letter(Some(letter)), Some(attached).filter(|value| !value.is_empty()))
}

/// Returns what a shell runs with these arguments: a command, or a script.
pub(super) fn of_shell(arguments: &[String]) -> Option<Wrapped<'_>> {
    let mut words = arguments;
    let mut is_command = false;
    while let [word, rest @ ..] = words {
        if !word.starts_with(['-', '+']) {
            break;
        }
        is_command |= !word.starts_with("--") && word.contains('c');
        let takes = matches!(word.as_str(), "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file");
        words = if takes { rest.get(1..).unwrap_or_default() } else { rest };
    }
    let first = words.first()?;
    Some(if is_command { Wrapped::Command(first) } else { Wrapped::Words(words) })
}

impl Interpreter {
    /// Returns the script that it runs with these arguments; `None` if it runs code in them.
    pub(super) fn script<'w>(&self, arguments: &'w [String]) -> Option<&'w str> {
        let mut words = arguments;
        while let [word, rest @ ..] = words {
            if !word.starts_with('-') {
                return Some(word);
            }
            let all = [self.letters, self.script, self.code];
            let is_valued = |letter: char| all.iter().any(|letters| letters.contains(letter));
            words = match option(word, is_valued) {
                (Name::Letter(Some(letter)), _) if self.code.contains(letter) => return None,
                (Name::Letter(Some(letter)), value) if self.script.contains(letter) => {
                    return value.or_else(|| rest.first().map(String::as_str));
                }
                (Name::Letter(Some(_)), None) => rest.get(1..)?,
                _ => rest,
            };
        }
        None
    }
}

/// Returns whether a word sets a variable: `NAME=VALUE`.
pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
