//! What is written down is read again, and what follows from it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn asked(body: &Value) -> Asked {
    let asked = json!({"method": "POST", "url": "https://api.example.com/v1", "body": {"scalar": body}});
    serde_json::from_value(asked).unwrap()
}

fn secret(state: &State) -> Secret {
    let mut secret = Secret { data: Some(state.data()), ..Secret::default() };
    secret.metadata.annotations = Some(state.annotations());
    secret
}

/// A wish for a size, of a resource that is in a region for good.
fn wish(size: u32, region: &str) -> Wish {
    Wish { digest: size.to_string(), lasting: [("params.region".to_owned(), region.to_owned())].into() }
}

/// What is intended for this wish.
fn intended(size: u32, region: &str) -> State {
    State::intended("uid", asked(&json!([size, region])), Some(&wish(size, region)))
}

/// The change to this size, if one is needed.
fn change(state: &State, size: u32) -> Option<Change> {
    state.change(&wish(size, "eu"), asked(&json!(size)), &asked(&json!([size, "eu"])))
}

#[test]
fn what_is_written_down_is_read_again() {
    let intended = State::intended("uid", asked(&json!(1)), None);
    let complete = State {
        id: Some("b-1".into()),
        provisioned: true,
        outputs: [("password".to_owned(), ByteString(b"pa55".into()))].into(),
        ..intended.clone()
    };
    let changeable = self::intended(1, "eu");
    let changing = changeable.clone().intending(change(&changeable, 2));
    let elsewhere = changeable.clone().at("https://api.example.com/v1");
    for state in [intended, complete, changeable, changing, elsewhere] {
        assert!(State::read(&secret(&state)) == Ok(Some(state)));
    }
    assert!(State::read(&Secret::default()) == Ok(None));
}

#[test]
fn what_was_damaged_is_not_taken_for_nothing() {
    for (key, text) in [
        (REQUEST, None),
        (REQUEST, Some("{")),
        (REQUEST, Some("{\"method\": \"BREW\"}")),
        (SHAPE, Some("")),
        (SHAPE, Some("{\"current\": 1}")),
    ] {
        let mut secret = secret(&intended(1, "eu"));
        let data = secret.data.get_or_insert_default();
        data.remove(key);
        data.extend(text.map(|text| (key.to_owned(), ByteString(text.into()))));
        assert!(State::read(&secret) == Err(Damaged), "{key}: {text:?}");
    }
}

#[test]
fn the_key_is_that_of_the_claim_and_of_what_it_asks_for() {
    let key = |uid: &str, body: Value| State::intended(uid, asked(&body), None).key;
    assert_eq!(key("a", json!(1)), key("a", json!(1)));
    assert_ne!(key("a", json!(1)), key("b", json!(1)));
    assert_ne!(key("a", json!(1)), key("a", json!(2)));
    assert_eq!(key("a", json!(1)).len(), 32);
}

#[test]
fn a_change_is_asked_for_until_it_is_made_and_no_other_before() {
    let state = intended(1, "eu");
    assert!(change(&state, 1).is_none());
    let state = state.clone().intending(change(&state, 2));
    let former = change(&state, 3).unwrap();
    assert_eq!(former.digest, "2", "a later wish waits");
    assert!(change(&state, 1).is_some(), "it may have been done, so it is not taken back by forgetting it");
    let state = state.changed(former);
    assert!(change(&state, 2).is_none());
    assert_eq!(change(&state, 3).map(|change| change.digest), Some("3".to_owned()));
}

#[test]
fn to_and_fro_are_different_questions() {
    let (mut state, mut keys) = (intended(1, "eu"), BTreeSet::from([intended(1, "eu").key]));
    for size in [7, 1, 7, 1] {
        let next = change(&state, size).unwrap();
        assert_eq!(state.key_of(&next), state.clone().intending(Some(next.clone())).key_of(&next));
        state = state.changed(next);
        keys.insert(state.key.clone());
    }
    assert_eq!(keys.len(), 5);
}

#[test]
fn what_lasts_is_what_it_was_made_with() {
    let differs = |state: &State, size, region| {
        let creates = asked(&json!([size, region]));
        (state.differs(&creates, Some(&wish(size, region))), state.differs(&creates, None))
    };
    let state = intended(1, "eu");
    assert_eq!(differs(&state, 1, "eu"), (false, false));
    assert_eq!(differs(&state, 1, "us"), (true, true));
    let state = state.clone().changed(change(&state, 2).unwrap());
    assert_eq!(differs(&state, 2, "eu"), (false, false));
    assert_eq!(differs(&state, 2, "us"), (true, true));
    assert!(state.differs(&asked(&json!([1, "eu"])), None), "nothing changes it back any more");
}

#[test]
fn what_becomes_changeable_is_changed_if_it_is_not_known_to_be_as_it_should() {
    let made = || State::intended("uid", asked(&json!([1, "eu"])), None);
    let now = |size| made().changeable(&asked(&json!([size, "eu"])), Some(&wish(size, "eu")));
    assert!(change(&now(1), 1).is_none());
    assert!(change(&now(2), 2).is_some());
    assert!(!now(2).differs(&asked(&json!([2, "eu"])), Some(&wish(2, "eu"))));
    // Another part of it becomes one that lasts.
    let other = Wish { lasting: [("params.kind".to_owned(), "a".to_owned())].into(), ..wish(1, "eu") };
    let state = now(1).changeable(&asked(&json!(1)), Some(&other));
    assert_eq!(state.shape.map(|shape| shape.lasting.len()), Some(2));
}
