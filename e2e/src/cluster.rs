//! The cluster of the current kubeconfig.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, Config};

use crate::Result;
use crate::controllers::namespace_of;

const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the cluster under test.
///
/// # Errors
/// There is no cluster that answers, or one of these controllers is not installed on it; the message says how to get both.
pub async fn connect(controllers: &[&str]) -> Result<Client> {
    let client = tokio::time::timeout(PATIENCE, reach(controllers)).await;
    client.context("it does not answer").flatten().context(
        "there is no cluster to test. Get one with `make demo` (`make demo-planner` for pod sets), then point this shell \
         at it with `eval \"$(hack/cluster/cluster env)\"` and run the tests again",
    )
}

async fn reach(controllers: &[&str]) -> Result<Client> {
    let mut config = Config::infer().await.context("no kubeconfig")?;
    // The harness has its own time limits, and its watches are quiet for longer than the default.
    config.read_timeout = None;
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config)?;
    client.apiserver_version().await.with_context(|| format!("the API server at {url} does not answer"))?;
    for name in controllers {
        let namespace = namespace_of(name);
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        let found = deployments.get_opt(name).await?;
        ensure!(found.is_some(), "{name} is not installed in namespace {namespace} of {url}");
    }
    Ok(client)
}

/// The root of the repository: commands of the guide are run there.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The folder in which the local cluster keeps its files, found from the kubeconfig that `hack/cluster/cluster env`
/// names.
///
/// # Errors
/// The kubeconfig is not that of the local cluster.
pub fn local_state() -> Result<PathBuf> {
    let kubeconfig = std::env::var("KUBECONFIG").unwrap_or_default();
    let folder = Path::new(&kubeconfig).parent().and_then(Path::parent).map(Path::to_path_buf);
    match folder {
        Some(folder) if folder.join("machines").is_dir() => Ok(folder),
        _ => bail!(
            "this test needs the local cluster (it looks at its nodes and its audit log), and KUBECONFIG={kubeconfig:?} \
             is not its: run `make demo` and `eval \"$(hack/cluster/cluster env)\"`"
        ),
    }
}
