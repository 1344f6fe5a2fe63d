//! Times and sizes as other tools read them.

use std::time::Duration;

/// Returns a time in the words of Go: `1m30s`, `500ms`.
pub(crate) fn go_time(time: Duration) -> String {
    let mut rest = time.as_millis();
    let mut text = String::new();
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= length {
            text.push_str(&(rest / length).to_string());
            text.push_str(unit);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Returns whole seconds, and more rather than less.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Returns a number of bytes as Docker's tools read it: `512m`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)];
    let unit = units.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        for (milliseconds, text) in
            [(0, "0s"), (500, "500ms"), (90_000, "1m30s"), (3_600_001, "1h1ms")]
        {
            assert_eq!(go_time(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(seconds(Duration::from_millis(1001)), 2);
        for (bytes, text) in [(1 << 29, "512m"), (1000, "1000"), (3 << 30, "3g")] {
            assert_eq!(size(bytes), text);
        }
    }
}
