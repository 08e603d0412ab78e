//! Figures for tests: 100 objects of each writer.

use std::collections::BTreeMap;

use crate::report::{Figures, Paced};
use crate::stats::Latency;
use crate::tally::Tally;

/// Writes by this program to `deployments` and by a controller to `workloads/status`.
pub(crate) fn tally(client: u64, controller: u64) -> Tally {
    let of = |resource: &str, count| BTreeMap::from([(resource.to_owned(), count)]);
    let mut all = of("deployments", client);
    all.extend(of("workloads/status", controller));
    let controllers = BTreeMap::from([("score-orchestrator".to_owned(), of("workloads/status", controller))]);
    Tally { all, client: of("deployments", client), controllers }
}

/// The figures of a writer that made 100 objects at `rate` per second.
pub(crate) fn figures<K>(writer: K, rate: f64, p50: f64, writes: u64) -> Figures<K> {
    let objects = 100;
    Figures {
        writer,
        objects,
        seconds: objects as f64 / rate,
        ready_per_second: rate,
        seconds_to_ready: Latency { p50, p90: 2.0 * p50, p99: 3.0 * p50 },
        writes: tally(200, writes - 200),
    }
}

/// The bare writer's objects take 0.3 s.
pub(crate) fn paced(controllers: f64) -> Paced {
    let latency = |p50| Latency { p50, ..Latency::default() };
    Paced { per_second: 10.0, bare: latency(0.3), controllers: latency(controllers) }
}
