//! What the platform says of a server and of the databases on it.

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::fields::Fields;

/// What a class of kind `server` gives each claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The server.
    pub server: ServerAddress,
    /// How clients are told to connect.
    pub sslmode: &'static str,
    /// The most connections that the clients of one database may have; as many as the server allows if none.
    pub connection_limit: Option<u32>,
    /// Extensions that every database has.
    pub extensions: Vec<String>,
    /// What roles of the platform may do in every database.
    pub grants: Vec<SchemaGrant>,
    /// When passwords change.
    pub rotation: Rotation,
}

/// Where a server is, and how the provisioner comes in. Equal addresses share their connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// The host name or IP address, for the provisioner and for clients.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database that the provisioner itself connects to.
    pub database: String,
    /// The Secret with `username` and `password` of a role that may create roles and databases.
    pub admin_secret: String,
    /// How the server is verified.
    pub tls: Tls,
    /// The most connections that the provisioner ever has to this server.
    pub max_connections: u32,
}

impl ServerAddress {
    /// `host:port`, which tells the server from others.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// How a server is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tls {
    /// Not at all: nothing is encrypted.
    Disable,
    /// The authority in this key of this Secret vouches for its certificate.
    Verify {
        /// What the certificate must be besides.
        of: Holder,
        /// The Secret's name.
        secret: String,
        /// The key with PEM certificates.
        key: String,
    },
}

/// Whose certificate a server may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// That of the host, `verify-full`.
    Host,
    /// Any that the authority vouches for, `verify-ca`: right where whoever has one is the server.
    Anyone,
}

/// What a role of the platform may do in the schema `public`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaGrant {
    /// The role, which the platform made.
    pub role: String,
    /// `USAGE`, `CREATE`.
    pub privileges: Vec<&'static str>,
}

/// When passwords change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The age at which a password is replaced; never by itself if none.
    pub max_age: Option<SignedDuration>,
    /// For how long the former login stays at least.
    pub grace: SignedDuration,
}

const SSL_MODES: [(&str, &str); 6] = [
    ("disable", "disable"),
    ("allow", "allow"),
    ("prefer", "prefer"),
    ("require", "require"),
    ("verify-ca", "verify-ca"),
    ("verify-full", "verify-full"),
];
const GRACE: SignedDuration = SignedDuration::from_secs(3_600);
const SHORTEST_AGE: SignedDuration = SignedDuration::from_secs(600);

/// Whether `parameters` are those of a class of kind `server`.
pub fn is_server(parameters: Option<&Map<String, Value>>) -> bool {
    parameters.is_some_and(|parameters| parameters.contains_key("server"))
}

/// The settings in the class's `parameters`.
///
/// # Errors
/// Everything that is wrong with them, each with its path.
pub fn settings(parameters: &Map<String, Value>) -> Result<ServerSettings, Vec<String>> {
    let mut errors = Vec::new();
    let mut fields = Fields::new("parameters", parameters.clone());
    let server = server(fields.object("server", &mut errors), &mut errors);
    let sslmode = fields.word("sslmode", &SSL_MODES, &mut errors);
    let connection_limit = fields.number("connectionLimit", 1..=100_000, &mut errors);
    let extensions = fields.texts("extensions", &mut errors);
    let grants = grants(fields.objects("schemaPrivileges", &mut errors), &mut errors);
    let rotation = rotation(fields.object("rotation", &mut errors), &mut errors);
    fields.finish(&mut errors);
    match server {
        Some(server) if errors.is_empty() => Ok(ServerSettings {
            sslmode: sslmode.unwrap_or(if server.tls == Tls::Disable { "disable" } else { "require" }),
            server,
            connection_limit,
            extensions,
            grants,
            rotation,
        }),
        _ => Err(errors),
    }
}

