//! Limits of templates: Handlebars' parser and renderer recurse for nested parts, and a stack overflow ends
//! the process.

/// The most parts of each kind that can be nested. conductor's own templates have about twenty blocks.
const MOST: usize = 100;

/// Why a template is refused, and the byte where.
pub(super) struct Refused {
    pub(super) at: usize,
    pub(super) reason: String,
}

/// Refuses a template that could overflow the stack.
///
/// It counts and does not parse. A parser of our own could be wrong about closing tags in comments and
/// strings; and no more than [`MOST`] parts cannot be nested deeper.
pub(super) fn check(text: &str) -> Result<(), Refused> {
    let mut blocks = 0_usize;
    for (start, _) in text.match_indices("{{") {
        // White space is allowed between the parts of a tag.
        let is_filler = |c: char| c.is_ascii_whitespace() || c == '~' || c == '{';
        let tag = text[start..].trim_start_matches(is_filler);
        let at = text.len() - tag.len();
        let kind = tag.strip_prefix('#').map(|rest| rest.trim_start_matches(is_filler));
        if tag.starts_with(['>', '*']) || kind.is_some_and(|kind| kind.starts_with(['>', '*'])) {
            let reason = "partials and inlines are not supported: write out their content";
            return Err(Refused { at, reason: reason.to_owned() });
        }
        blocks += usize::from(kind.is_some() || tag.starts_with('^') || tag.starts_with("else"));
        if blocks > MOST {
            return Err(Refused { at, reason: format!("there are more than {MOST} blocks") });
        }
    }
    let within =
        [('(', "opening parentheses"), ('[', "opening brackets"), ('{', "braces in values")];
    for (character, what) in within {
        // Two braces begin a tag.
        let mut found = text.char_indices().filter(|(at, c)| {
            let is_tag =
                character == '{' && (text[*at..].starts_with("{{") || text[..*at].ends_with('{'));
            *c == character && !is_tag
        });
        if let Some((at, _)) = found.nth(MOST) {
            return Err(Refused { at, reason: format!("there are more than {MOST} {what}") });
        }
    }
    Ok(())
}

/// Returns line and column of a byte, from 1.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
