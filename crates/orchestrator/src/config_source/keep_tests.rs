use controller_kit::testing::TestApiServer;

use super::*;

const NAMESPACE: &str = "score-system";

fn place() -> Place {
    Place { namespace: NAMESPACE.into(), name: "orchestrator-config".into() }
}

/// What is kept after `text` was to be, and the number of writes that took.
async fn kept_after(server: &TestApiServer, text: Option<&str>) -> (Option<String>, usize) {
    let wanted = text.map(|text| Kept { text: text.to_owned(), artifact: None });
    let (kept, writes) = kept_as(server, wanted).await;
    (kept.map(|kept| kept.text), writes)
}

async fn kept_as(server: &TestApiServer, wanted: Option<Kept>) -> (Option<Kept>, usize) {
    server.clear_requests();
    let applier = Applier::new(server.client(), "score-orchestrator");
    keep(&applier, &Cache::from_objects(server.list()), &place(), wanted).await.unwrap();
    let kept: Option<ConfigMap> = server.get(NAMESPACE, "orchestrator-config-last-good");
    (kept.as_ref().and_then(Kept::of), server.writes().len())
}

#[tokio::test]
async fn the_last_good_document_is_written_once_and_only_when_it_is_new() {
    let server = TestApiServer::new();
    assert_eq!(kept_after(&server, None).await, (None, 0));
    assert_eq!(kept_after(&server, Some("one")).await, (Some("one".into()), 1));
    assert_eq!(kept_after(&server, Some("one")).await, (Some("one".into()), 0));
    assert_eq!(kept_after(&server, Some("two")).await, (Some("two".into()), 1));
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_forgotten() {
    let server = TestApiServer::new();
    kept_after(&server, Some("one")).await;
    assert_eq!(kept_after(&server, None).await, (None, 1));
    assert_eq!(kept_after(&server, None).await, (None, 0));
}

#[tokio::test]
async fn where_the_document_came_from_is_kept_beside_it() {
    let server = TestApiServer::new();
    let of =
        |artifact: Option<&str>| Some(Kept { text: "one".into(), artifact: artifact.map(str::to_owned) });
    assert_eq!(kept_as(&server, of(Some("x@y"))).await, (of(Some("x@y")), 1));
    assert_eq!(kept_as(&server, of(Some("x@y"))).await, (of(Some("x@y")), 0));
    assert_eq!(kept_as(&server, of(None)).await, (of(None), 1));
}
