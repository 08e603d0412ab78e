use api_types::{ClaimPhase, ResourceClaim};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::StatefulSet, core::v1::Secret},
};
use kube::Resource;
use serde::de::DeserializeOwned;

use super::*;
use crate::test_support::{assert_is_for_users, claim, defaults, resource_claim};

/// The claim of the fixtures with `change` made to its spec.
fn changed(change: impl FnOnce(&mut ResourceClaim)) -> ResourceClaimSpec {
    let mut claim = resource_claim();
    change(&mut claim);
    claim.spec
}

fn judge(found: &Found) -> Result<Database, Answer> {
    validate(claim(), &resource_claim().spec, found, &defaults())
}

fn judge_spec(spec: &ResourceClaimSpec) -> Answer {
    validate(claim(), spec, &Found::default(), &defaults()).unwrap_err()
}

fn rejected(found: &Found) -> Answer {
    let answer = judge(found).unwrap_err();
    assert_is_for_users(&answer.message.replace("shop-store-postgres-secret", ""));
    answer
}

/// An object that was made for the claim of the fixtures, or for an earlier one of its name.
fn made<K>(name: &str, uid: &str, policy: &str, rest: &str) -> K
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
{
    let yaml = format!(
        "metadata:\n  name: {name}\n  namespace: team\n  uid: {name}-uid\n  resourceVersion: '5'\n  \
           labels: {{app.kubernetes.io/managed-by: score-provisioner-postgres, score.dev/workload: shop, \
           score.dev/type: postgres, score.dev/class: default}}\n  \
           annotations: {{score.dev/claim: shop-store, score.dev/claim-uid: {uid}, score.dev/deprovision-policy: {policy}}}\n\
         {rest}"
    );
    serde_yaml_ng::from_str(&yaml).unwrap()
}

fn secret(uid: &str, policy: &str) -> Option<Secret> {
    Some(made("shop-store-postgres-secret", uid, policy, "data: {password: cGE1NQ==}"))
}

fn volume(uid: &str, policy: &str, storage: &str) -> Option<std::sync::Arc<PersistentVolumeClaim>> {
    let spec =
        format!("spec: {{storageClassName: standard, resources: {{requests: {{storage: {storage}}}}}}}");
    Some(std::sync::Arc::new(made("shop-store-postgres-data", uid, policy, &spec)))
}

fn database(uid: &str, policy: &str, image: &str) -> Option<std::sync::Arc<StatefulSet>> {
    let spec = format!(
        "spec: {{selector: {{}}, template: {{spec: {{containers: [{{name: postgres, image: '{image}'}}]}}}}}}"
    );
    Some(std::sync::Arc::new(made("shop-store-postgres", uid, policy, &spec)))
}

#[test]
fn a_new_claim_gets_new_credentials() {
    let database = judge(&Found::default()).unwrap();
    assert_eq!(database.credentials, None);
    assert_eq!(database.host, "shop-store-postgres.team.svc");
    assert_eq!(database.notes, [""; 0]);
}

#[test]
fn the_cluster_domain_is_appended_where_the_platform_names_it() {
    let defaults = Defaults { cluster_domain: Some("cluster.local".to_owned()), ..defaults() };
    let database = validate(claim(), &resource_claim().spec, &Found::default(), &defaults).unwrap();
    assert_eq!(database.host, "shop-store-postgres.team.svc.cluster.local");
}

#[test]
fn another_type_or_class_is_refused_with_what_there_is() {
    for (type_, class) in [("mysql", "default"), ("postgres", "large")] {
        let spec = changed(|claim| {
            claim.spec.type_ = type_.to_owned();
            claim.spec.class = class.to_owned();
        });
        let answer = judge_spec(&spec);
        assert_eq!(answer.phase, ClaimPhase::Failed);
        assert!(
            answer.message.contains(&format!("type `{type_}` and class `{class}`")),
            "{}",
            answer.message
        );
        assert!(answer.message.contains("type `postgres` with class `default`"), "{}", answer.message);
    }
}

#[test]
fn a_class_of_any_name_is_served_if_the_platform_gave_it_parameters() {
    let spec = changed(|claim| {
        claim.spec.class = "large".to_owned();
        claim.spec.parameters = Some(serde_yaml_ng::from_str("{storage: 20Gi}").unwrap());
    });
    let database = validate(claim(), &spec, &Found::default(), &defaults()).unwrap();
    assert_eq!(database.settings.storage.to_string(), "20Gi");
}

#[test]
fn params_are_refused_by_name() {
    let spec = changed(|claim| {
        claim.spec.params = Some(serde_yaml_ng::from_str("{extensions: [postgis], size: 2}").unwrap());
    });
    let answer = judge_spec(&spec);
    assert!(
        answer.message.contains("`extensions`, `size` from resources.store.params"),
        "{}",
        answer.message
    );
    let empty = changed(|claim| claim.spec.params = Some(serde_yaml_ng::from_str("{}").unwrap()));
    assert!(validate(claim(), &empty, &Found::default(), &defaults()).is_ok());
}

