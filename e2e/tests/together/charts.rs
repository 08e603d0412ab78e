//! The resource type of the page that is a Helm chart, from a repository in the cluster, by a provisioner that may use it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use api_types::Workload;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use e2e::busybox::workload;
use e2e::platform::{DATASTORES, offered};
use e2e::wait::{PATIENCE, eventually, until_gone, until_there};
use e2e::{Context, Result, apply, cluster, controllers, kubectl, with_namespace};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, PostParams};
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
    context.kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", "pod/charts"]).await.map(drop)
}

/// The provisioner as it is installed, with what the chart's value `helm.origins` changes, for claims of the test's
/// namespace that name it.
fn twin(installed: &Deployment, context: &Context) -> Result<Deployment> {
    let name = &context.namespace;
    let labels = json!({"app.kubernetes.io/name": name});
    let spec = installed.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let mut pod = serde_json::to_value(spec.context("no pod")?)?;
    let container = &mut pod["containers"][0];
    let mut arguments: Vec<String> = serde_json::from_value(container["args"].take())?;
    let replaced = ["--provisioner-name=", "--leader-election="];
    arguments.retain(|argument| !replaced.iter().any(|replaced| argument.starts_with(replaced)));
    arguments.push(format!("--provisioner-name={name}"));
    arguments.push("--leader-election=false".to_owned());
    arguments.push(format!("--allowed-chart-origin=http://charts.{name}.svc:8080"));
    container["args"] = json!(arguments);
    container["env"]
        .as_array_mut()
        .context("no env")?
        .push(json!({"name": "SCORE_NAMESPACE", "value": name}));
    container["resources"]["limits"]["memory"] = json!("512Mi");
    container["volumeMounts"] = json!([{"name": "helm", "mountPath": "/var/lib/score-helm"}]);
    pod["volumes"] = json!([{"name": "helm", "emptyDir": {"sizeLimit": "64Mi"}}]);
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }))?)
}

/// Runs a test beside a provisioner that may use the repository in its namespace.
async fn with_twin(context: &Context, test: impl Future<Output = Result>) -> Result {
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), controllers::NAMESPACE);
    let installed = deployments.get("score-provisioner-template").await?;
    deployments.create(&PostParams::default(), &twin(&installed, context)?).await?;
    // A test inside a test is more than the stack of a thread holds.
    let outcome = Box::pin(test).await;
    deployments.delete(&context.namespace, &DeleteParams::default()).await?;
    outcome
}

/// The type of the page, of the chart in the test's namespace.
fn type_of_page(context: &Context) -> Result<String> {
    let page = apply::repository_file("docs/provisioners.md")?;
    let (_, section) = page.split_once("\n## A type that is a Helm chart\n").context("no section")?;
    let (_, example) = section.split_once("```yaml\n").context("no example")?;
    let (example, _) = example.split_once("```").context("no end")?;
    let mut types: Value = serde_yaml_ng::from_str(example)?;
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
        with_twin(&context, async {
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
