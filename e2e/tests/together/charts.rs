//! The resource type of the page that is a Helm chart, from a repository in the cluster, by a provisioner that may use it.

use std::path::Path;

use anyhow::ensure;
use api_types::Workload;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use e2e::busybox::workload;
use e2e::platform::{DATASTORES, example_under, offered};
use e2e::twin::{self, with_twin};
use e2e::wait::{PATIENCE, eventually, until_gone, until_there};
use e2e::{Context, Result, cluster, kubectl, with_namespace};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use tokio::process::Command;

/// The chart, which the provisioner's own tests use as well.
const CHART: &str = "crates/provisioner-template/tests/fixtures/charts/redis";
const PACKAGE: &str = "redis-1.2.3.tgz";
/// A repository of charts: files on a web server.
const REPOSITORY: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: charts}
spec: {selector: {app: charts}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: charts, labels: {app: charts}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: charts
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "trap exit TERM; httpd -f -p 8080 -h /www & wait"]
      readinessProbe: {httpGet: {path: /index.yaml, port: 8080}, periodSeconds: 1}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: charts, mountPath: /www}]
  volumes: [{name: charts, configMap: {name: charts}}]
"#;
const INDEX: &str = "{apiVersion: v1, entries: {redis: [{apiVersion: v2, name: redis, version: 1.2.3, urls: [redis-1.2.3.tgz]}]}}";
const SHOP: &str = r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      variables:
        CACHE: "${resources.cache.host} ${resources.cache.port}"
        CACHE_PASSWORD: "${resources.cache.password}"
  resources: {cache: {type: redis-chart, params: {memory: 64Mi}}}
"#;

/// Puts the chart into a repository in the test's namespace.
async fn open_repository(context: &Context) -> Result {
    let folder = std::env::temp_dir().join(&context.namespace);
    let chart = cluster::repository().join(CHART);
    kubectl::run(Command::new("helm").arg("package").arg(chart).arg("--destination").arg(&folder)).await?;
    let package = std::fs::read(folder.join(PACKAGE));
    std::fs::remove_dir_all(&folder)?;
    let files = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "charts"},
        "data": {"index.yaml": INDEX}, "binaryData": {PACKAGE: BASE64_STANDARD.encode(package?)},
    });
    context.apply(&files.to_string()).await?;
    context.apply(&REPOSITORY.replace("BUSYBOX", &e2e::busybox::image())).await?;
    context.kubectl(&["wait", "--for=condition=Ready", "--timeout=240s", "pod/charts"]).await.map(drop)
}

/// What the chart's value `helm.origins` changes of the provisioner.
fn may_use_repository(context: &Context, pod: &mut Value) -> Result {
    twin::add_argument(pod, format!("--allowed-chart-origin=http://charts.{}.svc:8080", context.namespace))?;
    let container = &mut pod["containers"][0];
    container["resources"]["limits"]["memory"] = json!("512Mi");
    container["volumeMounts"] = json!([{"name": "helm", "mountPath": "/var/lib/score-helm"}]);
    pod["volumes"] = json!([{"name": "helm", "emptyDir": {"sizeLimit": "64Mi"}}]);
    Ok(())
}

/// The type of the page, of the chart in the test's namespace.
fn type_of_page(context: &Context) -> Result<String> {
    let mut types = example_under("A type that is a Helm chart")?;
    types[0]["provisioner"] = json!(context.namespace);
    let chart = &mut types[0]["config"]["helm"];
    chart["chart"] = json!("redis");
    chart["repository"] = json!(format!("http://charts.{}.svc:8080", context.namespace));
    chart["plainHttp"] = json!(true);
    chart["version"] = json!("1.2.3");
    chart["values"]["image"] = json!(DATASTORES);
    Ok(serde_yaml_ng::to_string(&types)?)
}

/// What `helm list` shows of the test's namespace.
async fn releases(context: &Context) -> Result<Vec<Value>> {
    let mut list = Command::new("helm");
    list.args(["list", "--output=json", "--namespace", &context.namespace]);
    Ok(serde_json::from_str(&kubectl::run(&mut list).await?)?)
}

#[tokio::test]
async fn a_workload_uses_the_chart_of_the_page_and_nothing_of_it_stays() -> Result {
    with_namespace("charts", async |context: Context| {
        ensure!(Path::new(&cluster::repository()).join(CHART).is_dir(), "no chart");
        open_repository(&context).await?;
        with_twin(&context, "score-provisioner-template", |pod| may_use_repository(&context, pod), async {
            offered(&context, "", &[type_of_page(&context)?], used_and_removed(&context)).await
        })
        .await
    })
    .await
}

async fn used_and_removed(context: &Context) -> Result {
    context.apply(&workload("shop", SHOP)).await?;
    context.wait_ready("shop").await?;
    let ping = r#"printf 'AUTH default %s\r\nSET a b\r\nGET a\r\n' "$CACHE_PASSWORD" | nc -w 2 $CACHE"#;
    let answer = context.shell("shop", "main", ping).await?;
    ensure!(answer == "+OK\r\n+OK\r\n$1\r\nb\r\n", "{answer:?}");
    let listed = releases(context).await?;
    let [release] = listed.as_slice() else { anyhow::bail!("{listed:?}") };
    let shown = ["name", "chart", "status"].map(|field| release[field].as_str().unwrap_or_default());
    ensure!(shown == ["shop-cache", "redis-1.2.3", "deployed"], "{release}");

    let larger = json!({"spec": {"resources": {"cache": {"params": {"memory": "128Mi"}}}}});
    context.patch("shop", larger).await?;
    let config = context.api::<ConfigMap>();
    until_there(&config, "shop-cache-config", "changed with the params", PATIENCE, |config| {
        config.data.as_ref().is_some_and(|data| data["redis.conf"].contains("maxmemory 128mb"))
    })
    .await?;

    let set = context.api::<StatefulSet>().get("shop-cache").await?;
    context.delete::<Workload>("shop").await?;
    until_gone(&context.api::<StatefulSet>(), &set).await?;
    eventually("the release is gone", PATIENCE, async || {
        Ok(releases(context).await?.is_empty().then_some(()))
    })
    .await
}
