//! The whole run: every writer's turns, then a minute in which nothing changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::args::{Args, Controller};
use crate::audit::AuditLog;
use crate::cleanup::{delete_everything, delete_workloads, ensure_namespace};
use crate::error::BenchError;
use crate::process::{cpu_time, load_average, resident_memory};
use crate::progress::{INTERVAL, say};
use crate::report::{Measured, Measurements, Needs, Paced, Report};
use crate::round::{self, Plan};
use crate::sample;
use crate::stats::Latency;
use crate::tally::{Tally, Users};
use crate::writer::{Kind, Writer};

/// How long the cluster may take to come to rest after a turn.
const SETTLE: Duration = Duration::from_secs(30);

/// Measures, and leaves the namespaces empty.
pub(crate) async fn run(args: &Args, client: Client) -> Result<Report, BenchError> {
    let load = load_average();
    let mut bench = Bench::prepare(args, client).await?;
    let writers = bench.writers().await?;
    bench.warm_up(&writers).await?;
    let mut measured = Kind::ALL.map(Measured::new);
    for number in 1..=args.rounds {
        for (writer, measured) in writers.iter().zip(&mut measured) {
            say(&format!("round {number} of {}: {}", args.rounds, writer.kind.name()));
            bench.clean(writer).await?;
            bench.turn(writer, measured).await?;
        }
        bench.clean(&writers[0]).await?;
        bench.clean(&writers[1]).await?;
    }
    let idle = bench.idle().await?;
    let needs = args.controllers.iter().zip(&bench.cpu).map(needs).collect::<Result<_, _>>()?;
    bench.clean(&writers[2]).await?;
    let paced = bench.paced(&writers, measured[1].rate() / 2.0).await?;
    Ok(Report::new(args, Measurements { load, writers: measured, idle, needs, paced }))
}

fn needs((controller, cpu): (&Controller, &Duration)) -> Result<Needs, BenchError> {
    let memory_bytes = resident_memory(controller)?;
    Ok(Needs { controller: controller.name.clone(), memory_bytes, cpu_seconds: cpu.as_secs_f64() })
}

struct Bench<'a> {
    args: &'a Args,
    client: Client,
    users: Users,
    audit: AuditLog,
    /// The CPU time of each controller in its turns.
    cpu: Vec<Duration>,
}

impl<'a> Bench<'a> {
    async fn prepare(args: &'a Args, client: Client) -> Result<Self, BenchError> {
        let cpu = vec![Duration::ZERO; args.controllers.len()];
        ensure_namespace(&client, &args.writer_namespace).await?;
        ensure_namespace(&client, &args.workload_namespace).await?;
        let audit = AuditLog::open(&args.audit_log, &client, &args.writer_namespace)?;
        let users = users(args, &client).await?;
        let bench = Self { args, client, users, audit, cpu };
        bench.cpu_now()?; // they run
        Ok(bench)
    }

    /// The writers, in the order of a turn.
    async fn writers(&mut self) -> Result<[Arc<Writer>; 3], BenchError> {
        delete_everything(&self.client, &self.args.writer_namespace).await?;
        delete_workloads(&self.client, &self.args.workload_namespace).await?;
        let templates = sample::learn(&self.client, &self.args.workload_namespace).await?;
        Ok(Kind::ALL.map(|kind| {
            let namespace = match kind {
                Kind::Bare | Kind::Ideal => self.args.writer_namespace.clone(),
                Kind::Controllers => self.args.workload_namespace.clone(),
            };
            Arc::new(Writer { kind, namespace, client: self.client.clone(), templates: templates.clone() })
        }))
    }

    async fn clean(&self, writer: &Writer) -> Result<(), BenchError> {
        match writer.kind {
            Kind::Bare | Kind::Ideal => delete_everything(&self.client, &writer.namespace).await,
            Kind::Controllers => delete_workloads(&self.client, &writer.namespace).await,
        }
    }

    async fn warm_up(&self, writers: &[Arc<Writer>]) -> Result<(), BenchError> {
        for writer in writers {
            self.clean(writer).await?;
            round::run(writer, &self.plan(self.args.warm_up)).await?;
            self.clean(writer).await?;
        }
        Ok(())
    }

    fn plan(&self, count: u32) -> Plan {
        Plan { count, clients: self.args.clients, timeout: self.args.timeout(), pace: None }
    }

    async fn turn(&mut self, writer: &Arc<Writer>, measured: &mut Measured) -> Result<(), BenchError> {
        self.audit.writes().await?; // what was before does not count
        let cpu = self.cpu_now()?;
        let times = round::run(writer, &self.plan(self.args.count)).await?;
        self.count_until_quiet(&writer.namespace, &mut measured.writes).await?;
        if writer.kind == Kind::Controllers {
            self.add_cpu_since(&cpu)?;
        }
        measured.add(times);
        Ok(())
    }

    fn cpu_now(&self) -> Result<Vec<Duration>, BenchError> {
        self.args.controllers.iter().map(cpu_time).collect()
    }

    fn add_cpu_since(&mut self, before: &[Duration]) -> Result<(), BenchError> {
        let now = self.cpu_now()?;
        self.cpu
            .iter_mut()
            .zip(before.iter().zip(now))
            .for_each(|(sum, (before, now))| *sum += now - *before);
        Ok(())
    }

    /// How long the bare writer's objects and the controllers' take where none has to wait for another.
    async fn paced(&self, writers: &[Arc<Writer>; 3], per_second: f64) -> Result<Paced, BenchError> {
        let mut latencies = [Latency::default(); 2];
        for (writer, latency) in [&writers[0], &writers[2]].into_iter().zip(&mut latencies) {
            say(&format!("at {per_second:.1} per second: {}", writer.kind.name()));
            let plan = Plan { pace: Some(per_second), ..self.plan(self.args.paced_count) };
            *latency = Latency::of(round::run(writer, &plan).await?.latencies);
            self.clean(writer).await?;
        }
        let [bare, controllers] = latencies;
        Ok(Paced { per_second, bare, controllers })
    }

    /// Counts the writes in `namespace` until a second passes without one: some come after the last object is ready.
    async fn count_until_quiet(&mut self, namespace: &str, tally: &mut Tally) -> Result<(), BenchError> {
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

    /// Counts writes, wherever, while nothing changes.
    async fn idle(&mut self) -> Result<Tally, BenchError> {
        let duration = self.args.idle();
        self.audit.writes().await?;
        let began = Instant::now();
        while began.elapsed() < duration {
            tokio::time::sleep(INTERVAL.min(duration - began.elapsed())).await;
            say(&format!("idle for {} of {} s", began.elapsed().as_secs(), duration.as_secs()));
        }
        let mut tally = Tally::default();
        self.audit.writes().await?.iter().for_each(|write| tally.add(write, &self.users));
        Ok(tally)
    }
}

async fn users(args: &Args, client: &Client) -> Result<Users, BenchError> {
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
