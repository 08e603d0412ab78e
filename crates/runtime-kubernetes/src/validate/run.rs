//! What a run does, as one digest.
//!
//! It is one of the plan and not of what is built from it: something that completed must not run again because a newer
//! runtime builds it in another way.

use api_types::{OpenObject, WorkloadPlanSpec};
use sha2::{Digest as _, Sha256};

use super::hex;

/// The values that say when, how long and how often it is tried, how it is reached, or what the platform puts around it,
/// but not what is done.
const ABOUT_OTHER_THINGS: &[&str] = &[
    "activeDeadlineSeconds",
    "backoffLimit",
    "claims",
    "concurrencyPolicy",
    "failedJobsHistoryLimit",
    "gateway",
    "ingress",
    "objects",
    "parallelism",
    "patches",
    "probes",
    "schedule",
    "service",
    "successfulJobsHistoryLimit",
    "timeZone",
    "ttlSecondsAfterFinished",
];

/// The digest of everything in `spec` that decides what a run does.
pub(super) fn digest(spec: &WorkloadPlanSpec) -> String {
    let claims: Vec<_> = spec.claims.iter().map(|claim| (&claim.key, &claim.outputs_revision)).collect();
    let OpenObject(mut values) = spec.template.values.clone();
    values.retain(|key, _| !ABOUT_OTHER_THINGS.contains(&key.as_str()));
    let all = (&spec.annotations, &spec.containers, claims, values);
    // Writing it cannot fail for these types; the other form only keeps the function total.
    let text = serde_json::to_string(&all).unwrap_or_else(|_| format!("{all:?}"));
    hex(&Sha256::digest(text))
}
