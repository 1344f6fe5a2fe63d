//! Reads files of Quadlet, which are systemd unit files (systemd.syntax(7)).

use crate::node::Place;

/// One assignment of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) at: Place,
}

/// Reads a file; an error is the place of a line that is no assignment.
pub(crate) fn read(text: &str, file: usize) -> Result<Vec<Line>, Place> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let at = Place { file, line: index + 1, column: 1 };
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let mut whole = line.to_owned();
        while let Some(before) = whole.strip_suffix('\\') {
            let before = before.trim_end().to_owned();
            // Comments between the lines are skipped.
            let next = lines.by_ref().find(|(_, line)| !line.trim_start().starts_with(['#', ';']));
            let next = next.map_or("", |(_, line)| line.trim());
            whole = format!("{before} {next}");
            if next.is_empty() {
                break;
            }
        }
        let Some((key, value)) = whole.split_once('=') else { return Err(at) };
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        if section.is_empty() || key.is_empty() {
            return Err(at);
        }
        if value.is_empty() {
            // An empty assignment resets the list.
            found.retain(|line: &Line| line.section != section || line.key != key);
            continue;
        }
        found.push(Line { section: section.clone(), key, value, at });
    }
    Ok(found)
}

/// Splits a value into words, as systemd does: quotes, and escapes as in C. `None` if a quote is open.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => {
                let escaped = match characters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    's' => ' ',
                    'x' => {
                        let digits: String = characters.by_ref().take(2).collect();
                        char::from(u8::from_str_radix(&digits, 16).ok()?)
                    }
                    other => other,
                };
                word.get_or_insert_default().push(escaped);
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Replaces the specifiers whose value is known; `Err` has the first other one.
pub(crate) fn specifiers(text: &str, name: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('%') => out.push('%'),
            Some('t') => out.push_str("/run"),
            Some('S') => out.push_str("/var/lib"),
            Some('C') => out.push_str("/var/cache"),
            Some('L') => out.push_str("/var/log"),
            Some('E') => out.push_str("/etc"),
            Some('T') => out.push_str("/tmp"),
            Some('h') => out.push_str("/root"),
            Some('U' | 'G') => out.push('0'),
            Some('u') => out.push_str("root"),
            Some('N' | 'p') => out.push_str(name),
            Some(other) => return Err(format!("%{other}")),
            None => return Err("%".to_owned()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_systemd_does() {
        let text = "# comment\n[Container]\nImage=a\nExec=a \\\n# between\n  b\nLabel=x=1\nDNS=1\nDNS=\n\
                    [Install]\nWantedBy = default.target\n";
        let lines = read(text, 3).unwrap();
        let shown: Vec<_> =
            lines.iter().map(|it| format!("{}.{}={}", it.section, it.key, it.value)).collect();
        assert_eq!(
            shown,
            [
                "Container.Image=a",
                "Container.Exec=a b",
                "Container.Label=x=1",
                "Install.WantedBy=default.target"
            ]
        );
        assert_eq!(lines[1].at, Place { file: 3, line: 4, column: 1 });
        assert_eq!(read("[A]\nb", 0).unwrap_err().line, 2);
        assert_eq!(read("a=b", 0).unwrap_err().line, 1);
    }

    #[test]
    fn words_and_specifiers() {
        let split = |text: &str| words(text).map(|words| words.join("|"));
        assert_eq!(split("a 'b c' \"d\\\"e\" f\\x20g ''").as_deref(), Some("a|b c|d\"e|f g|"));
        assert_eq!(split("'a"), None);
        assert_eq!(specifiers("%h/x %% %N", "web").as_deref(), Ok("/root/x % web"));
        assert_eq!(specifiers("a%i", "web"), Err("%i".to_owned()));
    }
}
