//! What a shell would do with a command, as far as a systemd job differs from cron there.

/// An operator of the shell that is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    /// `&`, also that of `&>file`, which is two commands to sh(1).
    Background,
    Pipe,
    /// `;` or a line end.
    Then,
    Open,
    Close,
    /// `#` at the start of a word, up to the end of the line.
    Comment,
}

/// Returns the operators of a command with their places; `None` if a quote has no end.
fn operators(command: &str) -> Option<Vec<(usize, Operator)>> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut previous = ' ';
    let mut characters = command.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let mut next = |wanted: char| characters.next_if(|(_, next)| *next == wanted).is_some();
        let operator = match (quote, character) {
            (Some(open), character) if open == character => {
                quote = None;
                None
            }
            (Some('\''), _) => None,
            (_, '\\') => {
                characters.next()?;
                None
            }
            (None, '\'' | '"' | '`') => {
                quote = Some(character);
                None
            }
            (None, '&') if next('&') => Some(Operator::And),
            // A redirection to a descriptor, such as 2>&1.
            (None, '&') if matches!(previous, '>' | '<') => None,
            (None, '&') => Some(Operator::Background),
            (None, '|') if next('|') => Some(Operator::Or),
            (None, '|') => Some(Operator::Pipe),
            (None, ';' | '\n') => Some(Operator::Then),
            (None, '(' | '{') => Some(Operator::Open),
            (None, ')' | '}') => Some(Operator::Close),
            (None, '#') if previous.is_whitespace() => Some(Operator::Comment),
            _ => None,
        };
        found.extend(operator.map(|operator| (at, operator)));
        previous = character;
    }
    quote.is_none().then_some(found)
}

/// Returns the operators that are in no parentheses or braces; `None` if these do not match.
fn outermost(operators: Vec<(usize, Operator)>) -> Option<Vec<(usize, Operator)>> {
    let (mut depth, mut outer) = (0_usize, Vec::new());
    for (at, operator) in operators {
        match operator {
            Operator::Open => depth += 1,
            Operator::Close => depth = depth.checked_sub(1)?,
            // It could hide what closes.
            Operator::Comment => return None,
            operator if depth == 0 => outer.push((at, operator)),
            _ => {}
        }
    }
    (depth == 0).then_some(outer)
}

/// Returns a command of the form `[ -x X ] && X` as `if [ -x X ]; then X; fi`. Both do the same, but the first
/// fails if the test is false, which cron ignores.
///
/// `None` if it has another form, or if the two could differ.
pub(super) fn guarded(command: &str) -> Option<String> {
    let operators = outermost(operators(command)?)?;
    let same =
        |(_, operator): &(usize, Operator)| matches!(operator, Operator::And | Operator::Pipe);
    if !operators.iter().all(same) {
        return None;
    }
    let mut body = 0;
    for (at, operator) in operators {
        if operator != Operator::And || !is_test(&command[body..at]) {
            break;
        }
        body = at + "&&".len();
    }
    let (tests, body) = command.split_at(body);
    let tests = tests.trim().strip_suffix("&&")?.trim_end();
    let body = body.trim();
    (!body.is_empty()).then(|| format!("if {tests}; then {body}; fi"))
}

/// Returns whether a simple command only tests whether something is there.
fn is_test(command: &str) -> bool {
    let words: Vec<_> = command.split_whitespace().collect();
    match words.as_slice() {
        ["[", .., "]"] | ["[[", .., "]]"] | ["test", ..] => true,
        ["command", "-v" | "-V", _, rest @ ..] | ["which" | "type" | "hash", _, rest @ ..] => {
            rest.iter().all(|word| word.contains('>') || *word == "/dev/null")
        }
        _ => false,
    }
}

/// Returns what of a command goes on in the background, in its own words.
pub(super) fn left_behind(command: &str) -> Option<&str> {
    let operators = operators(command)?;
    let waits = command.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "wait");
    let ampersand = operators.iter().find(|(_, operator)| *operator == Operator::Background);
    if let Some((at, _)) = ampersand.filter(|_| !waits) {
        let end = command[*at..].find(char::is_whitespace).map_or(command.len(), |end| at + end);
        return command.get(*at..end);
    }
    let commands = command.split(|c: char| ";&|(){}\n".contains(c));
    commands.into_iter().find_map(program_that_leaves)
}

/// Returns the words by which a program is told to go on in the background.
fn program_that_leaves(command: &str) -> Option<&str> {
    const BEFORE: [&str; 7] = ["nice", "nohup", "env", "exec", "sudo", "then", "do"];
    let words: Vec<_> = command.split_whitespace().collect();
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let first = words.iter().position(|word| !BEFORE.contains(word) && !word.contains('='))?;
    let (program, rest) = (base(words[first]), &words[first + 1..]);
    let short = |letter: char| {
        let has = |word: &&&str| {
            word.starts_with('-') && !word.starts_with("--") && word.contains(letter)
        };
        rest.iter().take_while(|word| word.starts_with('-')).find(has).copied()
    };
    let long = |option: &str| rest.iter().find(|word| **word == option).copied();
    match program.as_str() {
        "setsid" => short('f').or_else(|| long("--fork")),
        "ssh" => short('f'),
        "screen" => rest.iter().find(|word| word.starts_with("-d")).copied(),
        "tmux" => rest.iter().find(|word| **word == "-d").copied(),
        "start-stop-daemon" => long("--background").or_else(|| short('b')),
        "daemonize" | "daemon" => words.get(first).copied(),
        _ => ["--daemonize", "--daemon", "--background", "--detach", "--fork"]
            .into_iter()
            .find_map(long),
    }
}

