//! `ResourceClaim`: the question to a provisioner, and its answer.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ClaimPhase, OpenObject, Service, WorkloadRef, json};

/// One dependency of one Workload (or of several that share it by `id`), to be provided by the provisioner that
/// `spec.provisioner` names. Written by the orchestrator; answered in `status` by that provisioner alone.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "score.dev",
    version = "v1b1",
    kind = "ResourceClaim",
    doc = "One dependency of a Workload, and the provisioner's answer to it, with its outputs once it is usable.",
    namespaced,
    shortname = "rclaim",
    category = "score",
    status = "ResourceClaimStatus",
    derive = "PartialEq",
    selectable = ".spec.provisioner",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.class"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Users", type_ = "string", json_path = r".metadata.labels.score\.dev/users"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Provisioner", type_ = "string", json_path = ".spec.provisioner", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceClaimSpec {
    /// The Workload that the claim was made for; of a shared resource, the one that defines it.
    pub workload_ref: WorkloadRef,
    /// The name under which that Workload declares the resource (`spec.resources.<key>`).
    pub key: String,
    /// The Score resource type, for example `postgres`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The class of the type; `default` where the Workload names none.
    pub class: String,
    /// The Score `id`: equal type, class and id in one namespace mean one shared resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The Score `metadata` of the resource, as it was written.
    #[serde(default, skip_serializing_if = "OpenObject::is_empty")]
    pub metadata: OpenObject,
    /// The Workload's params with every placeholder resolved; a secret is a list of segments, never text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<OpenObject>,
    /// The ports on which that Workload serves, with every default in place, for resources that lead to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The provisioner that must answer.
    pub provisioner: String,
    /// What the platform configured for the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<OpenObject>,
    /// What becomes of the resource when the claim is deleted.
    pub deprovision_policy: DeprovisionPolicy,
}

/// What becomes of a provisioned resource when its claim is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeprovisionPolicy {
    /// The resource and its data are dropped.
    Delete,
    /// The resource and its credentials stay, and the same identity adopts them again.
    Retain,
    /// The resource stays, and is forgotten.
    Orphan,
}

/// The provisioner's answer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceClaimStatus {
    /// How far the claim is.
    #[serde(default)]
    pub phase: ClaimPhase,
    /// Why the phase is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// What to do next, for users: no runtime noun and no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The outputs by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Output>,
    /// Changes whenever any output, secret or not, changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_revision: Option<String>,
    /// Whether every output can be used now.
    #[serde(default)]
    pub outputs_available: bool,
    /// The generation of the spec that this status answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Details of the provisioner's own, by type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// One output: a value that anyone may read, or a reference to a key of a Secret. Where both stand, it is secret.
///
/// That it is exactly one of them cannot be a rule of the CRD: CEL does not see fields that may hold any value.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Any JSON value that is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json::any_value")]
    pub value: Option<Value>,
    /// Where the secret value lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

impl Output {
    /// An output that anyone may read.
    pub fn value(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), secret_key_ref: None }
    }

    /// An output whose value lies in key `key` of the Secret `name` in the claim's namespace.
    pub fn secret(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { value: None, secret_key_ref: Some(SecretKeyRef { name: name.into(), key: key.into() }) }
    }
}

/// A key of a Secret in the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The Secret's name.
    pub name: String,
    /// The key in its data.
    pub key: String,
}
