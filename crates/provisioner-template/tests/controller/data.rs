//! What holds data: it is neither removed by mistake nor left for whoever comes next.

use crate::world::{CLAIM, NAMESPACE, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        autoscaling::{v1, v2},
        core::v1::{ConfigMap, Secret, Service},
    },
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

const GENERATED: &str = "score.dev/generated";

/// What is written down of the names of generated values.
fn names(world: &World) -> Option<String> {
    world.get::<Secret>(RECORD).unwrap().annotations().get(GENERATED).cloned()
}

fn forget_names(world: &World) {
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        assert!(record.annotations_mut().remove(GENERATED).is_some());
    });
}

fn set_password(world: &World, password: Option<&str>) {
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        let data = record.data.get_or_insert_default();
        data.remove("password");
        data.extend(password.map(|password| ("password".to_owned(), ByteString(password.into()))));
    });
}

#[tokio::test]
async fn a_generated_value_that_is_lost_by_itself_is_not_made_anew_over_its_last_copy() {
    for lost in [None, Some("")] {
        let world = World::new().until_bound().await;
        assert_eq!(names(&world).as_deref(), Some("password"));
        let password = world.secret(RECORD, "password").unwrap();
        set_password(&world, lost);
        world.server.clear_requests();
        let world = world.restart();
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        for words in ["(`password` in `shop-cache-generated`)", "platform team to restore it", GENERATED] {
            assert!(world.message().contains(words), "{}", world.message());
        }
        assert_eq!(world.written(), ["PATCH resourceclaims"]);
        assert_eq!(world.secret(CLAIM, "password").unwrap(), password, "{lost:?}");
        set_password(&world, Some(&password));
        let world = world.until_bound().await;
        assert_eq!(world.secret(CLAIM, "password").unwrap(), password, "{lost:?}");
    }
}

#[tokio::test]
async fn a_generated_value_whose_name_was_removed_is_made_anew() {
    let world = World::new().until_bound().await;
    let password = world.secret(RECORD, "password").unwrap();
    set_password(&world, None);
    forget_names(&world);
    let world = world.until_bound().await;
    assert_ne!(world.secret(RECORD, "password").unwrap(), password);
    assert_eq!(world.secret(CLAIM, "password"), world.secret(RECORD, "password"));
    assert_eq!(names(&world).as_deref(), Some("password"));
}

#[tokio::test]
async fn the_names_of_generated_values_are_written_when_a_record_changes_and_not_before() {
    let world = World::new().until_bound().await;
    // As a record of an older version.
    forget_names(&world);
    world.server.clear_requests();
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!((names(&world), world.written()), (None, Vec::new()));
    let other = |claim: &mut ResourceClaim| {
        edit(claim, "/manifests/0/stringData/other", json!("{{ generated('other') }}"));
    };
    let world = world.changed(other).await;
    assert_eq!(names(&world).as_deref(), Some("other,password"));
}
