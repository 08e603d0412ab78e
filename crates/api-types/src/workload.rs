//! `Workload`: the one kind that users write. Its spec is the Score v1b1 specification as a Kubernetes resource.
//!
//! Patterns, ranges and defaults are those of the Score v1b1 JSON schema. Upper bounds on the number of entries are
//! this project's: the API server bounds the cost of validation rules, and needs them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ClaimPhase, OpenObject, Reason};

/// Score names: workloads, containers, ports, resources.
const NAME: &str = "^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$";
/// Score resource types and classes.
pub(crate) const TYPE: &str = "^[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$";
/// Score resource ids: labels joined by dots.
const ID: &str = r"^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$";
/// Score memory quantities.
pub(crate) const MEMORY: &str = r"^(0\.\d+|[1-9]\d*(\.\d+)?)(K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$";
/// Score CPU quantities.
pub(crate) const CPU: &str = r"^\d+(?:m|\.\d+)?$";
/// Score file modes.
const MODE: &str = "^0?[0-7]{3}$";
/// HTTP header names.
const HEADER: &str = "^[A-Za-z0-9_-]+$";

/// The rule that every key of a map is a Score name, as CEL.
macro_rules! keys_are_names {
    ($what:literal) => {
        Rule::new("self.all(k, k.matches('^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$'))").message(concat!(
            $what,
            " must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit"
        ))
    };
}

/// An application as its developers describe it (Score v1b1), and one status that says whether it runs, where it can
/// be reached and how each of its dependencies is.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "score.dev",
    version = "v1b1",
    kind = "Workload",
    doc = "An application in the fields of the Score specification, and the one status that its developers read.",
    namespaced,
    shortname = "wl",
    category = "score",
    status = "WorkloadStatus",
    derive = "PartialEq",
    derive = "Default",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$')").message(
        "metadata.name must be 2 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Claims", type_ = "string", json_path = ".status.claimsBound"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        priority = 1
    )
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSpec {
    /// The platform profile to run with; the platform chooses where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub profile: Option<String>,
    /// Score `metadata` beyond name and annotations, for placeholders such as `${metadata.team.name}`.
    #[serde(default, skip_serializing_if = "OpenObject::is_empty")]
    pub metadata: OpenObject,
    /// The containers by name; all of them run together, on one network.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    #[x_kube(validation = keys_are_names!("container names"))]
    pub containers: BTreeMap<String, Container>,
    /// The ports on which the Workload serves others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// What the Workload depends on, by a name that placeholders use: `${resources.<name>.<output>}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = keys_are_names!("resource names"))]
    pub resources: BTreeMap<String, Resource>,
}

/// One container.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The image, by name and tag or digest.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// Overrides the image's entrypoint. Placeholders are not expanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub command: Vec<String>,
    /// Overrides the image's arguments. Placeholders are not expanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub args: Vec<String>,
    /// The environment by variable name; placeholders are expanded in the values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256))]
    #[x_kube(validation = Rule::new("self.all(k, k != '' && !k.contains('='))")
        .message("variable names must not be empty and must not contain ="))]
    pub variables: BTreeMap<String, String>,
    /// Files by target path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(k, k.startsWith('/'))")
        .message("the target of a file must be an absolute path such as /etc/app/config.yaml"))]
    pub files: BTreeMap<String, ContainerFile>,
    /// Volumes by mount path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(k, k.startsWith('/'))")
        .message("the mount path of a volume must be an absolute path such as /var/lib/app"))]
    pub volumes: BTreeMap<String, ContainerVolume>,
    /// The containers that this one runs before, and what it must have reached for them to start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = keys_are_names!("container names in before"))]
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

/// A file in a container: exactly one of content, binaryContent and source.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
        "[has(self.content), has(self.binaryContent), has(self.source)].filter(x, x).size() == 1"
    ).message("a file has exactly one of content, binaryContent and source"))]
pub struct ContainerFile {
    /// Text; placeholders are expanded unless `noExpand` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Bytes in standard base64; never expanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_content: Option<String>,
    /// A file beside the Score file, which only a client can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub source: Option<String>,
    /// Access mode in octal, for example `0644`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = MODE))]
    pub mode: Option<String>,
    /// Take the content as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_expand: Option<bool>,
}

