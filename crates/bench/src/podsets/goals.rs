//! What is to be reached.

use super::planning::Planning;
use super::report::{Idle, Small};
use super::turn::Kind;
use crate::goals::{Goal, counted, timed};
use crate::report::Figures;

/// Writes that a set costs however large it is: its plan, statuses, and progress once a second.
const CONSTANT: f64 = 60.0;

/// Compares the planner, the second of `turns`, with the scheduler alone. A set was planned `rounds` times.
pub(super) fn goals(
    [alone, planner]: &[Figures<Kind>; 2],
    rounds: u32,
    small: &Small,
    idle: &Idle,
    planning: &[Planning],
) -> Vec<Goal> {
    let plans = [
        plans("slowest plan of 1000 pods on 500 nodes, seconds", "under 1", planning, (1000, 500), 1.0),
        plans("slowest plan of 5000 pods on 5000 nodes, seconds", "under 10", planning, (5000, 5000), 10.0),
    ];
    let mut goals: Vec<_> = plans.into_iter().flatten().collect();
    let rate = 100.0 * planner.ready_per_second / alone.ready_per_second;
    let writes = planner.writes.by_controllers() as f64 - planner.objects as f64;
    let writes = writes / f64::from(rounds);
    let idle = idle.writes.by_controllers() as f64;
    goals.extend([
        Goal {
            what: "bound per second, in % of the scheduler's alone",
            goal: "80 or more",
            measured: rate,
            verdict: timed(rate >= 80.0),
        },
        Goal {
            what: "seconds from the trigger until a small set is bound",
            goal: "2 or less",
            measured: small.seconds,
            verdict: timed(small.seconds <= 2.0),
        },
        Goal {
            what: "writes for a set beyond one for each pod",
            goal: "60 or fewer",
            measured: writes,
            verdict: counted(writes <= CONSTANT),
        },
        Goal { what: "writes while idle", goal: "0", measured: idle, verdict: counted(idle == 0.0) },
    ]);
    goals
}

/// About the slowest plan of that size, if any was timed.
fn plans(
    what: &'static str,
    goal: &'static str,
    planning: &[Planning],
    size: (u32, u32),
    bound: f64,
) -> Option<Goal> {
    let of_size = planning.iter().filter(|one| (one.pods, one.nodes) == size);
    let measured = of_size.map(|one| one.seconds).reduce(f64::max)?;
    Some(Goal { what, goal, measured, verdict: timed(measured < bound) })
}

#[cfg(test)]
mod tests {
    use super::super::report::fixtures::{idle, planning};
    use super::*;
    use crate::fixtures::figures;
    use crate::goals::Verdict::{self, Fail, Missed, Pass, Reached};

    /// 100 pods in one round. Of `writes`, 200 are this program's.
    fn verdicts(rate: f64, small: f64, writes: u64, idle_writes: u64, planning: &[Planning]) -> Vec<Verdict> {
        let turns = [figures(Kind::Scheduler, 100.0, 0.5, 200), figures(Kind::Planner, rate, 0.5, writes)];
        let small = Small { pods: 20, seconds: small };
        let goals = goals(&turns, 1, &small, &idle(idle_writes), planning);
        goals.into_iter().map(|goal| goal.verdict).collect()
    }

    #[test]
    fn a_bound_that_is_just_kept_is_kept() {
        let planning = [planning("alike", 1000, 500, 0.1), planning("mixed", 1000, 500, 0.99)];
        assert_eq!(verdicts(80.0, 2.0, 360, 0, &planning), [Reached, Reached, Reached, Pass, Pass]);
    }

    #[test]
    fn speed_is_missed_and_counts_fail() {
        let planning = [planning("mixed", 1000, 500, 1.0), planning("mixed", 5000, 5000, 10.0)];
        assert_eq!(verdicts(79.9, 2.1, 361, 1, &planning), [Missed, Missed, Missed, Missed, Fail, Fail]);
    }

    #[test]
    fn what_was_not_timed_is_no_goal() {
        assert_eq!(verdicts(80.0, 2.0, 360, 0, &[]).len(), 4);
    }
}
