//! The whole pass, before an API server in memory.

use std::sync::atomic::Ordering;

use crate::world::{CLAIM, DATABASE, NAMESPACE, SECRET, VOLUME, World};
use api_types::{ClaimPhase, DeprovisionPolicy, Reason, ResourceClaim};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        core::v1::{Event, PersistentVolumeClaim, Pod, Secret, Service},
    },
};
use provisioner_postgres::{Attempt, Retry};
use serde::de::DeserializeOwned;

const ALL_POLICIES: [DeprovisionPolicy; 3] =
    [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain, DeprovisionPolicy::Orphan];

fn yaml<K: DeserializeOwned>(text: &str) -> K {
    serde_yaml_ng::from_str(text).unwrap()
}

#[tokio::test]
async fn a_claim_costs_five_writes_until_it_is_binding_and_one_more_until_it_is_bound() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    assert_eq!(
        world.written(),
        [
            "POST secrets",
            "POST persistentvolumeclaims",
            "PATCH services",
            "PATCH statefulsets",
            "PATCH resourceclaims"
        ]
    );
    assert_eq!(
        (world.status().phase, world.status().reason),
        (ClaimPhase::Binding, Some(Reason::BindingPending))
    );

    world.server.clear_requests();
    world.set_serving(true);
    let (world, status) = world.fresh_pass().await;
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
    assert_eq!(
        (status.phase, status.message.as_deref()),
        (ClaimPhase::Bound, Some("PostgreSQL instance ready"))
    );
    assert_eq!(status.observed_generation, world.claim().metadata.generation);
    let outputs: Vec<_> = status.outputs.keys().map(String::as_str).collect();
    assert_eq!(outputs, ["database", "host", "name", "password", "port", "uri", "username"]);
}

#[tokio::test]
async fn nothing_is_written_and_nobody_logs_in_when_nothing_changes() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    world.server.clear_requests();
    // The same process, before its watches have shown what it wrote.
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.written(), [""; 0]);

    let world = world.until_bound().await;
    world.server.clear_requests();
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert_eq!(world.written(), [""; 0]);
    assert_eq!(world.login.count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_database_that_stops_serving_is_binding_and_then_proves_itself_again() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let bound = world.status();

    world.set_serving(false);
    let (world, status) = world.fresh_pass().await;
    assert_eq!((status.phase, status.outputs_available), (ClaimPhase::Binding, false));
    assert_eq!(
        (status.outputs, status.outputs_revision),
        (bound.outputs.clone(), bound.outputs_revision.clone())
    );
    assert_eq!(world.login.count.load(Ordering::Relaxed), 0);

    world.set_serving(true);
    let (world, status) = world.fresh_pass().await;
    assert_eq!(status, bound);
    assert_eq!(world.login.count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_claim_is_not_bound_before_a_login_has_worked() {
    for (attempt, phase, retry, words) in [
        (Attempt::NotYet, ClaimPhase::Binding, Retry::Soon, "does not take connections yet"),
        (Attempt::OutOfReach, ClaimPhase::Binding, Retry::Soon, "must run inside the cluster"),
        (Attempt::Refused, ClaimPhase::Failed, Retry::Rarely, "does not accept the credentials"),
    ] {
        let world = World::new(DeprovisionPolicy::Delete);
        world.pass().await.unwrap();
        world.set_serving(true);
        let world = world.restart_with(attempt);
        assert_eq!(world.pass().await.unwrap(), retry);
        assert_eq!((world.status().phase, world.status().outputs_available), (phase, false));
        assert!(world.message().contains(words), "{}", world.message());
        world.server.clear_requests();
        world.pass().await.unwrap();
        assert_eq!(world.written(), [""; 0], "the same answer is not given twice");
    }
}

#[tokio::test]
async fn a_password_that_somebody_changed_has_to_prove_itself() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let revision = world.status().outputs_revision;
    world.server.modify(NAMESPACE, SECRET, |secret: &mut Secret| {
        secret.data.get_or_insert_default().insert("password".to_owned(), ByteString(b"other".to_vec()));
    });
    let world = world.restart_with(Attempt::Refused);
    world.pass().await.unwrap();
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert_ne!(world.status().outputs_revision, revision);
    assert_eq!(world.password(), b"other", "a password is never overwritten");
    assert_eq!(
        world.secret().unwrap().data.unwrap()["uri"].0,
        b"postgresql://app:other@shop-store-postgres.team.svc:5432/app"
    );
}

#[tokio::test]
async fn a_label_on_the_secret_changes_no_revision() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let status = world.status();
    world.server.modify(NAMESPACE, SECRET, |secret: &mut Secret| {
        secret.metadata.labels.get_or_insert_default().insert("team".to_owned(), "blue".to_owned());
    });
    world.server.clear_requests();
    let (world, after) = world.fresh_pass().await;
    assert_eq!(after, status);
    assert_eq!(world.written(), [""; 0]);
}

