//! What to tell a claim for a database on a server. No message holds a secret, or changes while its cause does not.

use provisioner_kit::{ANNOTATION_ABANDON, Answer, Outputs, Retry};

use super::{Case, Stop, access::Unusable, decide::Obstacle, failure::Failure, settings::ServerSettings};

/// The answer to a claim whose database is there.
pub fn ready() -> Answer {
    Answer::bound("PostgreSQL database ready").retry(Retry::Checked)
}

/// What a failure on the server of `settings` means. A database that was there keeps its `outputs`.
pub fn failed(failure: &Failure, settings: &ServerSettings, outputs: Option<Outputs>) -> Stop {
    let answer = match failure {
        Failure::Busy => return Stop::Wait(Retry::Busy),
        Failure::Outdated => return Stop::Wait(Retry::Soon),
        failure => Answer { outputs, ..words(failure, settings) },
    };
    answer.into()
}

/// The failure in words.
pub fn words(failure: &Failure, settings: &ServerSettings) -> Answer {
    let server = server(settings);
    match failure {
        Failure::Untrusted(reason) => Answer::failed(format!(
            "{server} cannot be trusted ({reason}): ask your platform team to check its certificate and the CA bundle \
             that is given for it"
        ))
        .retry(Retry::Rarely),
        Failure::Denied(message) => Answer::failed(format!(
            "{server} does not do what it is asked to: {message}; ask your platform team to correct the settings of \
             the class, or what the provisioner may do there"
        ))
        .retry(Retry::Rarely),
        Failure::Depended(what) => Answer::failed(format!(
            "{server} keeps a role of this database, since other things depend on it ({what}): ask your platform team to \
             hand them over to another role; this then goes on automatically"
        ))
        .retry(Retry::Rarely),
        Failure::Refused => Answer::binding(format!(
            "{server} does not accept the platform's credentials in `{}`: ask your platform team to correct them",
            settings.server.admin_secret
        ))
        .retry(Retry::Soon),
        failure => Answer::binding(format!(
            "{server} cannot be used now: {failure}; this is tried again automatically, ask your platform team if it \
             lasts"
        ))
        .retry(Retry::Soon),
    }
}

fn server(settings: &ServerSettings) -> String {
    format!("the database server `{}`", settings.server.place())
}

/// The answer if something is in the way on the server.
pub fn hindered(obstacle: &Obstacle, case: &Case<'_>) -> Answer {
    let (server, key) = (server(&case.settings), &case.claim.key);
    Answer::failed(match obstacle {
        Obstacle::ForeignDatabase(name) => format!(
            "{server} has a database `{name}` that was not made for this resource, and it is left alone: ask your \
             platform team to remove or rename it, or rename resources.{key}"
        ),
        Obstacle::ForeignRole(name) => format!(
            "{server} has a role `{name}` that was not made for this resource, and it is left alone: ask your platform \
             team to remove or rename it, or rename resources.{key}"
        ),
        Obstacle::Gone(name) => format!(
            "the database `{name}` is no longer on the server `{}`, and an empty one in its place would hide that: \
             ask your platform team to restore it, or to release it so that an empty one is made",
            case.settings.server.place()
        ),
    })
    .retry(Retry::Rarely)
}

/// The answer if the class names another server than `origin`, and the database is not there.
pub fn elsewhere(origin: &str, settings: &ServerSettings) -> Answer {
    Answer::failed(format!(
        "the database was made on the server `{origin}`, and is not on `{}`, which the platform's class names now: ask your \
         platform team to point the class back, or to move the database there with its roles",
        settings.server.place()
    ))
    .retry(Retry::Rarely)
}

/// The answer if the server does not let the login in although its password was set.
pub fn shut_out(case: &Case<'_>) -> Answer {
    Answer::failed(format!(
        "{} does not let the login of this resource in: ask your platform team to check from where and how its \
         configuration allows logins",
        server(&case.settings)
    ))
    .retry(Retry::Rarely)
}

/// The answer if the server cannot even be tried.
pub fn unusable(settings: &ServerSettings, error: &Unusable) -> Answer {
    Answer::failed(format!(
        "the platform's access to {} is not set up, ask your platform team to correct it: {error}",
        server(settings)
    ))
    .retry(Retry::Rarely)
}

/// The answer if the API server does not take the credentials.
pub fn refused(message: &str, settings: &ServerSettings) -> Answer {
    tracing::warn!(message, "the API server refuses the credentials of a database");
    Answer::failed(format!(
        "the credentials of the database on `{}` cannot be kept here: the platform's rules do not allow it; ask your \
         platform team",
        settings.server.host
    ))
    .retry(Retry::Rarely)
}

/// The answer to a deleted claim whose database cannot be dropped.
pub fn stays(answer: Answer) -> Answer {
    let message = format!(
        "the database is still to be removed: {}. If the server is gone for good, give up what is on it: set the \
         annotation {}=true on this claim",
        answer.message, ANNOTATION_ABANDON
    );
    Answer { retry: Retry::Soon, ..Answer::binding(message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::settings::settings, test_support::assert_is_for_users};

    #[test]
    fn every_message_is_for_users_names_the_server_and_says_what_to_do() {
        let parameters = "server: {host: db.example.com, adminSecretRef: {name: pg-admin}}";
        let settings = settings(&serde_yaml_ng::from_str(parameters).unwrap()).unwrap();
        for failure in [
            Failure::SLOW,
            Failure::LATE,
            Failure::Full,
            Failure::Refused,
            Failure::Depended("owner of database copy".to_owned()),
            Failure::Untrusted("it is somebody else".to_owned()),
            Failure::Denied("permission denied".to_owned()),
        ] {
            for answer in [words(&failure, &settings), stays(words(&failure, &settings))] {
                assert_is_for_users(&answer.message);
                assert!(answer.message.contains("`db.example.com:5432`"), "{}", answer.message);
                assert!(answer.message.contains("platform team"), "{}", answer.message);
                assert_ne!(answer.retry, Retry::Never, "no watch tells of a server");
            }
        }
        let elsewhere = elsewhere("old.example.com:5432", &settings).message;
        assert_is_for_users(&elsewhere);
        assert!(elsewhere.contains("`old.example.com:5432`") && elsewhere.contains("`db.example.com:5432`"));
        assert_is_for_users(&unusable(&settings, &Unusable::Authority).message);
        assert_is_for_users(&refused("exceeded quota", &settings).message);
    }
}
