//! Planners of others: here the planner's own program, asked as one.

use anyhow::ensure;
use e2e::Result;
use e2e::podsets::{PodSets, node_of, with_namespace};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DeleteParams, PostParams};
use podset_types::{SchedulePlan, TriggerState, plan_name};
use serde_json::json;

const SYSTEM: &str = "planner-system";
const PODS: usize = 4;

#[tokio::test]
async fn a_set_is_planned_by_the_planner_that_its_service_names() -> Result {
    with_namespace("external", async |sets: PodSets| {
        // No other set has this name, so nobody else's is asked about.
        let set = sets.namespace.clone();
        let services: Api<Service> = Api::namespaced(sets.client.clone(), SYSTEM);
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": set, "labels": {format!("planner.ciena.io/{set}"): "enabled"}},
            "spec": {
                "selector": {"app.kubernetes.io/name": "podset-planner"},
                "ports": [{"name": "grpc", "port": 7309, "targetPort": "grpc"}],
            },
        });
        services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
        let outcome = is_planned(&sets, &set).await;
        services.delete(&set, &DeleteParams::default()).await?;
        outcome
    })
    .await
}

async fn is_planned(sets: &PodSets, set: &str) -> Result {
    sets.nodes(2, 4).await?;
    sets.trigger(set, json!({"state": "Planning"})).await?;
    let names: Vec<_> = (0..PODS).map(|number| format!("pod-{number}")).collect();
    sets.create(names.iter().map(|name| sets.pod(name, set, json!({})))).await?;
    sets.set_state(set, TriggerState::Schedule).await?;
    for name in &names {
        sets.until_pod(name, "bound", |pod| node_of(pod).is_some()).await?;
    }
    sets.runs_as_planned(set).await?;
    let plan = sets.api::<SchedulePlan>().get(&plan_name(&sets.namespace, set)).await?;
    let planner = plan.status.and_then(|status| status.planner);
    ensure!(planner.as_deref() == Some(&format!("{SYSTEM}/{set}")), "planned by {planner:?}");
    Ok(())
}
