//! `WorkloadPlan`: what any runtime needs to run a Workload, and nothing secret.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{BeforeCondition, ContainerResources, OpenObject, Probe, SecretKeyRef, Service};

/// A Workload with every placeholder resolved, for the runtime that `spec.runtimeClass` names. Written by the
/// orchestrator; it has no status, the answer is the WorkloadExposure of the same name. A runtime reads plans alone
/// (neither Workload nor ResourceClaim), and only the secrets that a plan names.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "score.dev",
    version = "v1b1",
    kind = "WorkloadPlan",
    doc = "What a runtime has to run for one Workload, with everything decided and nothing secret.",
    namespaced,
    shortname = "wplan",
    category = "score",
    derive = "PartialEq",
    selectable = ".spec.runtimeClass",
    printcolumn(name = "Runtime", type_ = "string", json_path = ".spec.runtimeClass"),
    printcolumn(name = "Backend", type_ = "string", json_path = ".spec.backendId"),
    printcolumn(
        name = "Workload-Generation",
        type_ = "integer",
        json_path = ".spec.observedWorkloadGeneration"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadPlanSpec {
    /// The Workload that the plan was made for.
    pub workload_ref: WorkloadRef,
    /// The generation of the Workload that the plan was made from.
    pub observed_workload_generation: i64,
    /// The runtime that must make the plan run.
    pub runtime_class: String,
    /// The backend of the platform configuration that was chosen.
    pub backend_id: String,
    /// What the platform configured for the backend.
    pub template: Template,
    /// The Workload's annotations that are meant for what runs it: not those of this API's own, and not those that
    /// tools keep for themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The containers by name.
    pub containers: BTreeMap<String, PlanContainer>,
    /// The ports on which the Workload serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The claims whose outputs the plan was made with, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub claims: Vec<PlanClaim>,
}

/// The Workload that an object was made for. The uid tells a Workload from a later one of the same name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// The Workload's name; it is in the same namespace.
    pub name: String,
    /// The Workload's uid.
    pub uid: String,
}

/// What the platform configured for a backend.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// How `ref` is to be read.
    pub kind: TemplateKind,
    /// The template; absent for the runtime's own.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub ref_: Option<String>,
    /// Values for the template: the platform's defaults, then what the Workload's own annotations ask for, then
    /// `claims.<key>.<output>`; the later wins. A secret output is `{secretKeyRef: {name, key}}`, never text.
    #[serde(default, skip_serializing_if = "OpenObject::is_empty")]
    pub values: OpenObject,
}

/// How a template is to be read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TemplateKind {
    /// Plain manifests.
    Manifests,
    /// A Helm chart.
    Helm,
    /// A kustomization.
    Kustomize,
}

/// A container with every placeholder resolved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanContainer {
    /// The image.
    pub image: String,
    /// Overrides the image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Overrides the image's arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The environment by variable name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Text>,
    /// Files by target path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, PlanFile>,
    /// Volumes by mount path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, PlanVolume>,
    /// The containers that this one runs before, by name, and what it must have reached for them to start. There is
    /// no cycle, and every name is one of the plan's containers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, BeforeCondition>,
    /// Compute resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ContainerResources>,
    /// When to restart the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// When to send requests to the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
}

/// A file in a container: exactly one of `content` and `binaryContent`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanFile {
    /// The text, with every placeholder resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Text>,
    /// The bytes, in standard base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_content: Option<String>,
    /// The access mode as octal digits, such as `0644`; the runtime's choice where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A volume in a container: a resource of the Workload, mounted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanVolume {
    /// The name under which the Workload declares the resource.
    pub claim: String,
    /// The resource's outputs that are no secrets. What they have to be is between the provisioner and the runtime: on
    /// Kubernetes `source` (a volume source of a pod), or `claimSpec` (the spec of a volume claim for each instance).
    #[serde(default, skip_serializing_if = "OpenObject::is_empty")]
    pub outputs: OpenObject,
    /// A relative path inside the volume; the whole volume where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the container may not write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A claim whose outputs the plan was made with.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanClaim {
    /// The name under which the Workload declares the resource.
    pub key: String,
    /// The Score resource type.
    #[serde(rename = "type")]
    pub type_: String,
    /// The class of the type.
    pub class: String,
    /// The revision of the outputs that the plan was made with: whatever uses them must be renewed when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_revision: Option<String>,
    /// Where the claim makes the Workload reachable from outside: the output `url` of a `route` or `dns` resource. The
    /// runtime reports it among the exposures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A string of the Workload after its placeholders were resolved: plain text, or, where it needs a secret output, a
/// list of segments that the runtime joins in whatever way its platform keeps secrets out of plain text.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum Text {
    /// Nothing secret.
    Plain(String),
    /// At least one segment is a secret. Joined in order they make the string.
    Segments(Vec<Segment>),
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    // A structural schema cannot say "a string or a list", so the shape is open here and held by this type.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text, or a list of segments ({value} or {secretKeyRef: {name, key}}) where it holds a secret.",
            "x-kubernetes-preserve-unknown-fields": true
        })
    }
}

/// A part of a [`Text`].
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Segment {
    /// `{value: …}`: text.
    Value(String),
    /// `{secretKeyRef: {name, key}}`: the value of a key of a Secret.
    SecretKeyRef(SecretKeyRef),
}
