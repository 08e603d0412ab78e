//! What to tell a claim whose database is built.

use provisioner_kit::{Answer, Outputs, Retry};

use crate::{
    apply::Applied, credentials::Credentials, dereference::Found, health, probe::Attempt, validate::Database,
};

/// What is known of a database after it was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Its readiness probe does not pass, or an older description of it still runs.
    Absent,
    /// It serves, and a login has worked with the very outputs before.
    Known,
    /// It serves, and this came of a login.
    Tried(Attempt),
}

/// The outputs of what was `applied` for `database`. None if the Secret lost its password between two reads.
pub fn outputs(database: &Database, applied: &Applied) -> Option<(Credentials, Outputs)> {
    let credentials = Credentials::read(&applied.secret, &database.host)?;
    let uid = applied.secret.metadata.uid.as_deref().unwrap_or_default();
    let outputs =
        Outputs { values: credentials.outputs(&database.names.secret), revision: credentials.revision(uid) };
    Some((credentials, outputs))
}

/// The answer to a claim whose `database` is built.
pub fn conclude(database: &Database, found: &Found, service: Service) -> Answer {
    noted(state(database, found, service), database)
}

/// `answer`, and which of the platform's settings were not followed: what is wrong may come from that.
pub fn noted(answer: Answer, database: &Database) -> Answer {
    let parts = std::iter::once(answer.message.as_str()).chain(database.notes.iter().map(String::as_str));
    let message = parts.collect::<Vec<_>>().join("; ");
    Answer { message, ..answer }
}

fn state(database: &Database, found: &Found, service: Service) -> Answer {
    match service {
        Service::Absent => not_serving(database, found),
        Service::Known | Service::Tried(Attempt::Accepted) => Answer::bound("PostgreSQL instance ready"),
        Service::Tried(Attempt::NotYet) => {
            Answer::binding("PostgreSQL has started and does not take connections yet").retry(Retry::Soon)
        }
        Service::Tried(Attempt::OutOfReach) => Answer::binding(format!(
            "PostgreSQL runs, but a login could not be tried: `{}` is not known where the provisioner runs; it must \
             run inside the cluster",
            database.host
        ))
        .retry(Retry::Soon),
        Service::Tried(Attempt::Refused) => Answer::failed(format!(
            "PostgreSQL does not accept the credentials in `{}`: ask your platform team to put back the password that \
             the database was made with, or to set this one in the database",
            database.names.secret
        ))
        .retry(Retry::Rarely),
    }
}

fn not_serving(database: &Database, found: &Found) -> Answer {
    let answer = health::not_serving(found.pod.as_deref(), found.refusal.as_deref(), &database.settings);
    // Nothing tells when Kubernetes is allowed, or tries again, to start what it could not.
    if found.pod.is_none() { answer.retry(Retry::Soon) } else { answer }
}
