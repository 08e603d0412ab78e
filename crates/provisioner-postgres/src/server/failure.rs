//! What can go wrong with a server, as far as it makes a difference.

use std::error::Error as _;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use super::decide::Step;

/// Why something on a server did not come about. The words are for users, and the same for as long as the cause is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// All connections that the provisioner may have are in use: ask again in a moment.
    #[error("all connections to the server are in use")]
    Busy,
    /// Something has changed since it was looked at: look again.
    #[error("the server has changed meanwhile")]
    Outdated,
    /// The server cannot be used now.
    #[error("{0}")]
    Unavailable(&'static str),
    /// What was asked of the server for one claim did not come about now; others' may.
    #[error("{0}")]
    Delayed(&'static str),
    /// The server is not the one that it should be.
    #[error("{0}")]
    Untrusted(String),
    /// The database has as many clients as it may have, who else may come in or not.
    #[error("the database has no connections left")]
    Full,
    /// The server does not accept a login.
    #[error("the login is refused")]
    Refused,
    /// A role cannot go, since other things depend on it; in the server's own words.
    #[error("other things depend on a role: {0}")]
    Depended(String),
    /// The server does not do what was asked of it; in its own words.
    #[error("{0}")]
    Denied(String),
}

/// How many of the things that depend on a role are shown.
const SHOWN: usize = 5;
const IN_TIME: &str = "it does not answer in time";
/// A new database is a copy of another one, in which nobody may be at that moment.
const TEMPLATE_IN_USE: &str = "somebody is logged in to its database `template1`, of which every new database is a \
                               copy; end the sessions there, and run REVOKE CONNECT ON DATABASE template1 FROM PUBLIC";

impl Failure {
    /// Whether it says something of the server as a whole, so that nobody else need try for a while.
    pub fn is_of_server(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Untrusted(_) | Self::Refused)
    }

    /// No connection came about in time, or a login.
    pub const SLOW: Self = Self::Unavailable(IN_TIME);
    /// What was done for one claim was not done in time. Whether that is the server's fault, the next connection tells.
    pub const LATE: Self = Self::Delayed(IN_TIME);

    /// Why `step` was not done.
    pub fn of_step(step: &Step, error: tokio_postgres::Error) -> Self {
        if *step == Step::CreateDatabase && error.code() == Some(&SqlState::OBJECT_IN_USE) {
            return Self::Delayed(TEMPLATE_IN_USE);
        }
        error.into()
    }

    /// Why the extension `name` was not added to a database. What has a name there that it needs stays until somebody
    /// removes it, and is no sign that others are at work.
    pub fn of_extension(name: &str, error: tokio_postgres::Error) -> Self {
        let lasting = [SqlState::DUPLICATE_OBJECT, SqlState::INTERNAL_ERROR];
        let answer = error.as_db_error().filter(|answer| lasting.contains(answer.code()));
        let denied = answer.map(|answer| {
            format!(
                "the extension `{name}` cannot be added to the database ({}): rename or remove what is in its way",
                line(answer.message())
            )
        });
        denied.map_or_else(|| error.into(), Self::Denied)
    }
}

fn line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => Self::SLOW,
            PoolError::Backend(error) => error.into(),
            // The credentials have changed, and others hold a new pool.
            PoolError::Closed => Self::Outdated,
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Unavailable("no connection could be made")
            }
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        tracing::debug!(error = &error as &dyn std::error::Error, "the database server did not do it");
        match error.as_db_error() {
            // That a database is full is found out after the password was right, by this function of PostgreSQL.
            Some(answer)
                if answer.code() == &SqlState::TOO_MANY_CONNECTIONS
                    && answer.routine() == Some("CheckMyDatabase") =>
            {
                Self::Full
            }
            Some(answer) => of_answer(answer.code(), answer.message(), answer.detail()),
            None => of_connection(&error),
        }
    }
}

fn of_answer(code: &SqlState, message: &str, detail: Option<&str>) -> Failure {
    match code.code() {
        "28P01" | "28000" => Failure::Refused,
        "53300" => Failure::Unavailable("it has no connections left"),
        "57P01" | "57P02" | "57P03" => Failure::Unavailable("it is starting or stopping"),
        // Of one statement: it waited too long, for a lock of somebody's or for its own work.
        "57014" | "55P03" => Failure::LATE,
        "55006" => Failure::Delayed("a database that has to be at rest for this is in use"),
        "53100" => Failure::Unavailable("its disk is full"),
        "25006" => Failure::Unavailable("it takes no writes"),
        // Somebody else made the same, or changed it at the same time.
        "42710" | "42P04" | "23505" | "40001" | "40P01" | "XX000" => Failure::Outdated,
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57") => {
            Failure::Unavailable("it cannot work now")
        }
        // What depends on it is listed in the details, a line each.
        "2BP01" => {
            Failure::Depended(detail.unwrap_or(message).lines().take(SHOWN).collect::<Vec<_>>().join(", "))
        }
        _ => Failure::Denied(line(message).to_owned()),
    }
}

fn of_connection(error: &tokio_postgres::Error) -> Failure {
    let causes = || std::iter::successors(error.source(), |&cause| cause.source());
    let tls = |cause: &(dyn std::error::Error + 'static)| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        inner.or_else(|| cause.downcast_ref()).map(ToString::to_string)
    };
    if let Some(reason) = causes().find_map(tls) {
        return Failure::Untrusted(reason);
    }
    let io = causes().find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match io {
        Some(std::io::ErrorKind::TimedOut) => Failure::SLOW,
        Some(std::io::ErrorKind::ConnectionRefused) => Failure::Unavailable("it refuses connections"),
        Some(_) => Failure::Unavailable("it cannot be reached"),
        None if error.to_string().contains("TLS") => Failure::Untrusted("it offers no encryption".to_owned()),
        None if error.is_closed() => Failure::Unavailable("it closed the connection"),
        None if error.to_string().starts_with("timeout") => Failure::SLOW,
        None => Failure::Unavailable("it does not answer as PostgreSQL does"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_statement_came_to_says_nothing_of_the_server() {
        for (code, expected) in [("57014", Failure::LATE), ("55P03", Failure::LATE)] {
            assert_eq!(of_answer(&SqlState::from_code(code), "canceling statement", None), expected);
        }
        for code in ["57014", "55P03", "55006", "2BP01", "42501"] {
            assert!(!of_answer(&SqlState::from_code(code), "no", None).is_of_server(), "{code}");
        }
        for code in ["57P01", "53300", "53100", "25006", "08006", "28P01"] {
            assert!(of_answer(&SqlState::from_code(code), "no", None).is_of_server(), "{code}");
        }
        assert_eq!(Failure::LATE.to_string(), Failure::SLOW.to_string());
    }

    #[test]
    fn what_depends_on_a_role_is_told() {
        let detail = "owner of database copy\n".repeat(SHOWN + 1);
        let failure = of_answer(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST, "no", Some(&detail));
        assert_eq!(failure.to_string().matches("owner of database copy").count(), SHOWN, "{failure}");
    }
}
