//! The messages of `k8s.io/kube-scheduler/extender/v1`, as far as they are used. Their fields have the names that they have
//! in Go. What is asked is read leniently, because servers that translate between versions write them in other ways; Go
//! reads answers whatever the case of a name.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A pod, of which only the metadata are looked at.
#[derive(Deserialize, Debug)]
pub struct Candidate {
    /// Its metadata.
    pub metadata: ObjectMeta,
}

/// Which of these nodes may a pod go to?
#[derive(Deserialize, Debug)]
pub struct ExtenderArgs {
    /// The pod.
    #[serde(rename = "Pod", alias = "pod")]
    pub pod: Candidate,
    /// The nodes that have passed the scheduler's own filters; None if it sends whole nodes instead.
    #[serde(rename = "NodeNames", alias = "nodeNames", alias = "nodenames")]
    pub node_names: Option<Vec<String>>,
}

/// Those that it may.
#[derive(Serialize, Debug, Default, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct ExtenderFilterResult {
    /// These.
    pub node_names: Vec<String>,
    /// The others, each with the reason. There is a weaker word, of nodes on which evicting others could help; none does
    /// here.
    pub failed_and_unresolvable_nodes: BTreeMap<String, String>,
    /// If not empty, nothing else counts, and the pod is not bound.
    pub error: String,
}

impl ExtenderFilterResult {
    /// A refusal.
    pub fn error(why: impl Into<String>) -> Self {
        Self { error: why.into(), ..Self::default() }
    }
}

/// On which of these nodes may others be evicted for a pod?
#[derive(Deserialize, Debug)]
pub struct ExtenderPreemptionArgs {
    /// The pod.
    #[serde(rename = "Pod", alias = "pod")]
    pub pod: Candidate,
    /// Who would be, by node; None if the scheduler sends whole pods instead.
    #[serde(rename = "NodeNameToMetaVictims", alias = "nodeNameToMetaVictims")]
    pub victims: Option<BTreeMap<String, Value>>,
}

/// On these.
#[derive(Serialize, Debug, Default, PartialEq)]
pub struct ExtenderPreemptionResult {
    /// Who is, by node, as was proposed.
    #[serde(rename = "NodeNameToMetaVictims")]
    pub victims: BTreeMap<String, Value>,
}
