//! Closed vocabularies: users and tools may match on every word here, so none is ever a free string.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// The types of condition in `Workload.status.conditions` (and `RuntimeReady` in `WorkloadExposure.status.conditions`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter, EnumString, IntoStaticStr,
)]
pub enum ConditionType {
    /// The three others are True for the current generation.
    Ready,
    /// The spec is valid and no policy forbids it.
    InputsValid,
    /// Every claim is Bound with its outputs available; also when there are none.
    ClaimsReady,
    /// The runtime reports the current plan as running.
    RuntimeReady,
}

/// Why a condition, or a claim, is in the state it is in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Reason {
    /// The condition is True.
    Succeeded,
    /// `InputsValid`: the spec breaks a rule of the Score specification; the message lists every field.
    SpecInvalid,
    /// `InputsValid`: a policy of the platform forbids the spec; the message names the policy and the field.
    PolicyViolation,
    /// `ClaimsReady`: at least one dependency is still being provided.
    BindingPending,
    /// `ClaimsReady`: at least one dependency cannot be provided as it stands.
    BindingFailed,
    /// `RuntimeReady`: outputs that the Workload's placeholders need are not there, so no new plan was made; or the plan
    /// asks for what the runtime cannot make. What ran before goes on running.
    ProjectionError,
    /// `RuntimeReady`: no runtime has taken the plan.
    RuntimeSelecting,
    /// `RuntimeReady`: the runtime is rolling the current plan out.
    RuntimeProvisioning,
    /// `RuntimeReady`: the current plan does not run as it should.
    RuntimeDegraded,
    /// `RuntimeReady`: a quota leaves no room for the Workload.
    QuotaExceeded,
    /// `RuntimeReady`: the platform does not allow what the plan asks for.
    PermissionDenied,
    /// `RuntimeReady`: the Workload runs but cannot be reached.
    NetworkUnavailable,
}

/// How far a claim is on its way to being usable.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumIter,
    EnumString,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum ClaimPhase {
    /// No provisioner has begun.
    #[default]
    Pending,
    /// The provisioner works on it, or waits for what it made to become usable.
    Binding,
    /// Usable now, with every output available.
    Bound,
    /// It cannot be provided as it stands; the message says what to change.
    Failed,
}
