//! The tokens `{id}`, `{revision}`, `{instance}`, `{port}` and `{socket}`, and text that may contain them.

use std::borrow::Cow;

/// The values of the tokens in one instance.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// The id of the service.
    pub id: &'a str,
    /// The revision.
    pub revision: &'a str,
    /// The number of the instance, from 1.
    pub instance: &'a str,
    /// The port that the instance listens on; `None` for a service without a port.
    pub port: Option<&'a str>,
    /// The unix socket that the instance listens on; `None` for a service without one.
    pub socket: Option<&'a str>,
}

const NAMES: [&str; 5] = ["id", "revision", "instance", "port", "socket"];

impl Tokens<'_> {
    /// Returns a text with its tokens replaced. `{{port}}` becomes a literal `{port}`; all other braces stay, so
    /// that JSON and shell snippets do not change.
    pub fn expand<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let value = |name| match name {
            "id" => Some(self.id),
            "revision" => Some(self.revision),
            "instance" => Some(self.instance),
            "port" => self.port,
            _ => self.socket,
        };
        if !text.contains('{') {
            return Cow::Borrowed(text);
        }
        let mut expanded = String::with_capacity(text.len() + 16);
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => expanded.push_str(text),
                Piece::Token(name) => match value(name) {
                    Some(value) => expanded.push_str(value),
                    None => expanded.extend(["{", name, "}"]),
                },
            }
        }
        Cow::Owned(expanded)
    }
}

/// Text that may contain tokens.
pub trait Tokenized {
    /// Returns the text with its tokens.
    fn text(&self) -> &str;

    /// Returns whether the text contains the token of this name.
    fn uses(&self, name: &str) -> bool {
        pieces(self.text()).any(|piece| matches!(piece, Piece::Token(token) if token == name))
    }
}

impl Tokenized for str {
    fn text(&self) -> &str {
        self
    }
}

/// Returns a text with the braces of its tokens doubled, so that [`Tokens::expand`] returns the text itself.
pub fn literal(text: &str) -> Cow<'_, str> {
    let mut written = Cow::Borrowed(text);
    for token in NAMES.map(|name| format!("{{{name}}}")) {
        if written.contains(&token) {
            written = Cow::Owned(written.replace(&token, &format!("{{{token}}}")));
        }
    }
    written
}

/// Returns the names of all tokens.
pub(crate) fn token_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

/// Returns the first name in braces that is not a token but similar to one, with that token.
pub(crate) fn unknown_token(text: &str) -> Option<(&str, &'static str)> {
    const CLOSE: f64 = 0.9;
    let braces = text.match_indices('{').map(|(at, _)| at);
    braces.filter(|at| !text[..*at].ends_with(['$', '{'])).find_map(|at| {
        let rest = &text[at + 1..];
        let name = &rest[..rest.find('}')?];
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
        let lower = name.to_ascii_lowercase();
        let meant = NAMES.into_iter().find(|token| strsim::jaro_winkler(&lower, token) >= CLOSE)?;
        (is_name && name != meant).then_some((name, meant))
    })
}

enum Piece<'t> {
    Text(&'t str),
    Token(&'t str),
}

fn pieces(mut text: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let brace = text.find('{').unwrap_or(text.len());
        if brace > 0 {
            let (before, after) = text.split_at(brace);
            text = after;
            return Some(Piece::Text(before));
        }
        for name in NAMES {
            let token = text[1..].strip_prefix(name).and_then(|rest| rest.strip_prefix('}'));
            if let Some(rest) = token {
                text = rest;
                return Some(Piece::Token(name));
            }
            let literal = text[1..]
                .strip_prefix('{')
                .and_then(|rest| rest.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix("}}"));
            if let Some(rest) = literal {
                // Without the outer braces.
                let piece = &text[1..text.len() - rest.len() - 1];
                text = rest;
                return Some(Piece::Text(piece));
            }
        }
        let (brace, rest) = text.split_at(1);
        text = rest;
        Some(Piece::Text(brace))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: Tokens<'_> = Tokens {
        id: "web",
        revision: "v1",
        instance: "2",
        port: Some("20001"),
        socket: Some("/run/a"),
    };

    #[test]
    fn exactly_five_tokens_are_replaced() {
        for (text, expanded) in [
            ("plain", "plain"),
            ("{id}-{revision}-{instance}:{port}", "web-v1-2:20001"),
            ("unix:{socket} {sockets}", "unix:/run/a {sockets}"),
            ("{{port}}", "{port}"),
            ("{{{port}}}", "{{port}}"),
            ("{ports} {Port} {} {a{id}b} {", "{ports} {Port} {} {aweb b} {"),
            ("{{id}", "{web"),
            ("${HOME} {\"a\": {}}", "${HOME} {\"a\": {}}"),
        ] {
            let expanded = expanded.replace("web b", "webb");
            assert_eq!(TOKENS.expand(text), expanded, "{text}");
        }
    }

    #[test]
    fn a_literal_text_is_what_it_was() {
        for text in
            ["", "{port}", "{{port}}", "{{{id}}", "{id}{id}", "{id{port}}", "${HOME}{", "{socket"]
        {
            let written = literal(text);
            assert_eq!(TOKENS.expand(&written), text, "{written}");
            assert!(NAMES.iter().all(|name| !written.uses(name)), "{written}");
        }
    }

    #[test]
    fn what_is_nearly_a_token_is_found() {
        for (text, found) in [
            (":{prot}", Some(("prot", "port"))),
            ("{Port}", Some(("Port", "port"))),
            ("{ports}", Some(("ports", "port"))),
            ("{instace}", Some(("instace", "instance"))),
            ("{port}", None),
            ("{{prot}}", None),
            ("${prot}", None),
            ("{name} {user} {}", None),
            ("{\"id\": 1}", None),
        ] {
            assert_eq!(unknown_token(text), found, "{text}");
        }
    }

    #[test]
    fn a_literal_is_not_a_use() {
        assert!("a{port}".uses("port"));
        assert!(!"a{{port}}".uses("port"));
        assert!(!"a{port}".uses("id"));
    }
}
