use std::convert::Infallible;

use controller_kit::testing::TestApiServer;
use tokio::sync::{
    Notify,
    mpsc::{UnboundedSender, unbounded_channel},
};

use super::*;

/// Says that a pass has begun, and ends it when it is told to.
struct Slow {
    begun: UnboundedSender<&'static str>,
    end: Arc<Notify>,
}

#[async_trait]
impl Provide for Slow {
    type Error = Infallible;

    async fn ready(&self) -> Result<(), CacheClosed> {
        Ok(())
    }

    async fn pass(&self, claim: &ResourceClaim) -> Result<Pass, Infallible> {
        self.begun
            .send(if claim.metadata.deletion_timestamp.is_some() { "leaves" } else { "stays" })
            .unwrap();
        self.end.notified().await;
        Ok(Pass::Waits(Retry::Never))
    }
}

fn claim(metadata: &str) -> ResourceClaim {
    let text = format!(
        "{{metadata: {{namespace: team, name: app-db, uid: u, {metadata}}}, spec: {{workloadRef: {{name: app, uid: w}}, \
         key: db, type: t, class: c, provisioner: p, deprovisionPolicy: Delete}}}}"
    );
    serde_yaml_ng::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_claim_that_is_deleted_during_a_pass_is_let_go_by_none_before_that_has_ended() {
    let stays = claim("resourceVersion: '1'");
    let leaves = claim("resourceVersion: '2', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [a/b]");
    let claims = Cache::from_objects([stays.clone()]);
    let (begun, mut passes) = unbounded_channel();
    let end = Arc::new(Notify::new());
    let slow = Slow { begun, end: end.clone() };
    let claim_loop = ClaimLoop::new("test", TestApiServer::new().client(), claims.clone(), slow);
    let deletion = async {
        assert_eq!(passes.recv().await, Some("stays"));
        claims.record(leaves.clone());
        let action = claim_loop.depart(&leaves).await;
        assert_ne!(action, Action::await_change(), "it comes again");
        assert!(passes.try_recv().is_err(), "and does nothing until then");
        end.notify_one();
    };
    let (looked, ()) = tokio::join!(claim_loop.look(&stays, false), deletion);
    looked.unwrap();

    end.notify_one();
    assert_eq!(claim_loop.depart(&leaves).await, Action::await_change());
    assert_eq!(passes.try_recv().ok(), Some("leaves"));
}
