//! The whole run: every writer's turns, then a minute in which nothing changes.

use std::sync::Arc;

use kube::Client;

use crate::args::WorkloadArgs;
use crate::cleanup::{delete_everything, delete_workloads, ensure_namespace};
use crate::error::BenchError;
use crate::meter::Meter;
use crate::process::load_average;
use crate::progress::say;
use crate::report::{Measured, Measurements, Paced, Report};
use crate::round::{self, Plan};
use crate::sample;
use crate::stats::Latency;
use crate::writer::{Kind, Writer};

/// Measures, and leaves the namespaces empty.
pub(crate) async fn run(args: &WorkloadArgs, client: Client) -> Result<Report, BenchError> {
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
    let idle = bench.meter.idle(args.run.idle()).await?;
    let needs = bench.meter.needs()?;
    bench.clean(&writers[2]).await?;
    let paced = bench.paced(&writers, measured[1].rate() / 2.0).await?;
    Ok(Report::new(args, Measurements { load, writers: measured, idle, needs, paced }))
}

struct Bench<'a> {
    args: &'a WorkloadArgs,
    client: Client,
    meter: Meter<'a>,
}

impl<'a> Bench<'a> {
    async fn prepare(args: &'a WorkloadArgs, client: Client) -> Result<Self, BenchError> {
        ensure_namespace(&client, &args.writer_namespace).await?;
        ensure_namespace(&client, &args.workload_namespace).await?;
        let meter = Meter::open(&args.run, &client, &args.writer_namespace).await?;
        Ok(Self { args, client, meter })
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
        Plan { count, clients: self.args.clients, timeout: self.args.run.timeout(), pace: None }
    }

    async fn turn(&mut self, writer: &Arc<Writer>, measured: &mut Measured<Kind>) -> Result<(), BenchError> {
        self.meter.forget().await?;
        let cpu = self.meter.cpu_now()?;
        let times = round::run(writer, &self.plan(self.args.count)).await?;
        self.meter.count_until_quiet(&writer.namespace, &mut measured.writes).await?;
        if writer.kind == Kind::Controllers {
            self.meter.add_cpu_since(&cpu)?;
        }
        measured.add(times);
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
}