#[test]
fn wrong_class_parameters_are_the_platforms_to_correct() {
    let spec = changed(|claim| {
        claim.spec.parameters = Some(serde_yaml_ng::from_str("{storage: lots, colour: blue}").unwrap());
    });
    let message = judge_spec(&spec).message;
    for part in ["platform team", "parameters.storage", "parameters.colour"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_is_this_claims_is_used_with_its_password() {
    let found = Found {
        secret: secret("claim-uid", "Delete"),
        volume: volume("claim-uid", "Delete", "1Gi"),
        database: database("claim-uid", "Delete", "registry/postgres:15"),
        ..Found::default()
    };
    let database = judge(&found).unwrap();
    assert_eq!(database.credentials.unwrap().password.expose(), "pa55");
    assert_eq!(database.notes, [""; 0]);
}

#[test]
fn what_an_earlier_claim_retained_is_adopted() {
    let found = Found {
        secret: secret("earlier-uid", "Retain"),
        volume: volume("earlier-uid", "Retain", "1Gi"),
        ..Found::default()
    };
    assert_eq!(judge(&found).unwrap().credentials.unwrap().password.expose(), "pa55");
}

#[test]
fn what_an_earlier_claim_orphaned_is_left_alone() {
    let found = Found { volume: volume("earlier-uid", "Orphan", "1Gi"), ..Found::default() };
    let answer = rejected(&found);
    assert_eq!((answer.phase, answer.retry), (ClaimPhase::Failed, Retry::Rarely));
    assert!(answer.message.contains("`shop-store-postgres-data`"), "{}", answer.message);
    assert!(
        answer.message.contains("Orphan") && answer.message.contains("resources.store"),
        "{}",
        answer.message
    );
}

#[test]
fn what_is_being_removed_is_waited_for() {
    let found = Found { secret: secret("earlier-uid", "Delete"), ..Found::default() };
    let answer = rejected(&found);
    assert_eq!((answer.phase, answer.retry), (ClaimPhase::Binding, Retry::Soon));
}

#[test]
fn a_foreign_object_is_never_taken_over_and_its_owner_is_named() {
    let service = serde_yaml_ng::from_str(
        "metadata: {name: shop-store-postgres, namespace: team, labels: {score.dev/workload: shop-store-postgres}}",
    );
    let found = Found {
        // Waiting would only put off what a person has to do.
        secret: secret("earlier-uid", "Delete"),
        service: Some(std::sync::Arc::new(service.unwrap())),
        ..Found::default()
    };
    let answer = rejected(&found);
    assert_eq!(answer.phase, ClaimPhase::Failed);
    assert!(answer.message.contains("taken by the workload `shop-store-postgres`"), "{}", answer.message);
}

#[test]
fn a_volume_without_credentials_means_that_they_were_lost() {
    let found = Found { volume: volume("claim-uid", "Delete", "1Gi"), ..Found::default() };
    let answer = rejected(&found);
    assert_eq!(answer.phase, ClaimPhase::Failed);
    for part in ["`shop-store-postgres-secret`", "restore", "delete the volume `shop-store-postgres-data`"] {
        assert!(answer.message.contains(part), "{}", answer.message);
    }
}

#[test]
fn credentials_without_a_volume_are_a_creation_that_was_interrupted() {
    let found = Found {
        secret: secret("claim-uid", "Delete"),
        database: database("claim-uid", "Delete", "registry/postgres:15"),
        ..Found::default()
    };
    assert!(judge(&found).unwrap().credentials.is_some());
}

#[test]
fn credentials_without_a_password_are_not_replaced() {
    let found = Found {
        secret: Some(made("shop-store-postgres-secret", "claim-uid", "Delete", "data: {username: YXBw}")),
        ..Found::default()
    };
    assert!(rejected(&found).message.contains("hold no password"));
}

#[test]
fn a_volume_keeps_its_size_and_class_and_the_claim_says_so() {
    let found = Found {
        secret: secret("claim-uid", "Delete"),
        volume: volume("claim-uid", "Delete", "2Gi"),
        ..Found::default()
    };
    let kept = judge(&found).unwrap();
    assert_eq!(kept.settings.storage.to_string(), "2Gi");
    assert_eq!(kept.settings.storage_class.as_deref(), Some("standard"));
    assert_eq!(kept.notes.len(), 1);
    assert_is_for_users(&kept.notes[0]);

    let same = Found { volume: volume("claim-uid", "Delete", "1024Mi"), ..found };
    assert_eq!(judge(&same).unwrap().notes, [""; 0]);
}

#[test]
fn another_major_version_is_not_put_on_old_data() {
    let found = Found {
        secret: secret("claim-uid", "Delete"),
        database: database("claim-uid", "Delete", "registry/postgres:14.9"),
        was_bound: true,
        ..Found::default()
    };
    let kept = judge(&found).unwrap();
    assert_eq!(kept.settings.image, "registry/postgres:14.9");
    assert!(kept.notes[0].contains("PostgreSQL 14"), "{}", kept.notes[0]);

    let minor = Found { database: database("claim-uid", "Delete", "registry/postgres:15.1"), ..found };
    assert_eq!(judge(&minor).unwrap().settings.image, "registry/postgres:15");
}
