use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};

use kube::ResourceExt as _;

use super::*;
use crate::own::version_of;

fn map(name: &str, version: u64) -> ConfigMap {
    in_namespace("team", name, version)
}

fn in_namespace(namespace: &str, name: &str, version: u64) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.namespace = Some(namespace.to_owned());
    map.metadata.name = Some(name.to_owned());
    map.metadata.resource_version = Some(version.to_string());
    map
}

fn empty() -> (Cache<ConfigMap>, Feed<ConfigMap>) {
    let (cache, mut feed) = Cache::fed(|_| ());
    list(&mut feed, []);
    (cache, feed)
}

fn list(feed: &mut Feed<ConfigMap>, objects: impl IntoIterator<Item = ConfigMap>) -> Vec<String> {
    feed.apply(Event::Init);
    for object in objects {
        feed.apply(Event::InitApply(object));
    }
    names(&feed.apply(Event::InitDone))
}

fn names(objects: &[Arc<ConfigMap>]) -> Vec<String> {
    let mut names: Vec<_> = objects.iter().map(|object| object.name_any()).collect();
    names.sort();
    names
}

fn version(cache: &Cache<ConfigMap>, name: &str) -> Option<u64> {
    cache.get("team", name).as_deref().and_then(version_of)
}

fn remembered(cache: &Cache<ConfigMap>) -> usize {
    cache.read().remembered()
}

#[test]
fn what_was_written_is_read_at_once() {
    let (cache, _feed) = empty();
    cache.record(map("a", 5));
    assert_eq!(version(&cache, "a"), Some(5));
    assert_eq!(names(&cache.list("team", |_| true)), ["a"]);
    assert_eq!(names(&cache.list_all(|_| true)), ["a"]);
}

#[test]
fn what_was_written_hides_an_older_version_that_the_watch_shows() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 3)));
    cache.record(map("a", 5));
    feed.apply(Event::Apply(map("a", 4)));
    assert_eq!(version(&cache, "a"), Some(5));
    assert_eq!(cache.list("team", |_| true).len(), 1);
}

#[test]
fn a_write_is_forgotten_once_the_watch_shows_it() {
    let (cache, mut feed) = empty();
    cache.record(map("a", 5));
    feed.apply(Event::Apply(map("a", 5)));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (Some(5), 0));
}

#[test]
fn a_write_is_forgotten_once_the_watch_shows_a_newer_one() {
    let (cache, mut feed) = empty();
    cache.record(map("a", 5));
    feed.apply(Event::Apply(map("a", 7)));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (Some(7), 0));
}

#[test]
fn a_write_that_the_watch_has_shown_before_the_answer_came_is_not_kept() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 5)));
    cache.record(map("a", 5));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (Some(5), 0));
}

#[test]
fn a_write_that_somebody_else_has_overwritten_since_is_not_kept() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 6)));
    cache.record(map("a", 5));
    assert_eq!(version(&cache, "a"), Some(6));
}

#[test]
fn a_deletion_removes_what_was_written_before_it() {
    let (cache, mut feed) = empty();
    cache.record(map("a", 5));
    feed.apply(Event::Delete(map("a", 6)));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (None, 0));
}

#[test]
fn a_deletion_that_was_seen_before_the_write_was_recorded_counts() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 5)));
    feed.apply(Event::Delete(map("a", 6)));
    cache.record(map("a", 5));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (None, 0));
}

#[test]
fn an_object_that_was_recreated_outlives_the_late_news_of_its_deletion() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 3)));
    cache.record(map("a", 6));
    feed.apply(Event::Delete(map("a", 5)));
    assert_eq!(version(&cache, "a"), Some(6));
    assert_eq!(names(&cache.list("team", |_| true)), ["a"]);
    feed.apply(Event::Apply(map("a", 6)));
    assert_eq!((version(&cache, "a"), remembered(&cache)), (Some(6), 0));
}

