//! What the tests of several steps start from.

use api_types::WorkloadPlan;
use serde::de::DeserializeOwned;

/// The head of a plan, to which a test adds `  containers:` and whatever else it is about.
pub(crate) const PLAN: &str = "
apiVersion: score.dev/v1b1
kind: WorkloadPlan
metadata: {name: hello, namespace: team-a, uid: plan-uid, generation: 3}
spec:
  workloadRef: {name: hello, uid: workload-uid}
  observedWorkloadGeneration: 7
  runtimeClass: kubernetes
  backendId: kubernetes
  template: {kind: manifests}
";

/// Reads YAML the way the API server's JSON is read.
pub(crate) fn parse<T: DeserializeOwned>(yaml: &str) -> T {
    let value: serde_json::Value = serde_yaml_ng::from_str(yaml).unwrap();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error} in\n{yaml}"))
}

pub(crate) fn plan(yaml: &str) -> WorkloadPlan {
    parse(yaml)
}
