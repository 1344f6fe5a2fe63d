//! Environment lines of a crontab (crontab(5), `load_env()` of Debian cron's `env.c`).

/// The state of the reader in a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeName,
    Name,
    BeforeEquals,
    AfterEquals,
    Value,
    End,
}

/// Reads `NAME = VALUE`; `None` if the line is not an assignment for cron.
///
/// Name and value may each be in single or double quotes. White space around both is removed, unless it is
/// quoted and not at the end of a value. All else is kept, also `$` and `#`.
pub(super) fn assignment(line: &str) -> Option<(String, String)> {
    let (mut name, mut value) = (String::new(), String::new());
    let mut state = State::BeforeName;
    let mut quote = None;
    let mut characters = line.trim_start_matches([' ', '\t']).chars().peekable();
    while let Some(&character) = characters.peek() {
        match state {
            State::BeforeName => {
                quote = characters.next_if(|c| is_quote(*c));
                state = State::Name;
                continue;
            }
            // An equals sign ends a name, even in quotes.
            State::Name if character == '=' => {
                state = State::BeforeEquals;
                continue;
            }
            State::Name if quote == Some(character) => state = State::BeforeEquals,
            State::Name if quote.is_none() && is_space(character) => state = State::BeforeEquals,
            State::Name => name.push(character),
            State::BeforeEquals if character == '=' => state = State::AfterEquals,
            State::BeforeEquals | State::End if !is_space(character) => return None,
            State::AfterEquals if !is_space(character) => {
                quote = characters.next_if(|c| is_quote(*c));
                state = State::Value;
                continue;
            }
            State::BeforeEquals | State::AfterEquals | State::End => {}
            State::Value if quote == Some(character) => state = State::End,
            State::Value => value.push(character),
        }
        characters.next();
    }
    match state {
        State::AfterEquals | State::End => {}
        State::Value if quote.is_none() => {}
        _ => return None,
    }
    // Also within quotes.
    value.truncate(value.trim_end_matches(is_space).len());
    Some((name, value))
}

fn is_quote(character: char) -> bool {
    matches!(character, '\'' | '"')
}

/// Returns the same as `isspace(3)` in the C locale.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's cron 3.0pl1-197 reads them.
    #[test]
    fn assignments_are_those_of_debian_cron() {
        for (line, name, value) in [
            ("A = \"b c\"  ", "A", "b c"),
            (" 'Q Z' =  'x  y' ", "Q Z", "x  y"),
            ("B=a # no comment", "B", "a # no comment"),
            ("F=$HOME/x", "F", "$HOME/x"),
            ("G=\"a'b\"", "G", "a'b"),
            ("H=\"\"", "H", ""),
            ("E=", "E", ""),
            ("A =", "A", ""),
            ("=x", "", "x"),
            ("bad-name=1", "bad-name", "1"),
            ("I = trailing \t\r", "I", "trailing"),
            ("\"A=b", "A", "b"),
            ("A=a\"b\"", "A", "a\"b\""),
            ("A==b", "A", "=b"),
            ("C=\"tr  \"", "C", "tr"),
            ("D='  x '", "D", "  x"),
        ] {
            assert_eq!(assignment(line), Some((name.to_owned(), value.to_owned())), "{line}");
        }
        for line in ["", "A", "C=\"a\"b", "D= 'x", "A B=c", "\"A\"B=c", "* * * * * a=b", "'A"] {
            assert_eq!(assignment(line), None, "{line}");
        }
    }
}
