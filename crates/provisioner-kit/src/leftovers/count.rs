//! What the metrics tell of what claims that are gone have left behind.

use std::{collections::BTreeMap, sync::Arc};

use prometheus::{
    IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{Identity, Left, Leftovers, identity, left};
use crate::ownership::{LABEL_STATE, label};

const NAME: &str = "score_resources_left_behind";
const HELP: &str =
    "Resources whose claim is gone and that were kept, by type, class and state (retained, orphaned).";

/// Counts when it is asked to, so that it cannot differ from what there is.
struct Count {
    leftovers: Arc<Leftovers>,
    described: IntGaugeVec,
}

fn gauge() -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(NAME, HELP), &["type", "class", "state"])
}

impl Leftovers {
    /// Has `registry` count what is left behind: `score_resources_left_behind{type, class, state}`.
    ///
    /// # Errors
    /// If `registry` has a metric of that name.
    pub fn count_in(self: &Arc<Self>, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(Count { leftovers: self.clone(), described: gauge()? }))
    }

    /// One for each claim, however many objects it left.
    fn all(&self) -> BTreeMap<Identity, Left> {
        let watched = self.possessions.watched().into_iter().filter_map(|possession| {
            let meta = &possession.meta;
            let found = left(meta).filter(|left| label(meta, LABEL_STATE) == Some(&left.state))?;
            Some((identity(meta)?, found))
        });
        let watched: Vec<_> = watched.collect();
        self.memory().in_secrets.clone().into_iter().chain(watched).collect()
    }
}

impl Collector for Count {
    fn desc(&self) -> Vec<&Desc> {
        self.described.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // One of its own each time: two who ask at once must not count into each other's.
        let Ok(gauge) = gauge() else { return Vec::new() };
        for Left { type_, class, state } in self.leftovers.all().into_values() {
            gauge.with_label_values(&[&type_, &class, &state]).inc();
        }
        gauge.collect()
    }
}
