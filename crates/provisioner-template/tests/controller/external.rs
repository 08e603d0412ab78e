//! Resources behind an API: what is asked, what is told, and that nothing is made twice or shown.

use std::time::Duration;

use crate::remote::{Remote, TOKEN, Wrong, set_platform_secret};
use crate::world::{CLAIM, NAMESPACE, PLATFORM, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, Output, ResourceClaim};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::ResourceExt as _;
use provisioner_template::{FINALIZER, Retry};
use serde_json::{Value, json};

const SECRET: &str = "s3cret-of-b-1-0123456789";

pub fn assert_phase(world: &World, phase: ClaimPhase, words: &str) {
    assert_eq!(world.status().phase, phase, "{}", world.message());
    assert!(world.message().contains(words), "{}", world.message());
}

pub fn set_size(claim: &mut ResourceClaim, size: u32) {
    claim.metadata.generation = claim.metadata.generation.map(|generation| generation + 1);
    claim.spec.params = serde_json::from_value(json!({"size": size})).unwrap();
}

#[tokio::test]
async fn a_bucket_is_made_once_and_its_claim_is_bound_and_held() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete);
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_phase(&world, ClaimPhase::Bound, "ready");
    let [bucket] = remote.buckets().try_into().unwrap();
    assert_eq!(bucket["size"], 1);
    let outputs = [
        ("bucket".to_owned(), Output::value(bucket["name"].clone())),
        ("secret_key".to_owned(), Output::secret(RECORD, "output.secret_key")),
    ];
    assert_eq!(world.status().outputs, outputs.into());
    assert_eq!(world.secret(RECORD, "output.secret_key").unwrap(), SECRET);
    assert_eq!(world.claim().finalizers(), [FINALIZER.name]);
    assert_eq!(world.claim().annotations()["score.dev/remote-id"], "b-1");
    assert_eq!(world.claim().annotations()["score.dev/remote-api"], format!("{}/v1", remote.origin));
    let made = [
        "POST secrets",
        "PATCH resourceclaims",
        "PATCH secrets",
        "PATCH resourceclaims",
        "PATCH resourceclaims",
        "PATCH secrets",
    ];
    assert_eq!(world.written()[..6], made);
    assert_eq!((remote.asked("POST"), remote.asked("GET")), (1, 1));
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changes_and_what_lies_there_is_looked_at() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    world.server.clear_requests();
    remote.clear();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_eq!(world.written(), Vec::<String>::new());
    assert_eq!((remote.asked("POST"), remote.asked("GET")), (0, 1));
}

#[tokio::test]
async fn secrets_stand_in_the_secret_of_the_claim_and_in_requests_and_nowhere_else() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    let password = world.secret(RECORD, "password").unwrap();
    remote.disturb("GET", Wrong::Says(422, "{\"message\": \"t0ken-of-the-platform and s3cret\"}", None));
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "HTTP status 422)");
    for secret in [SECRET, TOKEN, &password] {
        let encoded = json!(ByteString(secret.into()));
        let encoded = encoded.as_str().unwrap().trim_end_matches('=');
        for request in world.server.requests() {
            let own = request.is_about("secrets") && secret != TOKEN;
            let body = request.body.to_string();
            assert!(own || !(body.contains(secret) || body.contains(encoded)), "{}", request.path);
        }
    }
    let record: Secret = world.get(RECORD).unwrap();
    assert!(!serde_json::to_string(&record.metadata).unwrap().contains(SECRET));
    let request = world.secret(RECORD, "request.json").unwrap();
    assert!(!request.contains(&password) && !request.contains(TOKEN), "{request}");
    let create = remote.got().into_iter().find(|got| got.method == "POST").unwrap();
    assert_eq!((&create.body["password"], create.target.as_str()), (&json!(password), "/v1/buckets"));
}

#[tokio::test]
async fn secrets_of_an_answer_are_not_seen_by_expressions() {
    let remote = Remote::start().await;
    let world = remote.world_with(|claim| {
        edit(
            claim,
            "/outputs",
            json!({
                "leak": {"value": "string(answer.name) + string(answer.credentials)"},
                "secret_key": {"secret": "/credentials"},
            }),
        );
    });
    world.pass().await.unwrap();
    assert!(!serde_json::to_string(&world.claim()).unwrap().contains("s3cret"));
}

#[tokio::test]
async fn what_is_not_ready_waits_and_what_has_failed_says_so() {
    let remote = Remote::start().await;
    remote.set_state("creating");
    let world = remote.world(DeprovisionPolicy::Delete);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_phase(&world, ClaimPhase::Binding, "the bucket is being made");
    remote.set_state("failed");
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_phase(&world, ClaimPhase::Failed, "the bucket could not be made");
    remote.set_state("ready");
    world.until_bound().await;
    assert_eq!(remote.asked("POST"), 1);
}

