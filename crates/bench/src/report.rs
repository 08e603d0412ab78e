//! What was measured, as a document.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::args::WorkloadArgs;
use crate::goals::{Goal, goals};
use crate::stats::Latency;
use crate::tally::Tally;
use crate::tracker::Times;
use crate::writer::Kind;

/// Everything that a run found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// What was asked for.
    pub(crate) settings: Settings,
    /// The writers in the order of a round.
    pub(crate) writers: [Figures<Kind>; 3],
    /// The writes while nothing changed, leases aside.
    pub(crate) idle: Idle,
    /// What each controller needed.
    pub(crate) needs: Vec<Needs>,
    /// How long an object takes that does not wait for others.
    pub(crate) paced: Paced,
    /// What was to be reached, and what was.
    pub(crate) goals: Vec<Goal>,
}

/// What was asked for, and of which machine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Objects of each writer in a round.
    pub(crate) count: u32,
    /// Rounds.
    pub(crate) rounds: u32,
    /// Requests of this program under way at once.
    pub(crate) clients: u32,
    /// CPUs of this machine.
    pub(crate) cpus: usize,
    /// Its load average over a minute, before the run.
    pub(crate) load_before: Option<f64>,
}

/// The figures of one writer, or of whoever else takes turns. A pod is ready when it is bound.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures<K> {
    /// Which one.
    pub(crate) writer: K,
    /// Objects of all rounds.
    pub(crate) objects: u64,
    /// From the beginning of a turn until the last object was ready, added up.
    pub(crate) seconds: f64,
    /// Objects that became ready per second.
    pub(crate) ready_per_second: f64,
    /// How long each object took: see [`Times`].
    pub(crate) seconds_to_ready: Latency,
    /// The requests that asked for a change.
    pub(crate) writes: Tally,
}

/// A time in which nothing changed.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    /// How long it was.
    pub(crate) seconds: u64,
    /// The writes in it.
    pub(crate) writes: Tally,
}

/// What a controller needed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Needs {
    /// Its name.
    pub(crate) controller: String,
    /// Resident memory at the end, with the last round's objects still there.
    pub(crate) memory_bytes: u64,
    /// CPU time in all its turns.
    pub(crate) cpu_seconds: f64,
}

/// From the beginning of an object's creation until it was ready, with objects created at half the rate of which the
/// ideal writer is capable. As fast as they are accepted, Workloads queue for the controllers: most of that time is
/// waiting for their turn.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paced {
    /// Objects created per second.
    pub(crate) per_second: f64,
    /// The bare writer's.
    pub(crate) bare: Latency,
    /// The controllers'.
    pub(crate) controllers: Latency,
}

/// What a report is made of.
pub(crate) struct Measurements {
    /// The load average before the run.
    pub(crate) load: Option<f64>,
    /// The writers in the order of a round.
    pub(crate) writers: [Measured<Kind>; 3],
    /// The writes while nothing changed.
    pub(crate) idle: Tally,
    /// What each controller needed.
    pub(crate) needs: Vec<Needs>,
    /// How long an object takes that does not wait for others.
    pub(crate) paced: Paced,
}

/// The turns of one writer, added up.
#[derive(Debug)]
pub(crate) struct Measured<K> {
    /// Which one.
    pub(crate) kind: K,
    latencies: Vec<Duration>,
    elapsed: Duration,
    /// The writes of its turns.
    pub(crate) writes: Tally,
}

impl<K> Measured<K> {
    /// Nothing yet.
    pub(crate) fn new(kind: K) -> Self {
        Self { kind, latencies: Vec::new(), elapsed: Duration::ZERO, writes: Tally::default() }
    }

    /// Adds a turn.
    pub(crate) fn add(&mut self, times: Times) {
        self.latencies.extend(times.latencies);
        self.elapsed += times.elapsed;
    }

    /// Objects that became ready per second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// What all of them come to.
    pub(crate) fn figures(self) -> Figures<K> {
        let ready_per_second = self.rate();
        Figures {
            writer: self.kind,
            objects: self.latencies.len() as u64,
            seconds: self.elapsed.as_secs_f64(),
            ready_per_second,
            seconds_to_ready: Latency::of(self.latencies),
            writes: self.writes,
        }
    }
}

impl Settings {
    /// On this machine.
    pub(crate) fn new(count: u32, rounds: u32, clients: u32, load_before: Option<f64>) -> Self {
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        Self { count, rounds, clients, cpus, load_before }
    }
}

impl<K> Figures<K> {
    /// `writes` for each object.
    pub(crate) fn per_object(&self, writes: u64) -> f64 {
        writes as f64 / self.objects as f64
    }
}

impl Report {
    /// Puts together what was measured.
    pub(crate) fn new(args: &WorkloadArgs, measured: Measurements) -> Self {
        let settings = Settings::new(args.count, args.rounds, args.clients, measured.load);
        let writers = measured.writers.map(Measured::figures);
        let goals = goals(&writers, &measured.paced, &measured.idle);
        let idle = Idle { seconds: args.run.idle().as_secs(), writes: measured.idle };
        Self { settings, writers, idle, needs: measured.needs, paced: measured.paced, goals }
    }

    /// Every resource that some writer's turn wrote to, the most written first.
    pub(crate) fn resources(&self) -> Vec<String> {
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for (resource, count) in self.writers.iter().flat_map(|figures| &figures.writes.all) {
            *totals.entry(resource).or_default() += count;
        }
        let mut resources: Vec<_> = totals.into_iter().collect();
        resources.sort_by_key(|(resource, count)| (std::cmp::Reverse(*count), *resource));
        resources.into_iter().map(|(resource, _)| resource.to_owned()).collect()
    }
}
