//! Splits a command into words, as Compose does (mattn/go-shellwords).

/// Words, and whether the rest of the text was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) words: Vec<String>,
    /// The text from an unquoted `;`, `&`, `|`, `<` or `>` on, which Compose drops.
    pub(crate) rest: Option<String>,
}

/// Splits a text; `None` if Compose refuses it, for example for an open quote.
pub(crate) fn split(text: &str) -> Option<Words> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let (mut single, mut double, mut back, mut dollar) = (false, false, false, false);
    let mut rest = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        let plain = !single && !double && !back && !dollar;
        let buffer = word.get_or_insert_with(String::new);
        match c {
            '\\' if !single => match characters.next()?.1 {
                't' => buffer.push('\t'),
                'n' => buffer.push('\n'),
                other => buffer.push(other),
            },
            ' ' | '\t' | '\r' | '\n' if plain => {
                // An empty word counts only if it was quoted, which leaves a mark below.
                words.extend(word.take().filter(|word| !word.is_empty()));
            }
            '"' if !single && !dollar => double = !double,
            '\'' if !double && !dollar => single = !single,
            '`' if !single && !double && !dollar => {
                back = !back;
                buffer.push(c);
            }
            '(' if !single && !double && !back => {
                if dollar || !buffer.ends_with('$') {
                    return None;
                }
                dollar = true;
                buffer.push(c);
            }
            ')' if !single && !double && !back => {
                dollar = !dollar;
                buffer.push(c);
            }
            ';' | '&' | '|' | '<' | '>' if plain => {
                rest = Some(text[at..].to_owned());
                // `2>file`: the number belongs to the redirection.
                if c == '>' && buffer.starts_with(|c: char| c.is_ascii_digit()) {
                    word = None;
                }
                break;
            }
            _ => buffer.push(c),
        }
        // `""` is an empty word of its own.
        let closes = matches!(c, '"' | '\'') && !single && !double;
        let ends =
            text[at + c.len_utf8()..].starts_with([' ', '\t', '\r', '\n']) || at + 1 == text.len();
        if closes && ends && word.as_deref() == Some("") {
            words.push(String::new());
            word = None;
        }
    }
    if single || double || back || dollar {
        return None;
    }
    words.extend(word.filter(|word| !word.is_empty()));
    Some(Words { words, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compose_s() {
        for (text, words) in [
            ("bundle exec thin -p 3000", &["bundle", "exec", "thin", "-p", "3000"][..]),
            ("sh -c \"echo 'a b' && x\"", &["sh", "-c", "echo 'a b' && x"]),
            ("a '' \"\" b\\ c", &["a", "", "", "b c"]),
            ("--x='y z' $(pwd)", &["--x=y z", "$(pwd)"]),
            ("a\n  b\t c", &["a", "b", "c"]),
            ("", &[]),
        ] {
            assert_eq!(split(text).unwrap().words, words, "{text}");
        }
        for bad in ["'a", "\"a", "a\\", "(a)", "`a", "a)"] {
            assert_eq!(split(bad), None, "{bad}");
        }
        let cut = split("run && stop").unwrap();
        assert_eq!((cut.words, cut.rest.as_deref()), (vec!["run".into()], Some("&& stop")));
        assert_eq!(split("run 2>x").unwrap().words, ["run"]);
    }
}
