//! Types that are charts, with Helm itself.

use crate::{
    remote::set_platform_secret,
    shop::{PASSWORD, Shop, VERSION, Window},
    world::{CLAIM, NAMESPACE, RECORD, World, edit},
};
use api_types::{ClaimPhase, DeprovisionPolicy, Output, ResourceClaim};
use controller_kit::testing::Fault;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Secret, Service},
};
use kube::ResourceExt as _;
use provisioner_template::Retry;
use serde_json::{Value, json};

const RELEASE: &str = "sh.helm.release.v1.shop-cache.v1";
const CONFIG: &str = "shop-cache-config";
const AUTH: &str = "shop-cache-auth";
/// More than a pass ever makes, so that the last rounds are undisturbed.
const WRITES: usize = 8;

/// What is made, with whose it is.
fn owners(world: &World) -> Vec<(String, usize)> {
    let count = |name: &str, owners: usize| (name.to_owned(), owners);
    let secrets =
        [RECORD, AUTH, RELEASE].map(|name| Some((name, world.get::<Secret>(name)?.owner_references().len())));
    let others = [
        world.get::<ConfigMap>(CONFIG).map(|map| (CONFIG, map.owner_references().len())),
        world.get::<Service>(CLAIM).map(|service| (CLAIM, service.owner_references().len())),
        world.get::<StatefulSet>(CLAIM).map(|set| (CLAIM, set.owner_references().len())),
    ];
    secrets.into_iter().chain(others).flatten().map(|(name, owners)| count(name, owners)).collect()
}

fn memory(world: &World) -> String {
    world.get::<ConfigMap>(CONFIG).unwrap().data.unwrap()["redis.conf"].clone()
}

#[tokio::test]
async fn a_chart_becomes_objects_of_the_claim_and_a_release_that_helm_shows() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ());
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_eq!(shop.runs(), ["pull", "show", "template", "template"]);
    let made = [
        "POST secrets",
        "PATCH secrets",
        "PATCH configmaps",
        "PATCH services",
        "PATCH statefulsets",
        "PATCH secrets",
        "PATCH resourceclaims",
    ];
    assert_eq!(world.written(), made);
    assert_eq!((world.status().phase, world.message().as_str()), (ClaimPhase::Binding, "Redis is starting"));
    let world = world.until_bound().await;
    let outputs = [
        ("host".to_owned(), Output::value("shop-cache.team.svc")),
        ("password".to_owned(), Output::secret(AUTH, "password")),
    ];
    assert_eq!(world.status().outputs, outputs.into());
    assert_eq!(owners(&world).iter().filter(|(_, owners)| *owners == 1).count(), 6);
    let set: StatefulSet = world.get(CLAIM).unwrap();
    assert_eq!(set.labels()["app.kubernetes.io/managed-by"], "score-provisioner-template");
    assert_eq!(set.annotations()["score.dev/claim"], CLAIM);

    let window = Window::of(&world).await;
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let list = json(shop.helm(&window, "list --output=json").await);
    let listed = |field: &str| list[0][field].clone();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((listed("name"), listed("status")), (CLAIM.into(), "deployed".into()));
    assert_eq!((listed("chart"), listed("app_version")), (format!("redis-{VERSION}").into(), "7.2".into()));
    let values = json(shop.helm(&window, &format!("get values {CLAIM} --output=json")).await);
    assert_eq!(values["auth"]["existingSecret"], AUTH);
    let manifest = shop.helm(&window, &format!("get manifest {CLAIM}")).await;
    assert!(manifest.contains("StatefulSet") && manifest.contains(CONFIG), "{manifest}");
}

#[tokio::test]
async fn a_chart_sees_the_cluster_by_name_and_nothing_in_it() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ()).until_bound().await;
    let data = world.get::<ConfigMap>(CONFIG).unwrap().data.unwrap();
    assert_eq!((data["kubernetes"].as_str(), data["statefulset"].as_str()), ("v1.36.0", "true"));
    assert_eq!(data["others"], "{}", "a chart can look nothing up");
    let set: StatefulSet = world.get(CLAIM).unwrap();
    let volumes = set.spec.unwrap().template.spec.unwrap().volumes.unwrap();
    assert_eq!(volumes[0].config_map.as_ref().unwrap().default_mode, Some(0o444));
}

#[tokio::test]
async fn helm_runs_only_when_something_has_changed() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ()).until_bound().await;
    let requests = shop.requests();
    let world = world.restart();
    shop.forget_runs();
    world.server.clear_requests();
    world.pass().await.unwrap();
    assert_eq!(shop.runs(), ["template", "template"], "a new process has to see for itself");
    world.pass().await.unwrap();
    world.pass().await.unwrap();
    assert_eq!((shop.runs().len(), world.written()), (2, Vec::<String>::new()));
    assert_eq!(shop.requests(), requests, "the package is there");

    let world = world.changed(|claim| edit(claim, "/helm/values/memory", json!("128Mi"))).await;
    assert_eq!(shop.runs().len(), 4);
    assert!(memory(&world).contains("maxmemory 128mb"), "{}", memory(&world));
    assert_eq!(
        world.written(),
        ["PATCH configmaps", "PATCH statefulsets", "PATCH secrets", "PATCH resourceclaims"]
    );
}

