//! `podset-planner planner`: answers by gRPC where a set would go, with the controller's own plan on what it sees itself.
//! It writes nothing. The controller does not ask it: the answer would be what it knows already.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use controller_kit::{Definition, Kit, Shutdown};
use jiff::Timestamp;
use kube::ResourceExt as _;
use planner_api::{
    DESCRIPTOR, SchedulePlanRequest, SchedulePlanResponse,
    schedule_planner_server::{SchedulePlanner, SchedulePlannerServer},
};
use podset_types::{LABEL_POD_SET, ScheduleTrigger, ScheduleTriggerSpec};
use tokio::{net::TcpListener, sync::Semaphore, task::spawn_blocking};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    build::proposal,
    caches::{AllChanges, Caches, poll, watch_all},
    dereference::{World, dereference, survey},
    validate::{PodSet, validate},
};

/// This planner's name, and that of its Service.
pub const NAME: &str = "podset-planner";

/// What the kit needs to know of it.
pub const DEFINITION: Definition = Definition { name: NAME, ..crate::DEFINITION };

/// How long a question waits for its turn and its plan.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many questions may be under way in one connection.
const STREAMS: u32 = 64;

/// Answers at `address` until the process stops.
pub async fn start(kit: Kit, address: SocketAddr) {
    match TcpListener::bind(address).await {
        Ok(listener) => serve(kit, listener).await,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, %address, "cannot listen: set another address with --planner-listen");
        }
    }
}

/// Answers those who connect to `listener` until the process stops.
pub async fn serve(kit: Kit, listener: TcpListener) {
    let (caches, changes) = watch_all(&kit);
    let planner = SchedulePlannerServer::new(Answering::new(caches, kit.concurrency));
    let reflection =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR);
    // Both versions that clients speak.
    let (v1, v1alpha) = match (reflection().build_v1(), reflection().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => (v1, v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot describe the service");
            return;
        }
    };
    tokio::spawn(keep_current(changes, kit.shutdown.clone()));
    let mut server = Server::builder().timeout(PATIENCE).max_concurrent_streams(STREAMS);
    let server = server.add_service(planner).add_service(v1).add_service(v1alpha);
    let served = server.serve_with_incoming_shutdown(TcpIncoming::from(listener), kit.shutdown.clone());
    if let Err(error) = served.await {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot serve any longer");
    }
}

/// Polls what keeps the caches current, until the process stops.
async fn keep_current(changes: AllChanges, stop: Shutdown) {
    let AllChanges { triggers, plans, pods, nodes, claims, volumes, namespaces } = changes;
    let of_sets = async { tokio::join!(poll(triggers, &stop), poll(plans, &stop), poll(pods, &stop)) };
    let of_room = async {
        tokio::join!(poll(nodes, &stop), poll(claims, &stop), poll(volumes, &stop), poll(namespaces, &stop))
    };
    tokio::join!(of_sets, of_room);
}

/// The service.
struct Answering {
    caches: Caches,
    /// One for each plan that is made at once.
    turns: Arc<Semaphore>,
}

impl Answering {
    fn new(caches: Caches, plans_at_once: u16) -> Self {
        Self { caches, turns: Arc::new(Semaphore::new(plans_at_once.into())) }
    }
}

#[tonic::async_trait]
impl SchedulePlanner for Answering {
    async fn build_schedule_plan(
        &self,
        request: Request<SchedulePlanRequest>,
    ) -> Result<Response<SchedulePlanResponse>, Status> {
        let request = request.into_inner();
        if request.namespace.is_empty() || request.pod_set.is_empty() {
            return Err(Status::invalid_argument("give both namespace and podSet"));
        }
        self.caches.ready().await.map_err(|_| Status::unavailable("the planner is stopping"))?;
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Status::unavailable("the planner is stopping"))?;
        let caches = self.caches.clone();
        // The turn goes with the plan, which is made to its end also if nobody waits for it any more.
        let planned = spawn_blocking(move || (turn, assignments(&caches, request, Timestamp::now()))).await;
        let (_, assignments) =
            planned.map_err(|_| Status::internal("the plan was not finished: ask again"))?;
        Ok(Response::new(SchedulePlanResponse { assignments }))
    }
}

/// Names of nodes by names of pods, of those members that have a place or could have one.
fn assignments(caches: &Caches, request: SchedulePlanRequest, now: Timestamp) -> HashMap<String, String> {
    let Some((world, set)) = find(caches, &request.namespace, &request.pod_set, now) else {
        return HashMap::new();
    };
    let all = survey(caches);
    let cluster = if request.eligible_nodes.is_empty() {
        all
    } else {
        all.only(&request.eligible_nodes.into_iter().collect())
    };
    let plan = proposal(&set, &cluster, world.plan.as_deref());
    plan.placements.into_iter().map(|placed| (placed.pod.name, placed.node)).collect()
}

/// The set as its trigger has it; one that has none is planned as if nothing in particular was asked.
fn find(caches: &Caches, namespace: &str, pod_set: &str, now: Timestamp) -> Option<(World, PodSet)> {
    let governing = caches.governing.get(namespace, pod_set);
    let none = governing.is_empty().then(|| Arc::new(unasked(namespace, pod_set)));
    governing.into_iter().chain(none).find_map(|trigger| {
        let world = dereference(caches, &trigger, now);
        let set = validate(&world).ok()?;
        Some((world, set))
    })
}

fn unasked(namespace: &str, pod_set: &str) -> ScheduleTrigger {
    let mut trigger = ScheduleTrigger::new("", ScheduleTriggerSpec::default());
    trigger.metadata.namespace = Some(namespace.to_owned());
    trigger.labels_mut().insert(LABEL_POD_SET.to_owned(), pod_set.to_owned());
    trigger
}
