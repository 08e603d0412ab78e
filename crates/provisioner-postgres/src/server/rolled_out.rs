//! Whether the Workloads that use a claim run with the outputs that it has now. Until then, one that runs may have been
//! given the login before, and without a session nothing on the server shows that.

use api_types::{ConditionType, ResourceClaim, Workload, WorkloadExposure, WorkloadPlan};
use kube::{Api, Resource as _, ResourceExt as _};
use provisioner_kit::{Claim, PassError};

use super::{Case, OnServer};

impl OnServer {
    /// Whether no Workload that owns the claim of `case` can still run with outputs other than those of `revision`.
    pub(super) async fn has_rolled_out(&self, case: &Case<'_>, revision: &str) -> Result<bool, PassError> {
        let namespace = &case.claim.namespace;
        let plans: Api<WorkloadPlan> = Api::namespaced(self.client.clone(), namespace);
        let exposures: Api<WorkloadExposure> = Api::namespaced(self.client.clone(), namespace);
        for name in owners(case.object) {
            let plan = plans.get_opt(name).await.map_err(PassError::RollOut)?;
            let exposure = exposures.get_opt(name).await.map_err(PassError::RollOut)?;
            if may_use_former(&case.claim, revision, plan.as_ref(), exposure.as_ref()) {
                tracing::debug!(workload = name, "a login that was replaced stays until this has rolled out");
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The names of the Workloads that own `claim`.
fn owners(claim: &ResourceClaim) -> Vec<&str> {
    let workloads = claim.owner_references().iter().filter(|owner| owner.kind == Workload::kind(&()));
    workloads.map(|owner| owner.name.as_str()).collect()
}

/// Whether the Workload of `plan`, which `exposure` answers, may run with outputs of `claim` other than those of `revision`.
/// One without a plan does not run, and one whose plan does not name the resource does not use it.
fn may_use_former(
    claim: &Claim,
    revision: &str,
    plan: Option<&WorkloadPlan>,
    exposure: Option<&WorkloadExposure>,
) -> bool {
    let Some(plan) = plan else { return false };
    let entries = plan.spec.claims.iter();
    let entries = entries.filter(|entry| entry.type_ == claim.type_ && entry.class == claim.class);
    let revisions: Vec<_> = entries.map(|entry| entry.outputs_revision.as_deref()).collect();
    let is_planned = revisions.contains(&Some(revision));
    let runs = is_planned && exposure.is_some_and(|exposure| is_running(plan, exposure));
    !revisions.is_empty() && !runs
}

/// Whether the runtime reports this very plan as running.
fn is_running(plan: &WorkloadPlan, exposure: &WorkloadExposure) -> bool {
    let (Some(generation), Some(status)) = (plan.metadata.generation, exposure.status.as_ref()) else {
        return false;
    };
    let runtime_ready: &str = ConditionType::RuntimeReady.into();
    exposure.spec.workload_ref.uid == plan.spec.workload_ref.uid
        && status.observed_plan_generation == Some(generation)
        && conditions::is_true(&status.conditions, runtime_ready, generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{claim, resource_claim};

    /// Of generation 2, with these claims.
    fn plan(claims: &str) -> WorkloadPlan {
        let yaml = format!(
            "
metadata: {{name: shop, generation: 2}}
spec:
  workloadRef: {{name: shop, uid: workload-uid}}
  observedWorkloadGeneration: 1
  runtimeClass: kubernetes
  backendId: default
  template: {{kind: manifests}}
  containers: {{}}
  claims: {claims}
"
        );
        serde_yaml_ng::from_str(&yaml).unwrap()
    }

    /// The answer to the plan of this generation: whether it runs.
    fn exposure(generation: i64, status: &str) -> WorkloadExposure {
        let yaml = format!(
            "
metadata: {{name: shop}}
spec:
  workloadRef: {{name: shop, uid: workload-uid}}
  runtimeClass: kubernetes
status:
  observedPlanGeneration: {generation}
  conditions:
  - type: RuntimeReady
    status: \"{status}\"
    reason: Succeeded
    message: \"\"
    observedGeneration: {generation}
    lastTransitionTime: 2026-01-01T00:00:00Z
"
        );
        serde_yaml_ng::from_str(&yaml).unwrap()
    }

    const CURRENT: &str = "[{key: store, type: postgres, class: default, outputsRevision: now}]";

    /// Whether the login before has to stay, where the revision of the outputs is `now`.
    fn stays(plan: Option<&WorkloadPlan>, exposure: Option<&WorkloadExposure>) -> bool {
        may_use_former(&claim(), "now", plan, exposure)
    }

    #[test]
    fn what_has_no_plan_does_not_run() {
        assert!(!stays(None, None));
        assert!(!stays(None, Some(&exposure(2, "True"))));
    }

    #[test]
    fn what_runs_with_the_outputs_of_now_needs_no_other_login() {
        assert!(!stays(Some(&plan(CURRENT)), Some(&exposure(2, "True"))));
        let two = "[{key: other, type: postgres, class: default, outputsRevision: its}, \
                   {key: store, type: postgres, class: default, outputsRevision: now}]";
        assert!(!stays(Some(&plan(two)), Some(&exposure(2, "True"))), "another resource of the class");
    }

    #[test]
    fn what_was_planned_with_other_outputs_keeps_the_login_before() {
        for claims in [
            "[{key: store, type: postgres, class: default, outputsRevision: before}]",
            "[{key: store, type: postgres, class: default}]",
        ] {
            assert!(stays(Some(&plan(claims)), Some(&exposure(2, "True"))), "{claims}");
        }
    }

    #[test]
    fn what_is_planned_and_does_not_run_yet_keeps_the_login_before() {
        let plan = plan(CURRENT);
        assert!(stays(Some(&plan), None));
        assert!(stays(Some(&plan), Some(&exposure(1, "True"))), "of the plan before");
        assert!(stays(Some(&plan), Some(&exposure(2, "False"))));
        let mut of_another = exposure(2, "True");
        of_another.spec.workload_ref.uid = "of-another".to_owned();
        assert!(stays(Some(&plan), Some(&of_another)));
    }

    #[test]
    fn what_is_planned_without_the_resource_does_not_use_it() {
        for claims in [
            "[]",
            "[{key: store, type: postgres, class: other, outputsRevision: before}]",
            "[{key: store, type: redis, class: default, outputsRevision: before}]",
        ] {
            assert!(!stays(Some(&plan(claims)), None), "{claims}");
        }
    }

    #[test]
    fn workloads_alone_count_among_the_owners() {
        let mut claim = resource_claim();
        assert_eq!(owners(&claim), [""; 0]);
        let owners_of_both = "
- {apiVersion: score.dev/v1b1, kind: Workload, name: shop, uid: u1}
- {apiVersion: v1, kind: ConfigMap, name: other, uid: u2}
- {apiVersion: score.dev/v1b1, kind: Workload, name: office, uid: u3}
";
        claim.metadata.owner_references = Some(serde_yaml_ng::from_str(owners_of_both).unwrap());
        assert_eq!(owners(&claim), ["shop", "office"]);
    }
}
