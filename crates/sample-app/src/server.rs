//! The HTTP server.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{config::Config, mask::masked, page::Page, visits::Visits};

/// What every request is answered from.
struct App {
    message: String,
    host: String,
    environment: BTreeMap<String, String>,
    visits: Option<Visits>,
}

/// Longer names of visitors are cut.
const LONGEST_VISITOR: usize = 60;

/// Serves until the process is asked to stop, and then stops at once.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(("0.0.0.0", config.port))
        .await
        .with_context(|| format!("cannot listen on port {} (set another with PORT)", config.port))?;
    println!("listening on port {}", config.port);
    tokio::select! {
        served = axum::serve(listener, router(config)) => served.context("cannot serve"),
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn router(config: Config) -> Router {
    let app = App {
        message: config.message,
        host: config.environment.get("HOSTNAME").cloned().unwrap_or_else(|| "this machine".to_owned()),
        environment: masked(&config.environment),
        visits: config.database.map(Visits::new),
    };
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Arc::new(app))
}

async fn index(
    State(app): State<Arc<App>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let visits = match &app.visits {
        Some(visits) => {
            Some(visits.record(&app.host, &visitor(&headers)).await.map_err(|error| format!("{error:#}")))
        }
        None => None,
    };
    let status =
        if matches!(visits, Some(Err(_))) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let page = Page { message: &app.message, host: &app.host, environment: &app.environment, visits };
    if wants_text(&query, &headers) {
        (status, page.text()).into_response()
    } else {
        (status, Html(page.html())).into_response()
    }
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match &app.visits {
        Some(visits) => match visits.check().await {
            Ok(()) => "ok\n".into_response(),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}\n")).into_response(),
        },
        None => "ok\n".into_response(),
    }
}

fn wants_text(query: &BTreeMap<String, String>, headers: &HeaderMap) -> bool {
    match query.get("format") {
        Some(format) => format == "text",
        None => {
            let accept =
                headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            accept.contains("text/plain") && !accept.contains("text/html")
        }
    }
}

fn visitor(headers: &HeaderMap) -> String {
    let agent =
        headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // PostgreSQL keeps every character in text but this one.
    let agent = agent.unwrap_or_else(|| "somebody".to_owned()).replace('\0', "");
    agent.chars().take(LONGEST_VISITOR).collect()
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
