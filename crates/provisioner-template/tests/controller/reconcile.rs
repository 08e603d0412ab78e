//! The whole pass, before an API server in memory.

use crate::world::{CLAIM, NAMESPACE, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, Output, Reason, ResourceClaim};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service},
    },
};
use kube::ResourceExt as _;
use provisioner_template::Retry;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn yaml<K: DeserializeOwned>(text: &str) -> K {
    serde_yaml_ng::from_str(text).unwrap()
}

#[tokio::test]
async fn a_claim_costs_a_record_its_objects_and_an_answer_and_one_more_once_it_is_ready() {
    let world = World::new();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    let made =
        ["POST secrets", "PATCH secrets", "PATCH services", "PATCH statefulsets", "PATCH resourceclaims"];
    assert_eq!(world.written(), made);
    assert_eq!((world.status().phase, world.message().as_str()), (ClaimPhase::Binding, "Redis is starting"));
    world.server.clear_requests();
    world.set_ready();
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
    let status = world.status();
    assert_eq!((status.phase, status.reason), (ClaimPhase::Bound, Some(Reason::Succeeded)));
    assert!(status.outputs_available && status.observed_generation == world.claim().metadata.generation);
    let outputs = [
        ("host".to_owned(), Output::value("shop-cache.team.svc")),
        ("password".to_owned(), Output::secret(CLAIM, "password")),
        ("port".to_owned(), Output::value(6379)),
    ];
    assert_eq!(status.outputs, outputs.into());
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changes() {
    let world = World::new().until_bound().await;
    world.server.clear_requests();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked, "no watch tells of its Secret");
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.written(), Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_that_was_removed_is_made_again_with_the_same_values() {
    for is_ready in [false, true] {
        let mut world = World::new();
        assert_eq!(world.pass().await.unwrap(), Retry::Checked);
        if is_ready {
            world = world.until_bound().await;
        }
        let password = world.secret(CLAIM, "password").unwrap();
        world.server.remove::<Secret>(NAMESPACE, CLAIM);
        assert_eq!(world.pass().await.unwrap(), Retry::Checked, "ready: {is_ready}");
        assert_eq!(world.secret(CLAIM, "password").unwrap(), password);
    }
}

#[tokio::test]
async fn what_is_made_is_labelled_and_owned() {
    let world = World::new().until_bound().await;
    assert_eq!(world.owned_by("claim-uid"), 4);
    let set: StatefulSet = world.get(CLAIM).unwrap();
    assert_eq!(set.labels()["score.dev/workload"], "shop");
    assert_eq!(set.labels()["app.kubernetes.io/managed-by"], "score-provisioner-template");
    assert_eq!(set.annotations()["score.dev/claim"], CLAIM);
    assert_eq!(set.spec.unwrap().replicas, Some(1));
}

#[tokio::test]
async fn a_generated_value_is_made_once_and_stands_in_secrets_alone() {
    let world = World::new().until_bound().await;
    let password = world.secret(RECORD, "password").unwrap();
    assert!(password.len() == 20 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(world.secret(CLAIM, "password").unwrap(), password);
    assert_eq!(world.secret(CLAIM, "uri").unwrap(), format!("redis://default:{password}@shop-cache"));
    let encoded = json!(ByteString(password.clone().into_bytes()));
    for request in world.server.requests() {
        let body = request.body.to_string();
        let secret = request.is_about("secrets");
        assert!(
            secret || !(body.contains(&password) || body.contains(encoded.as_str().unwrap())),
            "{}",
            request.path
        );
    }
    // Drift is repaired with the same value, and another length changes nothing.
    world.server.modify(NAMESPACE, CLAIM, |secret: &mut Secret| secret.data = None);
    let world = world
        .changed(|claim| {
            let text = "{{ generated('password', length=40) }}";
            edit(claim, "/manifests/0/stringData", json!({"password": text}));
        })
        .await;
    assert_eq!(world.secret(CLAIM, "password").unwrap(), password);
    assert_eq!(world.secret(CLAIM, "uri"), None);
}

#[tokio::test]
async fn a_value_that_is_added_later_is_generated_and_the_others_stay() {
    let world = World::new().until_bound().await;
    let password = world.secret(RECORD, "password").unwrap();
    let added = |claim: &mut ResourceClaim| {
        edit(claim, "/manifests/0/stringData/other", json!("{{ generated('other') }}"));
    };
    let world = world.changed(added).await;
    assert_eq!(world.secret(RECORD, "password").unwrap(), password);
    assert_eq!(world.secret(CLAIM, "other"), world.secret(RECORD, "other"));
    assert_eq!(world.secret(CLAIM, "other").unwrap().len(), 32);
}

#[tokio::test]
async fn secrets_are_neither_listed_nor_watched() {
    let world = World::new().until_bound().await;
    for request in world.server.requests().into_iter().filter(|request| request.is_about("secrets")) {
        let named = request.path.ends_with(CLAIM) || request.path.ends_with(RECORD);
        assert!(request.method != "GET" || named, "{} {}", request.method, request.path);
    }
}

#[tokio::test]
async fn the_revision_changes_with_the_value_of_a_secret() {
    let world = World::new().until_bound().await;
    let before = world.status().outputs_revision;
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        record.data = Some([("password".to_owned(), ByteString(b"another".into()))].into());
    });
    // Nothing tells of it, and it is the same process.
    world.pass().await.unwrap();
    assert_eq!(world.secret(CLAIM, "password").unwrap(), "another");
    assert!(world.status().outputs_revision.is_some() && world.status().outputs_revision != before);
}

