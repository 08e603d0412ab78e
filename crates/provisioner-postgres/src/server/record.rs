//! What is written down in a claim's Secret: the intention before anything is made on the server, and the credentials.

use std::collections::BTreeMap;

use api_types::Output;
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{Outputs, text};

use super::{names::Base, settings::ServerSettings};
use crate::credentials::{self, KEY_PASSWORD, KEY_URI, Password, encode};

/// The name of the database. A Secret that has it is one of a database on a server.
pub const ANNOTATION_DATABASE: &str = "score.dev/database";
/// The server that the database is on, `host:port`: the class may come to name another.
pub const ANNOTATION_SERVER: &str = "score.dev/server";
/// Set once the database was there: from then on it is never made again by itself.
pub const ANNOTATION_PROVISIONED: &str = "score.dev/provisioned";
/// When the password was made.
pub const ANNOTATION_ROTATED_AT: &str = "score.dev/rotated-at";
/// The value of the claim's `score.dev/rotate` that the password was made for.
pub const ANNOTATION_ROTATED_FOR: &str = "score.dev/rotated-for";

/// The key under which a Secret holds `key` of one login for as long as there is that login. It is what the outputs
/// name: a client that is started again before it is given the next username gets the password that belongs to its own.
fn of_login(key: &str, login: u32) -> String {
    format!("{key}-{login}")
}

/// What a claim's Secret says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What database and roles are called.
    pub base: Base,
    /// The number of the login that is handed out.
    pub login: u32,
    /// Its password.
    pub password: Password,
    /// Whether the database was there once.
    pub provisioned: bool,
    /// When the password was made.
    pub rotated_at: Timestamp,
    /// The rotation that was asked for last.
    pub rotated_for: Option<String>,
}

/// Whether `secret` is one of a database on a server.
pub fn is_of_server(secret: &Secret) -> bool {
    annotation(secret, ANNOTATION_DATABASE).is_some()
}

/// The server that the database of `secret` is on, as far as it says so. Where it is not written down, it is where clients
/// are sent.
pub fn place(secret: &Secret) -> Option<String> {
    let handed_out = || Some(format!("{}:{}", text(secret, "host")?, text(secret, "port")?));
    annotation(secret, ANNOTATION_SERVER).map(str::to_owned).or_else(handed_out)
}

fn annotation<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    secret.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

impl Record {
    /// What `secret` says; none if it was damaged.
    pub fn read(secret: &Secret) -> Option<Self> {
        let base = Base::read(annotation(secret, ANNOTATION_DATABASE)?)?;
        let ByteString(username) = secret.data.as_ref()?.get("username")?;
        Some(Self {
            login: base.login_number(std::str::from_utf8(username).ok()?)?,
            base,
            password: Password::read(secret)?,
            provisioned: annotation(secret, ANNOTATION_PROVISIONED) == Some("true"),
            rotated_at: annotation(secret, ANNOTATION_ROTATED_AT)?.parse().ok()?,
            rotated_for: annotation(secret, ANNOTATION_ROTATED_FOR).map(str::to_owned),
        })
    }

    /// The name of the login that is handed out.
    pub fn username(&self) -> String {
        self.base.login(self.login)
    }

