//! External planners that answer on real connections, well or not.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, http::header::CONTENT_TYPE, routing::post};
use futures::stream;
use k8s_openapi::api::core::v1::Service;
use planner_api::{
    SchedulePlanRequest, SchedulePlanResponse,
    schedule_planner_server::{SchedulePlanner, SchedulePlannerServer},
};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

/// What it does when it is asked.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Answers these nodes by pods.
    Answers(Vec<(&'static str, &'static str)>),
    /// Answers another node for each pod every time.
    Wavers,
    /// Answers more than is read.
    IsTooLarge,
    /// Answers that it will not.
    Refuses,
    /// Never answers.
    IsSilent,
    /// Answers again and again, without an end.
    IsEndless,
    /// Promises more than it sends.
    Stalls,
    /// Speaks something else.
    IsNoPlanner,
    /// Listens no more.
    IsGone,
}

/// An external planner.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<SchedulePlanRequest>>>,
}

impl Fake {
    /// Starts one.
    pub async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let routes = match manner {
            Manner::IsGone => return fake,
            Manner::IsEndless => {
                raw(|| Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(EMPTY.repeat(999)))))
            }
            Manner::Stalls => raw(|| {
                let first = stream::once(async { Ok::<_, Infallible>(vec![0, 0, 0, 1, 0]) });
                Body::from_stream(futures::StreamExt::chain(first, stream::pending()))
            }),
            Manner::IsNoPlanner => raw(|| Body::from("<html>")),
            other => Routes::new(SchedulePlannerServer::new(Answering {
                manner: other,
                asked: fake.asked.clone(),
            })),
        };
        let served = Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(served);
        fake
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<SchedulePlanRequest> {
        self.asked.lock().unwrap().clone()
    }
}

/// An empty message, as it is on the wire.
const EMPTY: [u8; 5] = [0; 5];

/// Whatever is asked, the answer is such a body.
fn raw(body: impl Fn() -> Body + Clone + Send + Sync + 'static) -> Routes {
    let answer = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/grpc")], body()) }
    };
    Routes::from(Router::new().route("/planner.SchedulePlanner/BuildSchedulePlan", post(answer)))
}

struct Answering {
    manner: Manner,
    asked: Arc<Mutex<Vec<SchedulePlanRequest>>>,
}

#[tonic::async_trait]
impl SchedulePlanner for Answering {
    async fn build_schedule_plan(
        &self,
        request: Request<SchedulePlanRequest>,
    ) -> Result<Response<SchedulePlanResponse>, Status> {
        let asked = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.into_inner());
            asked.len()
        };
        let assignments = match &self.manner {
            Manner::Answers(pairs) => {
                pairs.iter().map(|(pod, node)| ((*pod).to_owned(), (*node).to_owned())).collect()
            }
            Manner::Wavers => {
                let node = |pod| format!("n{}", (pod + asked) % 3 + 1);
                (0..3).map(|pod| (format!("web-{pod:02}"), node(pod))).collect()
            }
            Manner::IsTooLarge => (0..50_000)
                .map(|number| (format!("web-{number:02}"), "n".repeat(100)))
                .collect::<HashMap<_, _>>(),
            Manner::Refuses => return Err(Status::failed_precondition("not\ntoday")),
            _ => pending().await,
        };
        Ok(Response::new(SchedulePlanResponse { assignments }))
    }
}

/// A Service in `namespace` that plans `pod_set`, or every set if that is `default`.
pub fn service(namespace: &str, name: &str, pod_set: &str) -> Service {
    serde_json::from_value(json!({
        "metadata": {
            "namespace": namespace, "name": name, "labels": {format!("planner.ciena.io/{pod_set}"): "enabled"},
        },
        "spec": {"ports": [{"name": "grpc", "port": 7309}]},
    }))
    .unwrap()
}
