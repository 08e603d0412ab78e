use controller_kit::testing::TestApiServer;
use k8s_openapi::api::core::v1::ConfigMap;
use prometheus::Registry;

use super::*;

const MANAGER: &str = "manager";

/// Config maps that watches show, and one Secret for each claim.
struct Shelf(TestApiServer);

#[async_trait]
impl Possessions for Shelf {
    fn watched(&self) -> Vec<Possession> {
        let kind = ApiResource::erase::<ConfigMap>(&());
        let of = |map: ConfigMap| Possession { kind: kind.clone(), meta: map.metadata };
        self.0.list().into_iter().map(of).collect()
    }

    async fn secrets(&self, claim: &Identity) -> Result<Vec<String>, kube::Error> {
        Ok(vec![format!("{}-secret", claim.name)])
    }
}

fn claim(server: &TestApiServer, name: &str, uid: &str) {
    let text = format!(
        "{{metadata: {{namespace: team, name: {name}, uid: {uid}}}, spec: {{workloadRef: {{name: shop, uid: w}}, key: k, \
         type: cache, class: small, provisioner: p, deprovisionPolicy: Retain}}}}"
    );
    server.insert::<ResourceClaim>(serde_yaml_ng::from_str(&text).unwrap());
}

fn metadata(name: &str, claim: &str, uid: &str, policy: &str) -> ObjectMeta {
    let text = format!(
        "{{namespace: team, name: {name}, labels: {{app.kubernetes.io/managed-by: {MANAGER}, score.dev/type: cache, \
         score.dev/class: small, score.dev/claim-state: in-use}}, annotations: {{score.dev/claim: {claim}, \
         score.dev/claim-uid: {uid}, score.dev/deprovision-policy: {policy}}}}}"
    );
    serde_yaml_ng::from_str(&text).unwrap()
}

/// A config map and a Secret of the claim `name`.
fn made(server: &TestApiServer, name: &str, policy: &str) {
    let uid = format!("{name}-uid");
    server.insert(ConfigMap { metadata: metadata(name, name, &uid, policy), ..ConfigMap::default() });
    let secret = metadata(&format!("{name}-secret"), name, &uid, policy);
    server.insert(Secret { metadata: secret, ..Secret::default() });
}

fn leftovers(server: &TestApiServer) -> Arc<Leftovers> {
    let claims = Cache::from_objects(server.list());
    Arc::new(Leftovers::new(server.client(), MANAGER, claims, Arc::new(Shelf(server.clone()))))
}

fn state(meta: &ObjectMeta) -> &str {
    label(meta, LABEL_STATE).unwrap_or_default()
}

fn states(server: &TestApiServer, name: &str) -> (String, String) {
    let map: ConfigMap = server.get("team", name).unwrap();
    let secret: Secret = server.get("team", &format!("{name}-secret")).unwrap();
    (state(&map.metadata).to_owned(), state(&secret.metadata).to_owned())
}

fn both(state: &str) -> (String, String) {
    (state.to_owned(), state.to_owned())
}

/// `type class state count` of every line of the metric.
fn counted(leftovers: &Arc<Leftovers>) -> Vec<String> {
    let registry = Registry::new();
    leftovers.count_in(&registry).unwrap();
    let families = registry.gather();
    let metrics = families.iter().flat_map(|family| family.get_metric());
    let line = |metric: &prometheus::proto::Metric| {
        let values: Vec<_> = metric.get_label().iter().map(|pair| pair.value().to_owned()).collect();
        format!("{} {}", values.join(" "), metric.get_gauge().get_value())
    };
    metrics.map(line).collect()
}

#[tokio::test]
async fn what_a_claim_that_is_gone_has_left_is_labelled_by_its_policy_and_counted_once() {
    let server = TestApiServer::new();
    claim(&server, "here", "here-uid");
    for (name, policy) in [("here", "Retain"), ("one", "Retain"), ("two", "Orphan"), ("gone", "Delete")] {
        made(&server, name, policy);
    }
    let leftovers = leftovers(&server);
    leftovers.look().await.unwrap();
    assert_eq!(states(&server, "here"), both("in-use"));
    assert_eq!(states(&server, "one"), both("retained"));
    assert_eq!(states(&server, "two"), both("orphaned"));
    assert_eq!(states(&server, "gone"), both("in-use"), "it goes with its claim");
    assert_eq!(counted(&leftovers), ["small orphaned cache 1", "small retained cache 1"]);
    server.clear_requests();
    leftovers.look().await.unwrap();
    assert_eq!(server.requests(), [], "nothing has changed");
}

#[tokio::test]
async fn a_claim_that_only_the_api_server_knows_of_is_not_gone() {
    let server = TestApiServer::new();
    let leftovers = leftovers(&server);
    claim(&server, "late", "late-uid");
    made(&server, "late", "Retain");
    leftovers.look().await.unwrap();
    assert_eq!(states(&server, "late"), both("in-use"));
    // Another claim of the name is not the one that it was made for.
    server.remove::<ResourceClaim>("team", "late");
    claim(&server, "late", "another-uid");
    leftovers.look().await.unwrap();
    assert_eq!(states(&server, "late"), both("retained"));
}

#[tokio::test]
async fn what_could_not_be_labelled_is_tried_again_secrets_first() {
    let server = TestApiServer::new();
    made(&server, "one", "Retain");
    let leftovers = leftovers(&server);
    for writes in 0..2 {
        server.fail_after(writes);
        leftovers.look().await.unwrap_err();
        let (map, secret) = states(&server, "one");
        assert_eq!((map.as_str(), secret == "retained"), ("in-use", writes == 1));
    }
    server.heal();
    leftovers.look().await.unwrap();
    assert_eq!(states(&server, "one"), both("retained"));
}

#[tokio::test]
async fn secrets_alone_are_found_by_whoever_knows_of_the_claim_and_forgotten_when_they_go() {
    let server = TestApiServer::new();
    made(&server, "one", "Retain");
    server.remove::<ConfigMap>("team", "one");
    let leftovers = leftovers(&server);
    leftovers.look().await.unwrap();
    assert_eq!(counted(&leftovers), [""; 0], "nothing leads to it");
    let gone = Identity { namespace: "team".into(), name: "one".into(), uid: "one-uid".into() };
    leftovers.suspect([gone]);
    leftovers.look().await.unwrap();
    assert_eq!(counted(&leftovers), ["small retained cache 1"]);
    server.remove::<Secret>("team", "one-secret");
    leftovers.remember_secrets();
    leftovers.look().await.unwrap();
    assert_eq!(counted(&leftovers), [""; 0]);
}
