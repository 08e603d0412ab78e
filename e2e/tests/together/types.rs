//! Resource types that a platform declares in YAML: those that are shipped, and the one of the page.

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason};
use e2e::busybox::workload;
use e2e::platform::{DATASTORES, offered, shipped_type};
use e2e::wait::{PATIENCE, until_there};
use e2e::{Context, Result, apply, controllers, guide, inventory, namespace, secrets, wait, with_namespace};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

const SHIPPED: [&str; 12] = [
    "amqp",
    "dns",
    "environment",
    "horizontal-pod-autoscaler",
    "mysql",
    "redis",
    "route",
    "s3",
    "secret",
    "service",
    "service-port",
    "volume",
];
/// It names the other Workload as that names it.
const PEER: &str = r#"
  containers:
    main: {image: BUSYBOX, command: SLEEP, variables: {SHOP: "${resources.shop.hostname}:${resources.shop.port}"}}
  service: {ports: [{name: web, port: 8080, targetPort: 9090}]}
  resources: {shop: {type: service-port, params: {workload: shop, port: 80}}}
"#;
const SHOP: &str = r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      resources: {requests: {cpu: 10m}}
      variables:
        CACHE: "${resources.cache.host} ${resources.cache.port}"
        CACHE_PASSWORD: "${resources.cache.password}"
        HOST: "${resources.domain.host}"
        LEVEL: "${resources.env.LOG_LEVEL}"
        TOKEN: "${resources.token.value}"
        PEER: "${resources.peer.hostname}:${resources.peer.port}"
        NEIGHBOUR: "${resources.neighbour.name}"
      volumes:
        /scratch: {source: "${resources.scratch}"}
        /kept: {source: "${resources.kept}"}
  service: {ports: [{name: web, port: 80, targetPort: 8080}]}
  resources:
    cache: {type: redis}
    domain: {type: dns}
    env: {type: environment}
    token: {type: secret, params: {length: 40}}
    neighbour: {type: service, params: {workload: peer}}
    peer: {type: service-port, params: {workload: peer, port: web}}
    scratch: {type: volume}
    kept: {type: volume, class: persistent, params: {storage: 16Mi}}
    scaling: {type: horizontal-pod-autoscaler, params: {minReplicas: 1, maxReplicas: 3}}
    entry: {type: route, params: {host: "${resources.domain.host}", path: /shop, port: web}}
"#;

/// A Workload of the image with the clients of all three.
const KEEPER: &str = r#"
  containers:
    main:
      image: DATASTORES
      command: [sh, -c, "WAIT"]
      variables:
        MYSQL_PWD: "${resources.db.password}"
        DATABASE: "--host=${resources.db.host} --port=${resources.db.port} --user=${resources.db.username} ${resources.db.name}"
        BUCKET: "${resources.files.endpoint}/${resources.files.bucket}"
        SIGNED: "aws:amz:${resources.files.region}:s3"
        KEY: "${resources.files.access_key_id}"
        SECRET: "${resources.files.secret_key}"
        BROKER: "${resources.queue.uri}"
  resources: {db: {type: mysql}, files: {type: s3}, queue: {type: amqp}}
"#;
const WRITE_ROW: &str = r#"mariadb $DATABASE -e "CREATE TABLE kept (it INT); INSERT INTO kept VALUES (7)""#;
const READ_ROW: &str = r#"mariadb $DATABASE -BN -e "SELECT it FROM kept""#;
const WRITE_MESSAGE: &str = r#"amqp-declare-queue --url="$BROKER" --durable --queue=kept &&
    amqp-publish --url="$BROKER" --persistent --routing-key=kept --body=it"#;
const READ_MESSAGE: &str = r#"amqp-get --url="$BROKER" --queue=kept"#;
/// Debian's curl signs, but does not say what S3 wants to hear of the content.
const CURL: &str =
    r#"curl -sS -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" --aws-sigv4 "$SIGNED" "$BUCKET/a/file""#;
const WRITE_FILE: &str = r#"--fail --user "$KEY:$SECRET" -X PUT --data-binary it"#;
const READ_FILE: &str = r#"--fail --user "$KEY:$SECRET""#;
const READ_WITHOUT_KEY: &str = r#"-o /dev/null -w '%{http_code}' --user "$KEY:none""#;

