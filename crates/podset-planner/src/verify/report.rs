//! What the comparison found. Pure.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use podset_types::{SchedulePlan, plan_name};
use serde::Serialize;

use crate::pods::{is_alive, node_of, set_of};

/// What the comparison found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many plans there are.
    pub plans: usize,
    /// What is not as planned.
    pub mismatches: Vec<Mismatch>,
    /// Planned pods that are not bound yet.
    pub pending: Vec<String>,
    /// Pods of sets that are in no plan of their set, bound ones and others.
    pub unplanned: Vec<String>,
    /// Whether pending and unplanned pods count.
    pub strict: bool,
}

/// An entry of a plan that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The pod's name.
    pub pod: String,
    /// The node that is planned.
    pub node: String,
    /// The node that it runs on; absent if there is no such pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// Compares all `plans` of a namespace with its `pods`.
pub fn compare(plans: &[SchedulePlan], pods: &[Pod], strict: bool) -> Report {
    let by_name: BTreeMap<String, &Pod> = pods.iter().map(|pod| (pod.name_any(), pod)).collect();
    let mut report = Report {
        plans: plans.len(),
        mismatches: Vec::new(),
        pending: Vec::new(),
        unplanned: Vec::new(),
        strict,
    };
    for item in plans.iter().flat_map(|plan| &plan.spec.plan) {
        let pod = by_name.get(&item.pod);
        match pod.map(|pod| node_of(pod)) {
            Some(Some(node)) if node == item.node => {}
            Some(None) => report.pending.push(item.pod.clone()),
            actual => report.mismatches.push(Mismatch {
                pod: item.pod.clone(),
                node: item.node.clone(),
                actual: actual.flatten().map(str::to_owned),
            }),
        }
    }
    let members = pods.iter().filter(|pod| is_alive(pod) && !is_planned(plans, pod));
    report.unplanned = members.map(|pod| pod.name_any()).collect();
    report
}

/// Whether `pod` is of no set, or is in the plan of its set.
fn is_planned(plans: &[SchedulePlan], pod: &Pod) -> bool {
    let Some(set) = set_of(pod.labels()) else { return true };
    let (plan, name) = (plan_name(&pod.namespace().unwrap_or_default(), set), pod.name_any());
    let plan = plans.iter().find(|candidate| candidate.name_any() == plan);
    plan.is_some_and(|plan| plan.spec.plan.iter().any(|item| item.pod == name))
}

impl Report {
    /// Whether everything is as planned.
    pub fn is_success(&self) -> bool {
        self.mismatches.is_empty() && (!self.strict || (self.pending.is_empty() && self.unplanned.is_empty()))
    }

    /// Writes the lines that scripts know to `out`, and everything else to `aside`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_text(&self, out: &mut impl Write, aside: &mut impl Write) -> io::Result<()> {
        if self.plans == 0 {
            writeln!(out, "No scheduleplan instances found")?;
        }
        for (what, pods) in
            [("planned, not bound yet", &self.pending), ("in no plan of its set", &self.unplanned)]
        {
            for pod in pods {
                writeln!(aside, "{pod}: {what}")?;
            }
        }
        if self.is_success() {
            return writeln!(out, "Planner assignment verification success");
        }
        let pair =
            |mismatch: &Mismatch| format!("{{'pod': '{}', 'node': '{}'}}", mismatch.pod, mismatch.node);
        let pairs: Vec<_> = self.mismatches.iter().map(pair).collect();
        writeln!(out, "Planner assignment verification failed. Mismatches [{}]", pairs.join(", "))
    }

    /// Writes everything as one JSON object.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut document = serde_json::to_value(self)?;
        document["success"] = self.is_success().into();
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
