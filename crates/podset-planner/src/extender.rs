//! `podset-planner extender`: tells a stock kube-scheduler, by its HTTP extender protocol, which nodes a pod of a set may go
//! to. It writes nothing.
//!
//! What it says follows from the pod alone, as the scheduler sees it: its label and its [ticket](podset_types::Ticket). So
//! every one of several says the same, and so does one that has just started. What it watches is for the reason that a
//! pod which is held is told. It is not trusted to be asked well: what cannot be understood is answered with an error,
//! and a scheduler that gets no answer binds nobody.

mod reasons;
mod verdict;
mod wire;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use controller_kit::{Definition, Kit};
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;

use self::{
    reasons::Reasons,
    verdict::{allowed, verdict},
    wire::{ExtenderArgs, ExtenderFilterResult, ExtenderPreemptionArgs, ExtenderPreemptionResult},
};

/// The name of this process: that of the scheduler beside it.
pub const NAME: &str = podset_types::SCHEDULER;

/// What the kit needs to know of it.
pub const DEFINITION: Definition = Definition { name: NAME, ..crate::DEFINITION };

/// The most that is read of a question, in bytes: a pod as large as the API server takes, and the names of more nodes than a
/// cluster has.
const LARGEST: usize = 8 << 20;

/// Answers at `address` until the process stops.
pub async fn start(kit: Kit, address: SocketAddr) {
    match TcpListener::bind(address).await {
        Ok(listener) => serve(kit, listener).await,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, %address, "cannot listen: set another address with --extender-listen");
        }
    }
}

/// Answers those who connect to `listener` until the process stops.
pub async fn serve(kit: Kit, listener: TcpListener) {
    let (reasons, current) = Reasons::watch(&kit);
    tokio::spawn(current);
    let router = Router::new()
        .route("/filter", post(filter))
        .route("/preempt", post(preempt))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(Arc::new(reasons));
    let served = axum::serve(listener, router).with_graceful_shutdown(kit.shutdown.clone());
    if let Err(error) = served.await {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot serve any longer");
    }
}

/// Which of the nodes that have room for a pod it may go to.
async fn filter(State(reasons): State<Arc<Reasons>>, question: Bytes) -> Response {
    let answer = match serde_json::from_slice::<ExtenderArgs>(&question) {
        Ok(ExtenderArgs { pod, node_names: Some(nodes) }) => {
            let verdict = verdict(&pod.metadata);
            allowed(&verdict, nodes, || reasons.why(&pod.metadata, Timestamp::now()))
        }
        Ok(_) => {
            ExtenderFilterResult::error("no names of nodes: set nodeCacheCapable: true for this extender")
        }
        Err(error) => ExtenderFilterResult::error(format!("not understood: {error}")),
    };
    json(&answer)
}

/// On which nodes others may be evicted for a pod: where it may go. Without this, that would be tried on every node.
async fn preempt(question: Bytes) -> Response {
    match serde_json::from_slice::<ExtenderPreemptionArgs>(&question) {
        Ok(ExtenderPreemptionArgs { pod, victims: Some(victims) }) => {
            let verdict = verdict(&pod.metadata);
            json(&ExtenderPreemptionResult { victims: verdict.keep(victims, |(node, _)| node) })
        }
        Ok(_) => refused("no victims by uid: set nodeCacheCapable: true for this extender".to_owned()),
        Err(error) => refused(format!("not understood: {error}")),
    }
}

/// The protocol knows no error of this answer, but the scheduler takes another status than 200 for one.
fn refused(why: String) -> Response {
    (StatusCode::BAD_REQUEST, why).into_response()
}

fn json<T: Serialize>(answer: &T) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
