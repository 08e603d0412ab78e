//! What it takes to log in, and what is told of it.

use std::{collections::BTreeMap, fmt};

use api_types::{Output, SecretKeyRef};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use rand::{TryRng as _, rngs::SysRng};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use crate::names::hex;

/// The role that owns the database.
pub const USERNAME: &str = "app";
/// The database.
pub const DATABASE: &str = "app";
/// The port on which PostgreSQL listens.
pub const PORT: u16 = 5432;

/// The key of the password in the Secret's data.
pub const KEY_PASSWORD: &str = "password";
/// The key of the URI in the Secret's data.
pub const KEY_URI: &str = "uri";
const PASSWORD_LENGTH: usize = 32;
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A password. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// 32 letters and digits, each as likely as any other, from the operating system's generator.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn generate() -> Result<Self, rand::rngs::SysError> {
        let mut password = String::with_capacity(PASSWORD_LENGTH);
        while password.len() < PASSWORD_LENGTH {
            let mut bytes = [0; PASSWORD_LENGTH];
            SysRng.try_fill_bytes(&mut bytes)?;
            password
                .extend(bytes.into_iter().filter_map(alphanumeric).take(PASSWORD_LENGTH - password.len()));
        }
        Ok(Self(password))
    }

    /// The password that `secret` holds, if it holds one.
    pub(crate) fn read(secret: &Secret) -> Option<Self> {
        let ByteString(password) = secret.data.as_ref()?.get(KEY_PASSWORD)?;
        String::from_utf8(password.clone()).ok().filter(|password| !password.is_empty()).map(Self)
    }

    /// As [`Self::read`], without the end of the line that an editor may have added to what a person wrote.
    pub(crate) fn read_line(secret: &Secret) -> Option<Self> {
        let Self(password) = Self::read(secret)?;
        let password = password.trim_end_matches(['\r', '\n']);
        (!password.is_empty()).then(|| Self(password.to_owned()))
    }

    /// The password, to be handed to PostgreSQL.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The bytes beyond the last multiple of 62 are thrown away: to wrap them round would prefer some characters.
fn alphanumeric(byte: u8) -> Option<char> {
    let limit = 256 / ALPHANUMERIC.len() * ALPHANUMERIC.len();
    let index = usize::from(byte);
    (index < limit).then(|| char::from(ALPHANUMERIC[index % ALPHANUMERIC.len()]))
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Where to log in, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The host name of the database inside the cluster.
    pub host: String,
    /// The password of [`USERNAME`].
    pub password: Password,
}

impl Credentials {
    /// The credentials that `secret` holds for the database at `host`; none if it holds no password.
    pub fn read(secret: &Secret, host: &str) -> Option<Self> {
        Some(Self { host: host.to_owned(), password: Password::read(secret)? })
    }

    /// Everything that the Secret holds.
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::from(self.public().map(|(key, value)| (key.to_owned(), value)));
        data.insert(KEY_PASSWORD.to_owned(), self.password.0.clone());
        data.insert(KEY_URI.to_owned(), self.uri());
        data.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect()
    }

    fn public(&self) -> [(&'static str, String); 5] {
        [
            ("host", self.host.clone()),
            ("port", PORT.to_string()),
            ("name", DATABASE.to_owned()),
            ("database", DATABASE.to_owned()),
            ("username", USERNAME.to_owned()),
        ]
    }

    fn uri(&self) -> String {
        let Self { host, password: Password(password) } = self;
        format!("postgresql://{}:{}@{host}:{PORT}/{}", encode(USERNAME), encode(password), encode(DATABASE))
    }

    /// The outputs, with what is secret as references into the Secret `secret`.
    pub fn outputs(&self, secret: &str) -> BTreeMap<String, Output> {
        let reference = |key: &str| Output {
            value: None,
            secret_key_ref: Some(SecretKeyRef { name: secret.to_owned(), key: key.to_owned() }),
        };
        let mut outputs =
            BTreeMap::from(self.public().map(|(key, value)| (key.to_owned(), Output::value(value))));
        outputs.insert("port".to_owned(), Output::value(PORT));
        outputs.insert(KEY_PASSWORD.to_owned(), reference(KEY_PASSWORD));
        outputs.insert(KEY_URI.to_owned(), reference(KEY_URI));
        outputs
    }

    /// A digest of every output, secret or not: 16 hexadecimal digits.
    ///
    /// It stands in status for everyone to read. The Secret's uid salts it, so that equal passwords do not show as
    /// equal digests.
    pub fn revision(&self, secret_uid: &str) -> String {
        revision(&self.data(), secret_uid)
    }
}

