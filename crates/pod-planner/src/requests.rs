//! What a pod takes of a node, and what a node has.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, ContainerStatus, Pod},
    apimachinery::pkg::api::resource,
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
            let mut now = of_container(pod, container, unmodelled);
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
        let whole = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        let whole = read(whole, unmodelled).into_iter().filter(|(name, _)| is_of_whole_pods(name));
        amounts.extend(whole);
        add(&mut amounts, &read(spec.overhead.as_ref(), unmodelled));
    }
    amounts.insert(PODS.to_owned(), 1);
    amounts
}

/// The resources that can be asked for a pod as a whole.
fn is_of_whole_pods(name: &str) -> bool {
    name == CPU || name == "memory" || name.starts_with("hugepages-")
}

/// A running container that is being resized takes the most of what is asked, granted and used.
fn of_container(pod: &Pod, container: &Container, unmodelled: &mut Vec<Unmodelled>) -> Amounts {
    let asked = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let mut amounts = read(asked, unmodelled);
    if let Some(status) = status_of(pod, container) {
        raise(&mut amounts, &read(status.allocated_resources.as_ref(), unmodelled));
        let used = status.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        raise(&mut amounts, &read(used, unmodelled));
    }
    amounts
}

fn status_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    containers.into_iter().find(|status| status.name == container.name)
}