#[tokio::test]
async fn what_is_no_longer_in_the_template_goes_and_what_is_new_comes() {
    let world = World::new().until_bound().await;
    let world = world
        .changed(|claim| {
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "b"}});
            edit(claim, "/manifests/1", map);
            edit(claim, "/outputs", json!({"a": {"configMapKeyRef": {"name": "'more'", "key": "a"}}}));
        })
        .await;
    assert!(world.get::<Service>(CLAIM).is_none());
    assert_eq!(world.status().outputs["a"], Output::value("b"));
    let record: Secret = world.get(RECORD).unwrap();
    assert_eq!(
        record.annotations()["score.dev/objects"],
        "apps/v1/StatefulSet/shop-cache,v1/ConfigMap/more,v1/Secret/shop-cache"
    );
    world.server.clear_requests();
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.written(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_removed_by_a_policy_that_keeps_data() {
    let retained = |claim: &mut ResourceClaim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
    let world = World::of(retained).until_bound().await;
    let world = world.changed(|claim| edit(claim, "/manifests/2", Value::Null)).await;
    assert!(world.get::<StatefulSet>(CLAIM).is_some());
    let world = world.changed(|claim| claim.spec.deprovision_policy = DeprovisionPolicy::Delete).await;
    assert!(world.get::<StatefulSet>(CLAIM).is_none());
}

#[tokio::test]
async fn what_an_earlier_claim_was_to_keep_is_not_removed_by_a_later_one_that_does_not_have_it() {
    let retained = |claim: &mut ResourceClaim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
    let world = World::of(retained).until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Delete);
    let world = world.changed(|claim| edit(claim, "/manifests/2", Value::Null)).await;
    assert!(world.get::<StatefulSet>(CLAIM).is_some());
    let record: Secret = world.get(RECORD).unwrap();
    assert!(record.annotations()["score.dev/objects"].contains("apps/v1/StatefulSet/shop-cache"));
}

#[tokio::test]
async fn what_somebody_else_made_is_never_touched() {
    for place in ["Service/shop-cache", "Secret/shop-cache-generated", "Secret/shop-cache"] {
        let world = World::new();
        let (kind, name) = place.split_once('/').unwrap();
        let object = format!(
            "metadata: {{namespace: team, name: {name}, labels: {{app.kubernetes.io/managed-by: Helm}}}}"
        );
        match kind {
            "Service" => drop(world.server.insert::<Service>(yaml(&object))),
            _ => drop(world.server.insert::<Secret>(yaml(&object))),
        }
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        assert!(
            world.message().contains(&format!("`{name}` is taken by something that `Helm` manages")),
            "{}",
            world.message()
        );
        assert_eq!(world.written(), ["PATCH resourceclaims"]);
    }
}

#[tokio::test]
async fn what_another_claim_made_is_not_taken_over_or_removed() {
    let world = World::new().until_bound().await;
    world.server.modify(NAMESPACE, CLAIM, |service: &mut Service| {
        service.annotations_mut().insert("score.dev/claim".into(), "other".into());
    });
    let world = world.changed(|claim| edit(claim, "/manifests/1", Value::Null)).await;
    assert!(world.get::<Service>(CLAIM).is_some());
}

#[tokio::test]
async fn the_policy_decides_what_a_later_claim_of_the_name_finds() {
    for (policy, phase, words) in [
        (DeprovisionPolicy::Delete, ClaimPhase::Binding, "is being removed"),
        (DeprovisionPolicy::Retain, ClaimPhase::Bound, "ready"),
        (DeprovisionPolicy::Orphan, ClaimPhase::Failed, "left behind on purpose"),
    ] {
        let world = World::of(|claim| claim.spec.deprovision_policy = policy).until_bound().await;
        let password = world.secret(CLAIM, "password");
        assert_eq!(world.owned_by("claim-uid"), if policy == DeprovisionPolicy::Delete { 4 } else { 0 });
        world.recreate_claim(policy);
        let world = world.restart();
        world.pass().await.unwrap();
        assert_eq!(world.status().phase, phase, "{policy:?}: {}", world.message());
        assert!(world.message().contains(words), "{policy:?}: {}", world.message());
        assert_eq!(world.secret(CLAIM, "password"), password);
    }
}