/// A digest of what a Secret holds, salted with its uid: 16 hexadecimal digits.
pub(crate) fn revision(data: &BTreeMap<String, ByteString>, secret_uid: &str) -> String {
    let mut digest = Sha256::new();
    for part in data.iter().flat_map(|(key, ByteString(value))| [key.as_bytes(), value]) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(secret_uid);
    hex(&digest.finalize()[..8])
}

/// Percent-encodes everything that could be mistaken for a delimiter.
pub(crate) fn encode(text: &str) -> String {
    // The form encoding differs in one character only: a space is `+` (and a plus sign is not).
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str) -> Credentials {
        Credentials { host: "db.ns.svc".to_owned(), password: Password(password.to_owned()) }
    }

    fn text(data: &BTreeMap<String, ByteString>, key: &str) -> String {
        String::from_utf8(data[key].0.clone()).unwrap()
    }

    #[test]
    fn passwords_are_32_letters_and_digits_and_never_the_same() {
        let passwords: Vec<_> = (0..64).map(|_| Password::generate().unwrap()).collect();
        for (index, password) in passwords.iter().enumerate() {
            assert_eq!(password.0.len(), 32);
            assert!(password.0.chars().all(|c| c.is_ascii_alphanumeric()));
            assert!(!passwords[..index].contains(password));
        }
    }

    #[test]
    fn every_character_of_a_password_is_equally_likely() {
        let mut counts = BTreeMap::new();
        for byte in 0..=u8::MAX {
            *counts.entry(alphanumeric(byte)).or_insert(0) += 1;
        }
        assert_eq!(counts.remove(&None), Some(8));
        assert_eq!(counts.len(), 62);
        assert!(counts.values().all(|count| *count == 4));
    }

    #[test]
    fn the_secret_holds_what_libraries_and_people_look_for() {
        let data = credentials("pa55").data();
        let keys: Vec<_> = data.keys().map(String::as_str).collect();
        assert_eq!(keys, ["database", "host", "name", "password", "port", "uri", "username"]);
        assert_eq!(text(&data, "port"), "5432");
        assert_eq!(text(&data, "uri"), "postgresql://app:pa55@db.ns.svc:5432/app");
    }

    #[test]
    fn a_restored_password_is_encoded_in_the_uri() {
        let data = credentials("p@ss/w:rd %+ü?#[]").data();
        assert_eq!(
            text(&data, "uri"),
            "postgresql://app:p%40ss%2Fw%3Ard%20%25%2B%C3%BC%3F%23%5B%5D@db.ns.svc:5432/app"
        );
        assert_eq!(text(&data, "password"), "p@ss/w:rd %+ü?#[]");
    }

    #[test]
    fn outputs_hold_no_secret_value() {
        let outputs = credentials("pa55").outputs("app-db-postgres-secret");
        assert!(!serde_json::to_string(&outputs).unwrap().contains("pa55"));
        assert_eq!(outputs["port"], Output::value(5432));
        assert_eq!(outputs["name"], outputs["database"]);
        assert_eq!(outputs["password"], Output::secret("app-db-postgres-secret", "password"));
        assert_eq!(outputs["uri"], Output::secret("app-db-postgres-secret", "uri"));
    }

    #[test]
    fn the_revision_follows_the_content_and_nothing_else() {
        let revision = credentials("pa55").revision("uid");
        assert_eq!(revision.len(), 16);
        assert_eq!(revision, credentials("pa55").revision("uid"));
        assert_ne!(revision, credentials("pa56").revision("uid"));
        assert_ne!(revision, credentials("pa55").revision("other"));
        let moved = Credentials { host: "other".to_owned(), ..credentials("pa55") };
        assert_ne!(revision, moved.revision("uid"));
    }

    #[test]
    fn nothing_that_is_printed_for_debugging_shows_the_password() {
        assert!(!format!("{:?}", credentials("pa55")).contains("pa55"));
    }

    #[test]
    fn a_secret_without_a_password_holds_no_credentials() {
        let secret = |yaml: &str| serde_yaml_ng::from_str::<Secret>(yaml).unwrap();
        assert!(Credentials::read(&secret("metadata: {name: s}"), "h").is_none());
        assert!(Credentials::read(&secret("data: {password: ''}"), "h").is_none());
        let read = Credentials::read(&secret("data: {password: cGE1NQ==}"), "h").unwrap();
        assert_eq!(read.password.expose(), "pa55");
    }
}
