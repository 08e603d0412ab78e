//! The pod-set planner against the scheduler alone: the same pods, bound in turns.

mod goals;
mod planning;
mod report;
mod table;
mod turn;

use kube::Client;

pub(crate) use self::table::render;
use self::{
    planning::Planning,
    report::{Measurements, Report},
    turn::{Kind, Turn},
};
use crate::args::PodSetArgs;
use crate::cleanup::{delete_pod_sets, ensure_namespace};
use crate::error::BenchError;
use crate::meter::Meter;
use crate::process::load_average;
use crate::progress::say;
use crate::report::Measured;
use crate::tally::Tally;

/// Pods in the turns before the first round, which do not count.
const WARM_UP: u32 = 20;

/// Measures, and leaves the namespace empty.
pub(crate) async fn run(args: &PodSetArgs, client: Client) -> Result<Report, BenchError> {
    let load = load_average();
    let planning = args.planning.as_deref().map(planning::read).transpose()?.unwrap_or_default();
    ensure_namespace(&client, &args.namespace).await?;
    let mut warm_up = Bench::new(args, &client).await?;
    for kind in Kind::ALL {
        warm_up.turn(WARM_UP, &mut Measured::new(kind)).await?;
    }
    let mut bench = Bench::new(args, &client).await?;
    let mut measured = Kind::ALL.map(Measured::new);
    for number in 1..=args.rounds {
        for measured in &mut measured {
            say(&format!("round {number} of {}: {}", args.rounds, measured.kind.name()));
            bench.turn(args.pods, measured).await?;
        }
    }
    bench.conclude(load, measured, planning).await
}

struct Bench<'a> {
    args: &'a PodSetArgs,
    client: Client,
    meter: Meter<'a>,
    /// What was written from the creation of sets until all their pods were held.
    held: Tally,
}

impl<'a> Bench<'a> {
    /// One that has counted nothing.
    async fn new(args: &'a PodSetArgs, client: &Client) -> Result<Self, BenchError> {
        let meter = Meter::open(&args.run, client, &args.namespace).await?;
        Ok(Self { args, client: client.clone(), meter, held: Tally::default() })
    }

    /// Has `pods` pods made and held, and then bound. They stay.
    async fn turn(&mut self, pods: u32, measured: &mut Measured<Kind>) -> Result<(), BenchError> {
        let namespace = &self.args.namespace;
        delete_pod_sets(&self.client, namespace).await?;
        self.meter.forget().await?;
        let (client, timeout) = (self.client.clone(), self.args.run.timeout());
        let turn = Turn::new(measured.kind, client, namespace, pods, timeout)?;
        let pods = turn.hold().await?;
        let mut before = Tally::default();
        self.meter.count_until_quiet(namespace, &mut before).await?;
        let cpu = self.meter.cpu_now()?;
        let times = turn.release(pods, self.args.at_once).await?;
        self.meter.count_until_quiet(namespace, &mut measured.writes).await?;
        if measured.kind == Kind::Planner {
            self.meter.add_cpu_since(&cpu)?;
            self.held.add_all(&before);
            turn.check().await?;
        }
        measured.add(times);
        Ok(())
    }

    /// What is left to be measured after the rounds: first, with the last set still there, what goes on while nothing
    /// changes.
    async fn conclude(
        mut self,
        load: Option<f64>,
        turns: [Measured<Kind>; 2],
        planning: Vec<Planning>,
    ) -> Result<Report, BenchError> {
        let idle = self.meter.idle(self.args.run.idle()).await?;
        let (needs, held) = (self.meter.needs()?, std::mem::take(&mut self.held));
        say("a small set");
        let mut small = Measured::new(Kind::Planner);
        self.turn(self.args.small, &mut small).await?;
        delete_pod_sets(&self.client, &self.args.namespace).await?;
        Ok(Report::new(self.args, Measurements { load, turns, held, idle, needs, small, planning }))
    }
}