async fn with_shipped(context: &Context, test: impl Future<Output = Result>) -> Result {
    let types = SHIPPED.into_iter().map(shipped_type).collect::<Result<Vec<_>>>()?;
    offered(context, "", &types, test).await
}

/// Says of the one Ingress that it is open, as an ingress controller does.
async fn open_the_way_in(context: &Context) -> Result<Ingress> {
    let ingresses = context.api::<Ingress>();
    let ingress = wait::eventually("there is an Ingress", PATIENCE, async || {
        Ok(ingresses.list(&ListParams::default()).await?.items.pop())
    })
    .await?;
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    ingresses.patch_status(&ingress.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(ingress)
}

#[tokio::test]
async fn a_workload_uses_every_shipped_type_and_nothing_of_them_stays_but_what_is_retained() -> Result {
    with_namespace("types", async |context: Context| {
        with_shipped(&context, async {
            let before = inventory::made_in(&context.client, &context.namespace).await?;
            context.apply(&workload("peer", PEER)).await?;
            context.apply(&workload("shop", SHOP)).await?;
            let ingress = open_the_way_in(&context).await?;
            let ready = context.wait_ready("shop").await?;

            let printed = context
                .shell("shop", "main", "echo $LEVEL $PEER $HOST $NEIGHBOUR; echo $TOKEN | wc -c")
                .await?;
            let namespace = &context.namespace;
            let (first, length) = printed.trim().split_once('\n').context("two lines")?;
            let words: Vec<&str> = first.split(' ').collect();
            ensure!(words[..2] == ["info", &format!("peer.{namespace}.svc:8080")], "{first}");
            ensure!(words[3] == "peer", "{first}");
            ensure!(words[2].starts_with("shop-") && words[2].ends_with(".apps.example.com"), "{first}");
            ensure!(length.trim() == "41", "a token of {length} characters and a line's end");

            context.wait_ready("peer").await?;
            let shop = context.shell("peer", "main", "echo $SHOP").await?;
            ensure!(shop == format!("shop.{namespace}.svc:80\n"), "{shop:?}");

            let rules = ingress.spec.and_then(|spec| spec.rules).unwrap_or_default();
            ensure!(rules.iter().all(|rule| rule.host.as_deref() == Some(words[2])), "{rules:?}");
            let endpoint = ready.status.and_then(|status| status.endpoint);
            ensure!(endpoint.as_deref() == Some(&format!("http://{}/shop", words[2])), "{endpoint:?}");

            let ping =
                r#"printf 'AUTH default %s\r\nSET a b\r\nGET a\r\n' "$CACHE_PASSWORD" | nc -w 2 $CACHE"#;
            let answer = context.shell("shop", "main", ping).await?;
            ensure!(answer == "+OK\r\n+OK\r\n$1\r\nb\r\n", "{answer:?}");
            let kept =
                context.shell("shop", "main", "echo it > /kept/a && touch /scratch/b && cat /kept/a").await?;
            ensure!(kept == "it\n", "{kept:?}");
            let volumes = context.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
            ensure!(volumes.items.len() == 1, "{} volumes", volumes.items.len());
            let scaling = context.api::<HorizontalPodAutoscaler>().list(&ListParams::default()).await?;
            let spec = scaling.items.first().map(|scaling| scaling.spec.clone()).context("no autoscaler")?;
            ensure!((spec.max_replicas, spec.scale_target_ref.name.as_str()) == (3, "shop"), "{spec:?}");
            secrets::stay_in_their_secret(&context).await?;

            for name in ["shop", "peer"] {
                context.delete::<api_types::Workload>(name).await?;
            }
            wait::eventually("only what is retained is left", PATIENCE, async || {
                let now = inventory::made_in(&context.client, namespace).await?;
                let left: Vec<_> = now.difference(&before).collect();
                let retained = left.len() == 2
                    && left.iter().all(|name| name.contains("Secret") && name.contains("token"));
                Ok(retained.then_some(()))
            })
            .await?;
            wait::eventually("what is retained is counted", PATIENCE, async || {
                let provisioner = "score-provisioner-template";
                let metrics = controllers::get(&context.client, provisioner, "/metrics").await?;
                let counted =
                    r#"score_resources_left_behind{class="default",state="retained",type="secret"}"#;
                Ok(metrics.contains(counted).then_some(()))
            })
            .await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_mysql_a_bucket_and_a_broker_keep_what_a_workload_writes_when_they_restart() -> Result {
    with_namespace("keeper", async |context: Context| {
        with_shipped(&context, async {
            context.apply(&workload("keeper", &KEEPER.replace("DATASTORES", DATASTORES))).await?;
            context.wait_ready("keeper").await?;
            let curl = |what: &str| format!("{CURL} {what}");
            for line in [WRITE_ROW, &curl(WRITE_FILE), WRITE_MESSAGE] {
                run(&context, line).await?;
            }
            for server in ["keeper-db-mysql-0", "keeper-files-s3-0", "keeper-queue-amqp-0"] {
                context.delete::<Pod>(server).await?;
            }
            // They come back by themselves, and nothing tells the Workload when.
            for (line, kept) in [(READ_ROW, "7\n"), (&curl(READ_FILE), "it"), (READ_MESSAGE, "it")] {
                wait::eventually("what was kept is there again", PATIENCE, async || {
                    Ok(run(&context, line).await.ok().filter(|read| read == kept))
                })
                .await?;
            }
            let refused = run(&context, &curl(READ_WITHOUT_KEY)).await?;
            ensure!(refused == "403", "without the key: {refused}");
            context.delete::<api_types::Workload>("keeper").await?;
            wait::eventually("no volume is left", PATIENCE, async || {
                let volumes = context.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
                Ok(volumes.items.is_empty().then_some(()))
            })
            .await
        })
        .await
    })
    .await
}

/// What a line of shell prints in the Workload with the clients.
async fn run(context: &Context, line: &str) -> Result<String> {
    context.kubectl(&["exec", "deployment/keeper", "--container", "main", "--", "sh", "-c", line]).await
}

#[tokio::test]
async fn a_misspelt_output_or_param_is_refused_with_those_that_there_are() -> Result {
    with_namespace("misspelt", async |context: Context| {
        with_shipped(&context, async {
            let spec = r#"
  containers: {main: {image: BUSYBOX, command: SLEEP, variables: {CACHE: "${resources.cache.hots}"}}}
  resources: {cache: {type: redis}, token: {type: secret, params: {lenght: 40}}}
"#;
            context.apply(&workload("it", spec)).await?;
            let refused = context
                .wait_condition("it", ConditionType::InputsValid, "False", Reason::SpecInvalid)
                .await?;
            let message = namespace::message(&refused, ConditionType::InputsValid);
            for word in ["hots", "host", "password", "spec.resources.token.params", "lenght"] {
                ensure!(message.contains(word), "{word} is not in: {message}");
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn the_type_of_the_page_works_as_it_stands_there() -> Result {
    with_namespace("page", async |context: Context| {
        let blocks = guide::blocks(&apply::repository_file("docs/provisioners.md")?)?;
        let memcached = blocks.iter().find(|block| block.language == "yaml").context("no example")?;
        ensure!(memcached.text.lines().count() < 60, "{} lines", memcached.text.lines().count());
        offered(&context, "", std::slice::from_ref(&memcached.text), async {
            let spec = r#"
  containers: {main: {image: BUSYBOX, command: SLEEP, variables: {CACHE: "${resources.cache.host} ${resources.cache.port}"}}}
  resources: {cache: {type: memcached, class: large, params: {connections: 100}}}
"#;
            context.apply(&workload("it", spec)).await?;
            context.wait_ready("it").await?;
            let said = r#"printf 'set a 0 0 1\r\nb\r\nget a\r\nquit\r\n' | nc -w 2 $CACHE"#;
            let answer = context.shell("it", "main", said).await?;
            ensure!(answer == "STORED\r\nVALUE a 0 1\r\nb\r\nEND\r\n", "{answer:?}");
            let claim = until_there(
                &context.api::<api_types::ResourceClaim>(),
                "it-cache",
                "Bound",
                PATIENCE,
                |claim| claim.status.as_ref().is_some_and(|status| status.outputs_available),
            )
            .await?;
            ensure!(claim.spec.class == "large", "{:?}", claim.spec.class);
            Ok(())
        })
        .await
    })
    .await
}
