//! Step 5: finds out whether the credentials that are handed out open the database.

use std::{io, time::Duration};

use api_types::{ClaimPhase, ResourceClaimStatus};
use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};
use tokio_postgres::{Config, NoTls, SimpleQueryMessage, error::SqlState};

use crate::credentials::{Credentials, DATABASE, PORT, USERNAME};

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The database answered a query.
    Accepted,
    /// The database answers, and does not accept the credentials.
    Refused,
    /// The database does not answer yet.
    NotYet,
    /// The host name means nothing where this process runs, so nothing can be said of the database.
    OutOfReach,
}

/// Tries credentials.
#[async_trait]
pub trait Login: Send + Sync + 'static {
    /// Logs in with `credentials` and asks one thing, in bounded time.
    async fn attempt(&self, credentials: &Credentials) -> Attempt;

    /// The major version of the database that `credentials` open, if it tells that in bounded time.
    async fn version(&self, credentials: &Credentials) -> Option<u32>;
}

/// Whether a login has to show that the claim is usable. One that was, with the same outputs, stays so for as long as
/// the database serves: to log in again and again would be load, and news to nobody.
pub fn is_due(status: Option<&ResourceClaimStatus>, revision: &str) -> bool {
    status.is_none_or(|status| {
        status.phase != ClaimPhase::Bound || status.outputs_revision.as_deref() != Some(revision)
    })
}

/// Logs in over the network of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct PostgresLogin {
    /// How long all of it may take.
    pub timeout: Duration,
    /// The port on which the databases answer.
    pub port: u16,
}

impl PostgresLogin {
    /// Logs in on PostgreSQL's own port.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, port: PORT }
    }
}

/// Why a login did not come about.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the host name cannot be resolved")]
    Unresolved(#[source] io::Error),
    #[error("no connection")]
    Unconnected(#[source] io::Error),
    #[error("PostgreSQL did not answer as it should")]
    Postgres(#[from] tokio_postgres::Error),
}

#[async_trait]
impl Login for PostgresLogin {
    async fn attempt(&self, credentials: &Credentials) -> Attempt {
        match self.told(credentials, "SELECT 1").await {
            Ok(_) => Attempt::Accepted,
            Err(attempt) => attempt,
        }
    }

    async fn version(&self, credentials: &Credentials) -> Option<u32> {
        let number: u32 = self.told(credentials, "SHOW server_version_num").await.ok()??.parse().ok()?;
        Some(number / 10_000)
    }
}

impl PostgresLogin {
    /// What the database answers to `query` in bounded time, or what became of the login.
    async fn told(&self, credentials: &Credentials, query: &str) -> Result<Option<String>, Attempt> {
        let host = &credentials.host;
        match tokio::time::timeout(self.timeout, self.ask(credentials, query)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => {
                tracing::debug!(host, error = &failure as &dyn std::error::Error, "login failed");
                Err(failure.into())
            }
            Err(_) => {
                tracing::debug!(host, "login took too long");
                Err(Attempt::NotYet)
            }
        }
    }

    /// Logs in, and gives the first value of the answer to `query`.
    async fn ask(&self, credentials: &Credentials, query: &str) -> Result<Option<String>, Failure> {
        let addresses: Vec<_> =
            lookup_host((credentials.host.as_str(), self.port)).await.map_err(Failure::Unresolved)?.collect();
        let stream = TcpStream::connect(&*addresses).await.map_err(Failure::Unconnected)?;
        let mut config = Config::new();
        config
            .user(USERNAME)
            .password(credentials.password.expose())
            .dbname(DATABASE)
            .application_name(crate::NAME);
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        let messages = tokio::select! {
            answer = client.simple_query(query) => answer?,
            end = connection => {
                end?;
                Vec::new()
            }
        };
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unresolved(_) => Self::OutOfReach,
            Failure::Unconnected(_) => Self::NotYet,
            Failure::Postgres(error) => match error.code() {
                Some(code) if is_refusal(code) => Self::Refused,
                _ => Self::NotYet,
            },
        }
    }
}

/// Whether trying again cannot help: wrong password, unknown role or database, no right to connect.
fn is_refusal(code: &SqlState) -> bool {
    [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: ClaimPhase, revision: &str) -> ResourceClaimStatus {
        ResourceClaimStatus {
            phase,
            outputs_revision: Some(revision.to_owned()),
            ..ResourceClaimStatus::default()
        }
    }

    #[test]
    fn a_claim_that_was_bound_with_these_outputs_is_not_tried_again() {
        assert!(!is_due(Some(&status(ClaimPhase::Bound, "abc")), "abc"));
    }

    #[test]
    fn a_login_is_due_at_first_after_an_interruption_and_when_the_outputs_change() {
        assert!(is_due(None, "abc"));
        assert!(is_due(Some(&status(ClaimPhase::Binding, "abc")), "abc"));
        assert!(is_due(Some(&status(ClaimPhase::Failed, "abc")), "abc"));
        assert!(is_due(Some(&status(ClaimPhase::Bound, "abd")), "abc"));
    }
}
