//! Reads files of environment variables as Compose does (compose-go, package `dotenv`).

use super::interpolate::Template;

/// A variable of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// `None` for a name without a value, which is taken from the environment.
    pub(crate) value: Option<String>,
    /// The line of its name, from 1.
    pub(crate) line: usize,
    /// Whether an engine, which reads the text after the first `=` as it is, sees another value.
    pub(crate) is_special: bool,
}

/// Reads a file; an error is the line and what is wrong there.
pub(crate) fn read(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Variable>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut found: Vec<Variable> = Vec::new();
    let mut lines = text.split('\n').enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (rest, exported) = match trimmed.strip_prefix("export ") {
            Some(rest) => (rest.trim_start(), true),
            None => (trimmed, false),
        };
        let end = rest.find(['=', ':']);
        let Some(end) = end else {
            found.push(Variable {
                name: rest.to_owned(),
                value: None,
                line: number,
                is_special: exported,
            });
            continue;
        };
        let name = rest[..end].trim().to_owned();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err((number, format!("{line:?} is not NAME=VALUE")));
        }
        let raw = rest[end + 1..].trim_start();
        let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
        let value = match quote {
            Some(quote) => {
                // A quoted value may span lines.
                let mut value = raw[1..].to_owned();
                loop {
                    if let Some(end) = closing(&value, quote) {
                        value.truncate(end);
                        break;
                    }
                    let Some((_, next)) = lines.next() else {
                        return Err((
                            number,
                            format!("the value of {name} has no closing {quote}"),
                        ));
                    };
                    value.push('\n');
                    value.push_str(next);
                }
                value
            }
            None => without_comment(raw).trim_end().to_owned(),
        };
        let value = if quote == Some('\'') {
            value
        } else {
            let value = if quote.is_some() { unescape(&value) } else { value };
            let lookup = |name: &str| {
                let earlier = found.iter().rev().find(|it| it.name == name);
                variable(name).or_else(|| earlier.and_then(|it| it.value.clone()))
            };
            let mut template = Template { variable: &lookup, unset: Vec::new(), has_value: false };
            template.replace(&value).map_err(|_| {
                (number, format!("the value of {name} is not a valid template of variables"))
            })?
        };
        let seen_by_engines = line.trim_start().split_once('=').map(|(_, value)| value);
        let is_special = exported || seen_by_engines != Some(value.as_str());
        found.push(Variable { name, value: Some(value), line: number, is_special });
    }
    Ok(found)
}

/// Reads a file as the engines do: lines of `NAME=VALUE`, in which nothing is special.
pub(crate) fn read_raw(text: &str) -> Vec<Variable> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let variable = |(line, text): (usize, &str)| {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Variable { name: name.to_owned(), value, line, is_special: false }
    };
    lines.map(variable).collect()
}

/// Returns where the closing quote is.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' if quote == '"' => escaped = !escaped,
            c if c == quote && !escaped => return Some(at),
            _ => escaped = false,
        }
    }
    None
}

/// Returns a value without the comment after it, which begins with white space and `#`.
fn without_comment(text: &str) -> &str {
    let comment = |(at, _): &(usize, &str)| text[..*at].ends_with([' ', '\t']) || *at == 0;
    text.match_indices('#').find(comment).map_or(text, |(at, _)| &text[..at])
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, c == '\\') {
            (_, true) => match characters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                // For the template, which would replace a variable.
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_compose() {
        let text = "# comment\nA=1\nexport B='x $A'\nC=\"a\\n${A}\" # no\nD=plain # comment\nE: yaml\n\
                    F\nG=a#b\nH=\nI=\"two\nlines\"\nJ=${A}-${NONE:-n}\n  K=  v\n";
        let variables = read(text, &|_| None).unwrap();
        let values: Vec<_> = variables
            .iter()
            .map(|it| (it.name.as_str(), it.value.as_deref(), it.is_special))
            .collect();
        assert_eq!(
            values,
            [
                ("A", Some("1"), false),
                ("B", Some("x $A"), true),
                ("C", Some("a\n1"), true),
                ("D", Some("plain"), true),
                ("E", Some("yaml"), true),
                ("F", None, false),
                ("G", Some("a#b"), false),
                ("H", Some(""), false),
                ("I", Some("two\nlines"), true),
                ("J", Some("1-n"), true),
                ("K", Some("v"), true),
            ]
        );
        assert_eq!(variables[8].line, 10);
    }

    #[test]
    fn what_is_no_variable_has_a_line() {
        assert_eq!(read("A=1\nB C=2", &|_| None).unwrap_err().0, 2);
        assert_eq!(read("A=1\n\nB=\"2", &|_| None).unwrap_err().0, 3);
        assert_eq!(read("A=${", &|_| None).unwrap_err().0, 1);
    }
}
