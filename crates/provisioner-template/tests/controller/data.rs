//! What holds data: it is neither removed by mistake nor left for whoever comes next.

use crate::world::{CLAIM, NAMESPACE, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    autoscaling::{v1, v2},
    core::v1::{ConfigMap, Secret, Service},
};
use kube::ResourceExt as _;
use provisioner_template::Retry;
use serde_json::{Value, json};

/// A declaration of one object that is served in two versions.
fn in_version(version: &str) -> String {
    format!(
        "manifests: [{{apiVersion: autoscaling/{version}, kind: HorizontalPodAutoscaler, metadata: {{name: it}}, \
         spec: {{maxReplicas: 2, scaleTargetRef: {{kind: Deployment, name: it}}}}}}]"
    )
}

#[tokio::test]
async fn an_object_that_is_declared_by_another_version_stays() {
    for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
        let world = World::of(|claim| {
            declare(claim, &in_version("v1"));
            claim.spec.deprovision_policy = policy;
        });
        world.server.serve::<v1::HorizontalPodAutoscaler>();
        world.server.serve::<v2::HorizontalPodAutoscaler>();
        let world = world.until_bound().await;
        let before: v1::HorizontalPodAutoscaler = world.get("it").unwrap();
        let world = world.changed(|claim| declare(claim, &in_version("v2"))).await;
        let after: v2::HorizontalPodAutoscaler = world.get("it").expect("it is the same object");
        assert_eq!(after.uid(), before.uid(), "{policy:?}");
        let record: Secret = world.get(RECORD).unwrap();
        assert_eq!(record.annotations()["score.dev/objects"], "autoscaling/v2/HorizontalPodAutoscaler/it");
        // What is not wanted in any version goes, by the version that it has now.
        let world = world.changed(|claim| declare(claim, "manifests: []")).await;
        let is_left = world.get::<v2::HorizontalPodAutoscaler>("it").is_some();
        assert_eq!(is_left, policy == DeprovisionPolicy::Retain, "{policy:?}");
    }
}

#[tokio::test]
async fn what_was_applied_a_moment_ago_is_not_removed_whatever_it_was_called_before() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: it}}";
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: more}}";
    let world = World::declaring(&format!("manifests: [{service}, {map}]")).until_bound().await;
    // As an object that is served in two groups: what is read in one of them is what is in the other.
    let mut other: ConfigMap = world.get("more").unwrap();
    world.server.remove::<ConfigMap>(NAMESPACE, "more");
    other.metadata.uid = world.get::<Service>("it").unwrap().uid();
    world.server.insert(other);
    let world = world.changed(|claim| declare(claim, &format!("manifests: [{service}]"))).await;
    assert!(world.get::<ConfigMap>("more").is_some());
    let record: Secret = world.get(RECORD).unwrap();
    assert_eq!(record.annotations()["score.dev/objects"], "v1/Service/it");
}

/// Gives the StatefulSet of the fixture volumes of its own, and says what becomes of them.
fn with_volumes(claim: &mut ResourceClaim, retention: Value) {
    let volumes = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]);
    edit(claim, "/manifests/2/spec/volumeClaimTemplates", volumes);
    edit(claim, "/manifests/2/spec/persistentVolumeClaimRetentionPolicy", retention);
}

#[tokio::test]
async fn volumes_that_would_outlive_what_is_deleted_are_refused_before_anything_is_made() {
    for retention in [Value::Null, json!({"whenScaled": "Delete"}), json!({"whenDeleted": "Retain"})] {
        let world = World::of(|claim| with_volumes(claim, retention.clone()));
        assert_eq!(world.pass().await.unwrap(), Retry::Never);
        assert_eq!(world.status().phase, ClaimPhase::Failed, "{retention}");
        for words in ["`StatefulSet/shop-cache`", "whenDeleted: Delete", "deprovisionPolicy", "platform team"]
        {
            assert!(world.message().contains(words), "{}", world.message());
        }
        assert_eq!(world.written(), ["PATCH resourceclaims"], "{retention}");
        let goes = |claim: &mut ResourceClaim| with_volumes(claim, json!({"whenDeleted": "Delete"}));
        world.changed(goes).await.until_bound().await;
    }
    for policy in [DeprovisionPolicy::Retain, DeprovisionPolicy::Orphan] {
        let world = World::of(|claim| {
            with_volumes(claim, Value::Null);
            claim.spec.deprovision_policy = policy;
        });
        let world = world.until_bound().await;
        assert!(world.get::<StatefulSet>(CLAIM).is_some(), "{policy:?}");
    }
}
