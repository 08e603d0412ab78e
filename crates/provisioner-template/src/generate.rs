//! Generated values, and what Secrets hold of them.

use std::{collections::BTreeMap, fmt};

use api_types::SecretKeyRef;
use k8s_openapi::ByteString;
use rand::{TryRng as _, rngs::SysRng};
use resource_template::Part;

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The values that stand behind the marks of templates. Not shown for debugging.
#[derive(Clone, Default, PartialEq)]
pub struct Values {
    /// Those that were generated, by name.
    pub generated: BTreeMap<String, ByteString>,
    /// Those of other resources' Secrets.
    pub copied: BTreeMap<SecretKeyRef, ByteString>,
    /// Those that the platform gives for an API, by key.
    pub credentials: BTreeMap<String, ByteString>,
}

impl Values {
    /// What `parts` come to. None if a value is not there.
    pub fn join(&self, parts: &[Part]) -> Option<ByteString> {
        let mut joined = Vec::new();
        for part in parts {
            joined.extend_from_slice(match part {
                Part::Text(text) => text.as_bytes(),
                Part::Generated(generated) => &self.generated.get(&generated.name)?.0,
                Part::Copied(reference) => &self.copied.get(reference)?.0,
                Part::Credential(key) => &self.credentials.get(key)?.0,
            });
        }
        Some(ByteString(joined))
    }

    /// All of them that are texts: what no message may show.
    pub fn all(&self) -> Vec<String> {
        let values = self.generated.values().chain(self.copied.values()).chain(self.credentials.values());
        values.filter_map(|value| String::from_utf8(value.0.clone()).ok()).collect()
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Values(…)")
    }
}

/// `length` letters and digits, each as likely as any other, from the operating system's generator.
///
/// # Errors
/// If the operating system has no randomness to give.
pub fn generate(length: usize) -> Result<ByteString, rand::rngs::SysError> {
    let mut value = Vec::with_capacity(length);
    while value.len() < length {
        let mut bytes = [0; 64];
        SysRng.try_fill_bytes(&mut bytes)?;
        value.extend(bytes.into_iter().filter_map(alphanumeric).take(length - value.len()));
    }
    Ok(ByteString(value))
}

/// The bytes beyond the last multiple of 62 are thrown away: to wrap them round would prefer some characters.
fn alphanumeric(byte: u8) -> Option<u8> {
    let limit = 256 / ALPHANUMERIC.len() * ALPHANUMERIC.len();
    let index = usize::from(byte);
    (index < limit).then(|| ALPHANUMERIC[index % ALPHANUMERIC.len()])
}

#[cfg(test)]
mod tests {
    use resource_template::Generated;

    use super::*;

    #[test]
    fn generated_values_are_letters_and_digits_and_never_the_same() {
        let values: Vec<_> = [16, 24, 64, 65, 128].map(|length| (length, generate(length).unwrap().0)).into();
        for (length, value) in &values {
            assert_eq!(value.len(), *length);
            assert!(value.iter().all(u8::is_ascii_alphanumeric));
        }
        assert_ne!(generate(32).unwrap(), generate(32).unwrap());
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = BTreeMap::new();
        for byte in 0..=u8::MAX {
            *counts.entry(alphanumeric(byte)).or_insert(0) += 1;
        }
        assert_eq!(counts.remove(&None), Some(8));
        assert!(counts.len() == 62 && counts.values().all(|count| *count == 4));
    }

    #[test]
    fn parts_are_joined_once_all_are_there_and_never_shown() {
        let password = Part::Generated(Generated::new("p", 16).unwrap());
        let parts = [Part::Text("a:".into()), password];
        assert_eq!(Values::default().join(&parts), None);
        let values =
            Values { generated: [("p".to_owned(), ByteString(b"pa55".into()))].into(), ..Values::default() };
        assert_eq!(values.join(&parts).unwrap().0, b"a:pa55");
        assert!(!format!("{values:?}").contains("pa55"));
    }
}
