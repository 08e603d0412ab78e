//! What a platform allows in a namespace, and what it fills in: [`api_types::PlatformPolicy`], ready to be applied.

mod images;
mod read;
mod violations;

use std::collections::BTreeMap;

use api_types::{Container, DeprovisionPolicy, PlatformPolicy};
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
};
use score_spec::{
    quantity::{Cpu, Memory},
    validate::{Compute, FieldError, Quantities, ValidWorkload},
};

use crate::annotations::with_defaults;
use images::ImagePrefix;
pub use violations::Violation;

/// All policies of a platform, in the order in which they count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies(Vec<Policy>);

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    name: String,
    priority: i32,
    selector: Selector,
    /// What is wrong with it, if anything: such a policy blocks what it matches, since nobody can say what it allows.
    rules: Result<Rules, Vec<FieldError>>,
}

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rules {
    compute: Compute,
    deprovision_policy: Option<DeprovisionPolicy>,
    profile: Option<String>,
    annotations: BTreeMap<String, String>,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    containers: Option<usize>,
    images: Option<Vec<ImagePrefix>>,
    resources: Option<BTreeMap<String, Option<Vec<String>>>>,
    service_accounts: Option<Vec<String>>,
}

impl Policies {
    /// The policies, whatever their order.
    pub fn new<'a>(policies: impl IntoIterator<Item = &'a PlatformPolicy>) -> Self {
        let mut policies: Vec<_> = policies.into_iter().map(Policy::read).collect();
        policies.sort_by(|one, other| (other.priority, &one.name).cmp(&(one.priority, &other.name)));
        Self(policies)
    }

    /// Those that apply in a namespace with these labels.
    pub fn terms(&self, labels: &BTreeMap<String, String>) -> Terms<'_> {
        Terms(self.0.iter().filter(|policy| policy.selector.matches(labels)).collect())
    }

    /// The policies, the one with the highest priority first.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.iter()
    }
}

impl Policy {
    fn read(policy: &PlatformPolicy) -> Self {
        let (selector, rules) = read::rules(&policy.spec);
        Self { name: policy.name_any(), priority: policy.spec.priority, selector, rules }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it; nothing if it can be applied.
    pub fn errors(&self) -> &[FieldError] {
        self.rules.as_ref().err().map(Vec::as_slice).unwrap_or_default()
    }
}

/// The policies that apply in a namespace, the one with the highest priority first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms<'a>(Vec<&'a Policy>);

impl<'a> Terms<'a> {
    /// The names of the policies.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|policy| policy.name.as_str())
    }

    /// The profile of Workloads that name none, and the policy that says so.
    pub fn profile(&self) -> Option<(&'a str, &'a str)> {
        self.rules().find_map(|(policy, rules)| Some((rules.profile.as_deref()?, policy)))
    }

    /// What becomes of resources when nothing uses them any more.
    pub fn deprovision_policy(&self) -> Option<DeprovisionPolicy> {
        self.rules().find_map(|(_, rules)| rules.deprovision_policy)
    }

    /// A Workload's annotations, with those that it leaves out.
    pub fn with_annotations(
        &self,
        own: &BTreeMap<String, String>,
        containers: &BTreeMap<String, Container>,
    ) -> BTreeMap<String, String> {
        let defaults: Vec<_> = self.rules().map(|(_, rules)| &rules.annotations).collect();
        with_defaults(defaults.into_iter().rev(), own, containers)
    }

    /// Gives containers the requests and limits that they leave out. A default never contradicts what a container
    /// says: a request is at most its limit, a limit at least its request.
    pub fn fill_in(&self, workload: &mut ValidWorkload) {
        let defaults = self.rules().fold(Compute::default(), |found, (_, rules)| Compute {
            requests: first(found.requests, rules.compute.requests),
            limits: first(found.limits, rules.compute.limits),
        });
        for container in workload.containers.values_mut() {
            container.compute = filled_in(container.compute, defaults);
        }
    }

    fn rules(&self) -> impl Iterator<Item = (&'a str, &'a Rules)> {
        self.0.iter().filter_map(|policy| Some((policy.name.as_str(), policy.rules.as_ref().ok()?)))
    }
}

fn first(one: Quantities, other: Quantities) -> Quantities {
    Quantities { cpu: one.cpu.or(other.cpu), memory: one.memory.or(other.memory) }
}

fn filled_in(own: Compute, defaults: Compute) -> Compute {
    let cpu =
        pair(own.requests.cpu, own.limits.cpu, defaults.requests.cpu, defaults.limits.cpu, Cpu::millicores);
    let memory = pair(
        own.requests.memory,
        own.limits.memory,
        defaults.requests.memory,
        defaults.limits.memory,
        Memory::bytes,
    );
    Compute {
        requests: Quantities { cpu: cpu.0, memory: memory.0 },
        limits: Quantities { cpu: cpu.1, memory: memory.1 },
    }
}

/// Request and limit.
fn pair<T: Copy>(
    request: Option<T>,
    limit: Option<T>,
    default_request: Option<T>,
    default_limit: Option<T>,
    amount: fn(T) -> u64,
) -> (Option<T>, Option<T>) {
    let limit = limit.or_else(|| larger(default_limit?, request, amount));
    let request = request.or_else(|| smaller(default_request?, limit, amount));
    (request, limit)
}

fn larger<T: Copy>(default: T, own: Option<T>, amount: fn(T) -> u64) -> Option<T> {
    Some(own.filter(|own| amount(*own) > amount(default)).unwrap_or(default))
}

fn smaller<T: Copy>(default: T, own: Option<T>, amount: fn(T) -> u64) -> Option<T> {
    Some(own.filter(|own| amount(*own) < amount(default)).unwrap_or(default))
}
