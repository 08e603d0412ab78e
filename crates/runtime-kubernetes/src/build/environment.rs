//! The environment: how text and secrets become variables without a secret ever standing in an object.

use std::collections::BTreeMap;

use api_types::{SecretKeyRef, Segment};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};
use sha2::{Digest as _, Sha256};

use crate::{
    expansion::{escape, reference},
    validate::{Value, hex},
};

/// How the names of variables begin that hold a secret for others to be joined from.
const HIDDEN: &str = "__SCORE_SECRET_";

/// The variables by name, after the hidden ones that they are joined from: Kubernetes replaces `$(NAME)` only where
/// NAME stands before.
pub(super) fn build(variables: &BTreeMap<String, Value>) -> Vec<EnvVar> {
    let hidden = hidden(variables);
    let holders = hidden.iter().map(|(secret, name)| from_secret(name, secret));
    let users = variables.iter().map(|(name, value)| variable(name, value, &hidden));
    holders.chain(users).collect()
}

/// One hidden variable for each secret that is part of a text, however many texts it is part of.
fn hidden(variables: &BTreeMap<String, Value>) -> BTreeMap<&SecretKeyRef, String> {
    let joined = variables.values().filter_map(|value| match value {
        Value::Joined(segments) => Some(segments),
        Value::Plain(_) | Value::Secret(_) => None,
    });
    let secrets = joined.flatten().filter_map(|segment| match segment {
        Segment::SecretKeyRef(secret) => Some(secret),
        Segment::Value(_) => None,
    });
    secrets.map(|secret| (secret, hidden_name(secret, variables))).collect()
}

fn hidden_name(secret: &SecretKeyRef, variables: &BTreeMap<String, Value>) -> String {
    let mut name = HIDDEN.to_owned() + &hex(&Sha256::digest(format!("{}\0{}", secret.name, secret.key)));
    while variables.contains_key(&name) {
        name.push('_');
    }
    name
}

fn variable(name: &str, value: &Value, hidden: &BTreeMap<&SecretKeyRef, String>) -> EnvVar {
    let value = match value {
        Value::Secret(secret) => return from_secret(name, secret),
        Value::Plain(text) => escape(text),
        Value::Joined(segments) => segments.iter().map(|segment| part(segment, hidden)).collect(),
    };
    // The API server stores no empty value, so to ask for one would look like a difference for ever.
    EnvVar { name: name.to_owned(), value: Some(value).filter(|value| !value.is_empty()), value_from: None }
}

fn part(segment: &Segment, hidden: &BTreeMap<&SecretKeyRef, String>) -> String {
    match segment {
        Segment::Value(text) => escape(text),
        Segment::SecretKeyRef(secret) => hidden.get(secret).map(|name| reference(name)).unwrap_or_default(),
    }
}

fn from_secret(name: &str, secret: &SecretKeyRef) -> EnvVar {
    let selector = SecretKeySelector { name: secret.name.clone(), key: secret.key.clone(), optional: None };
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() }),
    }
}
