//! How the body of a mail is written: as it is, or in quoted-printable (RFC 2045, 6.7).

/// The longest line of a mail, without its end (RFC 5322, 2.1.1).
const LONGEST: usize = 998;
/// The longest line in quoted-printable.
const LONGEST_QUOTED: usize = 76;

/// Returns the name of the encoding that a body needs, and the body in it. Mail servers break or reject long lines,
/// and drop NUL.
pub(super) fn encode(body: Vec<u8>) -> (&'static str, Vec<u8>) {
    let is_plain = |line: &[u8]| {
        line.len() <= LONGEST && line.iter().all(|byte| !matches!(byte, 0 | b'\r' | 0x1b))
    };
    match body.split(|byte| *byte == b'\n').all(is_plain) {
        true => ("8bit", body),
        false => ("quoted-printable", quoted_printable(&body)),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(body.len() + body.len() / 16);
    let mut column = 0;
    for (index, byte) in body.iter().enumerate() {
        if *byte == b'\n' {
            encoded.push(b'\n');
            column = 0;
            continue;
        }
        let ends = body.get(index + 1).is_none_or(|next| *next == b'\n');
        let is_space = matches!(byte, b' ' | b'\t');
        let is_plain = (byte.is_ascii_graphic() && *byte != b'=') || (is_space && !ends);
        let width = if is_plain { 1 } else { 3 };
        // The last column is for the soft line break.
        if column + width >= LONGEST_QUOTED {
            encoded.extend(b"=\n");
            column = 0;
        }
        column += width;
        match is_plain {
            true => encoded.push(*byte),
            false => encoded.extend(format!("={byte:02X}").bytes()),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(text.to_vec()).unwrap().replace("=\n", "");
        let mut parts = text.split('=');
        let mut decoded = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            decoded.push(u8::from_str_radix(&part[..2], 16).unwrap());
            decoded.extend(part[2..].bytes());
        }
        decoded
    }

    #[test]
    fn a_usual_output_stays_as_it_is() {
        for body in ["", "a\n\nb", "gr\u{fc}\u{df}e = 3 \n", ".\n", &"x".repeat(998)] {
            assert_eq!(encode(body.into()), ("8bit", body.into()));
        }
    }

    #[test]
    fn another_comes_back_when_it_is_read() {
        let long = [&[b'x'; 3000][..], b" \n\n = \t\n", &[0xff; 90], b"\ny\0z \n"].concat();
        for body in [long, b"a\r\nb".to_vec(), b"\0".to_vec(), b"\x1b[1mbold \n".to_vec()] {
            let (name, text) = encode(body.clone());
            assert_eq!(name, "quoted-printable");
            assert!(text.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST_QUOTED));
            assert!(!text.windows(2).any(|pair| pair == b" \n"));
            assert_eq!(decode(&text), body);
        }
    }
}
