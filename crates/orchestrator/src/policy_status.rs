//! What policies do: how many Workloads each one matches, and how many of them it blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api_types::{ConditionType, PlatformPolicy, PlatformPolicyStatus, Reason, Workload};
use conditions::{Desired, Status};
use controller_kit::{Applied, Applier, Cache};
use jiff::Timestamp;
use kube::ResourceExt as _;
use platform::{decide::Refusal, policy::Policies};
use tokio::sync::Notify;

use crate::{
    governance::{Governance, Platform},
    sharing::{self, SharedParams},
};

/// How long changes are gathered before they are counted.
const PAUSE: Duration = Duration::from_secs(1);

/// How many Workloads a policy matches, and how many it blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In namespaces in which it applies.
    pub matching: i32,
    /// Of these, those that break it.
    pub blocked: i32,
}

/// Keeps the status of every policy current; whoever changes something that counts must notify `changed`.
pub async fn keep(
    governance: Governance,
    workloads: Cache<Workload>,
    applier: Applier,
    changed: Arc<Notify>,
) {
    if workloads.ready().await.is_err() || governance.ready().await.is_err() {
        return;
    }
    loop {
        if let Err(error) = write(&governance, &workloads, &applier).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot write the status of a policy, will try again"
            );
            changed.notify_one();
        }
        tokio::time::sleep(PAUSE).await;
        changed.notified().await;
    }
}

/// Writes the status of each policy whose status is not right.
///
/// # Errors
/// Whatever the API server or the way to it objects to, but that the policy is gone.
pub async fn write(
    governance: &Governance,
    workloads: &Cache<Workload>,
    applier: &Applier,
) -> Result<(), kube::Error> {
    let policies = governance.policies.list_all(|_| true);
    if policies.is_empty() {
        return Ok(());
    }
    let counts = count(governance, &workloads.list_all(|_| true));
    for policy in policies {
        let count = counts.get(&policy.name_any()).copied().unwrap_or_default();
        let status = status(&policy, count, Timestamp::now());
        match applier.apply_status(&*policy, &status, policy.status.as_ref()).await {
            Ok(Applied::Written(policy)) => governance.policies.record(policy),
            Ok(Applied::Unchanged) => {}
            Err(kube::Error::Api(error)) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The counts by the names of policies.
pub fn count(governance: &Governance, workloads: &[Arc<Workload>]) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut by_namespace: BTreeMap<String, Vec<&Workload>> = BTreeMap::new();
    for workload in workloads {
        by_namespace.entry(workload.namespace().unwrap_or_default()).or_default().push(workload);
    }
    for (namespace, workloads) in by_namespace {
        let Some(platform) = governance.in_namespace(&namespace) else { continue };
        let params = sharing::params_among(workloads.iter().copied());
        for workload in workloads {
            let blocking = blocking(&platform, workload, &params);
            for name in platform.policy_names() {
                let count = counts.entry(name.to_owned()).or_default();
                count.matching += 1;
                count.blocked += i32::from(blocking.contains(name));
            }
        }
    }
    counts
}

/// The names of the policies that a Workload breaks.
fn blocking(platform: &Platform, workload: &Workload, params: &SharedParams<'_>) -> BTreeSet<String> {
    let valid = score_spec::validate::validate(workload);
    match platform.decide(workload, valid, &sharing::given_to(workload, params)) {
        Err(Refusal::Policy(violations)) => {
            violations.into_iter().map(|violation| violation.policy).collect()
        }
        Ok(_) | Err(Refusal::Spec(_)) => BTreeSet::new(),
    }
}

/// The status of a policy. The same counts make the same status.
pub fn status(policy: &PlatformPolicy, count: Count, now: Timestamp) -> PlatformPolicyStatus {
    let generation = policy.metadata.generation;
    let errors: Vec<_> = Policies::new([policy]).iter().flat_map(|policy| policy.errors().to_vec()).collect();
    let (status, reason) = match errors.is_empty() {
        true => (Status::True, Reason::Succeeded),
        false => (Status::False, Reason::SpecInvalid),
    };
    let ready = Desired {
        type_: ConditionType::Ready.to_string(),
        status,
        reason: reason.to_string(),
        message: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        observed_generation: generation.unwrap_or_default(),
    };
    let current = policy.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    PlatformPolicyStatus {
        matching_workloads: count.matching,
        blocked_workloads: count.blocked,
        observed_generation: generation,
        conditions: conditions::reconcile(current, [ready], now),
    }
}