#[test]
fn an_older_answer_that_comes_late_does_not_replace_a_newer_one() {
    let (cache, _feed) = empty();
    cache.record(map("a", 6));
    cache.record(map("a", 5));
    assert_eq!(version(&cache, "a"), Some(6));
}

#[test]
fn a_write_that_the_watch_does_not_select_is_forgotten_with_the_next_news() {
    let (cache, mut feed) = empty();
    cache.record(map("unselected", 5));
    feed.apply(Event::Apply(map("other", 8)));
    assert_eq!((version(&cache, "unselected"), remembered(&cache)), (None, 0));
}

#[test]
fn a_list_replaces_what_was_written_before_it_began() {
    let (cache, mut feed) = empty();
    cache.record(map("deleted-meanwhile", 5));
    list(&mut feed, [map("b", 4)]);
    assert_eq!((version(&cache, "deleted-meanwhile"), remembered(&cache)), (None, 0));
    assert_eq!(names(&cache.list("team", |_| true)), ["b"]);
}

#[test]
fn a_list_does_not_hide_what_was_written_while_it_was_read() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Init);
    feed.apply(Event::InitApply(map("b", 4)));
    cache.record(map("a", 5));
    feed.apply(Event::InitDone);
    assert_eq!(version(&cache, "a"), Some(5));
    feed.apply(Event::Apply(map("a", 5)));
    assert_eq!(remembered(&cache), 0);
}

#[test]
fn versions_may_start_again_lower_after_a_restore() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 1000)));
    list(&mut feed, [map("a", 10)]);
    cache.record(map("a", 11));
    assert_eq!(version(&cache, "a"), Some(11));
}

#[test]
fn the_watch_wins_over_a_version_that_is_no_number() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(map("a", 3)));
    let mut odd = map("a", 0);
    odd.metadata.resource_version = Some("opaque".to_owned());
    cache.record(odd);
    assert_eq!(version(&cache, "a"), Some(3));
}

#[test]
fn a_list_touches_what_is_there_and_what_has_vanished() {
    let (_cache, mut feed) = empty();
    assert_eq!(list(&mut feed, [map("a", 1), map("b", 2)]), ["a", "b"]);
    assert_eq!(list(&mut feed, [map("b", 2), map("c", 3)]), ["a", "b", "c"]);
}

#[test]
fn nothing_is_touched_before_a_list_is_complete() {
    let (cache, mut feed) = Cache::<ConfigMap>::fed(|_| ());
    assert!(feed.apply(Event::Init).is_empty());
    assert!(feed.apply(Event::InitApply(map("a", 1))).is_empty());
    assert_eq!(cache.get("team", "a"), None);
    assert_eq!(names(&feed.apply(Event::InitDone)), ["a"]);
}

#[test]
fn a_list_of_one_namespace_is_sorted_filtered_and_only_of_it() {
    let objects = [map("c", 1), map("a", 2), in_namespace("other", "b", 3), in_namespace("team2", "d", 4)];
    let cache = Cache::from_objects(objects);
    cache.record(map("b", 9));
    cache.record(in_namespace("team2", "e", 10));
    assert_eq!(names(&cache.list("team", |_| true)), ["a", "b", "c"]);
    assert_eq!(names(&cache.list("team", |object| object.name_any() != "a")), ["b", "c"]);
    assert_eq!(names(&cache.list("nowhere", |_| true)), Vec::<String>::new());
    assert_eq!(cache.list_all(|_| true).len(), 6);
}

#[test]
fn an_object_without_namespace_is_found_under_the_empty_one() {
    let mut node = k8s_openapi::api::core::v1::Node::default();
    node.metadata.name = Some("n".to_owned());
    let cache = Cache::from_objects([node]);
    assert!(cache.get("", "n").is_some());
    assert_eq!(cache.list("", |_| true).len(), 1);
}