#[tokio::test]
async fn what_is_changed_by_hand_is_put_right_and_what_the_chart_drops_goes() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ()).until_bound().await;
    world.server.modify(NAMESPACE, CONFIG, |map: &mut ConfigMap| map.data = None);
    world.server.remove::<Secret>(NAMESPACE, RELEASE);
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked, "no watch tells of the record");
    assert!(memory(&world).contains("maxmemory 64mb") && world.get::<Secret>(RELEASE).is_some());
    let without = |claim: &mut ResourceClaim| {
        edit(claim, "/helm", Value::Null);
        edit(claim, "/readyWhen", json!("true"));
        edit(claim, "/outputs", json!({}));
    };
    let world = world.changed(without).await;
    assert_eq!(owners(&world), [(RECORD.to_owned(), 1), (AUTH.to_owned(), 1)]);
}

#[tokio::test]
async fn a_chart_comes_from_a_registry_too_and_is_held_to_its_digest() {
    let shop = Shop::open().await;
    let with_digest = |claim: &mut ResourceClaim, digest: &str| {
        let mut chart = shop.chart_in_registry();
        chart["digest"] = digest.into();
        edit(claim, "/helm", chart);
    };
    let world = shop.world(|claim| with_digest(claim, &shop.digest())).until_bound().await;
    assert_eq!(owners(&world).len(), 6);
    let other = format!("sha256:{}", "0".repeat(64));
    let world = shop.world(|claim| with_digest(claim, &other));
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert!(world.message().contains(&shop.digest()), "{}", world.message());
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
}

#[tokio::test]
async fn a_registry_that_asks_is_shown_what_the_platform_gives_and_nothing_of_it_stays() {
    let shop = Shop::asking().await;
    let from_registry = |claim: &mut ResourceClaim| edit(claim, "/helm", shop.chart_in_registry());
    let world = shop.world(from_registry);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert!(world.message().contains("cannot be fetched"), "{}", world.message());
    let named = |claim: &mut ResourceClaim| edit(claim, "/helm/secretRef", json!({"name": "registry"}));
    let world = world.changed(named).await;
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(
        world.message().contains("`registry`, which the declaration names, does not exist"),
        "{}",
        world.message()
    );
    let credentials = json!({"auths": {shop.host.as_str(): {"auth": PASSWORD}}}).to_string();
    set_platform_secret(&world, "registry", &[(".dockerconfigjson", &credentials)]);
    let world = world.until_bound().await;
    assert_eq!(owners(&world).len(), 6);
    assert!(!shop.keeps(PASSWORD));
}

#[tokio::test]
async fn a_secret_that_is_not_allowed_for_charts_is_not_asked_for() {
    let shop = Shop::open().await;
    let world = shop.world(|claim| {
        edit(claim, "/helm", shop.chart_in_registry());
        edit(claim, "/helm/secretRef", json!({"name": "signing-key"}));
    });
    set_platform_secret(&world, "signing-key", &[(".dockerconfigjson", "of somebody else")]);
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert!(world.message().contains("may not read `signing-key`"), "{}", world.message());
    assert!(world.message().contains("chart value `helm.secrets`"), "{}", world.message());
    assert!(!world.server.requests().iter().any(|request| request.path.ends_with("signing-key")));
}

#[tokio::test]
async fn what_a_chart_must_not_do_is_said_and_nothing_is_made() {
    let shop = Shop::open().await;
    for (does, words) in [
        ("generate", "gives something else each time"),
        ("hook", "helm: Secret/shop-cache-hook: it is a hook (`pre-install`)"),
        ("role", "templates may not grant rights"),
        ("keep", "deprovisionPolicy: Retain"),
        ("fail", "cannot be filled in: Helm says `execution error at (redis/templates/does.yaml:2:"),
    ] {
        let world = shop.world(|claim| edit(claim, "/helm/values/does", json!(does)));
        assert_eq!(world.pass().await.unwrap(), Retry::Never, "{does}");
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        assert!(world.message().contains(words), "{}", world.message());
        assert_eq!(world.written(), ["PATCH resourceclaims"]);
        let runs = shop.runs().len();
        world.pass().await.unwrap();
        assert_eq!(shop.runs().len(), runs, "{does}: it would come to the same");
    }
}

#[tokio::test]
async fn a_chart_that_cannot_be_had_is_tried_again() {
    let shop = Shop::open().await;
    let world = shop.world(|claim| edit(claim, "/helm/version", json!("9.9.9")));
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(world.status().phase, ClaimPhase::Binding);
    assert!(world.message().contains("the chart `redis` 9.9.9 cannot be fetched"), "{}", world.message());
    let world = world.changed(|claim| edit(claim, "/helm/version", json!(VERSION))).await;
    let world = world.until_bound().await;
    // What was fetched is kept, so that it does not matter afterwards.
    shop.close();
    let world = world.changed(|claim| edit(claim, "/helm/values/memory", json!("32Mi"))).await;
    assert!(memory(&world).contains("maxmemory 32mb"));
}