#[tokio::test]
async fn drift_is_repaired() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    world.server.modify(NAMESPACE, DATABASE, |database: &mut StatefulSet| {
        database.spec.as_mut().unwrap().replicas = Some(3);
    });
    world.server.remove::<Service>(NAMESPACE, DATABASE);
    world.server.modify(NAMESPACE, VOLUME, |volume: &mut PersistentVolumeClaim| {
        volume.metadata.owner_references = None;
    });
    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(
        world.written(),
        ["PATCH persistentvolumeclaims", "PATCH services", "PATCH statefulsets", "PATCH resourceclaims"]
    );
    let database: StatefulSet = world.server.get(NAMESPACE, DATABASE).unwrap();
    assert_eq!(database.spec.unwrap().replicas, Some(1));
    assert_eq!(world.owned_by("claim-uid"), 4);
}

#[tokio::test]
async fn credentials_that_vanish_are_not_replaced_while_there_is_a_volume() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let secret = world.secret().unwrap();
    world.server.remove::<Secret>(NAMESPACE, SECRET);
    world.server.clear_requests();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains(SECRET) && world.message().contains(VOLUME), "{}", world.message());
    assert_eq!(world.written(), ["PATCH resourceclaims"]);

    // Restored from a backup it has another uid, and has to prove itself.
    world.server.insert(Secret {
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            uid: Some("restored".to_owned()),
            ..secret.metadata.clone()
        },
        ..secret.clone()
    });
    let (world, status) = world.fresh_pass().await;
    assert_eq!(status.phase, ClaimPhase::Bound);
    assert_eq!(world.login.count.load(Ordering::Relaxed), 1);

    // Without the volume there is nothing to lose.
    world.server.remove::<Secret>(NAMESPACE, SECRET);
    world.server.remove::<PersistentVolumeClaim>(NAMESPACE, VOLUME);
    let (world, status) = world.fresh_pass().await;
    assert_eq!(status.phase, ClaimPhase::Bound);
    assert_ne!(world.secret().unwrap().data, secret.data);
    assert!(world.server.get::<PersistentVolumeClaim>(NAMESPACE, VOLUME).is_some());
}

#[tokio::test]
async fn what_somebody_else_has_is_not_touched() {
    let world = World::new(DeprovisionPolicy::Delete);
    let foreign: Service = world.server.insert(yaml(&format!(
        "metadata: {{name: {DATABASE}, namespace: {NAMESPACE}, labels: {{app.kubernetes.io/managed-by: Helm}}}}"
    )));
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
    assert_eq!(world.server.get::<Service>(NAMESPACE, DATABASE), Some(foreign));
    assert!(world.message().contains("something that `Helm` manages"), "{}", world.message());
}

#[tokio::test]
async fn a_policy_that_changes_gives_and_takes_the_owner_with_the_credentials_outliving_the_data() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    assert_eq!(world.owned_by("claim-uid"), 4);

    world.set_policy(DeprovisionPolicy::Retain);
    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(world.owned_by("claim-uid"), 0);
    assert_eq!(world.written()[0], "PATCH secrets");

    world.set_policy(DeprovisionPolicy::Delete);
    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(world.owned_by("claim-uid"), 4);
    assert_eq!(
        world.written(),
        [
            "PATCH persistentvolumeclaims",
            "PATCH services",
            "PATCH statefulsets",
            "PATCH secrets",
            "PATCH resourceclaims"
        ]
    );
    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(world.written(), [""; 0]);
}

#[tokio::test]
async fn a_retained_database_is_adopted_by_the_next_claim_of_the_name() {
    for policy in ALL_POLICIES {
        let world = World::new(DeprovisionPolicy::Retain).until_bound().await;
        let password = world.password();
        world.recreate_claim(policy);
        let (world, status) = world.fresh_pass().await;
        assert_eq!(status.phase, ClaimPhase::Bound);
        assert_eq!(world.password(), password);
        assert_eq!(world.owned_by("second-uid"), if policy == DeprovisionPolicy::Delete { 4 } else { 0 });
    }
}

