//! Keyed hashes of the files that a service reads when it starts: they show that a file changed, and nothing
//! about its content.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::hex;
use crate::name::is_lower_hex;

/// The block size of SHA-256 in bytes.
const BLOCK: usize = 64;

/// A secret key of a host. It keeps others from finding a content by trying: the hashes are in unit files, which
/// everybody can read.
#[derive(Clone)]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// Creates it from random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the hash of a content.
    pub fn hash(&self, content: &[u8]) -> ContentHash {
        let key = hex(&self.authenticate(&[b"key"])[..4]);
        let content = hex(&self.authenticate(&[b"content", content])[..16]);
        ContentHash { key, content }
    }

    /// Returns the HMAC-SHA-256 of the parts (RFC 2104).
    fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut block = [0; BLOCK];
        block[..self.0.len()].copy_from_slice(&self.0);
        let pad = |with: u8| block.map(|byte| byte ^ with);
        let mut inner = Sha256::new_with_prefix(pad(0x36));
        for part in parts {
            inner.update(part);
        }
        Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey")
    }
}

/// The keyed hash of a content, with a mark of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHash {
    key: String,
    content: String,
}

impl ContentHash {
    /// Returns whether the two are of different contents. With different keys this is not known.
    pub fn differs(&self, other: &Self) -> bool {
        self.key == other.key && self.content != other.content
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.content)
    }
}

impl FromStr for ContentHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (key, content) = text.split_once('.').ok_or(())?;
        let digits = |text: &str, count| text.len() == count && text.bytes().all(is_lower_hex);
        match digits(key, 8) && digits(content, 32) {
            true => Ok(Self { key: key.to_owned(), content: content.to_owned() }),
            false => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The third test case of RFC 4231, with a key of 32 bytes: zeros at the end do not change a key.
    #[test]
    fn the_hash_is_an_hmac() {
        let mut bytes = [0; 32];
        bytes[..20].fill(0xaa);
        let hash = ContentKey::new(bytes).authenticate(&[&[0xdd; 20], &[0xdd; 30]]);
        assert_eq!(hex(&hash), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    }

    #[test]
    fn only_another_content_with_the_same_key_differs() {
        let (one, other) = (ContentKey::new([1; 32]), ContentKey::new([2; 32]));
        assert!(one.hash(b"a").differs(&one.hash(b"b")));
        assert!(!one.hash(b"a").differs(&one.hash(b"a")));
        assert!(!one.hash(b"a").differs(&other.hash(b"b")));
        let hash = one.hash(b"a");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "1", "0123456x.0123", "01234567.0123"] {
            assert!(bad.parse::<ContentHash>().is_err());
        }
        assert_eq!(format!("{one:?}"), "ContentKey");
    }
}
