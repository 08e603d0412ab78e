//! What was measured, as a document.

use serde::Serialize;

use super::goals::goals;
use super::planning::Planning;
use super::turn::Kind;
use crate::args::PodSetArgs;
use crate::goals::Goal;
pub(super) use crate::report::Idle;
use crate::report::{Figures, Measured, Needs, Settings};
use crate::tally::Tally;

/// Everything that a run found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// What was asked for.
    pub(super) settings: Settings,
    /// The scheduler alone, and with the planner: from the moment in which the pods began to be let go.
    pub(super) turns: [Figures<Kind>; 2],
    /// The writes from the creation of the planner's sets until all their pods were held.
    pub(super) held: Tally,
    /// The writes while nothing changed, leases aside.
    pub(super) idle: Idle,
    /// What the planner needed.
    pub(super) needs: Vec<Needs>,
    /// A small set.
    pub(super) small: Small,
    /// Planning alone; empty if it was not measured.
    pub(super) planning: Vec<Planning>,
    /// What was to be reached, and what was.
    pub(super) goals: Vec<Goal>,
}

/// A set that is bound at once.
#[derive(Debug, Serialize)]
pub(super) struct Small {
    /// Its pods.
    pub(super) pods: u32,
    /// From the trigger until the last was bound.
    pub(super) seconds: f64,
}

/// What a report is made of.
pub(super) struct Measurements {
    /// The load average before the run.
    pub(super) load: Option<f64>,
    /// In the order of a round.
    pub(super) turns: [Measured<Kind>; 2],
    /// The writes until all pods of the planner's sets were held.
    pub(super) held: Tally,
    /// The writes while nothing changed.
    pub(super) idle: Tally,
    /// What the planner needed.
    pub(super) needs: Vec<Needs>,
    /// The turn of the small set.
    pub(super) small: Measured<Kind>,
    /// What the planning library's benchmark has found.
    pub(super) planning: Vec<Planning>,
}

impl Report {
    /// Puts together what was measured.
    pub(super) fn new(args: &PodSetArgs, measured: Measurements) -> Self {
        let rounds = args.rounds;
        let turns = measured.turns.map(Measured::figures);
        let small = Small { pods: args.small, seconds: measured.small.figures().seconds };
        let idle = Idle { seconds: args.run.idle().as_secs(), writes: measured.idle };
        Self {
            settings: Settings::new(args.pods, rounds, args.at_once, measured.load),
            goals: goals(&turns, rounds, &small, &idle, &measured.planning),
            turns,
            held: measured.held,
            idle,
            needs: measured.needs,
            small,
            planning: measured.planning,
        }
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    //! Parts of reports for tests.

    use super::*;
    use crate::fixtures::tally;

    pub(in super::super) fn idle(writes: u64) -> Idle {
        Idle { seconds: 60, writes: tally(0, writes) }
    }

    pub(in super::super) fn planning(set: &str, pods: u32, nodes: u32, seconds: f64) -> Planning {
        Planning { set: set.to_owned(), pods, nodes, seconds, peak_mebibytes: Some(12.0) }
    }
}