#[tokio::test]
async fn an_orphaned_database_is_left_alone() {
    let world = World::new(DeprovisionPolicy::Orphan).until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Delete);
    world.server.clear_requests();
    let (world, status) = world.fresh_pass().await;
    assert_eq!(status.phase, ClaimPhase::Failed);
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
}

#[tokio::test]
async fn a_database_that_goes_with_its_claim_is_waited_for() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Delete);
    world.server.clear_requests();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.status().phase, ClaimPhase::Binding);
    assert_eq!(world.written(), ["PATCH resourceclaims"]);

    // The API server collects them in any order; nothing is made before all are gone.
    world.server.remove::<StatefulSet>(NAMESPACE, DATABASE);
    world.server.remove::<Secret>(NAMESPACE, SECRET);
    let (world, status) = world.fresh_pass().await;
    assert_eq!(status.phase, ClaimPhase::Binding);
    assert!(world.secret().is_none());
    world.server.remove::<Service>(NAMESPACE, DATABASE);
    world.server.remove::<PersistentVolumeClaim>(NAMESPACE, VOLUME);
    let world = world.until_bound().await;
    assert_eq!(world.owned_by("second-uid"), 4);
}

#[tokio::test]
async fn what_kubernetes_was_not_allowed_to_start_is_told() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    let database: StatefulSet = world.server.get(NAMESPACE, DATABASE).unwrap();
    for (second, message) in
        [(1, "something older"), (2, "forbidden: exceeded quota: team, requested: pods=1")]
    {
        world.server.insert::<Event>(yaml(&format!(
            "metadata: {{name: event-{second}, namespace: {NAMESPACE}}}\n\
             involvedObject: {{uid: {}}}\nreason: FailedCreate\nmessage: '{message}'\n\
             lastTimestamp: 2026-01-01T00:00:0{second}Z",
            database.metadata.uid.clone().unwrap_or_default()
        )));
    }
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("the quota `team`"), "{}", world.message());
}

#[tokio::test]
async fn what_ails_the_pod_is_told() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    world.server.insert::<Pod>(yaml(&format!(
        "metadata: {{name: {DATABASE}-0, namespace: {NAMESPACE}, labels: {{app.kubernetes.io/managed-by: score-provisioner-postgres}}}}\n\
         status: {{containerStatuses: [{{name: postgres, image: i, imageID: '', ready: false, restartCount: 0, \
                   state: {{waiting: {{reason: ImagePullBackOff}}}}}}]}}"
    )));
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("registry/postgres:15"), "{}", world.message());
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_and_tried_again_now_and_then() {
    for (resource, code) in [("secrets", 403), ("persistentvolumeclaims", 403), ("statefulsets.apps", 422)] {
        let world = World::new(DeprovisionPolicy::Delete);
        world.server.fail_next(move |request| request.is_write() && request.is_about(resource), code);
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        assert!(world.message().contains("ask your platform team"), "{}", world.message());
        world.until_bound().await;
    }
}

#[tokio::test]
async fn what_changed_since_it_was_read_is_read_again() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.server.fail_next(|request| request.method == "POST" && request.is_about("secrets"), 409);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.claim().status, None, "there is nothing to say yet");
    world.until_bound().await;
}

#[tokio::test]
async fn a_claim_that_is_gone_needs_no_answer() {
    let world = World::new(DeprovisionPolicy::Delete);
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    world.pass().await.unwrap();
}

#[tokio::test]
async fn the_password_is_in_the_secret_and_in_nothing_else_that_is_sent() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let password = String::from_utf8(world.password()).unwrap();
    let encoded = serde_json::to_value(ByteString(password.clone().into_bytes())).unwrap();
    for request in world.server.requests() {
        let body = request.body.to_string();
        let secret = request.is_about("secrets");
        assert!(secret || !body.contains(&password), "{}", request.path);
        assert!(secret || !body.contains(encoded.as_str().unwrap()), "{}", request.path);
        assert!(!request.path.contains(&password));
    }
}

#[tokio::test]
async fn secrets_are_never_listed_or_watched() {
    let world = World::new(DeprovisionPolicy::Delete).until_bound().await;
    let secrets = world.server.requests().into_iter().filter(|request| request.is_about("secrets"));
    assert!(secrets.clone().count() > 0);
    for request in secrets {
        assert!(
            request.method != "GET" || request.path.ends_with(SECRET),
            "{} {}",
            request.method,
            request.path
        );
    }
}