#[test]
fn what_nobody_reads_is_dropped_on_both_ways_in() {
    let (cache, mut feed) = Cache::<ConfigMap>::fed(|map| map.data = None);
    let full = |name: &str, version| {
        let mut map = map(name, version);
        map.data = Some([("key".to_owned(), "value".to_owned())].into());
        map.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
        map
    };
    list(&mut feed, [full("watched", 1)]);
    cache.record(full("written", 2));
    for name in ["watched", "written"] {
        let kept = cache.get("team", name).unwrap();
        assert_eq!((&kept.data, &kept.metadata.managed_fields), (&None, &None), "{name}");
    }
}

#[tokio::test]
async fn a_cache_is_ready_after_its_first_list() {
    let (cache, mut feed) = Cache::<ConfigMap>::fed(|_| ());
    let mut ready = std::pin::pin!(cache.ready());
    assert!(futures::poll!(ready.as_mut()).is_pending());
    list(&mut feed, []);
    ready.await.unwrap();
}

#[tokio::test]
async fn a_cache_that_is_no_longer_fed_says_so() {
    let (cache, feed) = Cache::<ConfigMap>::fed(|_| ());
    drop(feed);
    assert!(cache.ready().await.unwrap_err().to_string().contains("configmaps"));
}

#[tokio::test]
async fn all_who_wait_for_the_first_list_are_woken() {
    let (cache, mut feed) = Cache::<k8s_openapi::api::core::v1::ConfigMap>::fed(|_| ());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.ready().await })
        })
        .collect();
    // Lets each of them begin to wait.
    tokio::task::yield_now().await;
    feed.apply(Event::Init);
    feed.apply(Event::InitDone);
    for waiter in waiting {
        waiter.await.unwrap().unwrap();
    }
}

/// A map with a label, by which the tests find it.
fn labelled(name: &str, version: u64, team: &str) -> ConfigMap {
    let mut map = map(name, version);
    map.labels_mut().insert("team".to_owned(), team.to_owned());
    map
}

fn by_team(cache: &Cache<ConfigMap>) -> Index<ConfigMap> {
    cache.index(|map| map.labels().get("team").cloned().into_iter().collect())
}

#[test]
fn an_index_finds_what_was_there_before_it_and_what_came_after() {
    let (cache, mut feed) = empty();
    feed.apply(Event::Apply(labelled("a", 1, "red")));
    let teams = by_team(&cache);
    feed.apply(Event::Apply(labelled("b", 2, "red")));
    feed.apply(Event::Apply(labelled("c", 3, "blue")));
    assert_eq!(names(&teams.get("team", "red")), ["a", "b"]);
    assert!(teams.get("other-namespace", "red").is_empty());
    assert!(teams.get("team", "green").is_empty());
}

#[test]
fn an_index_follows_changes_deletions_and_lists() {
    let (cache, mut feed) = empty();
    let teams = by_team(&cache);
    feed.apply(Event::Apply(labelled("a", 1, "red")));
    feed.apply(Event::Apply(labelled("a", 2, "blue")));
    assert!(teams.get("team", "red").is_empty());
    assert_eq!(names(&teams.get("team", "blue")), ["a"]);
    feed.apply(Event::Delete(labelled("a", 3, "blue")));
    assert!(teams.get("team", "blue").is_empty());
    list(&mut feed, [labelled("b", 4, "blue"), labelled("c", 5, "red")]);
    list(&mut feed, [labelled("c", 5, "red")]);
    assert!(teams.get("team", "blue").is_empty());
    assert_eq!(names(&teams.get("team", "red")), ["c"]);
}

#[test]
fn an_index_finds_what_was_written_as_it_was_written() {
    let (cache, mut feed) = empty();
    let teams = by_team(&cache);
    feed.apply(Event::Apply(labelled("a", 1, "red")));
    cache.record(labelled("a", 2, "blue"));
    cache.record(labelled("b", 3, "blue"));
    assert!(teams.get("team", "red").is_empty());
    assert_eq!(names(&teams.get("team", "blue")), ["a", "b"]);
}
