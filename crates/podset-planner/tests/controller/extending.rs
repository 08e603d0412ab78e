//! `podset-planner extender`, asked over a connection as a scheduler does.

use std::net::SocketAddr;

use crate::world::{NAMESPACE, SET, World};
use controller_kit::{Readiness, testing::until};
use k8s_openapi::api::core::v1::Pod;
use podset_planner::extender;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

/// An extender that sees what `world` holds.
struct Extending {
    address: SocketAddr,
    readiness: Readiness,
    stop: mpsc::Sender<()>,
    running: JoinHandle<()>,
}

impl Extending {
    async fn new(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kit, stop) = world.server.kit(extender::NAME);
        let readiness = kit.readiness.clone();
        Self { address, readiness, stop, running: tokio::spawn(extender::serve(kit, listener)) }
    }

    /// Status and body of the answer to `body`.
    async fn post(&self, verb: &str, body: &[u8]) -> (u16, String) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST /{verb} HTTP/1.1\r\nHost: extender\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // Who is refused may not be read to its end.
        let _ = connection.write_all(body).await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What is answered about `pod` to a scheduler that offers all nodes.
    async fn filter(&self, pod: &Pod) -> Value {
        let question = json!({"Pod": pod, "Nodes": null, "NodeNames": ["n1", "n2", "n3"]});
        let (status, answer) = self.post("filter", question.to_string().as_bytes()).await;
        assert_eq!(status, 200);
        serde_json::from_str(&answer).unwrap()
    }

    async fn stop(self) {
        drop(self.stop);
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_pod_is_held_with_a_reason_until_the_controller_has_released_it() {
    let world = World::asking(&json!({"state": "Planning"}), 2, 1);
    let extending = Extending::new(&world).await;
    // It holds before it knows why.
    let answer = extending.filter(&world.pod("web-00")).await;
    assert_eq!((&answer["NodeNames"], &answer["Error"]), (&json!([]), &json!("")));
    until("it knows all", || extending.readiness.closed().is_empty()).await;
    let answer = extending.filter(&world.pod("web-00")).await;
    let why = "held by the pod-set planner: trigger t: until its spec.state is Schedule";
    assert_eq!(answer["NodeNames"], json!([]));
    assert_eq!(answer["FailedAndUnresolvableNodes"], json!({"n1": why, "n2": why, "n3": why}));
    world.set_state(podset_types::TriggerState::Schedule);
    let world = world.again().await;
    let answer = extending.filter(&world.pod("web-00")).await;
    assert_eq!(answer["NodeNames"], json!([world.entries()["web-00"]]));
    assert_eq!(answer["FailedAndUnresolvableNodes"].as_object().unwrap().len(), 2);
    let mut stranger = world.pod("web-00");
    stranger.metadata.labels = None;
    assert_eq!(extending.filter(&stranger).await["NodeNames"], json!(["n1", "n2", "n3"]));
    extending.stop().await;
}

#[tokio::test]
async fn others_are_evicted_only_where_the_pod_may_go() {
    let world = World::asking(&json!({"state": "Planning"}), 2, 1);
    let extending = Extending::new(&world).await;
    let victims = json!({"Pods": [{"UID": "v"}], "NumPDBViolations": 1});
    let ask = async |pod: &Pod| {
        let question = json!({
            "Pod": pod, "NodeNameToVictims": null,
            "NodeNameToMetaVictims": {"n1": victims, "n2": victims, "n3": victims},
        });
        let (status, answer) = extending.post("preempt", question.to_string().as_bytes()).await;
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    assert_eq!(ask(&world.pod("web-00")).await, json!({"NodeNameToMetaVictims": {}}));
    world.set_state(podset_types::TriggerState::Schedule);
    let world = world.again().await;
    let planned = &world.entries()["web-00"];
    assert_eq!(ask(&world.pod("web-00")).await, json!({"NodeNameToMetaVictims": {planned: victims}}));
    extending.stop().await;
}

#[tokio::test]
async fn what_cannot_be_understood_or_is_too_large_passes_no_node() {
    let world = World::asking(&json!({"state": "Schedule"}), 2, 1);
    let extending = Extending::new(&world).await;
    let pod = json!({"metadata": {"name": "web-00", "namespace": NAMESPACE, "labels": {"planner.ciena.io/pod-set": SET}}});
    let whole_nodes = json!({"Pod": pod, "Nodes": {"items": []}, "NodeNames": null}).to_string();
    let no_pod = json!({"Pod": null, "NodeNames": ["n1"]}).to_string();
    for question in ["", "{", "[]", "{}", r#"{"NodeNames": ["n1"]}"#, &no_pod, &whole_nodes] {
        let (status, answer) = extending.post("filter", question.as_bytes()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["NodeNames"]), (200, &json!([])), "{question}");
        assert!(!answer["Error"].as_str().unwrap().is_empty(), "{question}");
        assert_eq!(extending.post("preempt", question.as_bytes()).await.0, 400, "{question}");
    }
    let names = vec!["a-node-with-a-name"; 400_000];
    let huge = json!({"Pod": pod, "NodeNames": names}).to_string();
    assert_eq!(extending.post("filter", huge.as_bytes()).await.0, 413);
    assert_eq!(extending.post("bind", b"{}").await.0, 404);
    extending.stop().await;
}

#[tokio::test]
async fn another_spelling_of_the_names_is_understood() {
    let world = World::asking(&json!({"state": "Planning"}), 2, 1);
    let extending = Extending::new(&world).await;
    for names in ["NodeNames", "nodeNames", "nodenames"] {
        let question = json!({"pod": {"metadata": {"name": "stranger"}}, names: ["n1"]});
        let (status, answer) = extending.post("filter", question.to_string().as_bytes()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["NodeNames"]), (200, &json!(["n1"])), "{names}");
    }
    extending.stop().await;
}
