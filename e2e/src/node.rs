//! The nodes of the local cluster, from inside.

use std::path::Path;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::process::Command;

use crate::{Result, cluster, kubectl};

/// A command that will run inside a machine of the local cluster: `control-plane` or `node-<number>`.
///
/// # Errors
/// The cluster under test is not the local one.
pub fn command_in(machine: &str) -> Result<Command> {
    cluster_command("in", machine)
}

/// A program of this machine that will run in the network of a machine of the local cluster. It sees its own files,
/// wherever they lie: folders such as /tmp are each machine's own.
///
/// # Errors
/// The cluster under test is not the local one.
pub fn command_in_network_of(machine: &str) -> Result<Command> {
    cluster_command("net", machine)
}

fn cluster_command(verb: &str, machine: &str) -> Result<Command> {
    let mut command = cluster()?;
    command.args([verb, machine]);
    Ok(command)
}

fn cluster() -> Result<Command> {
    let folder = cluster::local_state()?;
    let name = folder.file_name().unwrap_or_default().to_os_string();
    let mut command = Command::new(cluster::repository().join(Path::new("hack/cluster/cluster")));
    command.env("CLUSTER_NAME", name).env("CLUSTER_DIR", &folder);
    Ok(command)
}

/// Starts the scheduler of the local cluster anew, with these flags more than it has by itself. Flags that it has
/// already change nothing.
///
/// # Errors
/// The cluster under test is not the local one, or its scheduler does not start.
pub async fn restart_scheduler(flags: &str) -> Result {
    let url = kube::Config::infer().await?.cluster_url;
    let port = url.port_u16().context("the local cluster has a port")?.to_string();
    let mut command = cluster()?;
    command.env("CLUSTER_API_PORT", port).env("SCHEDULER_EXTRA_ARGS", flags).arg("up");
    kubectl::run(&mut command).await.map(drop)
}

/// Ends the process of a pod's first container by SIGKILL: no signal handler runs, nothing is given back.
///
/// # Errors
/// It does not run, or the cluster under test is not the local one.
pub async fn kill(pod: &Pod) -> Result {
    let name = pod.name_any();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let container = statuses.into_iter().flatten().find_map(|status| status.container_id.as_deref());
    let container = container.and_then(|id| id.strip_prefix("containerd://"));
    let (Some(node), Some(container)) = (node, container) else { anyhow::bail!("{name} does not run") };
    let mut command = command_in(node)?;
    command.args(["ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container]);
    kubectl::run(&mut command).await.with_context(|| format!("failed to kill {name}"))?;
    Ok(())
}
