//! The process as its surroundings see it: signals, exit codes and log lines. Each test runs this file again as a
//! controller that does nothing.
#![allow(clippy::unwrap_used, reason = "clippy spares only what is marked as a test")]

use std::{
    io::Read as _,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use controller_kit::{Definition, KitArgs, run};

const DEFINITION: Definition = Definition { name: "score-test", crds: &["workloads.score.dev"] };
const CHILD: &str = "SCORE_TEST_CHILD";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    kit: KitArgs,
}

/// Not a test of its own: the process that the tests start.
#[test]
fn a_controller_that_does_nothing() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let result =
        runtime.block_on(run(DEFINITION, Cli::parse_from(["test"]).kit, async |kit| kit.shutdown.await));
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    std::process::exit(result.is_err().into());
}

/// Starts the process with an API server that nobody can reach.
fn start(name: &str, variables: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_controller_that_does_nothing", "--nocapture"])
        .env(CHILD, "1")
        .env("KUBECONFIG", kubeconfig(name))
        .env("SCORE_LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn kubeconfig(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.yaml"));
    let text = "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {token: t}}],\
        clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}],\
        contexts: [{name: c, context: {cluster: k, user: u}}]}";
    std::fs::write(&path, text).unwrap();
    path
}

/// Reads what the process logs until it says `text`.
fn wait_for(child: &mut Child, text: &str) -> String {
    let mut log = String::new();
    let mut byte = [0];
    let stderr = child.stderr.as_mut().unwrap();
    while !log.contains(text) {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "ended without {text:?}: {log}");
        log.push(byte[0].into());
    }
    log
}

/// Sends a signal and returns how the process ended, how soon, and what it still logged.
fn signal(mut child: Child, name: &str) -> (ExitStatus, Duration, String) {
    let sent = Instant::now();
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    (child.wait().unwrap(), sent.elapsed(), log)
}

#[test]
fn a_process_ends_well_and_soon_when_asked_to_although_the_api_server_is_unreachable() {
    for name in ["TERM", "INT"] {
        let mut child = start(name, &[]);
        wait_for(&mut child, "does not say which kinds it has");
        let (status, took, log) = signal(child, name);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(log.contains("stopping"), "{log}");
    }
}

#[test]
fn a_collector_that_is_down_is_neither_a_reason_to_stop_nor_to_log_much() {
    let mut child = start(
        "collector",
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), ("SCORE_LOG_FORMAT", "json")],
    );
    let before = wait_for(&mut child, "does not say which kinds it has");
    let (status, took, after) = signal(child, "TERM");
    assert_eq!(status.code(), Some(0), "{after}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = before + &after;
    assert!(log.lines().count() <= 3, "{log}");
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
}

#[test]
fn a_process_whose_address_is_taken_says_which_flag_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut child = start("address", &[("SCORE_LISTEN", &address)]);
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(
        log.contains(&format!("failed to listen on {address} (set another address with --listen")),
        "{log}"
    );
}
