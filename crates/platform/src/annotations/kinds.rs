//! What kind of work a Workload is, and which annotations mean something for it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use api_types::OpenObject;
use score_spec::validate::FieldError;
use serde_json::Value;

use super::{fields, path};
use crate::{errors::Errors, listed};

/// What kind of work a Workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs for as long as it is there.
    Deployment,
    /// The same, and each copy keeps its name.
    StatefulSet,
    /// Runs until it is done.
    Job,
    /// The same, by the clock.
    CronJob,
}

const KINDS: [(&str, Kind); 4] = [
    ("Deployment", Kind::Deployment),
    ("StatefulSet", Kind::StatefulSet),
    ("Job", Kind::Job),
    ("CronJob", Kind::CronJob),
];

/// The text is no kind of work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}: correct it", listed(KINDS.iter().map(|(name, _)| name)))]
pub struct NotAKind;

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or(NotAKind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name))
    }
}

impl Kind {
    /// Whether a value, by its name in the runtime's values, means something for this kind.
    pub(crate) fn takes(self, value: &str) -> bool {
        let serves = matches!(self, Self::Deployment | Self::StatefulSet);
        match value {
            "replicas" | "autoscaling" => serves,
            "schedule"
            | "timeZone"
            | "concurrencyPolicy"
            | "successfulJobsHistoryLimit"
            | "failedJobsHistoryLimit" => self == Self::CronJob,
            "completions"
            | "parallelism"
            | "backoffLimit"
            | "activeDeadlineSeconds"
            | "ttlSecondsAfterFinished" => !serves,
            _ => true,
        }
    }
}

/// The kind of work by the first of these values for the runtime that say one; none if it is none of ours.
pub(crate) fn kind_of<'a>(values: impl IntoIterator<Item = &'a OpenObject>) -> Option<Kind> {
    let kind = values.into_iter().find_map(|values| values.0.get("kind")).and_then(Value::as_str);
    kind.map_or(Some(Kind::Deployment), |kind| kind.parse().ok())
}

/// Checks that what the Workload asks for means something for the kind of work that it turns out to be, given all
/// values for the runtime. A kind that is none of ours is the business of the runtime.
pub fn check_kind(
    annotations: &BTreeMap<String, String>,
    asked: &OpenObject,
    values: &OpenObject,
) -> Vec<FieldError> {
    let Some(kind) = kind_of([values]) else { return Vec::new() };
    let mut errors = meaningless(kind, annotations, asked);
    if kind == Kind::CronJob && !values.0.contains_key("schedule") {
        errors.add(&path(fields::SCHEDULE), format_args!("is missing, and a `{kind}` needs it: add it"));
    }
    errors.into_vec()
}

/// The same, as far as it can be told before the platform's values are known: where a kind is asked for.
pub(crate) fn check_own_kind(annotations: &BTreeMap<String, String>, asked: &OpenObject) -> Vec<FieldError> {
    match kind_of([asked]).filter(|_| asked.0.contains_key("kind")) {
        Some(kind) => meaningless(kind, annotations, asked).into_vec(),
        None => Vec::new(),
    }
}

fn meaningless(kind: Kind, annotations: &BTreeMap<String, String>, asked: &OpenObject) -> Errors {
    let mut errors = Errors::default();
    for value in asked.0.keys().filter(|value| !kind.takes(value)) {
        let key = fields::annotation_of(value).unwrap_or(value);
        let message = format!(
            "has no meaning for a `{kind}`, which this Workload is by {}: remove it, or choose another kind with {}",
            by(annotations),
            fields::KIND
        );
        errors.add(&path(key), message);
    }
    errors
}

fn by(annotations: &BTreeMap<String, String>) -> &'static str {
    if annotations.contains_key(fields::KIND) { fields::KIND } else { "its profile" }
}