/// Removes the redirections from the end of a command that only discard its output. A job's output is in the
/// journal.
pub(super) fn without_discarding(command: &str) -> &str {
    const FORMS: [&str; 16] = [
        ">/dev/null",
        "1>/dev/null",
        "2>/dev/null",
        "&>/dev/null",
        "> /dev/null",
        "1> /dev/null",
        "2> /dev/null",
        "&> /dev/null",
        ">&/dev/null",
        ">& /dev/null",
        ">>/dev/null",
        ">> /dev/null",
        "2>>/dev/null",
        "</dev/null",
        "< /dev/null",
        "2>&1",
    ];
    let mut command = command.trim_end();
    while let Some(rest) = FORMS.iter().find_map(|form| {
        let rest = command.strip_suffix(form)?;
        rest.ends_with([' ', '\t']).then(|| rest.trim_end())
    }) {
        command = rest;
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_before_a_command_is_no_failure() {
        for (command, written) in [
            (
                "[ -x /usr/sbin/dma ] && /usr/sbin/dma -q",
                "if [ -x /usr/sbin/dma ]; then /usr/sbin/dma -q; fi",
            ),
            ("test -x /a && /a 2>&1 | ts", "if test -x /a; then /a 2>&1 | ts; fi"),
            (
                "command -v debian-sa1 > /dev/null && debian-sa1 1 1",
                "if command -v debian-sa1 > /dev/null; then debian-sa1 1 1; fi",
            ),
            (
                "[ -x /a ] && [ -d /b ] && cd /b && /a 'x; y'",
                "if [ -x /a ] && [ -d /b ]; then cd /b && /a 'x; y'; fi",
            ),
            ("[ -x /a ] && { cd / && /a; }", "if [ -x /a ]; then { cd / && /a; }; fi"),
        ] {
            assert_eq!(guarded(command).as_deref(), Some(written), "{command}");
        }
        for command in [
            "/a && /b",
            "[ -x /a ] || /b",
            "[ -x /a ] && /a || /b",
            "[ -x /a ] && /a; /b",
            "[ -x /a ] && /a &",
            "[ -x /a ] && /a # why",
            "[ -x /a ] && (/a",
            "[ -x /a ] && { /a; }; /b",
            "[ -x /a ] && ",
            "[ -x '/a ] && /a",
            "[ -x /a ]",
            "if [ -x /a ]; then /a; fi",
        ] {
            assert_eq!(guarded(command), None, "{command}");
        }
    }

    #[test]
    fn what_goes_on_in_the_background_is_found() {
        for (command, found) in [
            ("x &", "&"),
            ("x &>/tmp/f", "&>/tmp/f"),
            ("x &> /tmp/f", "&>"),
            ("x &2>f", "&2>f"),
            ("(x &)", "&)"),
            ("nohup x & echo $! >/run/x.pid", "&"),
            ("setsid -f x", "-f"),
            ("setsid --fork x", "--fork"),
            ("screen -dmS name x", "-dmS"),
            ("screen -S name -d -m x", "-d"),
            ("ssh -f host x", "-f"),
            ("x --daemonize", "--daemonize"),
            ("tmux new -d x", "-d"),
            ("cd / && nice ssh -fN host", "-fN"),
            ("FOO=1 /usr/sbin/x --daemonize", "--daemonize"),
            ("start-stop-daemon --start --background --exec /x", "--background"),
        ] {
            assert_eq!(left_behind(command), Some(found), "{command}");
        }
        for command in [
            "x && y",
            "x >/dev/null 2>&1",
            "x >&2",
            "x 'a & b' \"c & d\" e\\&f",
            "a & b & wait",
            "setsid x",
            "ssh host -f",
            "screen -ls",
            "tar -d",
        ] {
            assert_eq!(left_behind(command), None, "{command}");
        }
    }

    #[test]
    fn discarded_output_is_discarded_no_more() {
        for (command, left) in [
            ("x >/dev/null 2>&1", "x"),
            ("x y > /dev/null 2>/dev/null", "x y"),
            ("x &>/dev/null", "x"),
            ("x >> /dev/null 2>&1 </dev/null", "x"),
            ("x >& /dev/null < /dev/null", "x"),
            ("x >/tmp/log 2>&1", "x >/tmp/log"),
            ("x", "x"),
        ] {
            assert_eq!(without_discarding(command), left);
        }
    }
}
