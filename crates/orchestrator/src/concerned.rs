//! Whom a change of the platform's part concerns: those for whom it decides otherwise than before, and nobody else.

use std::{collections::BTreeMap, sync::Arc};

use api_types::Workload;
use controller_kit::Cache;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use crate::governance::{Governance, Platform};

/// What of the platform's part has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The configuration or a policy.
    Everywhere,
    /// The labels of a namespace.
    Namespace(String),
}

/// What held in each namespace when it was last looked at. It only tells whom a change concerns: whatever it misses
/// because the process has just started is looked at anyway.
pub struct Concerned {
    governance: Governance,
    workloads: Cache<Workload>,
    before: BTreeMap<String, Platform>,
}

impl Concerned {
    /// Nothing was looked at yet.
    pub fn new(governance: Governance, workloads: Cache<Workload>) -> Self {
        Self { governance, workloads, before: BTreeMap::new() }
    }

    /// The Workloads for which the platform decides otherwise than before.
    pub fn by(&mut self, change: &Change) -> Vec<ObjectRef<Workload>> {
        let workloads = match change {
            Change::Everywhere => self.workloads.list_all(|_| true),
            Change::Namespace(name) => self.workloads.list(name, |_| true),
        };
        let mut by_namespace: BTreeMap<String, Vec<Arc<Workload>>> = BTreeMap::new();
        for workload in workloads {
            by_namespace.entry(workload.namespace().unwrap_or_default()).or_default().push(workload);
        }
        by_namespace
            .into_iter()
            .flat_map(|(namespace, workloads)| self.in_namespace(&namespace, &workloads))
            .collect()
    }

    fn in_namespace(&mut self, namespace: &str, workloads: &[Arc<Workload>]) -> Vec<ObjectRef<Workload>> {
        let Some(now) = self.governance.in_namespace(namespace) else {
            self.before.remove(namespace);
            return Vec::new();
        };
        let before = self.before.insert(namespace.to_owned(), now.clone());
        if before.as_ref() == Some(&now) {
            return Vec::new();
        }
        let differs = |workload: &&Arc<Workload>| {
            before.as_ref().is_none_or(|before| decides_otherwise(before, &now, workload))
        };
        let concerned = workloads.iter().filter(differs);
        concerned.map(|workload| ObjectRef::new(&workload.name_any()).within(namespace)).collect()
    }
}

fn decides_otherwise(before: &Platform, now: &Platform, workload: &Workload) -> bool {
    let valid = score_spec::validate::validate(workload);
    before.decide(workload, valid.clone()) != now.decide(workload, valid)
}

#[cfg(test)]
#[path = "concerned_tests.rs"]
mod tests;