    /// The annotations that hold what is no credential.
    pub fn annotations(&self, settings: &ServerSettings) -> BTreeMap<String, String> {
        let provisioned = self.provisioned.then(|| "true".to_owned());
        let annotations = [
            (ANNOTATION_DATABASE, Some(self.base.as_str().to_owned())),
            (ANNOTATION_SERVER, Some(settings.server.place())),
            (ANNOTATION_PROVISIONED, provisioned),
            (ANNOTATION_ROTATED_AT, Some(self.rotated_at.to_string())),
            (ANNOTATION_ROTATED_FOR, self.rotated_for.clone()),
        ];
        annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    fn public(&self, settings: &ServerSettings) -> [(&'static str, String); 6] {
        let database = self.base.as_str();
        [
            ("host", settings.server.host.clone()),
            ("port", settings.server.port.to_string()),
            ("name", database.to_owned()),
            ("database", database.to_owned()),
            ("username", self.username()),
            ("sslmode", settings.sslmode.to_owned()),
        ]
    }

    /// Everything that the Secret holds.
    pub fn data(&self, settings: &ServerSettings) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::from(self.public(settings).map(|(key, value)| (key.to_owned(), value)));
        for (key, value) in [(KEY_PASSWORD, self.password.expose().to_owned()), (KEY_URI, self.uri(settings))]
        {
            data.insert(of_login(key, self.login), value.clone());
            data.insert(key.to_owned(), value);
        }
        data.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect()
    }

    fn uri(&self, settings: &ServerSettings) -> String {
        let (username, password) = (encode(&self.username()), encode(self.password.expose()));
        let database = encode(self.base.as_str());
        let (host, port, sslmode) = (&settings.server.host, settings.server.port, settings.sslmode);
        format!("postgresql://{username}:{password}@{host}:{port}/{database}?sslmode={sslmode}")
    }

    /// The outputs, with what is secret as references into `secret`, which holds this record.
    pub fn outputs(&self, settings: &ServerSettings, secret: &Secret) -> Outputs {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let uid = secret.metadata.uid.as_deref().unwrap_or_default();
        let public = self.public(settings).map(|(key, value)| (key.to_owned(), Output::value(value)));
        let mut values = BTreeMap::from(public);
        values.insert("port".to_owned(), Output::value(settings.server.port));
        for key in [KEY_PASSWORD, KEY_URI] {
            values.insert(key.to_owned(), Output::secret(name, of_login(key, self.login)));
        }
        Outputs { values, revision: credentials::revision(&self.data(settings), uid) }
    }

    /// The keys of `secret` that are of logins which are neither this one nor among those that are `present`.
    pub fn stale_keys(&self, secret: &Secret, present: &[u32]) -> Vec<String> {
        let login_of = |key: &str| -> Option<u32> {
            let mut keys = [KEY_PASSWORD, KEY_URI].into_iter();
            keys.find_map(|of| key.strip_prefix(of)?.strip_prefix('-')?.parse().ok())
        };
        let is_gone = |login: u32| login != self.login && !present.contains(&login);
        let is_stale = |key: &&String| login_of(key).is_some_and(is_gone);
        secret.data.iter().flat_map(BTreeMap::keys).filter(is_stale).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::settings::settings, test_support::claim};

    fn record() -> Record {
        Record {
            base: Base::of(&claim()),
            login: 2,
            password: Password::generate().unwrap(),
            provisioned: true,
            rotated_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            rotated_for: Some("monday".to_owned()),
        }
    }

    fn server() -> ServerSettings {
        let yaml = "server: {host: db.example.com, port: 6432, adminSecretRef: {name: pg-admin}}";
        settings(&serde_yaml_ng::from_str(yaml).unwrap()).unwrap()
    }

    fn secret(record: &Record) -> Secret {
        let mut secret: Secret = serde_yaml_ng::from_str("metadata: {name: s, uid: secret-uid}").unwrap();
        secret.metadata.annotations = Some(record.annotations(&server()));
        secret.data = Some(record.data(&server()));
        secret
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let record = record();
        assert_eq!(Record::read(&secret(&record)), Some(record));
    }

    #[test]
    fn where_the_database_is_stands_in_the_secret_whoever_made_it() {
        let mut secret = secret(&record());
        let annotations = secret.metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION_SERVER.to_owned(), "old:1".to_owned());
        assert_eq!(place(&secret).as_deref(), Some("old:1"));
        secret.metadata.annotations = None;
        assert_eq!(place(&secret).as_deref(), Some("db.example.com:6432"));
        secret.data = None;
        assert_eq!(place(&secret), None);
    }

    #[test]
    fn a_damaged_secret_is_no_record() {
        for key in ["username", "password"] {
            let mut secret = secret(&record());
            secret.data.as_mut().unwrap().remove(key);
            assert_eq!(Record::read(&secret), None, "{key}");
        }
        for username in ["postgres", "team_shop_store_1", ""] {
            let mut secret = secret(&record());
            secret.data.as_mut().unwrap().insert("username".to_owned(), ByteString(username.into()));
            assert_eq!(Record::read(&secret), None, "{username}");
        }
        for (key, value) in [(ANNOTATION_DATABASE, "postgres\"; --"), (ANNOTATION_ROTATED_AT, "yesterday")] {
            let mut secret = secret(&record());
            secret.metadata.annotations.as_mut().unwrap().insert(key.to_owned(), value.to_owned());
            assert_eq!(Record::read(&secret), None, "{key}");
        }
    }

    #[test]
    fn outputs_hold_no_secret_value_and_the_uri_says_how_to_connect() {
        let record = record();
        let outputs = record.outputs(&server(), &secret(&record));
        assert!(!serde_json::to_string(&outputs.values).unwrap().contains(record.password.expose()));
        assert_eq!(outputs.values["port"], Output::value(6432));
        assert_eq!(outputs.values["uri"], Output::secret("s", "uri-2"));
        assert_eq!(record.data(&server())["uri-2"], record.data(&server())["uri"]);
        let data = record.data(&server());
        let uri = String::from_utf8(data["uri"].0.clone()).unwrap();
        let base = record.base.as_str();
        let (user, password) = (record.username(), record.password.expose());
        assert_eq!(uri, format!("postgresql://{user}:{password}@db.example.com:6432/{base}?sslmode=require"));
    }

    #[test]
    fn what_the_secret_holds_of_a_login_goes_once_that_is_gone() {
        let mut secret = secret(&record());
        let data = secret.data.get_or_insert_default();
        for key in ["password-1", "uri-1", "password-3", "password-", "uri-x", "password_1"] {
            data.insert(key.to_owned(), ByteString(b"theirs".to_vec()));
        }
        assert_eq!(record().stale_keys(&secret, &[2, 3]), ["password-1", "uri-1"]);
        assert_eq!(record().stale_keys(&secret, &[1, 2, 3]), [""; 0]);
    }

    #[test]
    fn the_revision_changes_with_the_login() {
        let first = record();
        let second = Record { login: 3, ..first.clone() };
        let revision = |record: &Record| record.outputs(&server(), &secret(record)).revision;
        assert_eq!(revision(&first), revision(&first.clone()));
        assert_ne!(revision(&first), revision(&second));
    }
}