/// A volume in a container.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ContainerVolume {
    /// The volume, as a placeholder that names a resource of the Workload.
    pub source: String,
    /// A path inside the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the container may not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// What this container must have reached before another one starts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BeforeCondition {
    /// The state to reach.
    pub ready: BeforeReady,
}

/// A state of a container that another one waits for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum BeforeReady {
    /// It was started.
    Started,
    /// Its readiness (or liveness) probe passes.
    Healthy,
    /// It ended with success.
    Complete,
}

/// Compute resources of a container.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ContainerResources {
    /// The most that the container may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceQuantities>,
    /// What the container is sure to get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceQuantities>,
}

/// Quantities of memory and CPU.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceQuantities {
    /// Bytes, with an optional suffix from K to Ei, for example `128Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = MEMORY), length(max = 32))]
    pub memory: Option<String>,
    /// Cores, or thousandths of a core with suffix m, for example `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CPU), length(max = 32))]
    pub cpu: Option<String>,
}

/// How to tell whether a container is well.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.httpGet) || has(self.exec)")
    .message("a probe has at least one of httpGet and exec"))]
pub struct Probe {
    /// Well if the request is answered with a status from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGetAction>,
    /// Well if the command ends with status 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecAction>,
}

/// An HTTP request.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HttpGetAction {
    /// The host; the Workload itself where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub host: Option<String>,
    /// The scheme; HTTP where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<HttpScheme>,
    /// The path.
    #[schemars(length(max = 4096))]
    pub path: String,
    /// The port, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub http_headers: Vec<HttpHeader>,
}

/// The scheme of an HTTP request.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpScheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

/// An HTTP header.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpHeader {
    /// The name.
    #[schemars(regex(pattern = HEADER), length(max = 256))]
    pub name: String,
    /// The value.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}

/// A command.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ExecAction {
    /// The command and its arguments; no shell is involved.
    #[schemars(length(min = 1, max = 256))]
    pub command: Vec<String>,
}

/// How the Workload serves others.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(
        validation = Rule::new(
            "self.all(a, self.exists_one(b, b.port == a.port && \
             (has(b.protocol) ? b.protocol : 'TCP') == (has(a.protocol) ? a.protocol : 'TCP')))"
        ).message("no two ports may have the same number and protocol: change or remove one of them"),
        validation = Rule::new("self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))")
            .message("no two ports may have the same name: rename one of them")
    )]
    pub ports: Vec<ServicePort>,
}

/// One port.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// A name, which other Workloads can use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = NAME), length(min = 2, max = 63))]
    pub name: Option<String>,
    /// The port that others use, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// The port that the container listens on, 1 to 65535; `port` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub target_port: Option<i32>,
    /// The transport protocol; TCP where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// A transport protocol.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// Something that the Workload depends on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What it is, for example `postgres`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = TYPE), length(min = 2, max = 63))]
    pub type_: String,
    /// Which variant of the type; `default` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = TYPE), length(min = 2, max = 63))]
    pub class: Option<String>,
    /// Equal type, class and id in one namespace mean one shared resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ID), length(min = 2, max = 63))]
    pub id: Option<String>,
    /// Free metadata for the provisioner.
    #[serde(default, skip_serializing_if = "OpenObject::is_empty")]
    pub metadata: OpenObject,
    /// Parameters for the provisioner; placeholders are expanded in the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<OpenObject>,
}

/// Everything that users need to know about their Workload.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Where the Workload can be reached: at most one URI; absent while there is none that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `Ready`, and the three that it depends on: `InputsValid`, `ClaimsReady`, `RuntimeReady`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// One entry for each dependency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub claims: Vec<ClaimSummary>,
    /// How many claims are Bound, of how many, for example `1/2`; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims_bound: Option<String>,
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The annotations `score.dev/*` of the Workload that this status describes. The generation does not count them, so
    /// whoever changes one waits for it here before Ready is asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_annotations: BTreeMap<String, String>,
}

/// The state of one dependency.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSummary {
    /// The name under which the Workload declares the resource.
    pub key: String,
    /// How far it is.
    pub phase: ClaimPhase,
    /// Why it is no further.
    pub reason: Reason,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether every output can be used now.
    pub outputs_available: bool,
}

#[cfg(test)]
#[path = "workload_rules.rs"]
mod rules;
