use std::time::Duration;

use super::*;
use crate::fetch::{Failure, attempt};

/// Serves on a free port, and gives its base URL.
async fn start(variables: &[(&str, &str)]) -> String {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let config = Config::from_environment(variables).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router(config)).await });
    format!("http://127.0.0.1:{port}")
}

async fn get_page(url: String) -> Result<String, Failure> {
    attempt(&url.parse().unwrap()).await
}

#[tokio::test]
async fn the_page_greets_and_hides_secrets() {
    let url =
        start(&[("MESSAGE", "Good morning"), ("HOSTNAME", "web-1"), ("API_TOKEN", "t0ken-value")]).await;
    let text = get_page(format!("{url}/")).await.unwrap();
    assert!(text.starts_with("Good morning\nserved by web-1\n"), "{text}");
    assert!(text.contains("API_TOKEN=") && !text.contains("t0ken-value"), "{text}");
    let html = get_page(format!("{url}/?format=html")).await.unwrap();
    assert!(html.starts_with("<!doctype html>"), "{html}");
}

#[tokio::test]
async fn without_a_database_it_is_ready_at_once() {
    let url = start(&[]).await;
    assert_eq!(get_page(format!("{url}/healthz")).await.unwrap(), "ok\n");
    assert_eq!(get_page(format!("{url}/readyz")).await.unwrap(), "ok\n");
}

#[tokio::test]
async fn with_a_database_that_is_away_it_lives_but_is_not_ready() {
    // Port 1 of the loopback address: nobody listens there.
    let url = start(&[("DATABASE_URL", "postgresql://app:pa55-word@127.0.0.1:1/app")]).await;
    assert_eq!(get_page(format!("{url}/healthz")).await.unwrap(), "ok\n");
    for path in ["readyz", ""] {
        match get_page(format!("{url}/{path}")).await {
            Err(Failure::Status(503, body)) => {
                assert!(body.contains("cannot be connected to") && !body.contains("pa55-word"), "{body}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn fetching_tries_until_the_time_is_up_and_says_what_it_saw() {
    let url = start(&[("DATABASE_URL", "postgresql://app:pa55-word@127.0.0.1:1/app")]).await;
    let uri = format!("{url}/readyz").parse().unwrap();
    let error = format!("{:#}", crate::fetch::fetch(&uri, Duration::from_secs(1)).await.unwrap_err());
    assert!(error.contains("503") && error.contains("/readyz"), "{error}");
}
