//! Replaces variables as Compose does: `$NAME`, `${NAME}`, `${NAME:-default}` and the like, nested; `$$` is `$`.

/// The deepest nesting of defaults.
const DEEPEST: usize = 20;

/// What is wrong with a text, or what its author wants to be set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text is no template.
    Format,
    /// `${NAME:?message}` of a variable that is not set.
    Required { name: String, message: String },
}

/// Looks variables up, and remembers those that are not set.
pub(crate) struct Template<'v> {
    pub(crate) variable: &'v dyn Fn(&str) -> Option<String>,
    pub(crate) unset: Vec<String>,
    /// Whether a variable that is set, and not empty, was used.
    pub(crate) has_value: bool,
}

impl Template<'_> {
    /// Returns the text with its variables replaced.
    pub(crate) fn replace(&mut self, text: &str) -> Result<String, Fault> {
        self.all(text, 0)
    }

    fn all(&mut self, text: &str, depth: usize) -> Result<String, Fault> {
        if depth > DEEPEST {
            return Err(Fault::Format);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(after) = after.strip_prefix('{') {
                let (value, after) = self.braces(after, depth)?;
                out.push_str(&value);
                rest = after;
            } else {
                let name = name(after);
                if name.is_empty() {
                    return Err(Fault::Format);
                }
                out.push_str(&self.value(name).unwrap_or_default());
                rest = &after[name.len()..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Replaces what follows `${`. Returns the value and what follows the closing brace.
    fn braces<'t>(&mut self, text: &'t str, depth: usize) -> Result<(String, &'t str), Fault> {
        let name = name(text);
        if name.is_empty() {
            return Err(Fault::Format);
        }
        let rest = &text[name.len()..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((self.value(name).unwrap_or_default(), after));
        }
        let (colon, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
        let kind = rest.chars().next().ok_or(Fault::Format)?;
        if !"-?+".contains(kind) {
            return Err(Fault::Format);
        }
        let value = (self.variable)(name).filter(|value| !colon || !value.is_empty());
        let end = closing(&rest[1..]).ok_or(Fault::Format)?;
        let (word, after) = (&rest[1..=end], &rest[end + 2..]);
        // What is not used need not be a template: it is not read.
        match (kind, value) {
            ('-' | '?', Some(value)) => {
                self.has_value |= !value.is_empty();
                Ok((value, after))
            }
            ('+', None) => Ok((String::new(), after)),
            ('-' | '+', _) => Ok((self.all(word, depth + 1)?, after)),
            _ => {
                let message = self.all(word, depth + 1)?;
                Err(Fault::Required { name: name.to_owned(), message })
            }
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = (self.variable)(name);
        self.has_value |= value.as_ref().is_some_and(|value| !value.is_empty());
        if value.is_none() && !self.unset.iter().any(|other| other == name) {
            self.unset.push(name.to_owned());
        }
        value
    }
}

/// Returns where the brace is that closes a text: one for each `${` in it is another's.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Returns the name at the beginning of a text.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => "",
        false => &text[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn every_form_is_replaced() {
        for (text, replaced) in [
            ("a$A-${A}.", "a1-1."),
            ("${B:-x}${B-y}${A:-z}", "xy1"),
            ("${EMPTY:-x}${EMPTY-y}", "x"),
            ("${A:+x}${A+y}${B:+x}${EMPTY:+z}${EMPTY+e}", "xye"),
            ("$$A $${A}", "$A ${A}"),
            ("${B:-${C:-d}e}", "de"),
            ("${B:-http://x:${A}/}", "http://x:1/"),
            ("${A:?no}", "1"),
            ("$B${C}", ""),
            ("ü${B:-ä}", "üä"),
            ("${A:-$2a$14$x}", "1"),
        ] {
            let mut template =
                Template { variable: &variable, unset: Vec::new(), has_value: false };
            assert_eq!(template.replace(text).as_deref(), Ok(replaced), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_found() {
        let replace = |text: &str| {
            let mut template =
                Template { variable: &variable, unset: Vec::new(), has_value: false };
            (template.replace(text), template.unset)
        };
        for text in ["$", "${", "${A", "${}", "${1}", "${A!x}", "a $ b", "${B:-${C}"] {
            assert_eq!(replace(text).0, Err(Fault::Format), "{text}");
        }
        let required = Fault::Required { name: "B".into(), message: "set 1".into() };
        assert_eq!(replace("${B:?set $A}").0, Err(required));
        assert_eq!(replace("$B ${C:-$D} ${A:-$E}").1, ["B", "D"]);
    }
}
