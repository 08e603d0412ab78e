//! Plans of sets that no trigger governs any more. While there is a trigger, the plan is looked after with it, and the
//! API server collects it with its trigger; what is left are plans whose trigger was given another set, and plans that
//! were there before this planner.

use std::{sync::Arc, time::Duration};

use controller_kit::Applier;
use kube::{ResourceExt as _, runtime::controller::Action};
use podset_types::{SchedulePlan, plan_name};

use crate::{
    caches::Caches,
    pods::{is_leaving, set_of},
};

/// When a deletion that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Deletes `plan` if its set has neither a trigger nor a pod.
pub async fn sweep(caches: &Caches, applier: &Applier, plan: Arc<SchedulePlan>) -> Action {
    if caches.ready().await.is_err() || !is_left_over(caches, &plan) {
        return Action::await_change();
    }
    match applier.delete(&*plan).await {
        Ok(()) => Action::await_change(),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                plan = plan.name_any(),
                error,
                "cannot delete a plan that is of no use, will try again"
            );
            Action::requeue(AGAIN)
        }
    }
}

fn is_left_over(caches: &Caches, plan: &SchedulePlan) -> bool {
    let namespace = plan.namespace().unwrap_or_default();
    let Some(set) = set_of(plan.labels()) else { return false };
    // Of another name it is none of ours.
    plan.name_any() == plan_name(&namespace, set)
        && plan.metadata.deletion_timestamp.is_none()
        && caches.governing.get(&namespace, set).is_empty()
        && !caches.members.get(&namespace, set).iter().any(|pod| !is_leaving(pod))
}
