//! Two hundred databases on one server, while everything goes wrong that may.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_types::ResourceClaim;
use e2e::killer::{Killer, Pace};
use e2e::server::{self, DATABASES, ROLES, gone, sql, with_server};
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, alone, kubectl, node, seed};
use futures::future::{Either, select};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt as _;
use kube::api::PostParams;
use serde_json::json;

const CLAIMS: usize = 200;
const AT_ONCE: usize = 8;
/// What the provisioner is allowed.
const CONNECTIONS: u64 = 5;
const PACE: Pace = Pace { kills: 10, longest_pause: 6.0 };
/// For all of them on a small machine, disturbances included.
const LONG: Duration = Duration::from_secs(1200);

#[tokio::test]
async fn two_hundred_databases_outlive_kills_restarts_and_a_server_that_is_slow() -> Result {
    let seed = seed::seed()?;
    alone("load", async |context: Context| {
        with_server(&context, "Delete", async |context| {
            let load = Load { context, written: RefCell::default(), most: Cell::new(0) };
            load.claim().await?;
            let mut killer = Killer::new(&context.client, &[&context.namespace], seed);
            let work = async {
                let (written, disturbed) = tokio::join!(load.write(), load.disturb());
                disturbed.and(written)
            };
            let disturbed = killer.during("creation", PACE, work);
            match select(Box::pin(disturbed), Box::pin(load.count_connections())).await {
                Either::Left((outcome, _)) => outcome?,
                Either::Right((never, _)) => match never {},
            }
            killer.has_killed_processes()?;
            killer.all_are_back().await?;
            load.check().await?;
            context
                .api::<ResourceClaim>()
                .delete_collection(&Default::default(), &Default::default())
                .await?;
            gone(context, LONG).await?;
            ensure!(sql(context, DATABASES).await? == "0", "databases are still there");
            ensure!(sql(context, ROLES).await? == "0", "roles are still there");
            Ok(())
        })
        .await
    })
    .await
}

struct Load<'a> {
    context: &'a Context,
    /// The databases by claim in which a row was written once they were handed out, and what PostgreSQL numbers them.
    written: RefCell<BTreeMap<String, String>>,
    /// The most connections of the provisioner that were seen at once.
    most: Cell<u64>,
}

impl Load<'_> {
    /// Claims as the orchestrator makes them, for no Workload.
    async fn claim(&self) -> Result {
        let claims = self.context.api::<ResourceClaim>();
        let mut parameters = server::parameters(self.context);
        parameters["server"]["maxConnections"] = CONNECTIONS.into();
        let create = stream::iter(0..CLAIMS).map(async |number| {
            let claim: ResourceClaim = serde_json::from_value(json!({
                "apiVersion": "score.dev/v1b1", "kind": "ResourceClaim",
                "metadata": {"name": format!("db-{number:03}")},
                "spec": {
                    "workloadRef": {"name": "none", "uid": "none"}, "key": "db", "type": "postgres",
                    "class": "default", "provisioner": self.context.namespace, "deprovisionPolicy": "Delete",
                    "parameters": parameters,
                },
            }))?;
            claims.create(&PostParams::default(), &claim).await.map(drop).context("cannot create a claim")
        });
        create.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Writes a row into each database once it is handed out.
    async fn write(&self) -> Result {
        let claims = self.context.api::<ResourceClaim>();
        eventually("a row in every database", LONG, async || {
            let all = claims.list(&Default::default()).await?.items;
            let bound = all.iter().filter(|claim| is_usable(claim)).map(|claim| claim.name_any());
            let new: Vec<_> = bound.filter(|name| !self.written.borrow().contains_key(name)).collect();
            let row = "create table if not exists t (x int); insert into t values (1); \
                       select oid from pg_database where datname = current_database()";
            let write = stream::iter(new).map(async |name| {
                // The server may be down just now: next time.
                if let Ok(number) = self.psql(&name, row).await {
                    self.written.borrow_mut().insert(name, number);
                }
            });
            write.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
            Ok((self.written.borrow().len() == CLAIMS).then_some(()))
        })
        .await
    }

    /// Ends the server twice without warning, and makes it slow in between.
    async fn disturb(&self) -> Result {
        self.when_written(CLAIMS / 5).await?;
        self.kill_the_server().await?;
        self.when_written(CLAIMS * 2 / 5).await?;
        // Nobody can log in, create a role or a database.
        let slow = "BEGIN; LOCK TABLE pg_catalog.pg_authid; SELECT pg_sleep(10); COMMIT";
        sql(self.context, slow).await?;
        self.when_written(CLAIMS * 3 / 5).await?;
        self.kill_the_server().await
    }

    async fn when_written(&self, count: usize) -> Result {
        eventually(
            "enough databases",
            LONG,
            async || Ok((self.written.borrow().len() >= count).then_some(())),
        )
        .await
    }

    async fn kill_the_server(&self) -> Result {
        let pods = self.context.api::<Pod>();
        let pod = pods.get("server").await?;
        node::kill(&pod).await?;
        let restarts = e2e::controllers::restart_count(&pod);
        let is_back = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            e2e::controllers::restart_count(pod) > restarts
                && conditions
                    .into_iter()
                    .any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        until_there(&pods, "server", "running again", PATIENCE, is_back).await.map(drop)
    }

    /// Looks again and again how many connections the provisioner has.
    async fn count_connections(&self) -> std::convert::Infallible {
        loop {
            let count =
                sql(self.context, "select count(*) from pg_stat_activity where usename = 'score'").await;
            // It may be down just now.
            let count = count.ok().and_then(|count| count.parse().ok()).unwrap_or(0);
            self.most.set(self.most.get().max(count));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Every database is the one that it was, and the bound has held.
    async fn check(&self) -> Result {
        let most = self.most.get();
        ensure!((1..=CONNECTIONS).contains(&most), "{most} connections at once");
        ensure!(sql(self.context, DATABASES).await? == CLAIMS.to_string(), "lost or doubled databases");
        let written = self.written.borrow().clone();
        let same = stream::iter(written).map(async |(name, number)| {
            let seen = self
                .psql(
                    &name,
                    "select oid, (select count(*) > 0 from t) from pg_database \
                                         where datname = current_database()",
                )
                .await?;
            ensure!(seen == format!("{number}|t"), "{name} was {number} and is {seen}");
            Ok(())
        });
        same.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// What SQL gives to who logs in with the credentials of a claim.
    async fn psql(&self, claim: &str, query: &str) -> Result<String> {
        let secret = self.context.api::<Secret>().get(&format!("{claim}-postgres-secret")).await?;
        let data = secret.data.unwrap_or_default();
        let text = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(&value.0).into_owned());
        let pod = self.context.api::<Pod>().get("server").await?;
        let status = pod.status.context("no status")?;
        let node = pod.spec.and_then(|spec| spec.node_name).context("no node")?;
        let mut command = node::command_in_network_of(&node)?;
        command.args(["psql", "-qtAc", query]);
        let variables = [("PGUSER", "username"), ("PGPASSWORD", "password"), ("PGDATABASE", "database")];
        for (variable, key) in variables {
            command.env(variable, text(key).with_context(|| format!("no {key}"))?);
        }
        // Nobody listens while it is down, which is refused at once. A login on a busy machine takes long.
        command.env("PGHOST", status.pod_ip.context("no address")?).env("PGCONNECT_TIMEOUT", "60");
        Ok(kubectl::run(&mut command).await?.trim().to_owned())
    }
}

fn is_usable(claim: &ResourceClaim) -> bool {
    claim.status.as_ref().is_some_and(|status| status.outputs_available)
}