/// What can go wrong, what the claim is told, and when it is tried again.
pub fn troubles() -> Vec<(Wrong, ClaimPhase, &'static str, Retry)> {
    let (binding, failed) = (ClaimPhase::Binding, ClaimPhase::Failed);
    vec![
        (
            Wrong::Says(400, "{\"message\": \"bad size\"}", None),
            failed,
            "HTTP status 400: bad size",
            Retry::Rarely,
        ),
        (Wrong::Says(409, "{}", None), binding, "a conflict (HTTP status 409)", Retry::Soon),
        (Wrong::Says(401, "{}", None), failed, "credentials (HTTP status 401)", Retry::Rarely),
        (Wrong::Says(403, "{}", None), failed, "credentials (HTTP status 403)", Retry::Rarely),
        (Wrong::Says(408, "{}", None), binding, "come back later", Retry::Soon),
        (
            Wrong::Says(429, "{}", Some("40")),
            binding,
            "come back later (HTTP status 429)",
            Retry::After(Duration::from_secs(40)),
        ),
        (Wrong::Says(500, "no", None), binding, "reports an error (HTTP status 500)", Retry::Soon),
        (
            Wrong::Says(503, "", Some("100000")),
            binding,
            "reports an error (HTTP status 503)",
            Retry::After(Duration::from_secs(600)),
        ),
        (Wrong::Says(200, "<html>", None), binding, "is not JSON", Retry::Soon),
        (Wrong::Says(200, "{\"id\": ", None), binding, "is not JSON", Retry::Soon),
        (Wrong::DoneThenSays(500, ""), binding, "reports an error", Retry::Soon),
        (Wrong::DoneThenDies, binding, "broke off", Retry::Soon),
        (Wrong::Hangs, binding, "does not answer in time", Retry::Soon),
        (Wrong::Endless, binding, "too large", Retry::Soon),
        (
            Wrong::Leads("/v1/other".to_owned()),
            failed,
            "another address, which is not followed",
            Retry::Rarely,
        ),
    ]
}

