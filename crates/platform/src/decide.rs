//! Everything that the platform decides for one Workload.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{DeprovisionPolicy, OpenObject, Workload};
use quantity::Quantity;
use score_spec::{
    names::ResourceKey,
    validate::{FieldError, ValidWorkload},
};

use crate::{
    annotations::{self, Asked, annotation_of, check_kind, kind_of},
    config::Config,
    policy::{Terms, Violation},
    provision::{Need, NotProvided, Provision},
    resources,
    select::{AskedBy, Demand, Selection},
    values::merged,
};

/// What the platform decides for a Workload that is valid and allowed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The Workload, with what policies fill in.
    pub workload: ValidWorkload,
    /// The backend that runs it, or why none does.
    pub selection: Selection<'a>,
    /// What the runtime is told, without the outputs of claims; empty where no backend runs it.
    pub values: OpenObject,
    /// Annotations for what runs the Workload.
    pub annotations: BTreeMap<String, String>,
    /// Who provides each resource, or why nobody does.
    pub resources: BTreeMap<ResourceKey, Result<Provided<'a>, NotProvided>>,
}

/// Who provides a resource, and what it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Provided<'a> {
    /// Who, as what, and why no other.
    pub provision: Provision<'a>,
    /// What becomes of it when nothing uses it any more, unless it is protected.
    pub deprovision_policy: DeprovisionPolicy,
}

impl Provided<'_> {
    /// Whether it is deleted only once the platform has released it; until then it is retained.
    pub fn is_protected(&self) -> bool {
        self.provision.class.is_protected && self.deprovision_policy == DeprovisionPolicy::Delete
    }

    /// What becomes of it when nothing uses it any more, if the platform has released it, or has not.
    pub fn policy(&self, is_released: bool) -> DeprovisionPolicy {
        if self.is_protected() && !is_released { DeprovisionPolicy::Retain } else { self.deprovision_policy }
    }
}

/// Why a Workload is not rolled out as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not valid; at least one error.
    Spec(Vec<FieldError>),
    /// A policy forbids it; at least one violation.
    Policy(Vec<Violation>),
}

/// Decides for `workload`, of which `valid` is the valid view, or what is wrong with it.
///
/// # Errors
/// Everything that is wrong with the spec and the annotations; if there is nothing, everything that a policy forbids.
pub fn decide<'a>(
    workload: &Workload,
    valid: Result<ValidWorkload, Vec<FieldError>>,
    config: &'a Config,
    terms: &Terms<'_>,
) -> Result<Decision<'a>, Refusal> {
    let no_labels = BTreeMap::new();
    let own = workload.metadata.annotations.as_ref().unwrap_or(&no_labels);
    let annotations = terms.with_annotations(own, &workload.spec.containers);
    let asked = annotations::read(&annotations, &workload.spec.containers);
    let (mut valid, mut asked) = both(valid, asked).map_err(Refusal::Spec)?;
    terms.fill_in(&mut valid);
    let labels = workload.metadata.labels.as_ref().unwrap_or(&no_labels);
    let policy = terms.profile();
    let selection = config.select(&Demand {
        profile: profile(&asked, &valid, policy),
        ..demand(labels, &asked, &valid, workload)
    });
    let values = match &selection {
        Selection::Chosen(choice) => composed(choice.backend.values.clone(), &mut asked.values, own),
        Selection::Nothing(_) => OpenObject::default(),
    };
    let need =
        |key: &ResourceKey| needed(labels, &asked, &valid, workload, key).map(|need| config.provision(&need));
    let provisions = valid.resources.keys().filter_map(|key| Some((key.clone(), need(key)?)));
    let provisions: BTreeMap<_, _> = provisions.collect();
    let mut errors = resources::errors(workload, &valid, &provisions);
    if matches!(selection, Selection::Chosen(_)) {
        errors.extend(check_kind(&annotations, &asked.values, &values));
    }
    if !errors.is_empty() {
        return Err(Refusal::Spec(errors));
    }
    let violations = terms.violations(&valid, &asked);
    if !violations.is_empty() {
        return Err(Refusal::Policy(violations));
    }
    let resources = provisions.into_iter().map(|(key, provision)| {
        let provided = provision.map(|provision| Provided {
            deprovision_policy: deprovision_policy(terms, &provision),
            provision,
        });
        (key, provided)
    });
    Ok(Decision {
        resources: resources.collect(),
        workload: valid,
        selection,
        values,
        annotations: asked.passed_on,
    })
}

