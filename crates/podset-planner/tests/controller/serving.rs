//! `podset-planner planner`, asked over a connection.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::world::{NAMESPACE, SET, World, pod};
use planner_api::{SchedulePlanRequest, schedule_planner_client::SchedulePlannerClient};
use podset_planner::serve;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tonic::{Code, Status, transport::Channel};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// A planner that sees what `world` holds.
struct Serving {
    address: SocketAddr,
    stop: mpsc::Sender<()>,
    running: JoinHandle<()>,
}

impl Serving {
    async fn new(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kit, stop) = world.server.kit(serve::NAME);
        Self { address, stop, running: tokio::spawn(serve::serve(kit, listener)) }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn ask(&self, pod_set: &str, eligible: &[&str]) -> Result<BTreeMap<String, String>, Status> {
        let request = SchedulePlanRequest {
            namespace: NAMESPACE.to_owned(),
            pod_set: pod_set.to_owned(),
            scheduled_pod: String::new(),
            eligible_nodes: eligible.iter().map(|node| (*node).to_owned()).collect(),
        };
        let response = SchedulePlannerClient::new(self.channel().await).build_schedule_plan(request).await?;
        Ok(response.into_inner().assignments.into_iter().collect())
    }

    async fn stop(self) {
        drop(self.stop);
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn the_answer_is_the_plan_that_the_controller_makes_and_nothing_is_written() {
    let world = World::new(&json!({"state": "Planning"}), 2, 3);
    let serving = Serving::new(&world).await;
    let answer = serving.ask(SET, &[]).await.unwrap();
    assert!(world.server.writes().is_empty());
    world.set_state(podset_types::TriggerState::Schedule);
    let world = world.again().await;
    assert_eq!(world.entries(), answer);
    // Those that have a place keep it.
    assert_eq!(serving.ask(SET, &[]).await.unwrap(), answer);
    serving.stop().await;
}

#[tokio::test]
async fn only_nodes_that_were_offered_are_used_and_who_has_no_place_is_left_out() {
    let world = World::new(&json!({"state": "Planning"}), 2, 3);
    let serving = Serving::new(&world).await;
    let answer = serving.ask(SET, &["n2", "unknown"]).await.unwrap();
    assert_eq!(answer.values().collect::<Vec<_>>(), ["n2", "n2"]);
    assert!(serving.ask(SET, &["unknown"]).await.unwrap().is_empty());
    serving.stop().await;
}

#[tokio::test]
async fn a_set_without_trigger_is_planned_too_and_one_without_pods_has_an_empty_plan() {
    let world = World::new(&json!({"state": "Planning"}), 2, 0);
    world.server.insert(pod("db-0", "db"));
    let serving = Serving::new(&world).await;
    assert_eq!(serving.ask("db", &[]).await.unwrap().len(), 1);
    assert!(serving.ask("nobody", &[]).await.unwrap().is_empty());
    let refused = serving.ask("", &[]).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::InvalidArgument, "give both namespace and podSet")
    );
    serving.stop().await;
}

#[tokio::test]
async fn the_service_describes_itself() {
    let world = World::new(&json!({"state": "Planning"}), 2, 0);
    let serving = Serving::new(&world).await;
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(serving.channel().await);
    let request = futures::stream::iter([list]);
    let mut answers = client.server_reflection_info(request).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"planner.SchedulePlanner".to_owned()), "{names:?}");
    drop((answers, client));
    serving.stop().await;
}