fn server(mut fields: Fields, errors: &mut Vec<String>) -> Option<ServerAddress> {
    let host = fields.needed("host", errors).filter(|host| is_host(host, &fields, errors));
    let port = fields.number("port", 1..=65_535, errors).and_then(|port| u16::try_from(port).ok());
    let database = fields.text("database", errors).unwrap_or_else(|| "postgres".to_owned());
    let admin_secret = secret(fields.object("adminSecretRef", errors), errors);
    let tls = admin_secret.as_deref().and_then(|admin| tls(fields.object("tls", errors), admin, errors));
    let max_connections = fields.number("maxConnections", 2..=100, errors).unwrap_or(6);
    fields.finish(errors);
    Some(ServerAddress {
        host: host?,
        port: port.unwrap_or(5432),
        database,
        admin_secret: admin_secret?,
        tls: tls?,
        max_connections,
    })
}

/// Whether `text` consists of what names of hosts and of objects do, and of `more`.
fn is_plain(text: &str, more: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
    (1..=253).contains(&text.len())
        && text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
}

/// Hosts stand in URIs, and a path would be a socket of the provisioner's own file system.
fn is_host(host: &str, fields: &Fields, errors: &mut Vec<String>) -> bool {
    let valid = is_plain(host, "-._");
    if !valid {
        let _: Option<()> =
            fields.wrong("host", "must be a host name in lower case or an IPv4 address", errors);
    }
    valid
}

fn secret(mut fields: Fields, errors: &mut Vec<String>) -> Option<String> {
    let name = fields.needed("name", errors).filter(|name| is_object(name, &fields, errors));
    fields.finish(errors);
    name
}

/// The name of a Secret is a part of the path under which it is read.
fn is_object(name: &str, fields: &Fields, errors: &mut Vec<String>) -> bool {
    let valid = is_plain(name, "-.");
    if !valid {
        let _: Option<()> = fields.wrong("name", "must be the name of a Secret", errors);
    }
    valid
}

fn tls(mut fields: Fields, admin_secret: &str, errors: &mut Vec<String>) -> Option<Tls> {
    let modes = [("verify-full", Some(Holder::Host)), ("verify-ca", Some(Holder::Anyone)), ("disable", None)];
    let holder = fields.word("mode", &modes, errors).unwrap_or(Some(Holder::Host));
    let mut authority = fields.object("caSecretRef", errors);
    if holder.is_none() && !authority.is_empty() {
        let _: Option<()> = fields.wrong("caSecretRef", "has no meaning with mode disable", errors);
    }
    // Without one of its own, the authority stands beside the credentials.
    let secret = authority.text("name", errors).filter(|name| is_object(name, &authority, errors));
    let secret = secret.unwrap_or_else(|| admin_secret.to_owned());
    let key = authority.text("key", errors).unwrap_or_else(|| "ca.crt".to_owned());
    authority.finish(errors);
    fields.finish(errors);
    Some(holder.map_or(Tls::Disable, |of| Tls::Verify { of, secret, key }))
}

fn grants(list: Vec<Fields>, errors: &mut Vec<String>) -> Vec<SchemaGrant> {
    let mut grants = Vec::new();
    for mut fields in list {
        let role = fields.needed("role", errors);
        let mut privileges = Vec::new();
        for privilege in fields.texts("privileges", errors) {
            match ["USAGE", "CREATE"].into_iter().find(|known| *known == privilege) {
                Some(known) => privileges.push(known),
                None => {
                    let _: Option<()> = fields.wrong("privileges", "may hold only USAGE and CREATE", errors);
                }
            }
        }
        fields.finish(errors);
        grants.extend(role.map(|role| SchemaGrant { role, privileges }));
    }
    grants
}

fn rotation(mut fields: Fields, errors: &mut Vec<String>) -> Rotation {
    let max_age = fields.duration("maxAge", errors);
    let grace = fields.duration("gracePeriod", errors);
    if max_age.is_some_and(|age| age < SHORTEST_AGE) {
        let _: Option<()> =
            fields.wrong("maxAge", "must be 10m or longer: every change restarts clients", errors);
    }
    fields.finish(errors);
    Rotation { max_age, grace: grace.unwrap_or(GRACE) }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
