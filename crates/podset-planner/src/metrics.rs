//! What the planner counts and times of its own.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// * `podset_planner_planning_duration_seconds`: how long it took to find the places of a set.
/// * `podset_planner_released_total`: pods that were released.
/// * `podset_planner_recycled_total`: pods that were deleted to be planned anew.
/// * `podset_planner_asked_total`: questions to external planners, by `outcome`: `answered` or `failed`.
#[derive(Clone, Debug)]
pub struct Metrics {
    planning: Histogram,
    released: IntCounter,
    recycled: IntCounter,
    asked: IntCounterVec,
}

impl Metrics {
    /// Creates the metrics in `registry`.
    ///
    /// # Errors
    /// If `registry` has metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let planning = HistogramOpts::new(
            "podset_planner_planning_duration_seconds",
            "Time to find the places of a pod set, in seconds.",
        );
        let buckets = vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
        let asked = Opts::new("podset_planner_asked_total", "Questions to external planners.");
        let metrics = Self {
            asked: IntCounterVec::new(asked, &["outcome"])?,
            planning: Histogram::with_opts(planning.buckets(buckets))?,
            released: IntCounter::new("podset_planner_released_total", "Pods that were released.")?,
            recycled: IntCounter::new(
                "podset_planner_recycled_total",
                "Pods that were deleted so that their controllers make others.",
            )?,
        };
        registry.register(Box::new(metrics.planning.clone()))?;
        registry.register(Box::new(metrics.released.clone()))?;
        registry.register(Box::new(metrics.recycled.clone()))?;
        registry.register(Box::new(metrics.asked.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn planned(&self, duration: Duration) {
        self.planning.observe(duration.as_secs_f64());
    }

    pub(crate) fn released(&self, pods: usize) {
        self.released.inc_by(u64::try_from(pods).unwrap_or(u64::MAX));
    }

    pub(crate) fn recycled(&self) {
        self.recycled.inc();
    }

    pub(crate) fn asked(&self, is_answered: bool) {
        self.asked.with_label_values(&[if is_answered { "answered" } else { "failed" }]).inc();
    }
}
