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
}

impl Template<'_> {
    /// Returns the text with its variables replaced.
    pub(crate) fn replace(&mut self, text: &str) -> Result<String, Fault> {
        let (replaced, rest) = self.until(text, None, 0)?;
        debug_assert!(rest.is_empty());
        Ok(replaced)
    }

    /// Replaces up to an end character outside of braces. Returns the result and what follows the end.
    fn until<'t>(
        &mut self,
        text: &'t str,
        end: Option<char>,
        depth: usize,
    ) -> Result<(String, &'t str), Fault> {
        if depth > DEEPEST {
            return Err(Fault::Format);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if Some(c) == end {
                return Ok((out, &rest[c.len_utf8()..]));
            }
            if c != '$' {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            rest = &rest[1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (value, after) = self.braces(after, depth)?;
                out.push_str(&value);
                rest = after;
            } else {
                let name = name(rest);
                if name.is_empty() {
                    return Err(Fault::Format);
                }
                out.push_str(&self.value(name).unwrap_or_default());
                rest = &rest[name.len()..];
            }
        }
        match end {
            Some(_) => Err(Fault::Format),
            None => Ok((out, rest)),
        }
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
        // What is not used must not count as unset.
        let before = self.unset.len();
        let (word, after) = self.until(&rest[1..], Some('}'), depth + 1)?;
        let used = (kind == '+') == value.is_some();
        if !used {
            self.unset.truncate(before);
        }
        match (kind, value) {
            ('-' | '?', Some(value)) => Ok((value, after)),
            ('-', None) | ('+', Some(_)) => Ok((word, after)),
            ('+', None) => Ok((String::new(), after)),
            _ => Err(Fault::Required { name: name.to_owned(), message: word }),
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = (self.variable)(name);
        if value.is_none() && !self.unset.iter().any(|other| other == name) {
            self.unset.push(name.to_owned());
        }
        value
    }
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
        ] {
            let mut template = Template { variable: &variable, unset: Vec::new() };
            assert_eq!(template.replace(text).as_deref(), Ok(replaced), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_found() {
        let replace = |text: &str| {
            let mut template = Template { variable: &variable, unset: Vec::new() };
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