#[tokio::test]
async fn what_somebody_else_has_installed_is_never_taken_over() {
    for name in [RELEASE, AUTH] {
        let shop = Shop::open().await;
        let world = shop.world(|_| ());
        let labels = "{owner: helm, name: shop-cache, status: deployed, version: '1'}";
        let secret = format!("metadata: {{namespace: {NAMESPACE}, name: {name}, labels: {labels}}}");
        world.server.insert::<Secret>(serde_yaml_ng::from_str(&secret).unwrap());
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_eq!(world.status().phase, ClaimPhase::Failed);
        assert!(world.message().contains(&format!("`{name}` is taken by something")), "{}", world.message());
        assert_eq!(world.written(), ["PATCH resourceclaims"]);
    }
}

#[tokio::test]
async fn an_installation_that_is_cut_off_anywhere_ends_as_if_it_had_not_been() {
    let shop = Shop::open().await;
    for number in 0..WRITES {
        for fault in [Fault::Refused(503), Fault::AnswerLost] {
            let world = shop.world(|_| ());
            world.server.disturb(number, fault);
            assert_eq!(world.pass().await.is_err(), number < 7, "write {number}");
            let password = world.secret(RECORD, "password");
            let world = world.until_bound().await;
            assert_eq!(owners(&world).iter().filter(|(_, owners)| *owners == 1).count(), 6, "write {number}");
            if let Some(password) = password {
                assert_eq!(world.secret(AUTH, "password").unwrap(), password, "write {number}, {fault:?}");
            }
            assert_eq!(world.server.list::<Secret>().len(), 3);
        }
    }
}

#[tokio::test]
async fn what_was_retained_is_adopted_with_its_release() {
    let shop = Shop::open().await;
    let retained = |claim: &mut ResourceClaim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
    let world = shop.world(retained).until_bound().await;
    assert!(owners(&world).iter().all(|(_, owners)| *owners == 0), "{:?}", owners(&world));
    let password = world.secret(AUTH, "password");
    world.recreate_claim(DeprovisionPolicy::Delete);
    let world = world.until_bound().await;
    assert!(owners(&world).iter().all(|(_, owners)| *owners == 1), "{:?}", owners(&world));
    assert_eq!(world.secret(AUTH, "password"), password);
    let release: Secret = world.get(RELEASE).unwrap();
    assert_eq!(release.annotations()["score.dev/claim-uid"], "second-uid");
}

#[tokio::test]
async fn what_a_chart_has_made_is_kept_though_the_chart_cannot_be_had_any_more() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ()).until_bound().await;
    let retained = |claim: &mut ResourceClaim| {
        claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
        edit(claim, "/helm/version", json!("9.9.9"));
    };
    let world = world.changed(retained).await;
    assert_eq!(world.status().phase, ClaimPhase::Binding);
    let owners = owners(&world);
    assert!(owners.len() == 6 && owners.iter().all(|(_, owners)| *owners == 0), "{owners:?}");
}

#[tokio::test]
async fn no_secret_reaches_a_chart_or_its_release() {
    let shop = Shop::open().await;
    let world = shop.world(|_| ()).until_bound().await;
    let password = world.secret(AUTH, "password").unwrap();
    let window = Window::of(&world).await;
    let manifest = shop.helm(&window, &format!("get manifest {CLAIM}")).await;
    let values = shop.helm(&window, &format!("get values {CLAIM}")).await;
    assert!(manifest.contains(AUTH) && values.contains(AUTH));
    assert!(!manifest.contains(&password) && !values.contains(&password));
    let asks = |claim: &mut ResourceClaim| {
        edit(claim, "/helm/values/auth", json!({"password": "{{ generated('password', length=20) }}"}));
    };
    let world = shop.world(asks);
    world.pass().await.unwrap();
    assert!(world.message().contains("stringData of a Secret"), "{}", world.message());
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
}

#[tokio::test]
async fn the_chart_of_the_page_works_as_it_stands_there() {
    let shop = Shop::open().await;
    let page = include_str!("../../../../docs/provisioners.md");
    let (_, section) = page.split_once("\n## A type that is a Helm chart\n").unwrap();
    let (example, _) = section.split_once("```yaml\n").unwrap().1.split_once("```").unwrap();
    assert!(example.lines().count() < 60);
    let types: Value = serde_yaml_ng::from_str(example).unwrap();
    let mut config = types[0]["config"].clone();
    config["helm"]["chart"] = format!("oci://{}/team/redis", shop.host).into();
    config["helm"]["plainHttp"] = true.into();
    let world = World::with_charts(shop.tools(), |claim| {
        crate::world::declare(claim, &config.to_string());
        edit(claim, "/helm/version", json!(VERSION));
    });
    let world = world.until_bound().await;
    let outputs = world.status().outputs;
    assert_eq!(outputs["host"], Output::value("shop-cache.team.svc"));
    assert_eq!(outputs["password"], Output::secret(AUTH, "password"));
    assert!(memory(&world).contains("maxmemory 128mb"), "{}", memory(&world));
}
