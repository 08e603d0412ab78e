//! Closed vocabularies: users and tools may match on every word here, so none is ever a free string.

use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// The types of condition in `ScheduleTrigger.status.conditions`, and `Drifted` in those of a `SchedulePlan`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter, EnumString, IntoStaticStr,
)]
pub enum ConditionType {
    /// Every member is bound, and nothing needs anybody's attention.
    Ready,
    /// Every member has a place in the plan.
    Planned,
    /// No member is held any more.
    Released,
    /// Every member is bound to a node.
    Scheduled,
    /// Something needs somebody's attention; the message says what.
    Degraded,
    /// The answers of all external planners that were asked last are good. Absent if there are none.
    ExternalPlanners,
    /// Another trigger governs the same pod set, so this one does nothing.
    Conflict,
    /// Of a plan: some member runs on another node than the one planned.
    Drifted,
}

/// Why a condition is as it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter, EnumString, IntoStaticStr,
)]
pub enum Reason {
    /// The condition is as it should be.
    Succeeded,
    /// The set has no member.
    NoMembers,
    /// Of an event on a pod: no trigger governs its set.
    NoTrigger,
    /// The trigger has no label that names a set, or a pod that is held has none.
    NoPodSet,
    /// The trigger is set back to `Planning` by hand, or was never set to `Schedule`, and has no quiet time.
    HeldByUser,
    /// The quiet time is not over.
    QuietTime,
    /// There are fewer members than `minMembers`.
    TooFewMembers,
    /// A duration cannot be read.
    MalformedDuration,
    /// An older trigger governs the set.
    Conflict,
    /// Not every member has a place; those that have none wait.
    Unplaced,
    /// Not every member has a place, so that none is released.
    GangIncomplete,
    /// An external planner did not answer, or what it answered is of no use.
    PlannerRefused,
    /// Members are on their way to their nodes.
    Binding,
    /// Members run elsewhere than planned.
    Drifted,
    /// Members are released to a node that cannot take them, and nobody would make them again.
    Stranded,
    /// Members are pinned to a node that the scheduler has refused them for half a minute, although they seem to fit.
    Refused,
    /// The API server refuses what the planner writes to members.
    Rejected,
    /// Members are released to a scheduler that has not looked at them for a minute.
    NoScheduler,
}
