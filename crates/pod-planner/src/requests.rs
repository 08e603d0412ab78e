//! What a pod takes of a node, and what a node has.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{Container, ContainerStatus, Pod, PodSpec},
    apimachinery::pkg::api::resource,
    k8s_if_ge_1_36,
};
use quantity::Quantity;

use crate::{Unmodelled, ports::is_sidecar};

/// How much of each resource: thousandths of cores for `cpu`, whole units (bytes, pieces) for all others.
pub(crate) type Amounts = BTreeMap<String, i64>;

/// The name under which nodes say how many pods they take. Each pod takes one.
pub(crate) const PODS: &str = "pods";
const CPU: &str = "cpu";

/// What the quantity amounts to, rounded up as the scheduler does. None if it is no quantity or negative.
fn amount(resource: &str, quantity: &resource::Quantity) -> Option<i64> {
    let thousandths = Quantity::rounded_up(&quantity.0).ok()?.thousandths();
    let amount = if resource == CPU { thousandths } else { thousandths.saturating_add(999) / 1000 };
    Some(i64::try_from(amount).unwrap_or(i64::MAX))
}

/// What a node offers. What cannot be read counts as nothing.
pub(crate) fn allocatable(quantities: &BTreeMap<String, resource::Quantity>) -> Amounts {
    quantities.iter().map(|(name, quantity)| (name.clone(), amount(name, quantity).unwrap_or(0))).collect()
}

/// Whether it is a resource that Kubernetes itself does not know, and that a device plugin or a device class serves.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// The extended resources among `allocatable`, of which there is any.
pub(crate) fn extended(allocatable: &Amounts) -> impl Iterator<Item = String> {
    let some = allocatable.iter().filter(|(name, amount)| **amount > 0 && is_extended(name));
    some.map(|(name, _)| name.clone())
}

/// Whether a request for the resource may be served by devices, of which only the scheduler knows: it names a device class,
/// or is for something that no node has. `offered` are the extended resources that some node has.
pub(crate) fn may_be_of_devices(name: &str, offered: &BTreeSet<String>) -> bool {
    name.starts_with("deviceclass.resource.kubernetes.io/") || (is_extended(name) && !offered.contains(name))
}

type Quantities = BTreeMap<String, resource::Quantity>;

fn read(quantities: Option<&Quantities>, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    let mut amounts = Amounts::new();
    for (name, quantity) in quantities.into_iter().flatten() {
        match amount(name, quantity) {
            Some(amount) => drop(amounts.insert(name.clone(), amount)),
            None => unmodelled.push(Unmodelled::Quantity(format!("{name}: {}", quantity.0))),
        }
    }
    amounts
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*amount);
    }
}

fn raise(to: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let most = to.entry(name.clone()).or_default();
        *most = (*most).max(*amount);
    }
}

/// What a pod takes of its node, itself as one of [`PODS`]: the sum of its containers and sidecars, or what its init
/// containers need one after the other beside the sidecars started before them, whichever is more; in its place what is
/// asked for the pod as a whole; and the overhead of its runtime class.
pub(crate) fn of(pod: &Pod, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    let mut amounts = Amounts::new();
    if let Some(spec) = &pod.spec {
        for container in &spec.containers {
            add(&mut amounts, &of_container(pod, container, unmodelled));
        }
        let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
        for container in spec.init_containers.iter().flatten() {
            let mut now = if is_sidecar(container) {
                of_container(pod, container, unmodelled)
            } else {
                asked(container, unmodelled)
            };
            if is_sidecar(container) {
                add(&mut amounts, &now);
                add(&mut sidecars, &now);
                now.clone_from(&sidecars);
            } else {
                add(&mut now, &sidecars);
            }
            raise(&mut most, &now);
        }
        raise(&mut amounts, &most);
        amounts.extend(of_whole(pod, spec, unmodelled));
        add(&mut amounts, &read(spec.overhead.as_ref(), unmodelled));
    }
    amounts.insert(PODS.to_owned(), 1);
    amounts
}

/// The resources that can be asked for a pod as a whole.
fn is_of_whole_pods(name: &str) -> bool {
    name == CPU || name == "memory" || name.starts_with("hugepages-")
}

/// What is asked for the pod as a whole, and takes the place of what its containers ask.
fn of_whole(pod: &Pod, spec: &PodSpec, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    let asked = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let mut whole = read(asked, unmodelled);
    whole.retain(|name, _| is_of_whole_pods(name));
    k8s_if_ge_1_36! {
        if let Some(status) = &pod.status
            && let Some(used) = &status.resources
        {
            let granted = status.allocated_resources.as_ref();
            let now = in_effect(pod, &whole, used.requests.as_ref(), granted, unmodelled);
            whole.iter_mut().for_each(|(name, amount)| *amount = now.get(name).copied().unwrap_or(0));
        }
    }
    whole
}

fn asked(container: &Container, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    read(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()), unmodelled)
}

/// What a container takes that runs as long as its pod, and may be resized meanwhile.
fn of_container(pod: &Pod, container: &Container, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    let asked = asked(container, unmodelled);
    let Some(status) = status_of(pod, container) else { return asked };
    let Some(used) = &status.resources else { return asked };
    in_effect(pod, &asked, used.requests.as_ref(), status.allocated_resources.as_ref(), unmodelled)
}

/// What is resized takes the most of what is asked, used and granted; what is asked counts only if the node can ever grant it.
fn in_effect(
    pod: &Pod,
    asked: &Amounts,
    used: Option<&Quantities>,
    granted: Option<&Quantities>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Amounts {
    let mut most = read(used, unmodelled);
    raise(&mut most, &read(granted, unmodelled));
    if !is_infeasible(pod) {
        raise(&mut most, asked);
    }
    most
}

/// Whether the pod is to be resized to what its node can never grant.
fn is_infeasible(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let pending = conditions.into_iter().flatten().find(|condition| condition.type_ == "PodResizePending");
    pending.is_some_and(|pending| pending.reason.as_deref() == Some("Infeasible"))
}

fn status_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    containers.into_iter().find(|status| status.name == container.name)
}
