use std::{pin::Pin, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::core::PartialObjectMeta;
use serde_json::json;

use super::*;
use crate::testing::{Recorded, TestApiServer};

type Triggers<K> = Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "team"}})).unwrap()
}

fn watched(server: &TestApiServer) -> (Cache<ConfigMap>, Triggers<ConfigMap>) {
    let (cache, triggers) =
        watch(Api::all(server.client()), watcher::Config::default(), |_: &mut ConfigMap| ());
    (cache, Box::pin(triggers))
}

async fn next(triggers: &mut Triggers<ConfigMap>) -> String {
    triggers.next().await.unwrap().unwrap().name_any()
}

fn is_list(request: &Recorded) -> bool {
    request.method == "GET" && !request.query.contains_key("watch")
}

fn is_watch(request: &Recorded) -> bool {
    request.query.contains_key("watch")
}

#[tokio::test]
async fn every_object_that_appears_changes_or_goes_is_a_trigger() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let (cache, mut triggers) = watched(&server);
    assert_eq!(next(&mut triggers).await, "a");
    cache.ready().await.unwrap();
    server.insert(map("b"));
    assert_eq!(next(&mut triggers).await, "b");
    assert_eq!(cache.list("team", |_| true).len(), 2);
    server.remove::<ConfigMap>("team", "a");
    assert_eq!(next(&mut triggers).await, "a");
    assert_eq!(cache.get("team", "a"), None);
}

#[tokio::test(start_paused = true)]
async fn what_vanishes_while_the_watch_is_down_is_a_trigger() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let (cache, mut triggers) = watched(&server);
    assert_eq!(next(&mut triggers).await, "a");
    // The watch is down while the object goes, and its version is forgotten when it is back: only a list can tell.
    server.fail_next(is_watch, 500);
    let waiting = tokio::time::timeout(Duration::from_millis(10), triggers.next()).await;
    assert!(waiting.is_err());
    server.remove::<ConfigMap>("team", "a");
    server.compact();
    assert_eq!(next(&mut triggers).await, "a");
    assert_eq!(cache.get("team", "a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_yields_no_error_and_tries_again() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    for _ in 0..3 {
        server.fail_next(is_list, 500);
    }
    let (_cache, mut triggers) = watched(&server);
    assert_eq!(next(&mut triggers).await, "a");
    server.fail_next(is_watch, 403);
    let changed = async {
        tokio::task::yield_now().await;
        server.insert(map("b"));
    };
    let (name, ()) = futures::join!(next(&mut triggers), changed);
    assert_eq!(name, "b");
}

#[tokio::test]
async fn an_object_that_does_not_parse_stops_nothing() {
    let server = TestApiServer::new();
    let odd = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "namespace": "team"}, "spec": {"containers": 1},
    });
    server.insert_json("pods", odd);
    server.insert::<Pod>(
        serde_json::from_value(json!({"metadata": {"name": "plain", "namespace": "team"}})).unwrap(),
    );
    let (cache, triggers) = watch(Api::all(server.client()), watcher::Config::default(), |_: &mut Pod| ());
    let mut triggers = Box::pin(triggers);
    assert_eq!(triggers.next().await.unwrap().unwrap().name_any(), "plain");
    assert_eq!(cache.list("team", |_| true).len(), 1);
}

/// An object that is deeper than the parser goes.
fn deep(name: &str) -> serde_json::Value {
    let nested = (0..150).fold(json!("a"), |within, _| json!({"a": within}));
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team"}, "spec": {"overhead": nested},
    })
}

fn plain(name: &str) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "team"}})).unwrap()
}

#[tokio::test]
async fn an_object_that_is_too_deep_stops_neither_a_list_nor_a_watch() {
    let server = TestApiServer::new();
    server.insert_json("pods", deep("listed"));
    server.insert(plain("a"));
    let (cache, triggers) = watch(Api::all(server.client()), watcher::Config::default(), |_: &mut Pod| ());
    let mut triggers = Box::pin(triggers);
    assert_eq!(triggers.next().await.unwrap().unwrap().name_any(), "a");
    server.insert_json("pods", deep("watched"));
    server.insert(plain("b"));
    assert_eq!(triggers.next().await.unwrap().unwrap().name_any(), "b");
    assert_eq!(cache.list("team", |_| true).len(), 2);
    let lists = server.requests().into_iter().filter(is_list).count();
    assert_eq!(lists, 1, "the watch has gone on");
}

#[tokio::test]
async fn of_a_kind_that_is_cut_an_object_that_is_too_deep_is_read_as_far_as_that() {
    let server = TestApiServer::new();
    server.insert_json("pods", deep("listed"));
    let (cache, triggers) =
        watch_cut(Api::all(server.client()), watcher::Config::default(), |_: &mut PartialObjectMeta<Pod>| ());
    let mut triggers = Box::pin(triggers);
    assert_eq!(triggers.next().await.unwrap().unwrap().name_any(), "listed");
    assert!(cache.get("team", "listed").is_some());
}

#[test]
fn the_last_version_that_parsed_stays_until_the_object_is_deleted() {
    let known = Cache::from_objects([map("a")]);
    let odd = || -> Guarded<ConfigMap> {
        serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "team"}, "data": 1})).unwrap()
    };
    assert!(parsed(Event::Apply(odd()), &known).is_none());
    assert!(
        matches!(parsed(Event::InitApply(odd()), &known), Some(Event::InitApply(old)) if old == map("a"))
    );
    assert!(matches!(parsed(Event::Delete(odd()), &known), Some(Event::Delete(old)) if old == map("a")));
    assert!(parsed(Event::Delete(odd()), &Cache::from_objects([])).is_none());
}

#[tokio::test]
async fn metadata_alone_can_be_watched() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::all(server.client());
    let (cache, triggers) = watch(api, watcher::Config::default(), |_: &mut PartialObjectMeta<ConfigMap>| ());
    let mut triggers = Box::pin(triggers);
    assert_eq!(triggers.next().await.unwrap().unwrap().name_any(), "a");
    assert!(cache.get("team", "a").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_mentioned_at_its_start_and_every_few_minutes() {
    let mut outage = None;
    let mut mentions = Vec::new();
    for _ in 0..20 {
        let before = outage;
        settle::<ConfigMap, false>(Err(watcher::Error::NoResourceVersion), &mut outage);
        mentions.push(outage != before);
        tokio::time::advance(Duration::from_secs(31)).await;
    }
    assert_eq!(mentions.iter().filter(|mentioned| **mentioned).count(), 2, "{mentions:?}");
    assert!(settle::<ConfigMap, false>(Ok(Event::InitDone), &mut outage).is_some());
    assert_eq!(outage, None);
}