/// Both, or the errors of both.
fn both<A, B>(
    one: Result<A, Vec<FieldError>>,
    other: Result<B, Vec<FieldError>>,
) -> Result<(A, B), Vec<FieldError>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => Err(one.err().into_iter().chain(other.err()).flatten().collect()),
    }
}

/// A policy speaks for its namespaces, so it goes before the configuration; losing data is nobody's default.
fn deprovision_policy(terms: &Terms<'_>, provision: &Provision<'_>) -> DeprovisionPolicy {
    let configured = provision.provisioner.deprovision_policy;
    terms.deprovision_policy().or(configured).unwrap_or(DeprovisionPolicy::Retain)
}

fn profile<'a>(
    asked: &'a Asked,
    valid: &'a ValidWorkload,
    policy: Option<(&'a str, &'a str)>,
) -> Option<(&'a str, AskedBy)> {
    let by_annotation = || Some((asked.profile.as_deref()?, AskedBy::Annotation));
    let by_spec = || Some((valid.profile.as_deref()?, AskedBy::Spec));
    by_annotation()
        .or_else(by_spec)
        .or_else(|| policy.map(|(profile, policy)| (profile, AskedBy::Policy(policy.to_owned()))))
}

/// Requests count; a limit counts where there is no request, as it does for Kubernetes.
fn demand<'a>(
    labels: &'a BTreeMap<String, String>,
    asked: &'a Asked,
    valid: &ValidWorkload,
    workload: &Workload,
) -> Demand<'a> {
    let compute = || valid.containers.values().map(|container| container.compute);
    let cpu = compute().filter_map(|compute| compute.requests.cpu.or(compute.limits.cpu));
    let memory = compute().filter_map(|compute| compute.requests.memory.or(compute.limits.memory));
    Demand {
        labels,
        profile: None,
        requirements: &asked.requirements,
        regions: &asked.regions,
        cpu: cpu.map(|cpu| Quantity::from_thousandths(cpu.millicores())).sum(),
        memory: memory.map(|memory| Quantity::from_units(memory.bytes())).sum(),
        storage: asked.storage.clone().unwrap_or_else(|| resources::storage(workload)),
    }
}

fn needed<'a>(
    labels: &'a BTreeMap<String, String>,
    asked: &'a Asked,
    valid: &'a ValidWorkload,
    workload: &'a Workload,
    key: &ResourceKey,
) -> Option<Need<'a>> {
    let resource = valid.resources.get(key)?;
    Some(Need {
        type_: &resource.type_,
        class: &resource.class,
        id: resource.id.as_ref(),
        params: workload.spec.resources.get(key.as_str()).and_then(|resource| resource.params.as_ref()),
        labels,
        requirements: &asked.requirements,
        regions: &asked.regions,
    })
}

/// The platform's values with the Workload's on top. What a platform says for every Workload gives way where it does not
/// fit this one: nobody can remove what they did not write.
fn composed(mut platform: OpenObject, asked: &mut OpenObject, own: &BTreeMap<String, String>) -> OpenObject {
    if let Some(kind) = kind_of([&*asked, &platform]) {
        let is_own = |value: &str| annotation_of(value).is_some_and(|key| own.contains_key(key));
        asked.0.retain(|value, _| kind.takes(value) || is_own(value));
        // Without a kind asked for, the platform has said both.
        let is_its_kind = !asked.0.contains_key("kind");
        platform.0.retain(|value, _| kind.takes(value) || is_its_kind);
    }
    // A fixed number and one chosen by load exclude each other.
    let excluded: BTreeSet<&str> = [("replicas", "autoscaling"), ("autoscaling", "replicas")]
        .into_iter()
        .filter_map(|(key, other)| asked.0.contains_key(key).then_some(other))
        .collect();
    platform.0.retain(|key, _| !excluded.contains(key.as_str()));
    merged(platform, asked.clone())
}
