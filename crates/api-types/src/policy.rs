//! `PlatformPolicy`: what a platform allows in a namespace, and what it fills in.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ContainerResources, DeprovisionPolicy,
    workload::{CPU, MEMORY, TYPE},
};

/// What Workloads in some namespaces may ask for, and what they get if they do not ask. Every policy that matches a
/// namespace applies: all their limits hold, and each default comes from the one with the highest priority that has
/// it. What breaks a policy is not rolled out; what runs already goes on running.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "score.dev",
    version = "v1b1",
    kind = "PlatformPolicy",
    doc = "What a platform allows and presets for the Workloads of the namespaces that it selects.",
    shortname = "ppol",
    plural = "platformpolicies",
    category = "score",
    status = "PlatformPolicyStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(name = "Priority", type_ = "integer", json_path = ".spec.priority"),
    printcolumn(name = "Workloads", type_ = "integer", json_path = ".status.matchingWorkloads"),
    printcolumn(name = "Blocked", type_ = "integer", json_path = ".status.blockedWorkloads"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
pub struct PlatformPolicySpec {
    /// Defaults come from the policy with the highest priority; among equals from the first in the alphabet.
    #[serde(default)]
    pub priority: i32,
    /// The namespaces in which it applies; all where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// What Workloads get that do not ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<PolicyDefaults>,
    /// What each Workload must stay within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PolicyLimits>,
    /// Registries and repositories that images may come from, for example `registry.example.com/team`; any where there
    /// is no list. A prefix ends where a part of the name does: it never stands for `registry.example.com/team-b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 512), regex(pattern = r"^\S+$")))]
    pub allowed_images: Option<Vec<String>>,
    /// Types of resources that may be asked for; any where there is no list, none where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub allowed_resources: Option<Vec<AllowedResource>>,
    /// Identities that may be asked for with `score.dev/service-account`; none where no matching policy has a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub allowed_service_accounts: Option<Vec<String>>,
}

/// Namespaces by their labels: all of `matchLabels`, and all of `matchExpressions`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels and their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub match_expressions: Vec<NamespaceRequirement>,
}

/// A condition on a label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
        "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0"
    ).message("In and NotIn need values, Exists and DoesNotExist take none"))]
pub struct NamespaceRequirement {
    /// The label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// The condition.
    pub operator: SelectorOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// A condition on a label.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorOperator {
    /// The label has one of the values.
    In,
    /// The label has none of the values, or is not there.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// What Workloads get that do not ask for it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDefaults {
    /// Requests and limits of containers, each where a container does not set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<ContainerResources>,
    /// What becomes of resources when nothing uses them any more; it goes before the platform's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprovision_policy: Option<DeprovisionPolicy>,
    /// The profile of Workloads that name none; it goes before the defaults of the platform's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub profile: Option<String>,
    /// Annotations of Workloads that do not have them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 64,
        "x-kubernetes-validations" = [{
            "rule": "!('score.dev/profile' in self)",
            "message": "set defaults.profile instead of the annotation score.dev/profile"
        }]
    ))]
    pub annotations: BTreeMap<String, String>,
}

/// What each Workload must stay within.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyLimits {
    /// The highest CPU limit of a container; each must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CPU), length(max = 32))]
    pub cpu: Option<String>,
    /// The highest memory limit of a container; each must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = MEMORY), length(max = 32))]
    pub memory: Option<String>,
    /// The most containers of a Workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub containers: Option<i32>,
}

/// A type of resource that may be asked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AllowedResource {
    /// The type, for example `postgres`.
    #[serde(rename = "type")]
    #[schemars(regex(pattern = TYPE), length(min = 2, max = 63))]
    pub type_: String,
    /// Its classes that may be asked for; any where there is no list. `default` stands for a resource that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 2, max = 63), regex(pattern = TYPE)))]
    pub classes: Option<Vec<String>>,
}

/// What a policy does.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlatformPolicyStatus {
    /// How many Workloads are in namespaces in which it applies.
    #[serde(default)]
    pub matching_workloads: i32,
    /// How many of them break it, and so are not rolled out as they are.
    #[serde(default)]
    pub blocked_workloads: i32,
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: whether the policy can be applied. One that cannot blocks what it matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn broken(spec: Value) -> Vec<String> {
        let policy = json!({"apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": "p"}, "spec": spec});
        let policy: PlatformPolicy = serde_json::from_value(policy).unwrap();
        policy.validate_cel().err().into_iter().flatten().map(|error| error.message).collect()
    }

    fn selecting(expression: &Value) -> Value {
        json!({"namespaceSelector": {"matchExpressions": [expression]}})
    }

    #[test]
    fn a_policy_that_keeps_every_rule_is_accepted() {
        for expression in [
            json!({"key": "env", "operator": "In", "values": ["prod"]}),
            json!({"key": "env", "operator": "NotIn", "values": ["prod"]}),
            json!({"key": "env", "operator": "Exists"}),
            json!({"key": "env", "operator": "DoesNotExist", "values": []}),
        ] {
            assert_eq!(broken(selecting(&expression)), [""; 0], "{expression}");
        }
        let defaults = json!({"annotations": {"score.dev/replicas": "2"}, "profile": "web", "deprovisionPolicy": "Retain"});
        assert_eq!(broken(json!({"defaults": defaults})), [""; 0]);
    }

    #[test]
    fn a_condition_on_a_label_has_values_if_and_only_if_it_compares() {
        for expression in [
            json!({"key": "env", "operator": "In"}),
            json!({"key": "env", "operator": "NotIn", "values": []}),
            json!({"key": "env", "operator": "Exists", "values": ["prod"]}),
        ] {
            let messages = broken(selecting(&expression));
            assert!(messages[0].contains("In and NotIn need values"), "{messages:?}");
        }
    }

    #[test]
    fn the_default_profile_is_no_annotation() {
        let messages = broken(json!({"defaults": {"annotations": {"score.dev/profile": "web"}}}));
        assert!(messages[0].contains("set defaults.profile"), "{messages:?}");
    }
}
