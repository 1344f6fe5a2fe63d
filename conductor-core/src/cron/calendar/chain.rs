//! Reads one unit of time of a calendar event: `*`, or a list of values, ranges and repetitions.

use super::component::{Chain, Component, SECOND};

/// The longest list that systemd accepts.
const LONGEST_LIST: usize = 241;

/// Reads `*` or a list, and returns the rest of the text. `unit` is 1, or `SECOND` for seconds.
pub(super) fn chain(text: &str, unit: i32) -> Result<(Chain, &str), String> {
    if let Some(rest) = text.strip_prefix('*') {
        let all = if unit == SECOND { Chain::every_second() } else { Chain::default() };
        return Ok((all, rest));
    }
    let mut components = Vec::new();
    let mut rest = text;
    loop {
        if components.len() == LONGEST_LIST {
            return Err(format!("a list has more than {LONGEST_LIST} elements"));
        }
        let (component, behind) = component(rest, unit)?;
        components.push(component);
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok((Chain(components), behind)),
        }
    }
}

fn component(text: &str, unit: i32) -> Result<(Component, &str), String> {
    let (start, mut rest) = number(text, unit)?;
    let mut component = Component::one(start);
    if let Some(range) = rest.strip_prefix("..") {
        let (stop, behind) = number(range, unit)?;
        component = Component { start, stop: Some(stop), repeat: unit };
        rest = behind;
    }
    if let Some(repetition) = rest.strip_prefix('/') {
        let (repeat, behind) = number(repetition, unit)?;
        if repeat == 0 {
            return Err("a repetition after / is 0".to_owned());
        }
        component.repeat = repeat;
        rest = behind;
    } else if unit == SECOND && component.stop.is_some_and(|stop| start > stop - unit) {
        return Err("a range of seconds without a step is shorter than one".to_owned());
    }
    match rest.as_bytes() {
        [] | [b' ' | b',' | b'-' | b'~' | b':', ..] => Ok((component, rest)),
        _ => Err(format!("{text:?} has an unexpected end")),
    }
}

/// Reads a number; seconds may have a fraction, which is rounded to microseconds.
fn number(text: &str, unit: i32) -> Result<(i32, &str), String> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    if whole.is_empty() {
        return Err(match text {
            "" => "a number is missing at the end".to_owned(),
            _ => format!("{text:?} does not begin with a number"),
        });
    }
    let too_large = || format!("{whole} is too large");
    let value: i32 = whole.parse().map_err(|_| too_large())?;
    let value = value.checked_mul(unit).ok_or_else(too_large)?;
    let fraction = match rest.strip_prefix('.') {
        Some(fraction) if unit == SECOND && !fraction.starts_with('.') => fraction,
        _ => return Ok((value, rest)),
    };
    let (fraction, rest) = fraction.split_at(digits(fraction));
    if fraction.is_empty() {
        return Err("the fraction of a second has no digits".to_owned());
    }
    let mut micros: i32 = (0..6).fold(0, |micros, index| {
        micros * 10 + fraction.as_bytes().get(index).map_or(0, |digit| i32::from(digit - b'0'))
    });
    if fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5') {
        micros += 1;
    }
    Ok((value.checked_add(micros).ok_or_else(too_large)?, rest))
}
