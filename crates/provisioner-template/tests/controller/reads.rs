//! Workloads that a declaration reads: by their names, and never to write them.

use crate::world::{NAMESPACE, World, declare};
use api_types::{ClaimPhase, Output, Workload};
use provisioner_template::Retry;
use serde_json::{Value, json};

/// The type as it is shipped.
const TYPE: &str = include_str!("../../../../docs/examples/resource-types/service-port.yaml");

/// Another Workload, which waits for this one as this one waits for it.
fn api(ports: &Value) -> Workload {
    let shop = json!({"type": "service-port", "params": {"workload": "shop", "port": "web"}});
    serde_json::from_value(json!({
        "metadata": {"namespace": NAMESPACE, "name": "api"},
        "spec": {
            "containers": {"main": {"image": "api"}}, "service": {"ports": ports}, "resources": {"shop": shop},
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn a_port_of_another_workload_is_given_though_that_one_waits_for_this_one() {
    let types: Value = serde_yaml_ng::from_str(TYPE).unwrap();
    let world = World::of(|claim| {
        declare(claim, &types[0]["config"].to_string());
        claim.spec.params = serde_json::from_value(json!({"workload": "api", "port": "web"})).unwrap();
    });
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    let told = || (world.status().phase, world.message());
    assert_eq!(told(), (ClaimPhase::Binding, "the other Workload is not there yet".to_owned()));
    world.server.insert(api(&json!([{"port": 80}])));
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(told(), (ClaimPhase::Binding, "the other Workload has no such port".to_owned()));
    world.server.insert(api(&json!([{"port": 9}, {"name": "web", "port": 80, "targetPort": 8080}])));
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely, "no watch tells of a change");
    assert_eq!(told(), (ClaimPhase::Bound, "ready".to_owned()));
    let outputs =
        [("hostname".to_owned(), Output::value("api.team.svc")), ("port".to_owned(), Output::value(80))];
    assert_eq!(world.status().outputs, outputs.into());

    let requests = world.server.requests();
    let reads: Vec<_> = requests.iter().filter(|request| request.is_about("workloads.score.dev")).collect();
    let is_by_name = |path: &str| path.ends_with("/namespaces/team/workloads/api");
    assert!(reads.len() == 3 && reads.iter().all(|read| read.method == "GET" && is_by_name(&read.path)));
    assert!(world.written().iter().all(|write| write == "PATCH resourceclaims"), "{:?}", world.written());
}
