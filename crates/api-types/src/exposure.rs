//! `WorkloadExposure`: the runtime's answer to a plan, in one object and one write.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::WorkloadRef;

/// Where a runtime reports how the plan of the same name runs and where it can be reached. The spec is written by
/// the orchestrator; the status by the one runtime that `spec.runtimeClass` names.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "score.dev",
    version = "v1b1",
    kind = "WorkloadExposure",
    doc = "How a Workload runs and where it can be reached, as its runtime reports it.",
    namespaced,
    shortname = "wexp",
    category = "score",
    status = "WorkloadExposureStatus",
    derive = "PartialEq",
    selectable = ".spec.runtimeClass",
    printcolumn(name = "Runtime", type_ = "string", json_path = ".spec.runtimeClass"),
    printcolumn(
        name = "Running",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='RuntimeReady')].status"
    ),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.exposures[0].url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='RuntimeReady')].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadExposureSpec {
    /// The Workload that is exposed.
    pub workload_ref: WorkloadRef,
    /// The runtime that must answer.
    pub runtime_class: String,
}

/// The runtime's answer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadExposureStatus {
    /// The generation of the WorkloadPlan that this answers. An answer for another one does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_plan_generation: Option<i64>,
    /// Holds `RuntimeReady`; its `observedGeneration` is that of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Where the Workload can be reached, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposures: Vec<Exposure>,
    /// What ran to its end, where the Workload does so: the runtime's own word for it. It does not run again before
    /// the plan asks for something else, whatever became of what ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_run: Option<String>,
}

/// One address at which the Workload can be reached.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The name of the service port that is exposed, or its number where it has no name.
    pub name: String,
    /// An absolute URI that answers where `scope` says; never `localhost`.
    pub url: String,
    /// From where the URL answers.
    pub scope: ExposureScope,
    /// Whether it answers now.
    pub ready: bool,
}

/// From where a URL answers.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureScope {
    /// From inside the cluster.
    Cluster,
    /// From outside as well.
    Public,
}
