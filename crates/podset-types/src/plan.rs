//! `SchedulePlan`: which pod of a set goes to which node.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The plan of a pod set, as it was decided. What happens otherwise is told in the status; an entry is never changed to
/// match it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "planner.ciena.io",
    version = "v1alpha1",
    kind = "SchedulePlan",
    plural = "scheduleplans",
    singular = "scheduleplan",
    shortname = "sp",
    namespaced,
    status = "SchedulePlanStatus",
    derive = "PartialEq",
    printcolumn(
        name = "PodSet",
        type_ = "string",
        json_path = ".metadata.labels.planner\\.ciena\\.io/pod-set"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.plan", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePlanSpec {
    /// The members of the set that have a place, sorted by name.
    pub plan: Vec<PlanItem>,
}

/// A pod and the node that is planned for it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanItem {
    /// The pod's name; it is in the same namespace.
    pub pod: String,
    /// The node's name.
    pub node: String,
}

/// What became of a plan.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePlanStatus {
    /// The generation of the plan that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the plan was decided as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Time>,
    /// Whose assignment was taken at that time: the external planner's, as `<namespace>/<Service>`. Absent if it was this
    /// planner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<String>,
    /// The pods that the entries of the plan are about: another pod of the same name is not planned by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PlannedPod>,
    /// The members that have no place, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplaced: Vec<UnplacedPod>,
    /// The members that run on another node than the one planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// `Drifted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The pod that an entry of the plan is about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedPod {
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// Why the pod is only nominated for its node and not pinned to it, where the trigger asks for pins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nominated_because: Option<String>,
    /// When the pod was first seen released and not yet bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Time>,
}

/// A member that has no place.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UnplacedPod {
    /// The pod's name.
    pub pod: String,
    /// Why no node takes it, as the scheduler would say it.
    pub reason: String,
}

/// A member that runs on another node than the one planned.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The node that was planned.
    pub planned: String,
    /// The node that it runs on.
    pub actual: String,
}
