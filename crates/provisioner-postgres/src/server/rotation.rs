//! Whether a password is to be replaced, and whether the one before it has had its time.

use jiff::Timestamp;

use super::{record::Record, settings::Rotation};

/// On a claim: another value than before asks for a new password.
pub const ANNOTATION_ROTATE: &str = "score.dev/rotate";

/// Whether the password of `record` is to be replaced: it was asked for with a new value, or it is too old.
pub fn is_due(record: &Record, asked: Option<&str>, rotation: &Rotation, now: Timestamp) -> bool {
    let is_asked = asked.is_some_and(|asked| record.rotated_for.as_deref() != Some(asked));
    let age = now.duration_since(record.rotated_at);
    // The class may change; a second change while clients may still be on their way to the first would cut them off.
    is_asked || rotation.max_age.is_some_and(|longest| age >= longest.max(rotation.grace))
}

/// Whether the logins before that of `record` have had their time. Whether something still runs with them is another
/// question ([`super::rolled_out`]).
pub fn retires(record: &Record, rotation: &Rotation, now: Timestamp) -> bool {
    now.duration_since(record.rotated_at) >= rotation.grace
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::{credentials::Password, server::names::Base, test_support::claim};

    fn record(rotated_for: Option<&str>) -> Record {
        Record {
            base: Base::of(&claim()),
            login: 1,
            password: Password::generate().unwrap(),
            provisioned: true,
            rotated_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            rotated_for: rotated_for.map(str::to_owned),
        }
    }

    fn rotation(max_age: Option<i64>) -> Rotation {
        Rotation { max_age: max_age.map(SignedDuration::from_hours), grace: SignedDuration::from_hours(1) }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_new_value_asks_once() {
        let now = at("2026-01-01T00:00:01Z");
        assert!(is_due(&record(None), Some("a"), &rotation(None), now));
        assert!(is_due(&record(Some("a")), Some("b"), &rotation(None), now));
        assert!(!is_due(&record(Some("a")), Some("a"), &rotation(None), now));
        assert!(
            !is_due(&record(Some("a")), None, &rotation(None), now),
            "to remove the annotation asks for nothing"
        );
    }

    #[test]
    fn a_password_is_replaced_at_its_age_and_not_before() {
        let record = record(None);
        assert!(!is_due(&record, None, &rotation(Some(24)), at("2026-01-01T23:59:59Z")));
        assert!(is_due(&record, None, &rotation(Some(24)), at("2026-01-02T00:00:00Z")));
        assert!(!is_due(&record, None, &rotation(None), at("2036-01-01T00:00:00Z")));
    }

    #[test]
    fn a_login_stays_for_the_time_that_clients_have_to_change() {
        assert!(!retires(&record(None), &rotation(None), at("2026-01-01T00:59:59Z")));
        assert!(retires(&record(None), &rotation(None), at("2026-01-01T01:00:00Z")));
    }
}