#[tokio::test]
async fn a_change_of_policy_gives_and_takes_the_owner() {
    let world = World::new().until_bound().await;
    let world = world.changed(|claim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain).await;
    assert_eq!(world.owned_by("claim-uid"), 0);
    let world = world.changed(|claim| claim.spec.deprovision_policy = DeprovisionPolicy::Delete).await;
    assert_eq!(world.owned_by("claim-uid"), 4);
}

#[tokio::test]
async fn values_that_are_lost_are_not_made_anew_beside_what_was_made_with_them() {
    let world = World::new().until_bound().await;
    world.server.remove::<Secret>(NAMESPACE, RECORD);
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("`shop-cache-generated`") && world.message().contains("restore"));
    assert!(world.get::<Secret>(RECORD).is_none());
}

#[tokio::test]
async fn an_output_gives_away_no_secret_that_was_not_made_for_the_claim() {
    let text = "outputs: {password: {secretKeyRef: {name: \"'other'\", key: password}}}";
    let world = World::declaring(text);
    world.pass().await.unwrap();
    assert_eq!(world.status().phase, ClaimPhase::Binding);
    world
        .server
        .insert::<Secret>(yaml("{metadata: {namespace: team, name: other}, data: {password: cGE1NQ==}}"));
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("was not made for this claim"), "{}", world.message());
    assert!(world.status().outputs.is_empty());
}

#[tokio::test]
async fn a_secret_that_an_operator_made_of_an_object_of_the_claim_is_an_output() {
    let text = "{manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: db}}], \
                outputs: {password: {secretKeyRef: {name: \"objects.configmap.metadata.name + '-app'\", key: password}}}}";
    let world = World::declaring(text);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    let map: ConfigMap = world.get("db").unwrap();
    let owner = format!("{{apiVersion: v1, kind: ConfigMap, name: db, uid: {}}}", map.uid().unwrap());
    let secret = |data: &str| {
        format!("{{metadata: {{namespace: team, name: db-app, ownerReferences: [{owner}]}}, data: {data}}}")
    };
    world.server.insert::<Secret>(yaml(&secret("{}")));
    let world = world.restart();
    assert_eq!((world.pass().await.unwrap(), world.status().phase), (Retry::Soon, ClaimPhase::Binding));
    world.server.insert::<Secret>(yaml(&secret("{password: cGE1NQ==}")));
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_eq!(world.status().phase, ClaimPhase::Bound);
    assert_eq!(world.status().outputs["password"], Output::secret("db-app", "password"));
    // The operator rotates it, and nothing tells.
    let before = world.status().outputs_revision;
    world.server.modify(NAMESPACE, "db-app", |secret: &mut Secret| {
        secret.data = Some([("password".to_owned(), ByteString(b"another".into()))].into());
    });
    world.server.clear_requests();
    world.pass().await.unwrap();
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
    assert!(world.status().outputs_revision.is_some() && world.status().outputs_revision != before);
}

#[tokio::test]
async fn a_secret_param_is_copied_from_secret_to_secret() {
    let text = "{manifests: [{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {url: 'x:{{ params.password }}'}}]}";
    let world = World::of(|claim| {
        declare(claim, text);
        let params = json!({"password": [{"secretKeyRef": {"name": "db", "key": "password"}}]});
        claim.spec.params = serde_json::from_value(params).unwrap();
    });
    assert_eq!((world.pass().await.unwrap(), world.status().phase), (Retry::Soon, ClaimPhase::Binding));
    world
        .server
        .insert::<Secret>(yaml("{metadata: {namespace: team, name: db}, data: {password: cGE1NQ==}}"));
    let world = world.restart();
    // Nothing tells when it changes.
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.secret("s", "url").unwrap(), "x:pa55");
}

#[tokio::test]
async fn what_is_only_read_is_looked_at_again_and_never_written() {
    let text = "{reads: {other: {apiVersion: v1, kind: Service, name: api}}, \
                readyWhen: 'reads.other != null && reads.other.spec.clusterIP != \"\"', \
                outputs: {ip: {value: reads.other.spec.clusterIP}}}";
    let world = World::declaring(text);
    assert_eq!((world.pass().await.unwrap(), world.status().phase), (Retry::Soon, ClaimPhase::Binding));
    world
        .server
        .insert::<Service>(yaml("{metadata: {namespace: team, name: api}, spec: {clusterIP: 192.0.2.1}}"));
    let world = world.restart();
    assert_eq!((world.pass().await.unwrap(), world.status().phase), (Retry::Rarely, ClaimPhase::Bound));
    assert_eq!(world.status().outputs["ip"], Output::value("192.0.2.1"));
    assert!(world.written().iter().all(|write| write == "PATCH resourceclaims"), "{:?}", world.written());
}

