//! The whole controller, with its watches: who is looked at when something changes.

use std::sync::Arc;

use api_types::Workload;
use controller_kit::testing::{TestApiServer, until};
use orchestrator::{
    DEFINITION,
    controller::{Orchestrator, run},
};
use platform::config::BUILTIN;
use tokio::sync::watch;

use crate::{
    sharing::{CLAIM, give_up},
    stage::{NAMESPACE, Stage, fixture},
};

fn is_ready(stage: &Stage) -> bool {
    let workload = stage.workload();
    let (generation, status) = (workload.metadata.generation, workload.status.unwrap_or_default());
    generation.is_some_and(|generation| conditions::is_true(&status.conditions, "Ready", generation))
}

fn owners(stage: &Stage) -> Vec<String> {
    let owners = stage.claim(CLAIM).and_then(|claim| claim.metadata.owner_references).unwrap_or_default();
    owners.into_iter().map(|owner| owner.name).collect()
}

/// The plan and its exposure are there, of the Workload's generation of now.
pub(crate) fn is_planned(stage: &Stage) -> bool {
    let generation = stage.workload().metadata.generation;
    let planned = stage.plan().is_some_and(|plan| Some(plan.spec.observed_workload_generation) == generation);
    planned && stage.exposure().is_some()
}

/// A user, a provisioner and a runtime act on Workloads that share a resource.
async fn act(first: &Stage) {
    until("the claim is made", || first.claim(CLAIM).is_some()).await;
    let second = first.joined_by("shared.second.yaml");
    until("who joins owns the claim too", || owners(first) == ["first", "second"]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    until("both have a plan", || is_planned(first) && is_planned(&second)).await;
    first.runtime_says("True", "Succeeded", None);
    second.runtime_says("True", "Succeeded", None);
    until("both are ready", || is_ready(first) && is_ready(&second)).await;
    give_up(&second);
    until("there is a plan without the claim", || is_planned(&second)).await;
    assert_eq!(owners(first), ["first", "second"]);
    second.runtime_says("True", "Succeeded", None);
    until("the claim is given up", || owners(first) == ["first"]).await;
    let third = first.joined_by("shared.third.yaml");
    until("another one joins", || owners(first) == ["first", "third"]).await;
    first.server.remove::<Workload>(NAMESPACE, "first");
    until("a deleted Workload owns nothing", || owners(&third) == ["third"]).await;
}

#[tokio::test]
async fn those_who_share_are_looked_at_when_one_of_them_comes_changes_rolls_out_or_goes() {
    let server = TestApiServer::new();
    let (kit, stop) = server.kit(DEFINITION.name);
    let (orchestrator, triggers) =
        Orchestrator::new(&kit, watch::channel(Some(Arc::new(BUILTIN.parse().unwrap()))).1);
    let story = async {
        act(&Stage::on(server.clone(), fixture("shared.first.yaml"))).await;
        drop(stop);
    };
    tokio::join!(run(&kit, orchestrator, triggers), story);
}
