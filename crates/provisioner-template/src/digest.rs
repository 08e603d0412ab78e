//! Digests: of what is too long, or too secret, to be written down.

use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of `parts` in 64 hexadecimal digits. Where one part ends and the next begins counts.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    hexadecimal(&digest.finalize())
}

/// The digits of a digest.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_digest_are_told_apart() {
        assert_ne!(digest([&b"ab"[..], b"c"]), digest([&b"a"[..], b"bc"]));
        assert_eq!(digest([]).len(), 64);
    }
}
