//! Passwords are replaced while clients come and go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use crate::estate::{Estate, NAMESPACE, class, log_in, server};
use crate::postgres::Postgres;
use api_types::{
    DeprovisionPolicy::Delete, ResourceClaim, ResourceClaimStatus, WorkloadExposure, WorkloadPlan,
};
use kube::ResourceExt as _;
use provisioner_postgres::Retry;
use serde_json::json;
use tokio::task::JoinSet;

const CLAIM: &str = "shop-db";
const CLIENTS: usize = 4;
const ROTATIONS: usize = 3;

/// Clients that are started again and again, each time with what the Secret says at that moment, and in between reconnect
/// with what they were started with.
struct Clients {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    /// How often each was started.
    starts: Arc<[AtomicUsize]>,
}

fn uri(estate: &Estate) -> String {
    estate.credential(CLAIM, "uri").split('?').next().unwrap().to_owned()
}

/// One session, in which something is done.
async fn work(uri: &str) {
    let client = log_in(uri).await.unwrap_or_else(|error| panic!("a login was refused: {error:?}"));
    client.batch_execute("INSERT INTO visits DEFAULT VALUES").await.unwrap();
}

impl Clients {
    fn start(estate: &Arc<Estate>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let starts: Arc<[AtomicUsize]> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
        let mut tasks = JoinSet::new();
        for index in 0..CLIENTS {
            let (estate, stop, starts) = (estate.clone(), stop.clone(), starts.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let given = uri(&estate);
                    starts[index].fetch_add(1, Ordering::Relaxed);
                    for _ in 0..2 {
                        work(&given).await;
                    }
                }
            });
        }
        Self { tasks, stop, starts }
    }

    /// Waits until every client was started with what was in the Secret when this began: the roll-out.
    async fn rolled_out(&mut self) {
        let before: Vec<_> = self.starts.iter().map(|starts| starts.load(Ordering::Relaxed)).collect();
        let is_over = |starts: &[AtomicUsize]| {
            starts.iter().zip(&before).all(|(starts, before)| starts.load(Ordering::Relaxed) > *before)
        };
        let starts = self.starts.clone();
        while !is_over(&starts) {
            if let Some(ended) = self.tasks.try_join_next() {
                ended.unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// Passes until the claim is Bound: a machine that is busy may make one of them too slow.
async fn bind(estate: &Estate) {
    let bound = async {
        loop {
            estate.pass(CLAIM).await;
            if estate.status(CLAIM).outputs_available {
                return;
            }
        }
    };
    // Only for a test that fails.
    tokio::time::timeout(Duration::from_secs(120), bound).await.expect("the claim should be bound");
}

async fn logins(server: &Postgres) -> usize {
    let query = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'team%' AND rolcanlogin";
    server.ask("postgres", query).await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_is_refused_while_passwords_are_replaced_and_the_old_go_after_the_roll_out() {
    let (server, estate) = (server().await, Arc::new(Estate::new()));
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    bind(&estate).await;
    log_in(&uri(&estate)).await.unwrap().batch_execute("CREATE TABLE visits (x int)").await.unwrap();
    let mut clients = Clients::start(&estate);
    for rotation in 0..ROTATIONS {
        let old = uri(&estate);
        estate.annotate(CLAIM, "score.dev/rotate", &rotation.to_string());
        bind(&estate).await;
        assert_ne!(uri(&estate), old);
        bind(&estate).await;
        log_in(&old).await.expect("who was not started again yet still comes in");
        clients.rolled_out().await;
        // The time that the class gives them is over.
        estate.modify_secret(CLAIM, |secret| {
            let long_ago = "2026-01-01T00:00:00Z".to_owned();
            secret.annotations_mut().insert("score.dev/rotated-at".to_owned(), long_ago);
        });
        while logins(&server).await > 1 {
            bind(&estate).await;
        }
        assert!(log_in(&old).await.is_err(), "the old login is gone");
    }
    clients.end().await;
    log_in(&uri(&estate)).await.unwrap();
}

#[tokio::test]
async fn rotations_that_follow_each_other_leave_every_login_that_was_handed_out_until_its_time_is_over() {
    let (server, estate) = (server().await, Arc::new(Estate::new()));
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    bind(&estate).await;
    let mut handed_out = vec![uri(&estate)];
    for rotation in 0..4 {
        estate.annotate(CLAIM, "score.dev/rotate", &rotation.to_string());
        bind(&estate).await;
        handed_out.push(uri(&estate));
        for given in &handed_out {
            log_in(given).await.unwrap();
        }
    }
    assert_eq!(logins(&server).await, 5);
}

/// The URI that a client puts together which was given the outputs of `status` and is started again: what is plain stands
/// in its description, and what is secret is read at that moment.
fn of_started_again(estate: &Estate, status: &ResourceClaimStatus) -> String {
    let given = |name: &str| match &status.outputs[name].secret_key_ref {
        Some(reference) => estate.credential(CLAIM, &reference.key),
        None => status.outputs[name].value.as_ref().unwrap().to_string().replace('"', ""),
    };
    let [username, password, host, port, name] = ["username", "password", "host", "port", "name"].map(given);
    format!("postgresql://{username}:{password}@{host}:{port}/{name}")
}

#[tokio::test]
async fn a_client_that_is_started_again_during_a_rotation_comes_in_with_what_it_was_given() {
    let (server, estate) = (server().await, Arc::new(Estate::new()));
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    bind(&estate).await;
    let mut given = vec![estate.status(CLAIM)];
    for rotation in 0..2 {
        estate.annotate(CLAIM, "score.dev/rotate", &rotation.to_string());
        bind(&estate).await;
        given.push(estate.status(CLAIM));
        for status in &given {
            log_in(&of_started_again(&estate, status)).await.unwrap();
        }
    }
    estate.modify_secret(CLAIM, |secret| {
        let long_ago = "2026-01-01T00:00:00Z".to_owned();
        secret.annotations_mut().insert("score.dev/rotated-at".to_owned(), long_ago);
    });
    while logins(&server).await > 1 {
        bind(&estate).await;
    }
    // What is left of the logins that are gone goes with the next one.
    estate.annotate(CLAIM, "score.dev/rotate", "again");
    bind(&estate).await;
    let keys = estate.secret(CLAIM).unwrap().data.unwrap().into_keys();
    let passwords: Vec<_> = keys.filter(|key| key.starts_with("password")).collect();
    assert_eq!(passwords, ["password", "password-3", "password-4"]);
}

/// The Workload that owns the claim from now on.
const WORKLOAD: &str = "shop";

fn own(estate: &Estate) {
    let owner =
        json!({"apiVersion": "score.dev/v1b1", "kind": "Workload", "name": WORKLOAD, "uid": "workload-uid"});
    estate.api.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        claim.metadata.owner_references = serde_json::from_value(json!([owner])).unwrap();
    });
}

/// The Workload is planned with the outputs of `status`. Returns the generation of the plan.
fn plan(estate: &Estate, status: &ResourceClaimStatus) -> i64 {
    let revision = &status.outputs_revision;
    let claim = json!({"key": "store", "type": "postgres", "class": "shared", "outputsRevision": revision});
    let plan = json!({
        "metadata": {"namespace": NAMESPACE, "name": WORKLOAD},
        "spec": {
            "workloadRef": {"name": WORKLOAD, "uid": "workload-uid"}, "observedWorkloadGeneration": 1,
            "runtimeClass": "r", "backendId": "b", "template": {"kind": "manifests"}, "containers": {},
            "claims": [claim],
        },
    });
    let plan: WorkloadPlan = serde_json::from_value(plan).unwrap();
    estate.api.insert(plan).metadata.generation.unwrap()
}

/// The runtime reports the plan of this generation as running.
fn answer(estate: &Estate, generation: i64) {
    let exposure = json!({
        "metadata": {"namespace": NAMESPACE, "name": WORKLOAD},
        "spec": {"workloadRef": {"name": WORKLOAD, "uid": "workload-uid"}, "runtimeClass": "r"},
        "status": {
            "observedPlanGeneration": generation,
            "conditions": [{
                "type": "RuntimeReady", "status": "True", "reason": "Succeeded", "message": "",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        },
    });
    let exposure: WorkloadExposure = serde_json::from_value(exposure).unwrap();
    estate.api.insert(exposure);
}

/// Whether somebody was asked how far the roll-out is.
fn asks(estate: &Estate) -> bool {
    estate.api.requests().iter().any(|request| request.is_about("workloadplans.score.dev"))
}

/// Waits until no login has a session, since that would keep it too.
async fn are_left(server: &Postgres) {
    let query = "SELECT usename FROM pg_stat_activity WHERE usename LIKE 'team%'";
    while !server.ask("postgres", query).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_login_whose_time_is_over_stays_until_the_workload_runs_with_the_one_after_it() {
    let (server, estate) = (server().await, Arc::new(Estate::new()));
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    own(&estate);
    bind(&estate).await;
    answer(&estate, plan(&estate, &estate.status(CLAIM)));
    let old = uri(&estate);
    estate.annotate(CLAIM, "score.dev/rotate", "1");
    bind(&estate).await;
    bind(&estate).await;
    assert!(!asks(&estate), "nothing may go yet");
    estate.modify_secret(CLAIM, |secret| {
        let long_ago = "2026-01-01T00:00:00Z".to_owned();
        secret.annotations_mut().insert("score.dev/rotated-at".to_owned(), long_ago);
    });

    are_left(&server).await;
    estate.api.clear_requests();
    assert_eq!(estate.pass(CLAIM).await, Retry::Checked, "no watch reports the roll-out");
    assert_eq!(logins(&server).await, 2, "the plan names the former outputs");
    assert!(asks(&estate));
    assert_eq!(estate.api.writes(), []);
    log_in(&old).await.expect("a container that is started again comes in");

    let generation = plan(&estate, &estate.status(CLAIM));
    are_left(&server).await;
    bind(&estate).await;
    assert_eq!(logins(&server).await, 2, "the answer is to the plan before");

    answer(&estate, generation);
    while logins(&server).await > 1 {
        bind(&estate).await;
    }
    assert!(log_in(&old).await.is_err(), "the old login is gone");
    estate.api.clear_requests();
    bind(&estate).await;
    assert!(!asks(&estate), "there is no former login any more");
}

#[tokio::test]
async fn a_login_stays_while_the_api_server_does_not_say_how_far_the_roll_out_is() {
    let (server, estate) = (server().await, Arc::new(Estate::new()));
    estate.set_claim(CLAIM, "u1", Delete, &class(&server));
    own(&estate);
    bind(&estate).await;
    estate.annotate(CLAIM, "score.dev/rotate", "1");
    bind(&estate).await;
    estate.modify_secret(CLAIM, |secret| {
        let long_ago = "2026-01-01T00:00:00Z".to_owned();
        secret.annotations_mut().insert("score.dev/rotated-at".to_owned(), long_ago);
    });
    are_left(&server).await;
    estate.api.fail_next(|request| request.is_about("workloadplans.score.dev"), 500);
    estate.process().pass(CLAIM).await.unwrap_err();
    assert_eq!(logins(&server).await, 2);
    while logins(&server).await > 1 {
        bind(&estate).await;
    }
}
