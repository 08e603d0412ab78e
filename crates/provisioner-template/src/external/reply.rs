//! What a reply means: pure. Nothing that a message shows of it is secret.

use std::time::Duration;

use k8s_openapi::ByteString;
use provisioner_kit::{ANNOTATION_ABANDON, Answer, Retry};
use resource_template::{Origin, shortened_to};
use serde_json::{Value, json};

use super::http::{Failure, Reply};

/// Why a request did not do what it should. The words go on where a sentence about the API begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Others come first.
    Busy,
    /// It may work later.
    Later {
        /// What is the matter.
        why: String,
        /// When it may.
        after: Option<Duration>,
    },
    /// What was asked about is not there.
    Gone,
    /// The platform has to put something right; whether anything was done is not known.
    Closed(String),
    /// It was understood, and it is certain that it is not done.
    Refused(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::Busy,
            Failure::Unavailable(why) => Self::Later { why: why.to_owned(), after: None },
            Failure::Untrusted(why) | Failure::Unsendable(why) => Self::Closed(why),
        }
    }
}

/// The longest part of what an API said that a message shows, in characters.
const LONGEST: usize = 160;
/// What is shorter would be found by chance.
const SHORTEST_SECRET: usize = 4;

/// The status and the JSON of `reply` if that is a success; null if nobody `reads` it. `hidden` are values that no
/// message may show.
///
/// # Errors
/// What is the matter otherwise.
pub fn judge(reply: &Reply, reads: bool, hidden: &[String]) -> Result<(u16, Value), Trouble> {
    let status = reply.status;
    let later = |why: String| Trouble::Later { why, after: reply.retry_after };
    match status {
        200..=299 if !reads || reply.body.iter().all(u8::is_ascii_whitespace) => Ok((status, Value::Null)),
        200..=299 => match serde_json::from_slice(&reply.body) {
            Ok(value) => Ok((status, value)),
            Err(_) => Err(later("its answer is not JSON".to_owned())),
        },
        300..=399 => Err(Trouble::Closed(format!(
            "it leads to another address, which is not followed (HTTP status {status})"
        ))),
        401 | 403 | 407 => Err(Trouble::Closed(format!(
            "it does not accept the platform's credentials (HTTP status {status})"
        ))),
        404 | 410 => Err(Trouble::Gone),
        408 | 425 | 429 => Err(later(format!("it asks to come back later (HTTP status {status})"))),
        // It may be that very request that is still at work, so it is no proof that nothing was done.
        409 => Err(later(format!("it reports a conflict ({})", status_and_words(reply, hidden)))),
        400..=499 => Err(Trouble::Refused(status_and_words(reply, hidden))),
        _ => Err(later(format!("it reports an error (HTTP status {status})"))),
    }
}

/// The status of an error, and what the API says of it.
fn status_and_words(reply: &Reply, hidden: &[String]) -> String {
    match said(&reply.body, hidden) {
        Some(said) => format!("HTTP status {}: {said}", reply.status),
        None => format!("HTTP status {}", reply.status),
    }
}

/// What an API says of an error, in the fields in which APIs say it; nothing if a secret is in it.
fn said(body: &[u8], hidden: &[String]) -> Option<String> {
    const PLACES: [&str; 8] = [
        "/message",
        "/detail",
        "/error/message",
        "/error_description",
        "/errors/0/message",
        "/errors/0",
        "/error",
        "/title",
    ];
    let body: Value = serde_json::from_slice(body).ok()?;
    let said = PLACES.iter().find_map(|place| body.pointer(place)?.as_str())?;
    let shows = |secret: &String| {
        let encoded = json!(ByteString(secret.clone().into_bytes()));
        let encoded = encoded.as_str().unwrap_or_default().trim_end_matches('=').to_owned();
        secret.len() >= SHORTEST_SECRET
            && [secret, &encoded].into_iter().any(|form| said.contains(form.as_str()))
    };
    (!said.trim().is_empty() && !hidden.iter().any(shows)).then(|| shortened_to(LONGEST, said.trim()))
}

