//! What Debian's cron makes of an expression: it takes some that were not meant so (`get_list()` and
//! `get_range()` of its `entry.c`).

use super::Expression;
use super::field::{RULES, Rules};

/// What Debian's cron makes of five fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It refuses them, and so the whole crontab.
    Refused,
    /// It takes them, and never runs the command.
    Never,
    /// It takes them for this expression.
    As(Expression),
}

impl Reading {
    pub(crate) fn of(text: &str) -> Self {
        let parts: Vec<_> = text.split([' ', '\t']).filter(|part| !part.is_empty()).collect();
        let Ok(parts) = <[&str; 5]>::try_from(parts.as_slice()) else { return Self::Refused };
        let read = |(part, rules): (&&str, &Rules)| list(part, rules);
        let Some(mut lists) = parts.iter().zip(&RULES).map(read).collect::<Option<Vec<_>>>() else {
            return Self::Refused;
        };
        // Without a star in either, a day of the other list is enough.
        for (days, others) in [(2, 4), (4, 2)] {
            if lists[days].is_empty()
                && !lists[others].is_empty()
                && !parts[others].starts_with('*')
            {
                lists[days] = vec!["*".to_owned()];
            }
        }
        let fields: Vec<_> = lists.iter().map(|list| list.join(",")).collect();
        // A list without values, or days that no month has.
        fields.join(" ").parse().map_or(Self::Never, Self::As)
    }

    /// Returns the end of a message about an expression that is refused here.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Refused => String::new(),
            Self::Never => "; cron takes it, and never runs the job".to_owned(),
            Self::As(expression) => format!("; cron takes it for \"{expression}\""),
        }
    }
}

/// Reads a list up to the first character that cron does not expect: it ignores the rest of the field. Returns
/// the elements that have values, or `None` if cron refuses the field.
fn list(field: &str, rules: &Rules) -> Option<Vec<String>> {
    let mut elements = Vec::new();
    let mut rest = field;
    loop {
        let (element, after) = range(rest, rules)?;
        elements.extend(element);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some(elements),
        }
    }
}

/// Reads `*`, a number or a range, and its step. A range that runs backwards has no values.
fn range<'t>(text: &'t str, rules: &Rules) -> Option<(Option<String>, &'t str)> {
    let (range, is_empty, rest) = if let Some(rest) = text.strip_prefix('*') {
        ("*".to_owned(), false, rest)
    } else {
        let (first, rest) = number(text, Some(rules))?;
        let Some(rest) = rest.strip_prefix('-') else {
            return (!rest.starts_with('/')).then(|| (Some(first.to_string()), rest));
        };
        let (last, rest) = number(rest, Some(rules))?;
        (format!("{first}-{last}"), first > last, rest)
    };
    let (range, rest) = match rest.strip_prefix('/') {
        None => (range, rest),
        Some(rest) => {
            let (step, rest) = number(rest, None)?;
            (format!("{range}/{step}"), rest)
        }
    };
    Some(((!is_empty).then_some(range), rest))
}

/// Reads a number or a name within the limits of a field, or a step.
fn number<'t>(text: &'t str, rules: Option<&Rules>) -> Option<(i32, &'t str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let name = |rules: &Rules| {
        let index = rules.names.iter().position(|name| name.eq_ignore_ascii_case(word))?;
        Some(i32::try_from(index).ok()? + i32::from(rules.least))
    };
    // Larger numbers than cron's overflow there.
    let number = word.parse().ok().or_else(|| rules.and_then(name))?;
    let fits = match rules {
        Some(rules) => (i32::from(rules.least)..=i32::from(rules.most)).contains(&number),
        None => number > 0,
    };
    fits.then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which are taken is what `crontab -n` of Debian's cron 3.0pl1-197 says.
    #[test]
    fn what_cron_takes_is_what_debian_cron_takes() {
        for (text, taken) in [
            ("* * * * sat-sun", ""),
            ("* * * * 7-1", ""),
            ("22-2 * * * *", ""),
            ("5-3/2,7 * * * *", "7 * * * *"),
            ("*-5 * * * *", "* * * * *"),
            ("*x * * * *", "* * * * *"),
            ("* * * * 5#2", "* * * * 5"),
            ("0~59 * * * *", "0 * * * *"),
            ("1.5,7 * * * *", "1 * * * *"),
            ("*/5/2 * * * *", "*/5 * * * *"),
            ("1-3-5 * * * *", "1-3 * * * *"),
            ("007 * * * *", "7 * * * *"),
            ("*/70 * * * *", "*/70 * * * *"),
            ("0 0 30 2 *", ""),
            // Either day is enough, and one of the lists has none.
            ("0 0 13 * sat-sun", "0 0 13 * *"),
            ("0 0 7-1 * fri", "0 0 * * 5"),
            ("0 0 7-1 * *", ""),
            ("0 0 */2 * sat-sun", ""),
        ] {
            let reading = match taken {
                "" => Reading::Never,
                taken => Reading::As(taken.parse().unwrap()),
            };
            assert_eq!(Reading::of(text), reading, "{text}");
        }
        for text in [
            "5/10 * * * *",
            "*/0 * * * *",
            "5-* * * * *",
            "1,L * * * *",
            "* * 15W * *",
            "* * * * 5L",
            "* * * * monday",
            "* * * * mon,",
            "* * * * mon-friday",
            "*/5x * * * *",
            "5x * * * *",
            "1-5/2x * * * *",
            ",5 * * * *",
            "5,,7 * * * *",
            "? * * * *",
            "H * * * *",
            "~ * * * *",
            "60 * * * *",
            "1-99 * * * *",
            "99-1 * * * *",
            "+5 * * * *",
            "-5 * * * *",
            "*/-5 * * * *",
            "* * jan * *",
            "* * * *",
        ] {
            assert_eq!(Reading::of(text), Reading::Refused, "{text}");
        }
    }
}
