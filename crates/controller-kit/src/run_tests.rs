use api_types::Workload;
use clap::Parser;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, oneshot},
    time::Instant,
};

use super::*;
use crate::testing::{Fault, TestApiServer};

const DEFINITION: Definition = Definition { name: "score-test", crds: &["workloads.score.dev"] };

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    kit: KitArgs,
}

/// A process that a test can ask to stop.
struct Started {
    process: Process,
    stop: oneshot::Sender<()>,
}

fn process(definition: Definition, flags: &[&str]) -> Started {
    let fixed = ["test", "--identity", "me", "--lease-namespace", "team"];
    let mut args = Cli::try_parse_from(fixed.iter().chain(flags)).unwrap().kit;
    args.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (stop, stopped) = oneshot::channel();
    let shutdown = Shutdown::on(async move { stopped.await.unwrap_or_default() });
    Started { process: Process::new(definition, args, shutdown).unwrap(), stop }
}

fn without_kinds(flags: &[&str]) -> Started {
    process(Definition { crds: &[], ..DEFINITION }, flags)
}

/// A controller that runs until the process stops.
async fn until_shutdown(kit: Kit) {
    kit.shutdown.await;
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let Started { mut process, .. } = without_kinds(&[]);
    process.args.server.listen = taken.local_addr().unwrap();
    let error = process.listen().await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn a_process_serves_health_at_once_and_is_ready_when_its_kinds_exist() {
    let server = TestApiServer::new();
    let Started { process, stop } = process(DEFINITION, &[]);
    let listener = process.listen().await.unwrap();
    let address = listener.local_addr().unwrap();
    let begun = Notify::new();
    let controller = |kit: Kit| {
        begun.notify_one();
        until_shutdown(kit)
    };
    let observer = async {
        let answer = get(address, "/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        while !get(address, "/ready").await.contains("workloads.score.dev") {}
        assert!(get(address, "/live").await.starts_with("HTTP/1.1 200"));
        server.serve::<Workload>();
        begun.notified().await;
        assert!(get(address, "/ready").await.starts_with("HTTP/1.1 200"));
        stop.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(process.serve(listener, server.client(), controller), observer);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_ends_by_itself_is_an_error() {
    let server = TestApiServer::new();
    let Started { process, stop: _stop } = without_kinds(&["--leader-election", "false"]);
    let result = process.supervise(server.client(), async |_| ()).await;
    assert!(matches!(result, Err(RunError::Stopped)), "{result:?}");
    assert!(server.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_controller_and_gives_up_the_lease() {
    let server = TestApiServer::new();
    let Started { process, stop } = without_kinds(&[]);
    let controller = async |kit: Kit| {
        stop.send(()).unwrap();
        until_shutdown(kit).await;
    };
    process.supervise(server.client(), controller).await.unwrap();
    let lease: Lease = server.get("team", "score-test").unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.unwrap_or_default(), "");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_running_reconciles_but_not_for_long() {
    let server = TestApiServer::new();
    let Started { process, stop } = without_kinds(&[]);
    let started = Instant::now();
    let controller = async |_: Kit| {
        stop.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    process.supervise(server.client(), controller).await.unwrap();
    assert!((GRACE..Duration::from_secs(5)).contains(&started.elapsed()));
    let lease: Lease = server.get("team", "score-test").unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.unwrap_or_default(), "");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_within_five_seconds_while_the_api_server_hangs() {
    let server = TestApiServer::new();
    let Started { process, stop } = without_kinds(&[]);
    let started = Instant::now();
    let (faulty, client) = (server.clone(), server.client());
    let controller = async |_: Kit| {
        for _ in 0..100 {
            faulty.inject(|_| true, Fault::Hangs);
        }
        stop.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    process.supervise(client, controller).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_standby_is_ready_and_stops_at_once() {
    let server = TestApiServer::new();
    let other = LeaderElection::new(server.client(), "team", "score-test", "other");
    let Started { process, stop } = without_kinds(&[]);
    let readiness = process.readiness.clone();
    let leader = other.with_lease(async {
        let started = Instant::now();
        let observer = async {
            sleep(Duration::from_secs(20)).await;
            assert!(readiness.closed().is_empty());
            stop.send(()).unwrap();
        };
        let begun = async |_: Kit| panic!("a standby should not work");
        let (result, ()) = tokio::join!(process.supervise(server.client(), begun), observer);
        result.unwrap();
        started.elapsed()
    });
    assert!(leader.await.unwrap() < Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_waits_for_its_kinds_stops_at_once() {
    let server = TestApiServer::new();
    let Started { process, stop } = process(DEFINITION, &[]);
    stop.send(()).unwrap();
    let started = Instant::now();
    process.supervise(server.client(), until_shutdown).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_lost_lease_is_an_error_that_names_it() {
    let server = TestApiServer::new();
    let Started { process, stop: _stop } = without_kinds(&[]);
    let thief = server.clone();
    let controller = async |_: Kit| {
        thief.modify("team", "score-test", |lease: &mut Lease| {
            lease.spec.get_or_insert_default().holder_identity = Some("other".into());
        });
        std::future::pending::<()>().await;
    };
    let error = process.supervise(server.client(), controller).await.unwrap_err();
    assert!(error.to_string().contains("lost the lease score-test"), "{error}");
}
