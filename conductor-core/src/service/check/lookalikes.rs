//! Finds what looks like variables and ports in texts of a definition.

/// Returns whether a text has a number that no other digit or dot continues.
pub(super) fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let continues = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        !before.is_some_and(continues) && !after.is_some_and(continues)
    })
}

/// Returns the first variable in a text as a shell or Compose would read it: `$NAME` with an upper-case name,
/// or `${NAME...}`.
pub(super) fn variable(text: &str) -> Option<&str> {
    let dollars = text.match_indices('$').map(|(at, _)| at);
    dollars.filter(|at| !text[..*at].ends_with('$')).find_map(|at| {
        let rest = &text[at + 1..];
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if let Some(braced) = rest.strip_prefix('{') {
            let inner = &braced[..braced.find('}')?];
            let is_name = inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            return is_name.then(|| &text[at..at + inner.len() + "${}".len()]);
        }
        let name = &rest[..rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())];
        let begins = name.starts_with(|c: char| !c.is_ascii_digit());
        let ends = !rest[name.len()..].starts_with(|c: char| c.is_ascii_lowercase());
        (begins && ends).then(|| &text[at..=at + name.len()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_shells_are_found() {
        for (text, found) in [
            ("--port=$PORT", Some("$PORT")),
            ("${B:-c}", Some("${B:-c}")),
            ("a ${db_url} b", Some("${db_url}")),
            ("$$HOME", None),
            ("$1 costs $5", None),
            ("$host", None),
            ("$Uri", None),
            ("^a$", None),
            ("{\"$ref\": 1}", None),
            ("${", None),
            ("${}", None),
        ] {
            assert_eq!(variable(text), found, "{text}");
        }
    }

    #[test]
    fn a_number_is_a_word() {
        assert!(has_number("--web.listen-address=:9100", "9100"));
        assert!(has_number("9100", "9100"));
        for other in ["91000", "1.9100", "a9100", "--id=19100"] {
            assert!(!has_number(other, "9100"), "{other}");
        }
    }
}
