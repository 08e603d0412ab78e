//! The whole controller, with its watches: who is looked at when something changes.

use crate::world::{CLAIM, NAMESPACE, World, edit};
use api_types::{ClaimPhase, ResourceClaim};
use clap::Parser as _;
use controller_kit::testing::{TestApiServer, until};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Secret, Service},
};
use provisioner_template::{Args, NAME, start};

fn phase(server: &TestApiServer) -> Option<ClaimPhase> {
    server.get::<ResourceClaim>(NAMESPACE, CLAIM)?.status.map(|status| status.phase)
}

#[tokio::test]
async fn what_happens_to_an_object_of_a_claim_is_noticed() {
    let world = World::new();
    let server = world.server.clone();
    let (kit, stop) = server.kit(NAME);
    let kinds = "v1/Secret,v1/Service,apps/v1/StatefulSet,example.com/v1/Missing";
    let args = Args::try_parse_from(["provisioner", "--allowed-kind", kinds]).unwrap();
    let act = async {
        until("the objects are made", || phase(&server) == Some(ClaimPhase::Binding)).await;
        world.set_ready();
        until("the claim is bound", || phase(&server) == Some(ClaimPhase::Bound)).await;
        server.remove::<Service>(NAMESPACE, CLAIM);
        until("what was deleted is made again", || server.get::<Service>(NAMESPACE, CLAIM).is_some()).await;
        server.modify(NAMESPACE, CLAIM, |set: &mut StatefulSet| set.status = None);
        until("the claim is not bound any more", || phase(&server) == Some(ClaimPhase::Binding)).await;
        server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
            edit(claim, "/readyWhen", serde_json::json!("true"));
        });
        until("another declaration counts", || phase(&server) == Some(ClaimPhase::Bound)).await;
        assert_eq!(server.list::<Secret>().len(), 2);
        drop(stop);
    };
    tokio::join!(start(kit, args), act);
}
