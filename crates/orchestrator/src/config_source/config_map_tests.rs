use controller_kit::testing::TestApiServer;

use super::*;

const NAMESPACE: &str = "score-system";

fn place() -> Place {
    Place { namespace: NAMESPACE.into(), name: "orchestrator-config".into() }
}

/// What is kept after `text` was to be, and the number of writes that took.
async fn kept_after(server: &TestApiServer, text: Option<&str>) -> (Option<String>, usize) {
    server.clear_requests();
    let applier = Applier::new(server.client(), "score-orchestrator");
    keep(&applier, &Cache::from_objects(server.list()), &place(), text).await.unwrap();
    let kept: Option<ConfigMap> = server.get(NAMESPACE, "orchestrator-config-last-good");
    (kept.as_ref().and_then(document).map(str::to_owned), server.writes().len())
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