/// The answer to the claim for `resources.<key>`; none if others only come first.
pub fn words(trouble: &Trouble, origin: &Origin, key: &str) -> Option<Answer> {
    Some(match trouble {
        Trouble::Busy => return None,
        Trouble::Later { why, after } => Answer::binding(format!(
            "`{origin}` cannot be used now: {why}; this is tried again automatically, ask your platform team if it \
             lasts"
        ))
        .retry(after.map_or(Retry::Soon, Retry::After)),
        Trouble::Closed(why) => Answer::failed(format!(
            "`{origin}` cannot be used: {why}; ask your platform team to correct the declaration or its credentials"
        ))
        .retry(Retry::Rarely),
        Trouble::Gone => Answer::failed(format!(
            "`{origin}` has no such address (HTTP status 404 or 410): ask your platform team to correct the declaration"
        ))
        .retry(Retry::Rarely),
        Trouble::Refused(why) => Answer::failed(format!(
            "`{origin}` refuses it ({why}): correct resources.{key}.params, or ask your platform team"
        ))
        .retry(Retry::Rarely),
    })
}

/// The answer to a deleted claim whose resource cannot be removed.
pub fn stays(answer: Answer) -> Answer {
    let retry = match answer.retry {
        Retry::After(pause) => Retry::After(pause),
        Retry::Busy => Retry::Busy,
        Retry::Never | Retry::Soon | Retry::Checked | Retry::Rarely => Retry::Soon,
    };
    let message = format!(
        "it is still to be removed: {}. If what was made is gone for good, or is to stay where it is, give it up: set the \
         annotation {ANNOTATION_ABANDON}=true on this claim",
        answer.message
    );
    Answer::binding(message).retry(retry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, body: body.into() }
    }

    fn judged(status: u16, body: &str) -> Result<(u16, Value), Trouble> {
        judge(&reply(status, body), true, &["s3cret-value".to_owned()])
    }

    #[test]
    fn statuses_fall_into_few_classes() {
        for status in [200, 201, 202, 204] {
            assert_eq!(judged(status, " "), Ok((status, Value::Null)));
        }
        assert_eq!(judged(200, "{\"a\": 1}").unwrap().1, json!({"a": 1}));
        for status in [408, 409, 425, 429, 500, 501, 502, 503, 504, 599, 700] {
            assert!(matches!(judged(status, "{}"), Err(Trouble::Later { .. })), "{status}");
        }
        for body in ["{", "<html>", "{\"a\": 1} trailing", "\u{0}"] {
            assert!(matches!(judged(200, body), Err(Trouble::Later { .. })), "{body}");
        }
        assert_eq!(judge(&reply(200, "<html>"), false, &[]), Ok((200, Value::Null)));
        for status in [301, 302, 307, 401, 403] {
            assert!(matches!(judged(status, "{}"), Err(Trouble::Closed(_))), "{status}");
        }
        for status in [404, 410] {
            assert_eq!(judged(status, "{}"), Err(Trouble::Gone));
        }
        for status in [400, 405, 413, 422, 451] {
            assert!(matches!(judged(status, "{}"), Err(Trouble::Refused(_))), "{status}");
        }
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept() {
        let pause = Duration::from_secs(40);
        let reply = Reply { retry_after: Some(pause), ..reply(429, "") };
        let trouble = judge(&reply, true, &[]).unwrap_err();
        let origin = "https://api.example.com".parse().unwrap();
        let answer = words(&trouble, &origin, "it").unwrap();
        assert_eq!((answer.retry, stays(answer).retry), (Retry::After(pause), Retry::After(pause)));
    }

    #[test]
    fn a_refusal_shows_what_was_said_shortened_and_without_secrets() {
        let refused = |body: &str| match judged(422, body) {
            Err(Trouble::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("{\"message\": \"no room\\n`left`\"}"), "HTTP status 422: no room??left?");
        assert_eq!(refused("{\"error\": {\"message\": \"deep\"}}"), "HTTP status 422: deep");
        assert_eq!(refused("{\"errors\": [{\"message\": \"first\"}, \"second\"]}"), "HTTP status 422: first");
        for body in ["", "no JSON", "{\"message\": 7}", "{\"message\": \" \"}", "[]", "{\"secret\": \"x\"}"] {
            assert_eq!(refused(body), "HTTP status 422", "{body}");
        }
        for echo in ["the token s3cret-value is bad", "Basic czNjcmV0LXZhbHVl is bad"] {
            assert_eq!(refused(&json!({"message": echo}).to_string()), "HTTP status 422");
        }
        let conflict = judged(409, "{\"message\": \"in progress\"}");
        let why = "it reports a conflict (HTTP status 409: in progress)".to_owned();
        assert_eq!(conflict, Err(Trouble::Later { why, after: None }));
        let long = refused(&json!({"message": "x".repeat(10_000)}).to_string());
        assert!(long.chars().count() < 200, "{long}");
    }
}