#[tokio::test]
async fn whatever_goes_wrong_when_a_bucket_is_made_is_told_and_one_bucket_comes_of_it() {
    for (wrong, phase, words, retry) in troubles() {
        let remote = Remote::start().await;
        remote.disturb("POST", wrong.clone());
        let world = remote.world(DeprovisionPolicy::Delete);
        assert_eq!(world.pass().await.unwrap(), retry, "{wrong:?}");
        assert_phase(&world, phase, words);
        world.until_bound().await;
        assert_eq!(remote.buckets().len(), 1, "{wrong:?}");
        let keys: Vec<_> =
            remote.got().iter().filter_map(|got| got.headers.get("idempotency-key").cloned()).collect();
        assert!(keys.len() == 2 && keys[0] == keys[1], "{wrong:?}: {keys:?}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_when_a_bucket_is_looked_at_keeps_its_outputs() {
    for (wrong, phase, words, retry) in troubles() {
        let remote = Remote::start().await;
        let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
        let bound = world.status();
        remote.disturb("GET", wrong.clone());
        let world = world.restart();
        assert_eq!(world.pass().await.unwrap(), retry, "{wrong:?}");
        assert_phase(&world, phase, words);
        assert_eq!((&world.status().outputs, world.status().outputs_available), (&bound.outputs, false));
        let world = world.until_bound().await;
        assert_eq!((world.status(), remote.asked("POST")), (bound, 1), "{wrong:?}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_when_a_bucket_is_removed_holds_the_claim_until_it_is_gone() {
    for (wrong, _, words, retry) in troubles() {
        // Nobody needs what it says of a removal.
        if matches!(wrong, Wrong::Says(200, ..)) {
            continue;
        }
        let remote = Remote::start().await;
        let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
        remote.disturb("DELETE", wrong.clone());
        world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
        let world = world.restart();
        let expected = if retry == Retry::Rarely { Retry::Soon } else { retry };
        assert_eq!(world.pass().await.unwrap(), expected, "{wrong:?}");
        assert_phase(&world, ClaimPhase::Binding, words);
        assert!(world.message().contains("score.dev/abandon=true"), "{}", world.message());
        let world = world.restart();
        assert_eq!(world.pass().await.unwrap(), Retry::Never);
        assert!(world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none(), "{wrong:?}");
        assert_eq!(remote.buckets().len(), 0, "{wrong:?}");
    }
}

#[tokio::test]
async fn who_asks_for_a_pause_is_left_alone() {
    let remote = Remote::start().await;
    remote.disturb("POST", Wrong::Says(429, "{}", Some("40")));
    let world = remote.world(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    // As the watch of its own status makes it do.
    let Retry::After(left) = world.pass().await.unwrap() else { panic!("it did not wait") };
    assert!(left <= Duration::from_secs(40) && left > Duration::from_secs(20));
    assert_eq!(remote.asked("POST"), 1);
}

#[tokio::test]
async fn an_api_that_is_slow_is_asked_by_few_at_once_and_the_others_keep_what_they_have() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    let world = world.restart();
    world.server.clear_requests();
    (0..4).for_each(|_| remote.disturb("GET", Wrong::Hangs));
    // As four claims and a fifth: what bounds them is the API's, not the claim's.
    let passes = futures::future::join_all((0..5).map(|_| world.pass())).await;
    let busy = passes.into_iter().filter(|retry| matches!(retry, Ok(Retry::Busy))).count();
    assert_eq!((busy, remote.asked("GET")), (1, 5));
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (remote, other) = (Remote::start().await, Remote::start().await);
    let world = remote.world(DeprovisionPolicy::Delete);
    for to in [format!("{}/v1/buckets", other.origin), format!("{}/v1/buckets", remote.origin)] {
        remote.disturb("POST", Wrong::Leads(to));
        world.pass().await.unwrap();
    }
    assert_eq!((remote.asked("POST"), other.got().len(), remote.buckets().len()), (2, 0, 0));
}

#[tokio::test]
async fn an_api_that_is_down_is_waited_for() {
    let remote = Remote::start().await;
    remote.stop();
    let world = remote.world(DeprovisionPolicy::Delete);
    // The socket closes once the task has ended.
    while world.pass().await.unwrap() != Retry::Soon {
        tokio::task::yield_now().await;
    }
    assert_phase(&world, ClaimPhase::Binding, "cannot be reached");
}

#[tokio::test]
async fn what_was_made_and_is_gone_is_not_made_again() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    remote.lose();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_phase(&world, ClaimPhase::Failed, "no longer at");
    assert_eq!(remote.asked("POST"), 1);
    // It hinders nobody from going.
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    let world = world.restart();
    world.pass().await.unwrap();
    assert!(world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none());
}

#[tokio::test]
async fn what_changes_once_it_is_made_is_not_passed_on_and_said() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    let world = world.changed(|claim| set_size(claim, 7)).await;
    assert_phase(&world, ClaimPhase::Bound, "as it was first asked for");
    assert_eq!((remote.asked("POST"), remote.buckets()[0]["size"].clone()), (1, json!(1)));
}

#[tokio::test]
async fn a_question_that_was_refused_is_replaced_by_another() {
    let remote = Remote::start().await;
    remote.disturb("POST", Wrong::Says(422, "{\"message\": \"too small\"}", None));
    let world = remote.world(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "too small");
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| set_size(claim, 7));
    // The former question is asked once more: it is not certain that it was never understood.
    remote.disturb("POST", Wrong::Says(422, "{}", None));
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    let world = world.until_bound().await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    assert_eq!(remote.buckets()[0]["size"], 7);
    let keys: Vec<_> =
        remote.got().iter().filter_map(|got| got.headers.get("idempotency-key").cloned()).collect();
    assert!(keys.len() == 3 && keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again_as_it_was() {
    let remote = Remote::start().await;
    remote.disturb("POST", Wrong::DoneThenDies);
    let world = remote.world(DeprovisionPolicy::Delete);
    world.pass().await.unwrap();
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| set_size(claim, 7));
    let world = world.until_bound().await;
    assert_phase(&world, ClaimPhase::Bound, "as it was first asked for");
    assert_eq!((remote.buckets().len(), remote.buckets()[0]["size"].clone()), (1, json!(1)));
}

#[tokio::test]
async fn the_platform_is_told_what_it_has_to_set_up() {
    let remote = Remote::start().await;
    let cases: [(&str, &str); 4] = [
        (
            "secret",
            "`buckets-api`, which the declaration names, does not exist in the namespace `score-system`",
        ),
        ("key", "`buckets-api` in the namespace `score-system` has no `token`"),
        ("right", "chart value `externalApi.secrets`"),
        ("origin", "chart value `externalApi.origins`"),
    ];
    for (missing, words) in cases {
        let world = remote.world(DeprovisionPolicy::Delete);
        match missing {
            "secret" => world.server.remove::<Secret>(PLATFORM, "buckets-api"),
            "key" => set_platform_secret(&world, "buckets-api", &[("other", "x")]),
            "right" => world.server.fail_next(|request| request.path.ends_with("buckets-api"), 403),
            _ => world
                .server
                .modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                    edit(claim, "/externalApi/url", "http://127.0.0.1:1/v1".into());
                })
                .map_or((), drop),
        }
        let world = world.restart();
        world.pass().await.unwrap();
        assert_phase(&world, ClaimPhase::Failed, words);
        assert_eq!(remote.got().len(), 0, "{missing}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_allowed_is_not_asked_for() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete);
    set_platform_secret(&world, "signing-key", &[("token", "of somebody else")]);
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        edit(claim, "/externalApi/secretRef", json!({"name": "signing-key"}));
    });
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "the provisioner may not read `signing-key`");
    assert!(world.message().contains("chart value `externalApi.secrets`"), "{}", world.message());
    assert!(!world.server.requests().iter().any(|request| request.path.ends_with("signing-key")));
    assert_eq!(remote.got().len(), 0);
}

