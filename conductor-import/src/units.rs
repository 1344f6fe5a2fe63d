//! Sizes and times as Docker's tools write them, in the form of a definition.

/// Returns a size in bytes (docker/go-units, `RAMInBytes`): `512m`, `1gb`, `1.5GiB`, `1000`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) =
        (text[..at].trim(), text[at..].trim_end_matches("ib").trim_end_matches('b'));
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    let factor = 1024_u64.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let number: f64 = number.parse().ok().filter(|number: &f64| (0.0..1e6).contains(number))?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bytes = (number * factor as f64) as u64;
    Some(bytes)
}

/// Returns a number of bytes as a definition writes it: `512M`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    let unit = units.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Returns a time of Go in milliseconds: `1m30s`, `1.5h`, `500ms`; a bare number is seconds.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    let (mut rest, mut total) = (text, 0.0_f64);
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..at].parse().ok()?;
        let tail = &rest[at..];
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let factor = match tail[..end].trim() {
            "ns" => 1e-6,
            "us" | "µs" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 6e4,
            "h" => 36e5,
            "d" => 864e5,
            "w" => 6048e5,
            _ => return None,
        };
        total += number * factor;
        rest = tail[end..].trim_start();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a small number"
    )]
    let total = (total < 1e15 && !text.is_empty()).then_some(total.round() as u64);
    total
}

/// Returns milliseconds as a time span of systemd: `1min 30s`.
pub(crate) fn span(milliseconds: u64) -> String {
    let mut rest = milliseconds;
    let mut parts = Vec::new();
    for (unit, length) in [("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        for (text, written) in [
            ("512m", Some("512M")),
            ("1GB", Some("1G")),
            ("1.5g", Some("1536M")),
            ("1000", Some("1000")),
            ("64MiB", Some("64M")),
            ("lots", None),
            ("", None),
        ] {
            assert_eq!(bytes(text).map(size).as_deref(), written, "{text}");
        }
        for (text, written) in [
            ("1m30s", Some("1min 30s")),
            ("90", Some("1min 30s")),
            ("1.5h", Some("1h 30min")),
            ("500ms", Some("500ms")),
            ("0s", Some("0")),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(milliseconds(text).map(span).as_deref(), written, "{text}");
        }
    }
}
