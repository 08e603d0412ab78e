//! Labels, annotations and names that every object made for a Workload carries.

use std::collections::BTreeMap;

/// The label that selects everything of one Workload; its value is the Workload's name.
pub const LABEL_APP: &str = "app";
/// Recommended Kubernetes label: the name of the application, here the Workload's name.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Recommended Kubernetes label: the instance of the application, here the Workload's name.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
/// Recommended Kubernetes label: the controller that manages the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Recommended Kubernetes label: the larger system that the object is part of.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// The Workload that an object was made for.
pub const LABEL_WORKLOAD: &str = "score.dev/workload";
/// The value of [`LABEL_PART_OF`] on every object.
pub const PART_OF: &str = "score";

/// W3C `traceparent` of the reconcile that wrote the object's spec, so that the next controller continues the trace.
pub const ANNOTATION_TRACEPARENT: &str = "score.dev/traceparent";
/// When a claim or a plan last began to ask for something else, in RFC 3339 and by the clock of the orchestrator. It says how
/// long an answer to what is asked now is waited for.
pub const ANNOTATION_ASKED_AT: &str = "score.dev/asked-at";
/// Digest of the configuration that a controller last applied to the object.
pub const ANNOTATION_APPLIED: &str = "score.dev/applied-hash";

/// On a claim: how many Workloads own it.
pub const LABEL_USERS: &str = "score.dev/users";
/// On a claim: `true` if its policy were `Delete`, and the platform keeps what was made for it until it is released.
pub const LABEL_PROTECTED: &str = "score.dev/protected";
/// On a claim that is protected: `true` releases it, by whoever may write claims.
pub const ANNOTATION_RELEASE: &str = "score.dev/release";

/// The labels of an object that `managed_by` makes for `workload`.
///
/// Every value is a valid label value as long as `workload` is a Score name (at most 63 characters).
pub fn labels(workload: &str, managed_by: &str) -> BTreeMap<String, String> {
    [
        (LABEL_APP, workload),
        (LABEL_NAME, workload),
        (LABEL_INSTANCE, workload),
        (LABEL_MANAGED_BY, managed_by),
        (LABEL_PART_OF, PART_OF),
        (LABEL_WORKLOAD, workload),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The name of the claim for resource `key` of `workload`.
pub fn claim_name(workload: &str, key: &str) -> String {
    format!("{workload}-{key}")
}
