//! What is to be reached.

use serde::Serialize;

use crate::report::{Figures, Paced};
use crate::tally::Tally;
use crate::writer::Kind;

/// A goal and how far it was reached.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Goal {
    /// What is measured.
    pub(crate) what: &'static str,
    /// The bound, in words.
    pub(crate) goal: &'static str,
    /// What was measured.
    pub(crate) measured: f64,
    /// Whether the bound was kept.
    pub(crate) verdict: Verdict,
}

/// Whether a goal was reached. Speed depends on the machine and on what else it does, so it neither passes nor fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
pub(crate) enum Verdict {
    /// Counted, and within the bound.
    #[strum(to_string = "PASS")]
    Pass,
    /// Counted, and beyond the bound.
    #[strum(to_string = "FAIL")]
    Fail,
    /// Timed, and within the bound.
    #[strum(to_string = "reached")]
    Reached,
    /// Timed, and beyond the bound.
    #[strum(to_string = "missed")]
    Missed,
}

/// Compares the controllers, the last of `writers`, with the other two.
pub(crate) fn goals(
    [bare, ideal, controllers]: &[Figures<Kind>; 3],
    paced: &Paced,
    idle: &Tally,
) -> Vec<Goal> {
    let rate = 100.0 * controllers.ready_per_second / ideal.ready_per_second;
    let latency = controllers.seconds_to_ready.p50 / bare.seconds_to_ready.p50;
    let paced = paced.controllers.p50 / paced.bare.p50;
    let writes =
        controllers.per_object(lasting(&controllers.writes)) - bare.per_object(lasting(&bare.writes));
    let idle = idle.by_controllers() as f64;
    vec![
        Goal {
            what: "ready per second, in % of the ideal writer's",
            goal: "75 or more",
            measured: rate,
            verdict: timed(rate >= 75.0),
        },
        Goal {
            what: "p50 to ready, times the bare writer's",
            goal: "3 or less",
            measured: latency,
            verdict: timed(latency <= 3.0),
        },
        Goal {
            what: "the same at half the ideal writer's rate",
            goal: "3 or less",
            measured: paced,
            verdict: timed(paced <= 3.0),
        },
        Goal {
            what: "writes per Workload beyond the bare writer's, Events aside",
            goal: "6 or fewer",
            measured: writes,
            verdict: counted(writes <= 6.0),
        },
        Goal { what: "writes while idle", goal: "0", measured: idle, verdict: counted(idle == 0.0) },
    ]
}

/// The writes that are not Kubernetes' own, but for Events: what is told to people is no part of what has to be stored.
fn lasting(writes: &Tally) -> u64 {
    writes.ours() - writes.ours_to("events")
}

/// The verdict on a time.
pub(crate) fn timed(kept: bool) -> Verdict {
    if kept { Verdict::Reached } else { Verdict::Missed }
}

/// The verdict on a count.
pub(crate) fn counted(kept: bool) -> Verdict {
    if kept { Verdict::Pass } else { Verdict::Fail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{figures, paced, tally};

    fn verdicts(rate: f64, p50: f64, writes: u64, idle: u64) -> Vec<Verdict> {
        let writers = [
            figures(Kind::Bare, 30.0, 0.3, 200),
            figures(Kind::Ideal, 20.0, 0.4, 800),
            figures(Kind::Controllers, rate, p50, writes),
        ];
        goals(&writers, &paced(p50), &tally(0, idle)).into_iter().map(|goal| goal.verdict).collect()
    }

    #[test]
    fn a_bound_that_is_just_kept_is_kept() {
        use Verdict::{Pass, Reached};
        assert_eq!(verdicts(15.0, 0.9, 800, 0), [Reached, Reached, Reached, Pass, Pass]);
    }

    #[test]
    fn speed_is_missed_and_counts_fail() {
        use Verdict::{Fail, Missed};
        assert_eq!(verdicts(14.9, 0.91, 801, 1), [Missed, Missed, Missed, Fail, Fail]);
    }

    #[test]
    fn what_is_told_to_people_does_not_count() {
        let bare = figures(Kind::Bare, 30.0, 0.3, 200);
        let mut controllers = figures(Kind::Controllers, 16.0, 0.8, 800);
        let told = controllers.writes.controllers.get_mut("score-orchestrator").unwrap();
        told.insert("events".to_owned(), 300);
        let writers = [bare, figures(Kind::Ideal, 20.0, 0.4, 800), controllers];
        let goals = goals(&writers, &paced(0.6), &tally(0, 0));
        assert_eq!((goals[3].measured, goals[3].verdict), (6.0, Verdict::Pass));
    }
}
