//! What the environment says.

use std::{collections::BTreeMap, ffi::OsString};

use anyhow::{Context as _, bail};

/// What the environment says.
pub(crate) struct Config {
    /// The port to listen on.
    pub(crate) port: u16,
    /// The greeting.
    pub(crate) message: String,
    /// The database, if there is one.
    pub(crate) database: Option<tokio_postgres::Config>,
    /// The whole environment.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Config {
    /// Reads `variables`. Text that is no Unicode is shown as well as it can be.
    pub(crate) fn from_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> anyhow::Result<Self> {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment: BTreeMap<_, _> =
            variables.into_iter().map(|(name, value)| (text(name), text(value))).collect();
        let get = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        Ok(Self {
            port: get("PORT").unwrap_or("8080").parse().context("PORT must be a port number")?,
            message: get("MESSAGE").unwrap_or("Hello from Score!").to_owned(),
            database: database(get)?,
            environment,
        })
    }
}

fn database<'a>(get: impl Fn(&str) -> Option<&'a str>) -> anyhow::Result<Option<tokio_postgres::Config>> {
    if let Some(url) = get("DATABASE_URL") {
        // The parser's own message may quote the URL, and with it the password.
        let Ok(config) = url.parse() else { bail!("DATABASE_URL is not a PostgreSQL URL") };
        return Ok(Some(config));
    }
    let Some(host) = get("DB_HOST") else { return Ok(None) };
    let required = |name: &str| get(name).with_context(|| format!("DB_HOST is set, so {name} must be too"));
    let mut config = tokio_postgres::Config::new();
    config
        .host(host)
        .port(get("DB_PORT").unwrap_or("5432").parse().context("DB_PORT must be a port number")?)
        .dbname(required("DB_NAME")?)
        .user(required("DB_USERNAME")?)
        .password(required("DB_PASSWORD")?);
    Ok(Some(config))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::from_environment(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn an_empty_environment_will_do() {
        let config = config(&[]).unwrap();
        assert_eq!(config.port, 8080);
        assert!(config.database.is_none());
    }

    #[test]
    fn a_database_is_named_by_a_url_or_by_its_parts() {
        let url =
            config(&[("DATABASE_URL", "postgresql://app:p%40ss@db:5433/app")]).unwrap().database.unwrap();
        let parts = config(&[
            ("DB_HOST", "db"),
            ("DB_PORT", "5433"),
            ("DB_NAME", "app"),
            ("DB_USERNAME", "app"),
            ("DB_PASSWORD", "p@ss"),
        ]);
        for config in [url, parts.unwrap().database.unwrap()] {
            assert_eq!(config.get_hosts(), [Host::Tcp("db".to_owned())]);
            assert_eq!(config.get_ports(), [5433]);
            assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_told() {
        let message = |variables: &[_]| format!("{:#}", config(variables).err().unwrap());
        assert!(message(&[("PORT", "x")]).contains("PORT"));
        assert!(message(&[("DB_HOST", "db"), ("DB_NAME", "app")]).contains("DB_USERNAME"));
        let broken = message(&[("DATABASE_URL", "postgresql://app:pa55@db:port/app")]);
        assert!(broken.contains("DATABASE_URL") && !broken.contains("pa55"), "{broken}");
    }
}
