//! Planners of others: here the planner's own program, asked as one.

use anyhow::ensure;
use e2e::Result;
use e2e::apply::with_object;
use e2e::podsets::{PodSets, node_of, with_namespace};
use e2e::wait::{PATIENCE, eventually, until_gone};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, DeleteParams, ListParams};
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
        with_object(&services, &serde_json::from_value(service)?, is_planned(&sets, &set)).await
    })
    .await
}

/// A Service leads to its pods some time after it was made, and that cannot be watched. Who asks before is refused, and the
/// set is planned without it; so the set is made anew until it was there.
async fn is_planned(sets: &PodSets, set: &str) -> Result {
    sets.nodes(2, 4).await?;
    sets.trigger(set, json!({"state": "Planning"})).await?;
    let mut round = 0;
    let planner = eventually("the Service leads to the planner", PATIENCE, async || {
        round += 1;
        let planner = planned_by(sets, set, round).await?;
        if planner.is_none() {
            sets.until_told(set, "cannot be reached").await?;
        }
        Ok(planner)
    })
    .await?;
    ensure!(planner == format!("{SYSTEM}/{set}"), "planned by {planner}");
    Ok(())
}

/// Who has planned a set of new pods, if it was somebody else than the controller. The pods are gone after it.
async fn planned_by(sets: &PodSets, set: &str, round: usize) -> Result<Option<String>> {
    sets.set_state(set, TriggerState::Planning).await?;
    let names: Vec<_> = (0..PODS).map(|number| format!("pod-{round}-{number}")).collect();
    sets.create(names.iter().map(|name| sets.pod(name, set, json!({})))).await?;
    sets.set_state(set, TriggerState::Schedule).await?;
    for name in &names {
        sets.until_pod(name, "bound", |pod| node_of(pod).is_some()).await?;
    }
    sets.runs_as_planned(set).await?;
    let (plans, name) = (sets.api::<SchedulePlan>(), plan_name(&sets.namespace, set));
    let plan = plans.get(&name).await?;
    let now = DeleteParams::default().grace_period(0);
    sets.api::<Pod>().delete_collection(&now, &ListParams::default()).await?;
    until_gone(&plans, &plan).await?;
    Ok(plan.status.and_then(|status| status.planner))
}