#[tokio::test]
async fn a_record_that_is_lost_or_damaged_is_not_replaced() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| record.data = None);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "cannot be read");
    world.server.remove::<Secret>(NAMESPACE, RECORD);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "is gone");
    assert_eq!(remote.asked("POST"), 1);
}

#[tokio::test]
async fn a_declaration_that_changes_its_way_leaves_nothing_behind() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    let objects = "{manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: it}}]}";
    let world = world.changed(|claim| declare(claim, objects)).await;
    assert_phase(&world, ClaimPhase::Failed, "in another way");
    // It cannot be removed by a declaration that does not say how.
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Binding, "still to be removed");
    let other = remote.world_with(|claim| declare(claim, objects)).until_bound().await;
    let other = other.changed(|claim| declare(claim, &remote.declaration())).await;
    assert_phase(&other, ClaimPhase::Failed, "in another way");
}

#[tokio::test]
async fn what_a_workload_brings_is_data_wherever_it_goes() {
    let remote = Remote::start().await;
    for text in
        ["../../admin", "a/b", "a?b=c", "a#b", "%2e%2e", "\u{e9} \"x\"", "a&b=c", "{{ 1 }}", "http://x"]
    {
        let world = remote.world_with(|claim| {
            claim.spec.params = serde_json::from_value(json!({"text": text})).unwrap();
            edit(
                claim,
                "/externalApi/create",
                json!({
                    "path": "/buckets/{{ params.text }}", "query": {"q": "{{ params.text }}"},
                    "body": {"text": "{{ params.text }}", "inside": "a {{ params.text }} b"},
                }),
            );
        });
        remote.clear();
        world.pass().await.unwrap();
        let [got] = remote.got().try_into().unwrap();
        let target: reqwest::Url = format!("{}{}", remote.origin, got.target).parse().unwrap();
        assert_eq!(target.path_segments().unwrap().count(), 3, "{text}: {}", got.target);
        let pairs: Vec<_> = target.query_pairs().collect();
        assert!(pairs.len() == 1 && pairs[0].1 == text, "{text}: {}", got.target);
        assert_eq!(got.body, json!({"text": text, "inside": format!("a {text} b")}));
    }
}

#[tokio::test]
async fn what_would_lead_elsewhere_is_never_asked() {
    let remote = Remote::start().await;
    for (text, field) in [("..", "path"), (".", "path"), ("", "path"), ("a\r\nx-evil: 1", "header")] {
        let world = remote.world_with(|claim| {
            claim.spec.params = serde_json::from_value(json!({"text": text})).unwrap();
            let create = match field {
                "path" => json!({"path": "/buckets/{{ params.text }}"}),
                _ => json!({"path": "/buckets", "headers": {"X-Text": "{{ params.text }}"}}),
            };
            edit(claim, "/externalApi/create", create);
        });
        world.pass().await.unwrap();
        assert_phase(&world, ClaimPhase::Failed, "externalApi.create");
        assert_eq!(remote.got().len(), 0, "{text}");
    }
}

#[tokio::test]
async fn a_secret_param_is_sent_and_not_written_down() {
    let remote = Remote::start().await;
    let world = remote.world_with(|claim| {
        let params = json!({"password": [{"secretKeyRef": {"name": "db", "key": "password"}}]});
        claim.spec.params = serde_json::from_value(params).unwrap();
        edit(claim, "/externalApi/create/body", json!({"name": "it", "password": "{{ params.password }}"}));
    });
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_phase(&world, ClaimPhase::Binding, "waiting for `password` of `db`");
    let text = "{metadata: {namespace: team, name: db}, data: {password: cGE1NS1vZi1kYg==}}";
    world.server.insert::<Secret>(serde_yaml_ng::from_str(text).unwrap());
    let world = world.until_bound().await;
    assert_eq!(remote.got().iter().find(|got| got.method == "POST").unwrap().body["password"], "pa55-of-db");
    assert!(!world.secret(RECORD, "request.json").unwrap().contains("pa55-of-db"));
    assert_eq!(world.claim().spec.params.map(|params| params.0["password"].is_array()), Some(true));
    let _: Value = serde_json::from_str(&world.secret(RECORD, "request.json").unwrap()).unwrap();
}
