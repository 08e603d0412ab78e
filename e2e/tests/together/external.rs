//! The resource type of the page that lies behind an API, with an API in the cluster, by a provisioner that may use it.

use anyhow::{Context as _, ensure};
use api_types::{ResourceClaim, Workload};
use e2e::busybox::{self, workload};
use e2e::platform::{example_under, offered};
use e2e::secrets::{self, Needle};
use e2e::twin::{self, with_twin};
use e2e::wait::{PATIENCE, eventually, until_gone, until_there};
use e2e::{Context, Result, with_namespace};
use kube::ResourceExt as _;
use serde_json::{Value, json};

/// The API: a program of a web server.
const PROGRAM: &str = include_str!("../fixtures/buckets.sh");
const API: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: storage}
spec: {selector: {app: storage}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: storage, labels: {app: storage}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: api
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "trap exit TERM; httpd -f -p 8080 -h /www & wait"]
      env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: storage-api, key: token}}}]
      readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: program, mountPath: /www/cgi-bin}, {name: data, mountPath: /data}]
  volumes: [{name: program, configMap: {name: storage, defaultMode: 365}}, {name: data, emptyDir: {}}]
"#;
const SHOP: &str = r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      variables:
        BUCKET: "${resources.files.endpoint}/${resources.files.name}"
        SIZE: "${resources.files.sizeGi}"
        ACCESS: "${resources.files.access_key}"
        SECRET: "${resources.files.secret_key}"
  resources: {files: {type: bucket, params: {sizeGi: 1}}}
"#;
const CLAIM: &str = "shop-files";
/// The folders of all buckets.
const BUCKETS: &str = "ls /data";

fn origin(context: &Context) -> String {
    format!("http://storage.{}.svc:8080", context.namespace)
}

/// Starts the API, and gives the token that it asks for, which stands in the Secret of the page's name.
async fn start_api(context: &Context) -> Result<String> {
    let token = format!("{:032x}", rand::random::<u128>());
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "storage-api"}, "stringData": {"token": token},
    });
    let program = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "storage"}, "data": {"v1": PROGRAM},
    });
    for object in [secret.to_string(), program.to_string(), API.replace("BUSYBOX", &busybox::image())] {
        context.apply(&object).await?;
    }
    context.kubectl(&["wait", "--for=condition=Ready", "--timeout=240s", "pod/storage"]).await?;
    Ok(token)
}

/// What a line of shell prints where the API runs.
async fn at_api(context: &Context, line: &str) -> Result<String> {
    context.kubectl(&["exec", "pod/storage", "--", "/bin/busybox", "sh", "-c", line]).await
}

/// The type of the page, of the API in the test's namespace.
fn type_of_page(context: &Context) -> Result<String> {
    let mut types = example_under("A type behind an API")?;
    types[0]["provisioner"] = json!(context.namespace);
    let api = &mut types[0]["config"]["externalApi"];
    ensure!(api["secretRef"]["name"] == "storage-api" && api["update"].is_object(), "another example: {api}");
    api["url"] = json!(format!("{}/cgi-bin/v1", origin(context)));
    api["plainHttp"] = json!(true);
    Ok(serde_yaml_ng::to_string(&types)?)
}

/// What the chart's value `externalApi` changes of the provisioner; and the platform's Secrets lie in the test's namespace.
fn may_use_api(context: &Context, pod: &mut Value) -> Result {
    twin::add_argument(pod, format!("--allowed-origin={}", origin(context)))?;
    twin::add_argument(pod, "--allowed-api-secret=storage-api".to_owned())?;
    twin::add_argument(pod, format!("--secrets-namespace={}", context.namespace))
}

#[tokio::test]
async fn a_workload_uses_a_bucket_behind_the_api_of_the_page_and_changes_and_removes_it() -> Result {
    with_namespace("external", async |context: Context| {
        let token = start_api(&context).await?;
        with_twin(&context, "score-provisioner-template", |pod| may_use_api(&context, pod), async {
            offered(&context, "", &[type_of_page(&context)?], used_changed_and_removed(&context, &token))
                .await
        })
        .await
    })
    .await
}

async fn used_changed_and_removed(context: &Context, token: &str) -> Result {
    context.apply(&workload("shop", SHOP)).await?;
    context.wait_ready("shop").await?;
    assert_has(context, 1).await?;
    let claims = context.api::<ResourceClaim>();
    let claim = claims.get(CLAIM).await?;
    ensure!(claim.finalizers() == ["score.dev/external-api"], "{:?}", claim.finalizers());
    let first = claim.status.and_then(|status| status.outputs_revision);

    let larger = json!({"spec": {"resources": {"files": {"params": {"sizeGi": 2}}}}});
    context.patch("shop", larger).await?;
    let is_changed = |claim: &ResourceClaim| {
        let status = claim.status.clone().unwrap_or_default();
        status.outputs_available
            && status.outputs_revision != first
            && status.observed_generation == claim.metadata.generation
    };
    let claim = until_there(&claims, CLAIM, "changed", PATIENCE, is_changed).await?;
    eventually("the Workload knows the new size", PATIENCE, async || {
        Ok(assert_has(context, 2).await.is_ok().then_some(()))
    })
    .await?;
    secrets::stay_in_their_secret(context).await?;

    context.delete::<Workload>("shop").await?;
    until_gone(&claims, &claim).await?;
    let left = at_api(context, BUCKETS).await?;
    ensure!(left.is_empty(), "still behind the API: {left}");
    let needle = Needle::new("the API's token", token);
    let found = secrets::search(context, &[needle], |name| name == "storage-api").await?;
    ensure!(found.is_empty(), "a credential stands where none may be:\n{}", found.join("\n"));
    Ok(())
}

/// Whether the Workload has the one bucket that there is, of this size, with the bucket's own secrets.
async fn assert_has(context: &Context, size: u32) -> Result {
    let bucket = at_api(context, BUCKETS).await?;
    let bucket = bucket.trim();
    ensure!(bucket.lines().count() == 1, "buckets: {bucket}");
    let made = r#"printf '%s\n%s\n%s%s' "$(cat name)" "$(cat size)" "$(cat access)" "$(cat secret)""#;
    let made = at_api(context, &format!("cd /data/{bucket} && {made}")).await?;
    let name = made.lines().next().context("no name")?;
    ensure!(name.starts_with(&format!("{}-", context.namespace)), "it is called {name}");
    let given = r#"printf '%s\n%s\n%s%s' "${BUCKET#https://s3.example.com/}" "$SIZE" "$ACCESS" "$SECRET""#;
    let given = context.shell("shop", "main", given).await?;
    let (given, made): (Vec<_>, Vec<_>) = (given.lines().collect(), made.lines().collect());
    ensure!(
        given[..2] == made[..2] && given[1] == size.to_string(),
        "{:?}, not {:?}",
        &given[..2],
        &made[..2]
    );
    ensure!(given[2..] == made[2..], "it has other secrets");
    Ok(())
}
