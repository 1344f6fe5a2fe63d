//! One field of a crontab expression.

/// The rules of a field.
pub(super) struct Rules {
    /// Its name in messages and words.
    pub(super) what: &'static str,
    pub(super) least: u8,
    /// The highest number that may be written; 7 for a day of the week, which also means Sunday.
    pub(super) most: u8,
    pub(super) names: &'static [&'static str],
}

pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
pub(super) const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The five fields in their order.
pub(super) const RULES: [Rules; 5] = [
    Rules { what: "minute", least: 0, most: 59, names: &[] },
    Rules { what: "hour", least: 0, most: 23, names: &[] },
    Rules { what: "day of month", least: 1, most: 31, names: &[] },
    Rules { what: "month", least: 1, most: 12, names: &MONTHS },
    Rules { what: "day of week", least: 0, most: 7, names: &DAYS },
];

/// Why an element of a field is refused, and what to write instead if that is known.
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) instead: Option<String>,
}

/// The values of a field, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::cron) struct Field {
    bits: u64,
    /// Whether it begins with `*`; for days, this decides how day of month and day of week combine.
    pub(in crate::cron) star: bool,
    pub(in crate::cron) least: u8,
    pub(in crate::cron) most: u8,
}

impl Field {
    /// Reads a field as `get_list()` of Debian's cron does.
    pub(super) fn parse(text: &str, rules: &Rules) -> Result<Self, (String, Refusal)> {
        let mut bits = 0;
        for item in text.split(',') {
            let (first, last, step) =
                parse_item(item, rules).map_err(|refusal| (item.to_owned(), refusal))?;
            let mut value = u32::from(first);
            while value <= u32::from(last) {
                bits |= 1 << value;
                value = value.saturating_add(step);
            }
        }
        let field =
            Self { bits, star: text.starts_with('*'), least: rules.least, most: rules.most };
        Ok(field.with_one_sunday())
    }

    /// Replaces 7, as a day of the week, by 0.
    fn with_one_sunday(mut self) -> Self {
        const SUNDAY_TOO: u8 = 7;
        if self.most == SUNDAY_TOO {
            self.bits |= self.bits >> SUNDAY_TOO & 1;
            self.bits &= !(1 << SUNDAY_TOO);
            self.most = SUNDAY_TOO - 1;
        }
        self
    }

    pub(in crate::cron) fn contains(self, value: u8) -> bool {
        self.bits >> value & 1 == 1
    }

    pub(in crate::cron) fn is_full(self) -> bool {
        (self.least..=self.most).all(|value| self.contains(value))
    }

    /// Returns the values in order; there is at least one.
    pub(in crate::cron) fn values(self) -> Vec<u8> {
        (self.least..=self.most).filter(|value| self.contains(*value)).collect()
    }
}

fn parse_item(item: &str, rules: &Rules) -> Result<(u8, u8, u32), Refusal> {
    let refuse = |why: &str| Refusal { why: why.to_owned(), instead: None };
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let step = match step {
        None => 1,
        Some(step) => {
            let number = step.parse().ok().filter(|_| step.bytes().all(|b| b.is_ascii_digit()));
            let number = number.filter(|step: &u32| *step > 0);
            let number = number.ok_or_else(|| refuse("the step is not a number above 0"))?;
            if range != "*" && !range.contains('-') {
                let from = value(range, rules)?;
                let instead = Some(format!("{from}-{}/{step}", rules.most.min(top(rules))));
                let why = "a step needs * or a range before it".to_owned();
                return Err(Refusal { why, instead });
            }
            number
        }
    };
    if range == "*" {
        return Ok((rules.least, rules.most, step));
    }
    let Some((first, last)) = range.split_once('-') else {
        let value = value(range, rules)?;
        return Ok((value, value, 1));
    };
    if first == "*" && value(last, rules).is_ok() {
        let instead = Some(format!("{}-{last}", rules.least));
        return Err(Refusal { why: "a range cannot contain *".to_owned(), instead });
    }
    let (from, to) = (value(first, rules)?, value(last, rules)?);
    if from > to {
        let why = "the range runs backwards".to_owned();
        return Err(Refusal { why, instead: Some(around(from, to, step, rules)) });
    }
    Ok((from, to, step))
}

/// Returns the highest value, without 7 for Sunday.
fn top(rules: &Rules) -> u8 {
    if rules.most == 7 { 6 } else { rules.most }
}

/// Returns the ranges that a range across the end of the field means.
fn around(from: u8, to: u8, step: u32, rules: &Rules) -> String {
    // As the first day of a range, 7 is the Sunday before the others.
    let from = if from > top(rules) { rules.least } else { from };
    if from <= to {
        let step = if step > 1 { format!("/{step}") } else { String::new() };
        return format!("{from}-{to}{step}");
    }
    let count = u32::from(top(rules) - rules.least) + 1;
    let end = u32::from(to) + count;
    let wrap = |value: u32| match value > u32::from(top(rules)) {
        true => value - count,
        false => value,
    };
    if step > 1 {
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let values: Vec<_> =
            (u32::from(from)..=end).step_by(step).map(|value| wrap(value).to_string()).collect();
        return values.join(",");
    }
    let range = |first: u8, last: u8| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    format!("{},{}", range(from, top(rules)), range(rules.least, to))
}

fn value(text: &str, rules: &Rules) -> Result<u8, Refusal> {
    let Rules { what, least, most, names } = rules;
    let lower = text.to_ascii_lowercase();
    if let Some(index) = names.iter().position(|name| *name == lower) {
        return Ok(u8::try_from(index).unwrap_or(0) + least);
    }
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u8>() {
        Ok(number) if plain && (*least..=*most).contains(&number) => return Ok(number),
        _ => {}
    }
    // A longer name begins with its short form.
    let short = lower.get(..3).filter(|short| names.contains(short) && !text.contains('-'));
    if let Some(short) = short
        && lower.bytes().all(|b| b.is_ascii_alphabetic())
    {
        let why = format!("a {} has three letters", what.trim_start_matches("day of "));
        return Err(Refusal { why, instead: Some(short.to_owned()) });
    }
    let why = match text {
        "" => "a value is missing".to_owned(),
        _ => format!("not from {least} to {most}"),
    };
    Err(Refusal { why, instead: None })
}
