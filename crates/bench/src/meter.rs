//! What the controllers write and need.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::args::{Controller, RunArgs};
use crate::audit::AuditLog;
use crate::error::BenchError;
use crate::process::{cpu_time, resident_memory};
use crate::progress::{INTERVAL, say};
use crate::report::Needs;
use crate::tally::{Tally, Users};

/// How long the cluster may take to come to rest.
const SETTLE: Duration = Duration::from_secs(30);

/// Watches the controllers.
pub(crate) struct Meter<'a> {
    controllers: &'a [Controller],
    users: Users,
    audit: AuditLog,
    /// The CPU time of each controller in its turns.
    cpu: Vec<Duration>,
}

impl<'a> Meter<'a> {
    /// Watches those that `args` names, from now on. `namespace` is one in which the client may write.
    pub(crate) async fn open(
        args: &'a RunArgs,
        client: &Client,
        namespace: &str,
    ) -> Result<Self, BenchError> {
        let controllers = &args.controllers;
        let audit = AuditLog::open(&args.audit_log, client, namespace)?;
        let users = users(args, client).await?;
        let meter = Self { controllers, users, audit, cpu: vec![Duration::ZERO; controllers.len()] };
        meter.cpu_now()?; // they run
        Ok(meter)
    }

    /// What was written before does not count.
    pub(crate) async fn forget(&mut self) -> Result<(), BenchError> {
        self.audit.writes().await.map(drop)
    }

    /// Counts the writes in `namespace` until a second passes without one: some come after the last object is ready.
    pub(crate) async fn count_until_quiet(
        &mut self,
        namespace: &str,
        tally: &mut Tally,
    ) -> Result<(), BenchError> {
        let began = Instant::now();
        while began.elapsed() < SETTLE {
            let before = tally.total();
            tally.add_in(namespace, &self.audit.writes().await?, &self.users);
            if tally.total() == before {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        say(&format!(
            "writes in namespace {namespace} went on for {} s after the last was ready",
            SETTLE.as_secs()
        ));
        Ok(())
    }

    /// Counts writes, wherever, while nothing changes for so long.
    pub(crate) async fn idle(&mut self, duration: Duration) -> Result<Tally, BenchError> {
        self.forget().await?;
        let began = Instant::now();
        while began.elapsed() < duration {
            tokio::time::sleep(INTERVAL.min(duration.saturating_sub(began.elapsed()))).await;
            say(&format!("idle for {} of {} s", began.elapsed().as_secs(), duration.as_secs()));
        }
        let mut tally = Tally::default();
        self.audit.writes().await?.iter().for_each(|write| tally.add(write, &self.users));
        Ok(tally)
    }

    /// The CPU time that each controller has used so far.
    pub(crate) fn cpu_now(&self) -> Result<Vec<Duration>, BenchError> {
        self.controllers.iter().map(cpu_time).collect()
    }

    /// What each has used since `before` was in one of its turns.
    pub(crate) fn add_cpu_since(&mut self, before: &[Duration]) -> Result<(), BenchError> {
        let now = self.cpu_now()?;
        self.cpu
            .iter_mut()
            .zip(before.iter().zip(now))
            .for_each(|(sum, (before, now))| *sum += now.saturating_sub(*before));
        Ok(())
    }

    /// What each controller needs, as it is now.
    pub(crate) fn needs(&self) -> Result<Vec<Needs>, BenchError> {
        self.controllers.iter().zip(&self.cpu).map(needs).collect()
    }
}

fn needs((controller, cpu): (&Controller, &Duration)) -> Result<Needs, BenchError> {
    let memory_bytes = resident_memory(controller)?;
    Ok(Needs { controller: controller.name.clone(), memory_bytes, cpu_seconds: cpu.as_secs_f64() })
}

async fn users(args: &RunArgs, client: &Client) -> Result<Users, BenchError> {
    let question = SelfSubjectReview::default();
    let answer =
        Api::<SelfSubjectReview>::all(client.clone()).create(&PostParams::default(), &question).await;
    let answer = answer.map_err(BenchError::api("ask for the name of the client's user"))?;
    let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
    let controllers: BTreeMap<_, _> = args
        .controllers
        .iter()
        .map(|c| (format!("system:serviceaccount:{}:{}", args.system_namespace, c.name), c.name.clone()))
        .collect();
    Ok(Users { client: user.unwrap_or_default(), controllers })
}
