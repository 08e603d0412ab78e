//! What the controllers export by OTLP: a collector of the test's own, run beside the API server of the local cluster,
//! where pods reach it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::wait::{PATIENCE, until_there};
use crate::{Result, controllers, kubectl, node};

/// Where pods and nodes reach the machine of the control plane.
const ADDRESS: &str = "10.250.0.1:4317";
const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A span as the collector prints it, one JSON line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The `service.name` of whoever made it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The trace that it belongs to, in hexadecimal.
    pub trace: String,
    /// Everything in it, also its attributes, events and resource.
    pub content: String,
}

/// A collector that runs until it is dropped.
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    _process: Child,
    // The collector ends with its standard input, so that none is left behind whatever becomes of the test.
    _stdin: Option<ChildStdin>,
}

impl Collector {
    /// Starts `binary` (the program `otlp-collector` of this crate).
    ///
    /// # Errors
    /// It does not start, or the cluster under test is not the local one.
    pub async fn start(binary: &str) -> Result<Self> {
        let mut command = node::command_in_network_of("control-plane")?;
        command.args([binary, "--listen", ADDRESS]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn()?;
        let stdin = process.stdin.take();
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let first = lines.next_line().await?.unwrap_or_default();
        ensure!(first.starts_with("listening"), "the collector did not start: {first}");
        let spans = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(collect(lines, spans.clone()));
        Ok(Self { spans, _process: process, _stdin: stdin })
    }

    /// All spans that have arrived.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().map(|spans| spans.clone()).unwrap_or_default()
    }
}

async fn collect(mut lines: Lines<BufReader<ChildStdout>>, spans: Arc<Mutex<Vec<Span>>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let (Ok(span), Ok(mut spans)) = (serde_json::from_str(&line), spans.lock()) {
            spans.push(span);
        }
    }
}

/// Runs `test` while the controllers export their traces to the collector; afterwards they do not any more.
///
/// # Errors
/// `test` fails, or the controllers cannot be rolled out.
pub async fn exported_to<T>(client: &Client, test: impl Future<Output = Result<T>>) -> Result<T> {
    set_variable(client, &format!("{VARIABLE}=http://{ADDRESS}")).await?;
    let outcome = Box::pin(test).await;
    set_variable(client, &format!("{VARIABLE}-")).await?;
    outcome
}

async fn set_variable(client: &Client, change: &str) -> Result {
    for name in controllers::NAMES {
        let deployment = format!("deployment/{name}");
        kubectl::kubectl(&["--namespace", controllers::NAMESPACE, "set", "env", &deployment, change]).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), controllers::NAMESPACE);
    for name in controllers::NAMES {
        until_there(&deployments, name, "rolled out", PATIENCE, is_rolled_out).await?;
    }
    Ok(())
}

/// Whether what the Deployment's spec says runs, and nothing older.
pub fn is_rolled_out(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation == deployment.metadata.generation
            && status.updated_replicas == wanted
            && status.available_replicas == wanted
            && status.replicas == wanted
    })
}
