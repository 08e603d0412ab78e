//! Random Workloads, and random walks of changes to them: it does not matter by which way a spec was reached.

use std::collections::BTreeMap;

use api_types::{ClaimPhase, Reason, ResourceClaim, ResourceClaimStatus, Workload};
use controller_kit::testing::TestApiServer;
use score_spec::placeholder::Outputs;
use serde_json::{Value, json};
use workload_gen::{Generator, Settings};

use crate::stage::{NAMESPACE, Stage};

const WALKS: u64 = 40;
const EDITS: usize = 10;
/// More passes than anything needs to come to rest.
const MANY: usize = 60;

/// Of the one type that the platform offers without any configuration.
fn generator(seed: u64) -> Generator {
    let settings = Settings { resource_type: Some("postgres".to_owned()), ..Settings::default() };
    Generator::new(seed, settings).unwrap()
}

/// On the stage, in its namespace.
fn placed(mut workload: Workload) -> Workload {
    workload.metadata.namespace = Some(NAMESPACE.to_owned());
    workload
}

fn bound(outputs: &Outputs, key: &str) -> ResourceClaimStatus {
    ResourceClaimStatus {
        phase: ClaimPhase::Bound,
        reason: Some(Reason::Succeeded),
        outputs: outputs.get(key).cloned().unwrap_or_default(),
        outputs_revision: Some("1".to_owned()),
        outputs_available: true,
        ..ResourceClaimStatus::default()
    }
}

/// The provisioner answers to all claims, and the runtime to the plan.
fn everybody_answers(stage: &Stage, outputs: &Outputs) {
    for claim in stage.server.list::<ResourceClaim>() {
        stage.provisioner_says(&claim.metadata.name.unwrap(), bound(outputs, &claim.spec.key));
    }
    if stage.plan().is_some() {
        stage.runtime_says("True", "Succeeded", None);
    }
}

/// Goes on until nobody has anything left to do.
async fn settle(stage: &Stage, outputs: &Outputs) {
    for _ in 0..MANY {
        everybody_answers(stage, outputs);
        if stage.pass().await.unwrap() == 0 {
            return;
        }
    }
    panic!("it does not come to rest: {:#?}", stage.server.writes());
}

/// Everything that there is for the Workload, save for what the API server chose.
fn made(stage: &Stage) -> BTreeMap<String, Value> {
    let claims = stage.server.list::<ResourceClaim>().into_iter();
    let claims = claims.map(|claim| (claim.metadata.name.unwrap(), json!(claim.spec)));
    let mut plan = json!(stage.plan().unwrap().spec);
    plan["observedWorkloadGeneration"].take();
    let own = [("plan".to_owned(), plan), ("exposure".to_owned(), json!(stage.exposure().unwrap().spec))];
    claims.chain(own).collect()
}

#[tokio::test]
async fn every_random_workload_becomes_ready_once_everybody_has_answered() {
    let mut generator = generator(1);
    for number in 0..100 {
        let workload = placed(generator.valid().unwrap());
        let stage = Stage::on(TestApiServer::new(), workload.clone());
        settle(&stage, &generator.outputs(&workload)).await;
        let said = (stage.condition("Ready"), stage.message("Ready"));
        assert_eq!(said.0, "True/Succeeded", "{number}: {} {workload:#?}", said.1);
    }
}

#[tokio::test]
async fn a_random_walk_of_changes_ends_where_its_last_spec_leads() {
    for seed in 0..WALKS {
        let mut generator = generator(seed);
        let mut workload = placed(generator.valid().unwrap());
        let walked = Stage::on(TestApiServer::new(), workload.clone());
        for edit in 0..EDITS {
            workload = placed(generator.edited(&workload).unwrap());
            walked.edit(|live| {
                live.spec = workload.spec.clone();
                live.metadata.annotations.clone_from(&workload.metadata.annotations);
            });
            // Sometimes the next change comes at once, sometimes before anybody, or everybody, has answered.
            match (seed as usize + edit) % 4 {
                0 => {}
                1 => drop(walked.pass().await.unwrap()),
                2 => {
                    walked.pass().await.unwrap();
                    everybody_answers(&walked, &generator.outputs(&workload));
                    walked.pass().await.unwrap();
                }
                _ => settle(&walked, &generator.outputs(&workload)).await,
            }
        }
        let outputs = generator.outputs(&workload);
        settle(&walked, &outputs).await;
        let fresh = Stage::on(TestApiServer::new(), workload);
        settle(&fresh, &outputs).await;
        assert_eq!(made(&walked), made(&fresh), "walk {seed}");
    }
}
