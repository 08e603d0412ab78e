//! The API of Score Orchestrator: the kinds of group `score.dev`, version `v1b1`.
//!
//! Controllers share no code path, no database and no RPC. Each reads the specs and writes the status described
//! here, so this crate is the whole contract between them. It holds no client and no behaviour: only shapes,
//! admission rules (OpenAPI and CEL) and the closed vocabularies of conditions, reasons, labels and annotations.
//!
//! | kind | who writes `spec` | who writes `status` |
//! |---|---|---|
//! | [`Workload`] | users only | the orchestrator only |
//! | [`PlatformPolicy`] | platform operators | the orchestrator |
//! | [`ResourceClaim`] | the orchestrator | the one provisioner named in `spec.provisioner` |
//! | [`WorkloadPlan`] | the orchestrator | nobody: it has no status |
//! | [`WorkloadExposure`] | the orchestrator | the one runtime named in `spec.runtimeClass` |

// kube's derive takes one `printcolumn(…)` per column, whose equal arguments clippy takes for duplicates.
#![allow(clippy::duplicated_attributes)]

mod claim;
mod exposure;
mod json;
pub mod metadata;
mod plan;
mod policy;
mod vocabulary;
mod workload;

pub use claim::{
    DeprovisionPolicy, Output, ResourceClaim, ResourceClaimSpec, ResourceClaimStatus, SecretKeyRef,
};
pub use exposure::{Exposure, ExposureScope, WorkloadExposure, WorkloadExposureSpec, WorkloadExposureStatus};
pub use json::OpenObject;
pub use plan::{
    PlanClaim, PlanContainer, PlanFile, PlanVolume, Segment, Template, TemplateKind, Text, WorkloadPlan,
    WorkloadPlanSpec, WorkloadRef,
};
pub use policy::{
    AllowedResource, NamespaceRequirement, NamespaceSelector, PlatformPolicy, PlatformPolicySpec,
    PlatformPolicyStatus, PolicyDefaults, PolicyLimits, SelectorOperator,
};
pub use vocabulary::{ClaimPhase, ConditionType, Reason};
pub use workload::{
    BeforeCondition, BeforeReady, ClaimSummary, Container, ContainerFile, ContainerResources,
    ContainerVolume, ExecAction, HttpGetAction, HttpHeader, HttpScheme, Probe, Protocol, Resource,
    ResourceQuantities, Service, ServicePort, Workload, WorkloadSpec, WorkloadStatus,
};

/// The API group of every kind in this crate.
pub const GROUP: &str = "score.dev";
/// The API version of every kind in this crate.
pub const VERSION: &str = "v1b1";

/// The CustomResourceDefinitions of every kind, in the order in which they are documented.
pub fn crds()
-> Vec<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> {
    use kube::CustomResourceExt as _;
    vec![
        Workload::crd(),
        PlatformPolicy::crd(),
        ResourceClaim::crd(),
        WorkloadPlan::crd(),
        WorkloadExposure::crd(),
    ]
}
