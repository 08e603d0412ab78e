//! `ScheduleTrigger`: when a pod set is planned.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the fields that hold durations take; what passes may still be longer than any duration is.
const DURATION: &str = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+)$";

/// Says whether the pods of a set are held or scheduled: the pods of the same namespace that share its label
/// `planner.ciena.io/pod-set`. Of several triggers for one set the oldest governs.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "planner.ciena.io",
    version = "v1alpha1",
    kind = "ScheduleTrigger",
    plural = "scheduletriggers",
    singular = "scheduletrigger",
    shortname = "st",
    namespaced,
    status = "ScheduleTriggerStatus",
    derive = "PartialEq",
    validation = Rule::new(
        "!has(self.spec.gangTimeout) || (has(self.spec.atomicity) && self.spec.atomicity == 'Gang')"
    ).message("gangTimeout is for atomicity Gang: set atomicity to Gang, or leave gangTimeout out"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(
        name = "PodSet",
        type_ = "string",
        json_path = ".metadata.labels.planner\\.ciena\\.io/pod-set"
    ),
    printcolumn(
        name = "QuietTime",
        type_ = "string",
        json_path = ".metadata.labels.planner\\.ciena\\.io/quiet-time",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
pub struct ScheduleTriggerSpec {
    /// `Planning` holds the pods of the set; `Schedule` plans and releases them. Users set it; it is also set to
    /// `Schedule` when the quiet time or `maxWait` is over.
    pub state: TriggerState,
    /// How long no pod may have joined the set before it is scheduled by itself, as a Go duration such as `2m0s`. It
    /// comes before the label `planner.ciena.io/quiet-time`. With neither, and no `maxWait`, only users set the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION), length(max = 63))]
    pub quiet_time: Option<String>,
    /// How many members there must be before the quiet time counts; of a Gang also before any is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_members: Option<i32>,
    /// How long after `Planning` was entered the set is scheduled at the latest, even while pods still join or are fewer
    /// than `minMembers`; a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION), length(max = 63))]
    pub max_wait: Option<String>,
    /// Whether members are released one by one or all together; `BestEffort` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atomicity: Option<Atomicity>,
    /// Of a Gang: how long a member may be released without being bound, as a Go duration. Then it is taken back: it is
    /// deleted if a controller owns it, which makes another that is held and planned anew. No limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION), length(max = 63))]
    pub gang_timeout: Option<String>,
    /// How members are distributed over nodes; `Spread` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// How far the scheduler is bound to the plan; `Pin` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
}

/// What a trigger asks for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TriggerState {
    /// The pods of the set are held.
    #[default]
    Planning,
    /// The pods of the set are planned and released.
    Schedule,
}

/// Whether members are released one by one or all together; `BestEffort` if absent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Atomicity {
    /// Whatever has a place is released; the rest waits for one.
    #[default]
    BestEffort,
    /// Nothing is released before every member has a place.
    Gang,
}

/// How members are distributed over nodes; `Spread` if absent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Over many nodes.
    #[default]
    Spread,
    /// Over few nodes.
    Pack,
}

/// How far the scheduler is bound to the plan; `Pin` if absent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// A member runs on the node planned for it or not at all.
    #[default]
    Pin,
    /// The scheduler tries the node planned first, and takes another if a member does not fit there any more.
    Nominate,
}

/// What became of a trigger.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleTriggerStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Since when the state is `Planning`; absent while it is `Schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning_since: Option<Time>,
    /// When the newest member was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_member_at: Option<Time>,
    /// When the set is scheduled by itself if no pod joins it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<Time>,
    /// The set's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_ref: Option<PlanRef>,
    /// How far the members are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<MemberCounts>,
    /// `Ready`, `Planned`, `Released`, `Scheduled`, `Degraded`, `ExternalPlanners`, `Conflict`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A plan in the namespace of the trigger.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanRef {
    /// The plan's name.
    pub name: String,
}

/// How many members of a set there are, pods that have failed or are being deleted aside.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MemberCounts {
    /// All of them.
    pub total: i32,
    /// Those that are held.
    pub gated: i32,
    /// Those that have a place in the plan.
    pub planned: i32,
    /// Those that are released, bound or not.
    pub released: i32,
    /// Those that are bound to a node.
    pub bound: i32,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn broken(spec: Value) -> Vec<String> {
        let trigger = json!({
            "apiVersion": "planner.ciena.io/v1alpha1", "kind": "ScheduleTrigger", "metadata": {"name": "t"}, "spec": spec,
        });
        let trigger: ScheduleTrigger = serde_json::from_value(trigger).unwrap();
        trigger.validate_cel().err().into_iter().flatten().map(|error| error.message).collect()
    }

    #[test]
    fn a_trigger_of_old_and_one_with_everything_are_accepted() {
        assert_eq!(broken(json!({"state": "Planning"})), [""; 0]);
        let everything = json!({
            "state": "Schedule", "quietTime": "2m0s", "minMembers": 3, "maxWait": "1h", "atomicity": "Gang",
            "gangTimeout": "90s", "strategy": "Pack", "enforcement": "Nominate",
        });
        assert_eq!(broken(everything), [""; 0]);
    }

    #[test]
    fn the_time_limit_of_a_gang_is_for_gangs() {
        for spec in [
            json!({"state": "Planning", "gangTimeout": "90s"}),
            json!({"state": "Planning", "gangTimeout": "90s", "atomicity": "BestEffort"}),
        ] {
            let messages = broken(spec);
            assert!(
                matches!(messages.as_slice(), [message] if message.contains("set atomicity to Gang")),
                "{messages:?}"
            );
        }
    }

    #[test]
    fn a_field_takes_the_durations_that_can_be_read() {
        let pattern = regex::Regex::new(DURATION).unwrap();
        for text in ["0", "2m0s", "1h30m", "1.5h", "250ms"] {
            assert!(pattern.is_match(text) && crate::parse_duration(text).is_ok(), "{text}");
        }
        for text in ["", "2", "-2m", "two", "2m 0s", "1h0"] {
            assert!(!pattern.is_match(text) && crate::parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_state_that_is_none_is_refused() {
        let trigger = serde_json::from_value::<ScheduleTriggerSpec>(json!({"state": "Done"}));
        assert!(trigger.unwrap_err().to_string().contains("Planning"));
        assert!(serde_json::from_value::<ScheduleTriggerSpec>(json!({})).is_err());
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let spec: ScheduleTriggerSpec = serde_json::from_value(json!({"state": "Planning"})).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), json!({"state": "Planning"}));
        assert_eq!(serde_json::to_value(ScheduleTriggerStatus::default()).unwrap(), json!({}));
    }
}
