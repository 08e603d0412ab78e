//! The effect of each field of the Score specification, seen from inside the running container.

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, Workload};
use e2e::busybox::workload;
use e2e::wait::{PATIENCE, until_there};
use e2e::{Context, Result, namespace, sample, with_namespace};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, Secret, Service};
use kube::ResourceExt as _;
use kube::api::ListParams;

/// Applies a Workload `it` with this spec, and waits until it is Ready.
async fn ready(context: &Context, spec: &str) -> Result {
    context.apply(&workload("it", spec)).await?;
    context.wait_ready("it").await.map(drop)
}

/// The one pod of Workload `it`.
async fn pod(context: &Context) -> Result<Pod> {
    let pods = context.api::<Pod>().list(&ListParams::default().labels("app=it")).await?;
    pods.items.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).context("it has no pod")
}

fn status<'a>(pod: &'a Pod, container: &str) -> Result<&'a ContainerStatus> {
    let status = pod.status.as_ref().context("no status")?;
    let statuses = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    statuses.into_iter().find(|status| status.name == container).with_context(|| format!("no {container}"))
}

#[tokio::test]
async fn command_args_and_variables_are_those_of_the_process() -> Result {
    with_namespace("process", async |context: Context| {
        ready(
            &context,
            r#"
  metadata: {team: {name: blue}}
  containers:
    main:
      image: BUSYBOX
      command: [/bin/busybox, sh]
      args: [-c, "echo $0 $1 > /dev/shm/args; WAIT", "$(HOME)", "${metadata.team.name}"]
      variables:
        PLAIN: "a  b\n'c'"
        EMPTY: ""
        TEAM: "${metadata.team.name} of ${metadata.name}"
        ESCAPED: "$${metadata.name} costs $$5"
        SHELL_LIKE: "$(PLAIN) $PLAIN"
      readinessProbe: {exec: {command: [/bin/busybox, test, -s, /dev/shm/args]}}
"#,
        )
        .await?;
        let environment = context.shell("it", "main", "tr '\\0' '\\n' < /proc/1/environ").await?;
        for expected in [
            "PLAIN=a  b\n'c'\n",
            "EMPTY=\n",
            "TEAM=blue of it\n",
            "ESCAPED=${metadata.name} costs $5\n",
            "SHELL_LIKE=$(PLAIN) $PLAIN\n",
        ] {
            ensure!(environment.contains(expected), "{expected:?} is not in {environment:?}");
        }
        // Placeholders are expanded in variables, and not in args.
        let args = context.busybox("it", "main", &["cat", "/dev/shm/args"]).await?;
        ensure!(args == "$(HOME) ${metadata.team.name}\n", "{args:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn files_have_their_bytes_and_mode_and_hide_nothing_of_the_image() -> Result {
    with_namespace("files", async |context: Context| {
        ready(
            &context,
            r#"
  metadata: {greeting: hello}
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      files:
        /bin/greeting.txt: {content: "${metadata.greeting}, $${x}\n", mode: "0444"}
        /etc/app/raw.conf: {content: "${metadata.greeting} $$\n", noExpand: true}
        /etc/app/deep/er/bytes: {binaryContent: AAEC/w==, mode: "755"}
        /etc/app/empty: {content: ""}
"#,
        )
        .await?;
        for (path, mode, bytes) in [
            ("/bin/greeting.txt", "444", "hello, ${x}\n"),
            ("/etc/app/raw.conf", "644", "${metadata.greeting} $$\n"),
            ("/etc/app/empty", "644", ""),
        ] {
            let seen = context.shell("it", "main", &format!("stat -L -c %a {path}; cat {path}")).await?;
            ensure!(seen == format!("{mode}\n{bytes}"), "{path}: {seen:?}");
        }
        let bytes =
            context.shell("it", "main", "F=/etc/app/deep/er/bytes; stat -L -c %a $F; base64 $F").await?;
        ensure!(bytes == "755\nAAEC/w==\n", "{bytes:?}");
        // The directory of the image that a file was put into still has what was there.
        context.busybox("it", "main", &["test", "-x", "/bin/busybox"]).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn pods_roll_when_a_file_changes_and_only_then() -> Result {
    with_namespace("file-roll", async |context: Context| {
        let spec = |text: &str, profile: &str| {
            format!("  metadata: {{unused: {profile}}}\n  containers: {{main: {{image: BUSYBOX, command: SLEEP, files: {{/etc/it: {{content: {text}}}}}}}}}\n")
        };
        ready(&context, &spec("one", "a")).await?;
        let first = pod(&context).await?.uid();
        ready(&context, &spec("one", "b")).await?;
        ensure!(pod(&context).await?.uid() == first, "what no container sees rolled them");
        ready(&context, &spec("two", "b")).await?;
        ensure!(pod(&context).await?.uid() != first, "a changed file rolled nothing");
        ensure!(context.busybox("it", "main", &["cat", "/etc/it"]).await? == "two");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_file_that_mixes_text_and_secrets_is_whole_in_the_container_and_nowhere_else() -> Result {
    with_namespace("mixed-file", async |context: Context| {
        ready(
            &context,
            r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      files:
        /etc/app/db.ini: {content: "user=${resources.db.username}\npassword=${resources.db.password}\n", mode: "0440"}
        /etc/app/password: {content: "${resources.db.password}"}
  resources:
    db: {type: postgres}
"#,
        )
        .await?;
        let secrets = context.api::<Secret>().list(&ListParams::default()).await?;
        let password = secrets.iter().find_map(|secret| secret.data.as_ref()?.get("password"));
        let password = String::from_utf8(password.context("no password")?.0.clone())?;
        let mixed = context.shell("it", "main", "stat -L -c %a /etc/app/db.ini; cat /etc/app/db.ini").await?;
        let lines: Vec<&str> = mixed.lines().collect();
        ensure!(lines[0] == "440" && lines[1].starts_with("user=") && lines[1] != "user=", "{}", lines[1]);
        ensure!(lines[2] == format!("password={password}"), "the password in the file is another one");
        let pure = context.busybox("it", "main", &["cat", "/etc/app/password"]).await?;
        ensure!(pure == password, "the file that is a password has {} bytes", pure.len());
        for kind in ["workload,workloadplan,workloadexposure,resourceclaim.score.dev", "configmap,pod,deployment,event"] {
            let shown = context.kubectl(&["get", kind, "--output=yaml"]).await?;
            ensure!(!shown.contains(&password), "the password stands in a {kind}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn compute_resources_are_enforced_as_score_writes_them() -> Result {
    with_namespace("compute", async |context: Context| {
        ready(
            &context,
            r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      resources: {requests: {cpu: 10m, memory: 8000K}, limits: {cpu: "0.5", memory: 64Mi}}
"#,
        )
        .await?;
        let pod = pod(&context).await?;
        let container = &pod.spec.as_ref().context("no spec")?.containers[0];
        let resources = container.resources.clone().unwrap_or_default();
        let shown = serde_json::to_value(&resources)?;
        let expected = serde_json::json!({
            "requests": {"cpu": "10m", "memory": "8M"}, "limits": {"cpu": "500m", "memory": "64Mi"},
        });
        ensure!(shown == expected, "{shown}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_container_gets_requests_only_while_its_readiness_probe_passes() -> Result {
    with_namespace("readiness", async |context: Context| {
        let spec = r#"
  containers:
    main:
      image: BUSYBOX
      command: SLEEP
      readinessProbe: {exec: {command: [/bin/busybox, test, -e, /dev/shm/open]}}
"#;
        context.apply(&workload("it", spec)).await?;
        let is_told = |it: &Workload| {
            namespace::message(it, ConditionType::Ready).contains("spec.containers.main.readinessProbe")
        };
        until_there(&context.api(), "it", "told about its probe", PATIENCE, is_told).await?;
        context.busybox("it", "main", &["touch", "/dev/shm/open"]).await?;
        context.wait_ready("it").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_container_is_restarted_when_its_liveness_probe_fails() -> Result {
    with_namespace("liveness", async |context: Context| {
        ready(
            &context,
            r#"
  containers:
    main:
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "touch /dev/shm/alive; WAIT"]
      livenessProbe: {exec: {command: [/bin/busybox, test, -e, /dev/shm/alive]}}
      readinessProbe: {exec: {command: [/bin/busybox, test, -e, /dev/shm/alive]}}
"#,
        )
        .await?;
        // Without a readiness probe the container is ready before its shell has made the file.
        context.busybox("it", "main", &["rm", "/dev/shm/alive"]).await?;
        let name = pod(&context).await?.name_any();
        let restarted = |pod: &Pod| status(pod, "main").is_ok_and(|status| status.restart_count > 0);
        until_there(&context.api(), &name, "restarted", PATIENCE, restarted).await?;
        context.wait_ready("it").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn http_probes_send_their_headers_to_their_path_and_port() -> Result {
    with_namespace("http-probe", async |context: Context| {
        // The server answers only to the header that the probe sends.
        ready(
            &context,
            r#"
  containers:
    main:
      image: BUSYBOX
      command: [/bin/busybox, nc, -ll, -p, "8081", -e, /bin/busybox, sh, /answer]
      files:
        /answer:
          noExpand: true
          content: |
            read -r method path version
            status="404 Not Found"
            while read -r name value && [ -n "$value" ]; do
              [ "$path $name $value" = "$(printf '/ask X-Asks: probe\r')" ] && status="200 OK"
            done
            printf 'HTTP/1.0 %s\r\n\r\n' "$status"
      readinessProbe: {httpGet: {path: /ask, port: 8081, httpHeaders: [{name: X-Asks, value: probe}]}}
"#,
        )
        .await
    })
    .await
}

/// A server that speaks plain HTTP, and a probe of it.
fn probed(name: &str, probe: &str) -> String {
    let spec = r#"
  containers:
    main:
      image: BUSYBOX
      command: [/bin/busybox, nc, -ll, -p, "8081", -e, /bin/busybox, sh, /answer]
      files:
        /answer:
          noExpand: true
          content: |
            while read -r name value && [ -n "$value" ]; do :; done
            printf 'HTTP/1.0 200 OK\r\n\r\n'
      readinessProbe: {httpGet: {path: /, port: 8081PROBE}}
"#;
    workload(name, &spec.replace("PROBE", probe))
}

#[tokio::test]
async fn http_probes_use_the_scheme_and_ask_the_host_that_they_are_given() -> Result {
    with_namespace("probe-scheme", async |context: Context| {
        context.apply(&probed("plain", ", scheme: HTTP")).await?;
        context.apply(&probed("encrypted", ", scheme: HTTPS")).await?;
        context.apply(&probed("elsewhere", ", host: 127.0.0.1")).await?;
        context.wait_ready("plain").await?;
        let is_told = |it: &Workload| {
            namespace::message(it, ConditionType::Ready).contains("spec.containers.main.readinessProbe")
        };
        until_there(&context.api(), "encrypted", "told about its probe", PATIENCE, is_told).await?;
        // Pod Security lets nobody below `privileged` have the node ask another host.
        let (type_, reason) = (ConditionType::Ready, Reason::PermissionDenied);
        let elsewhere = context.wait_condition("elsewhere", type_, "False", reason).await?;
        let message = namespace::message(&elsewhere, type_);
        ensure!(message.contains("host \"127.0.0.1\""), "{message}");
        Ok(())
    })
    .await
}

/// When a container began to run.
fn began(pod: &Pod, container: &str) -> Result<Timestamp> {
    let state = status(pod, container)?.state.clone().unwrap_or_default();
    let running = state.running.and_then(|running| running.started_at);
    let ended = state.terminated.and_then(|ended| ended.started_at);
    running.or(ended).map(|time| time.0).with_context(|| format!("{container} has not begun"))
}

fn ended(pod: &Pod, container: &str) -> Result<Timestamp> {
    let state = status(pod, container)?.state.clone().unwrap_or_default();
    let ended = state.terminated.and_then(|ended| ended.finished_at);
    ended.map(|time| time.0).with_context(|| format!("{container} has not ended"))
}

#[tokio::test]
async fn containers_start_in_the_order_that_before_demands() -> Result {
    with_namespace("before", async |context: Context| {
        ready(
            &context,
            r#"
  containers:
    migrate:
      image: BUSYBOX
      command: [/bin/busybox, sleep, "2"]
      before: {cache: {ready: complete}}
    cache:
      image: BUSYBOX
      command: [/bin/busybox, sh, -c, "sleep 3; touch /dev/shm/warm; WAIT"]
      readinessProbe: {exec: {command: [/bin/busybox, test, -e, /dev/shm/warm]}}
      before: {web: {ready: healthy}}
    agent:
      image: BUSYBOX
      command: SLEEP
      before: {web: {ready: started}}
    web:
      image: BUSYBOX
      command: SLEEP
"#,
        )
        .await?;
        let pod = pod(&context).await?;
        let times = || -> Result<_> {
            Ok((ended(&pod, "migrate")?, began(&pod, "cache")?, began(&pod, "agent")?, began(&pod, "web")?))
        };
        let (migrated, cache, agent, web) = times()?;
        ensure!(migrated <= cache, "cache began at {cache}, before migrate ended at {migrated}");
        ensure!(agent <= web, "web began at {web}, before agent at {agent}");
        let warm = web.duration_since(cache);
        ensure!(warm.as_secs() >= 2, "web began {warm} after cache, which needs 3 s to be healthy");
        for container in ["cache", "agent", "web"] {
            ensure!(status(&pod, container)?.ready, "{container} does not keep running beside the others");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_container_that_fails_before_the_others_is_named() -> Result {
    with_namespace("before-fails", async |context: Context| {
        let spec = r#"
  containers:
    migrate: {image: BUSYBOX, command: [/bin/busybox, "false"], before: {web: {ready: complete}}}
    web: {image: BUSYBOX, command: SLEEP}
"#;
        context.apply(&workload("it", spec)).await?;
        let told =
            context.wait_condition("it", ConditionType::Ready, "False", Reason::RuntimeDegraded).await?;
        let message = namespace::message(&told, ConditionType::Ready);
        ensure!(message.contains("migrate") && message.contains("exit code 1"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn annotations_reach_what_runs_and_containers_share_one_network() -> Result {
    with_namespace("annotations", async |context: Context| {
        let spec = r#"
  containers:
    main: {image: BUSYBOX, command: SLEEP, variables: {OWNER: '${metadata.annotations.example\.com/owner}'}}
    server: {image: BUSYBOX, command: [/bin/busybox, nc, -ll, -p, "8099", -e, /bin/busybox, echo, shared]}
"#;
        let annotated = workload("it", spec).replace(
            "{name: it}",
            "{name: it, annotations: {example.com/owner: blue, prometheus.io/scrape: 'true'}}",
        );
        context.apply(&annotated).await?;
        context.wait_ready("it").await?;
        let pod = pod(&context).await?;
        for (key, value) in [("example.com/owner", "blue"), ("prometheus.io/scrape", "true")] {
            ensure!(pod.annotations().get(key).is_some_and(|it| it == value), "{:?}", pod.annotations());
        }
        let owner = context.shell("it", "main", "echo $OWNER").await?;
        ensure!(owner == "blue\n", "{owner:?}");
        let heard = context.shell("it", "main", "nc 127.0.0.1 8099 < /dev/null").await?;
        ensure!(heard == "shared\n", "{heard:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ports_keep_their_names_and_lead_to_their_targets() -> Result {
    with_namespace("ports", async |context: Context| {
        let long = "a-port-with-a-name-that-is-as-long-as-the-specification-allows1";
        let serve = r#"mkdir /dev/shm/www; echo here > /dev/shm/www/index.html; trap exit TERM; httpd -f -p 8081 -h /dev/shm/www & wait"#;
        ready(
            &context,
            &format!(
                "  service:\n    ports: [{{name: {long}, port: 8080, targetPort: 8081}}, {{name: dns, port: 53, protocol: UDP}}]\n  \
                 containers: {{main: {{image: BUSYBOX, command: [/bin/busybox, sh, -c, {serve:?}]}}}}\n"
            ),
        )
        .await?;
        let service = context.api::<Service>().get("it").await?;
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let names: Vec<_> = ports.iter().filter_map(|port| port.name.as_deref()).collect();
        ensure!(names == [long, "dns"], "{names:?}");
        let endpoint = context.wait_ready("it").await?.status.and_then(|status| status.endpoint);
        let page = sample::fetch(&context, &endpoint.context("no endpoint")?).await?;
        ensure!(page.contains("here"), "{page}");
        Ok(())
    })
    .await
}
