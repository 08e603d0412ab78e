//! When something is ready, and watching for it.

use api_types::{ConditionType, Workload};
use futures::{Stream, StreamExt, future};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;

/// Whether the Deployment's current generation is rolled out and available.
pub(crate) fn deployment(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let available = status.conditions.iter().flatten().any(|c| c.type_ == "Available" && c.status == "True");
    available
        && status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == Some(wanted)
}

/// Whether the pod is bound to a node.
pub(crate) fn pod(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
}

/// Whether the Workload is Ready for its current generation.
pub(crate) fn workload(workload: &Workload) -> bool {
    let Some(status) = &workload.status else { return false };
    let generation = workload.metadata.generation;
    let ready = ConditionType::Ready.to_string();
    status.observed_generation == generation
        && status
            .conditions
            .iter()
            .any(|c| c.type_ == ready && c.status == "True" && c.observed_generation == generation)
}

/// The names of those among `which` that are ready, as often as they change.
pub(crate) fn watch<K>(
    api: Api<K>,
    which: watcher::Config,
    is_ready: fn(&K) -> bool,
) -> impl Stream<Item = String> + Send + use<K>
where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    watcher(api, which)
        .default_backoff()
        .applied_objects()
        // The watcher lists again after an error, so none is lost.
        .filter_map(move |object| future::ready(object.ok().filter(is_ready).map(|o| o.name_any())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn is_ready(generation: i64, status: &Value) -> bool {
        workload(
            &from_value(json!({
                "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "ww", "generation": generation},
                "spec": {"containers": {}}, "status": status,
            }))
            .unwrap(),
        )
    }

    fn ready_status(observed: i64, status: &str) -> Value {
        json!({"observedGeneration": observed, "conditions": [{
            "type": "Ready", "status": status, "reason": "Succeeded", "message": "", "observedGeneration": observed,
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
    }

    #[test]
    fn a_workload_is_ready_for_its_own_generation_only() {
        assert!(is_ready(2, &ready_status(2, "True")));
        assert!(!is_ready(2, &ready_status(1, "True")));
        assert!(!is_ready(2, &ready_status(2, "False")));
    }

    fn is_available(status: Value) -> bool {
        deployment(
            &from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 1},
                "spec": {"selector": {}, "template": {}}, "status": status}))
            .unwrap(),
        )
    }

    #[test]
    fn a_deployment_is_ready_when_its_generation_is_available() {
        let conditions = json!([{"type": "Available", "status": "True"}]);
        assert!(is_available(
            json!({"observedGeneration": 1, "updatedReplicas": 1, "conditions": conditions})
        ));
        assert!(!is_available(
            json!({"observedGeneration": 0, "updatedReplicas": 1, "conditions": conditions})
        ));
        assert!(!is_available(
            json!({"observedGeneration": 1, "updatedReplicas": 0, "conditions": conditions})
        ));
        assert!(!is_available(json!({"observedGeneration": 1, "updatedReplicas": 1})));
    }
}