#[tokio::test]
async fn a_type_without_objects_is_bound_at_once_and_leaves_nothing() {
    let world = World::declaring("{values: {a: 1}, outputs: {a: {value: values.a}}}");
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert_eq!(world.status().phase, ClaimPhase::Bound);
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
}

#[tokio::test]
async fn what_the_platform_has_to_correct_is_said() {
    let manifest = |kind: &str| format!("{{manifests: [{{apiVersion: {kind}, metadata: {{name: a}}}}]}}");
    for (text, words, retry) in [
        ("{helm: {}}".to_owned(), "helm: missing field `chart`", Retry::Never),
        (
            "{helm: {chart: 'oci://charts.example.com/a', version: 1.2.3}}".to_owned(),
            "`oci://charts.example.com` is not among the places for charts",
            Retry::Never,
        ),
        (manifest("batch/v1, kind: Job"), "`batch/v1/Job` is not among the kinds", Retry::Never),
        (
            manifest("example.com/v1, kind: Nothing"),
            "the cluster has no `example.com/v1/Nothing`",
            Retry::Rarely,
        ),
        ("{outputs: {a: {value: nothing}}}".to_owned(), "outputs.a: `nothing`", Retry::Never),
        ("{readyWhen: '7'}".to_owned(), "readyWhen[0]: is neither true nor false", Retry::Never),
        ("{vars: {a: params.b}}".to_owned(), "vars.a: `params.b`: No such key", Retry::Never),
        (
            manifest("v1, kind: ConfigMap, data: {a: '{{ params.b }}'}"),
            "manifests[0]: /data/a: undefined value",
            Retry::Never,
        ),
    ] {
        let world = World::declaring(&text);
        assert_eq!(world.pass().await.unwrap(), retry, "{text}");
        assert_eq!(
            (world.status().phase, world.status().reason),
            (ClaimPhase::Failed, Some(Reason::BindingFailed))
        );
        assert!(
            world.message().contains(words) && world.message().contains("ask your platform team"),
            "{}",
            world.message()
        );
        assert_eq!(world.written(), ["PATCH resourceclaims"], "{text}");
    }
}

#[tokio::test]
async fn what_the_user_has_to_correct_is_said() {
    let world =
        World::declaring("{require: [{when: 'has(params.size)', message: 'params.size is missing'}]}");
    world.pass().await.unwrap();
    assert_eq!(
        (world.status().phase, world.message().as_str()),
        (ClaimPhase::Failed, "params.size is missing")
    );
    let world = World::of(|claim| {
        claim.spec.params =
            serde_json::from_value(json!({"a": {"secretKeyRef": {"name": "x", "key": "y"}}})).unwrap();
    });
    world.pass().await.unwrap();
    assert!(
        world.message().starts_with("resources.cache.params: params.a: `secretKeyRef`"),
        "{}",
        world.message()
    );
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_without_what_it_said_of_secrets() {
    for (resource, code) in [("secrets", 403), ("services", 422), ("statefulsets.apps", 400)] {
        let world = World::new();
        world.server.fail_next(move |request| request.is_write() && request.is_about(resource), code);
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        assert!(world.message().contains("ask your platform team"), "{}", world.message());
        world.until_bound().await;
    }
}

#[tokio::test]
async fn what_changed_since_it_was_read_is_read_again() {
    let world = World::new();
    world.server.fail_next(|request| request.method == "POST" && request.is_about("secrets"), 409);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.claim().status, None, "there is nothing to say yet");
    world.until_bound().await;
}

#[tokio::test]
async fn a_claim_that_goes_is_left_alone() {
    let world = World::of(|claim| {
        claim.metadata.finalizers = Some(vec!["example.com/x".into()]);
    });
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.written(), Vec::<String>::new());
    let world = World::new();
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    world.pass().await.unwrap();
}

#[tokio::test]
async fn a_change_of_the_declaration_reaches_objects_that_are_there() {
    let world = World::new().until_bound().await;
    let world = world
        .changed(|claim| claim.spec.params = serde_json::from_value(json!({"replicas": 3})).unwrap())
        .await;
    assert_eq!(world.get::<StatefulSet>(CLAIM).unwrap().spec.unwrap().replicas, Some(3));
    assert!(world.server.list::<PersistentVolumeClaim>().is_empty());
}
