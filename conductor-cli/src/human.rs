//! Formats amounts for people, and makes text safe to print.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};

use crate::print::is_obeyed;

/// Formats a number of bytes with one decimal, in powers of 1024 as systemd does.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = u128::from(bytes) * 10 / (1_u128 << shift);
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes}B"),
    }
}

/// Formats a time span in microseconds in its two largest units.
pub(crate) fn span(usec: u64) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1000),
    ];
    let Some(first) = UNITS.iter().position(|(_, size)| usec >= *size) else {
        return "0ms".to_owned();
    };
    let (name, size) = UNITS[first];
    let large = format!("{}{name}", usec / size);
    match UNITS.get(first + 1) {
        Some((name, smaller)) if *name != "ms" && usec % size / smaller > 0 => {
            format!("{large} {}{name}", usec % size / smaller)
        }
        _ => large,
    }
}

/// Formats a duration, with tenths of a second below a minute.
pub(crate) fn took(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match micros / 100_000 {
        tenths @ 0..600 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ => span(micros),
    }
}

/// Returns a table without borders, with columns as wide as their content.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Makes a foreign line safe to print: removes control characters and, in a line with carriage returns, all
/// but the last part.
pub(crate) fn printable(text: &str) -> String {
    let text = text.trim_end_matches('\r');
    let last = text.rsplit('\r').next().unwrap_or(text);
    last.replace('\t', "    ").chars().filter(|c| !is_obeyed(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!(bytes(0), "0B");
        assert_eq!(bytes(1536), "1.5K");
        assert_eq!(bytes(300 << 20), "300.0M");
        assert_eq!(span(900), "0ms");
        assert_eq!(span(41_500), "41ms");
        assert_eq!(span(1_900_000), "1s");
        assert_eq!(span(90_000_000), "1min 30s");
        assert_eq!(span(7_200_000_000), "2h");
        assert_eq!(took(Duration::from_millis(149)), "0.1s");
        assert_eq!(took(Duration::from_millis(59_990)), "59.9s");
        assert_eq!(took(Duration::from_secs(90)), "1min 30s");
    }

    #[test]
    fn what_others_wrote_does_not_command_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\tc\u{9b}1m\u{202e}"), "a[2Jb    c1m");
        assert_eq!(printable("1%\r50%\r100%\r"), "100%");
        assert_eq!(printable("Grüße"), "Grüße");
    }
}
