//! The seeds and the dictionary: files of this crate.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the directory of this crate.
pub fn directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads the seeds of a target, in the order of their names.
///
/// # Errors
/// They cannot be read, or there are none.
pub fn of(target: &str) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let directory = directory().join("seeds").join(target);
    let entries = directory.read_dir()?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.sort();
    if files.is_empty() {
        let none = format!("there are no seeds in {}", directory.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, none));
    }
    files.into_iter().map(|file| fs::read(&file).map(|input| (file, input))).collect()
}

/// Reads the dictionary, which is one of libFuzzer's.
///
/// # Errors
/// It cannot be read.
pub fn dictionary() -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(directory().join("dictionary"))?;
    let words = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    Ok(words.map(unescaped).collect())
}

/// Replaces the escapes `\\`, `\"` and `\xHH`.
fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let number = after.strip_prefix('x').and_then(|digits| digits.get(..2));
        let number = number.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let length = if number.is_some() { 3 } else { 1 };
        bytes.extend(number.or_else(|| after.bytes().next()));
        rest = after.get(length..).unwrap_or_default();
    }
    bytes.extend(rest.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_be_any_bytes() {
        assert_eq!(unescaped(r#"a\\b\"\x1b]"#), b"a\\b\"\x1b]");
    }
}
