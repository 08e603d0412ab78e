//! Everything that the platform decides for one Workload.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{DeprovisionPolicy, OpenObject, Workload};
use kube::ResourceExt as _;
use quantity::Quantity;
use score_spec::{
    names::ResourceKey,
    validate::{FieldError, ValidResource, ValidWorkload, valid_resources},
};

use crate::{
    annotations::{self, Asked, Kind, annotation_of, check_kind, check_own_kind, kind_of},
    config::Config,
    policy::{Terms, Violation},
    provision::{Need, NotProvided, Provision},
    resources::{self, Provisions, Resources, given_params},
    select::{AskedBy, Demand, Selection},
    values::merged,
};

/// Params of resources that Workloads share, by the keys under which one of these declares them, as another one gives
/// them. They count where its own declaration gives none.
pub type GivenParams<'a> = BTreeMap<&'a str, &'a OpenObject>;

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

/// Decides for `workload`, of which `valid` is the valid view, or what is wrong with it. What it shares with others has
/// the params that are `given` by them where it gives none.
///
/// # Errors
/// Everything that is wrong with the spec and the annotations, as far as one error does not hide another; if there is
/// nothing, everything that a policy forbids.
pub fn decide<'a>(
    workload: &Workload,
    valid: Result<ValidWorkload, Vec<FieldError>>,
    given: &GivenParams<'_>,
    config: &'a Config,
    terms: &Terms<'_>,
) -> Result<Decision<'a>, Refusal> {
    let (own, given) = (workload.annotations(), given_params(workload, given));
    let annotations = terms.with_annotations(own, &workload.spec.containers);
    let asked = annotations::read(&annotations, &workload.spec.containers);
    let (mut valid, mut asked) = match (valid, asked) {
        (Ok(valid), Ok(asked)) => (valid, asked),
        (valid, asked) => {
            return Err(Refusal::Spec(errors_of_both(workload, valid, asked, &annotations, &given, config)));
        }
    };
    terms.fill_in(&mut valid);
    let selection = config.select(&Demand {
        profile: profile(&asked, &valid, terms.profile()),
        ..demand(workload.labels(), &asked, &valid, workload)
    });
    let values = match &selection {
        Selection::Chosen(choice) => composed(choice.backend.values.clone(), &mut asked.values, own),
        Selection::Nothing(_) => OpenObject::default(),
    };
    let provisions = provisions_of(workload, &valid.resources, &asked, &given, config);
    let mut errors = resources::errors(workload, &valid.resources, &given, &provisions);
    if matches!(selection, Selection::Chosen(_)) {
        errors.extend(check_kind(&annotations, &asked.values, &values));
    }
    if !errors.is_empty() {
        return Err(Refusal::Spec(errors));
    }
    let violations = terms.violations(&valid, &asked, own);
    if !violations.is_empty() {
        return Err(Refusal::Policy(violations));
    }
    let provided = |provision: Provision<'a>| provided(terms, provision);
    Ok(Decision {
        resources: provisions.into_iter().map(|(key, found)| (key, found.map(provided))).collect(),
        workload: valid,
        selection,
        values,
        annotations: asked.passed_on,
    })
}

pub(crate) fn provided<'a>(terms: &Terms<'_>, provision: Provision<'a>) -> Provided<'a> {
    Provided { deprovision_policy: deprovision_policy(terms, &provision), provision }
}

/// What is wrong with the spec, the annotations or both, and what else can be told all the same.
fn errors_of_both(
    workload: &Workload,
    valid: Result<ValidWorkload, Vec<FieldError>>,
    asked: Result<Asked, Vec<FieldError>>,
    annotations: &BTreeMap<String, String>,
    given: &GivenParams<'_>,
    config: &Config,
) -> Vec<FieldError> {
    let of_resources = errors_of_resources(workload, &valid, &asked, given, config);
    let of_kind = errors_of_kind(&asked, annotations, workload.annotations());
    let errors = valid.err().into_iter().chain(asked.err()).chain([of_resources, of_kind]);
    errors.flatten().collect()
}

/// What is wrong with the resources that are valid, although the spec or the annotations are not. Who provides a
/// resource does not depend on annotations; only whether this Workload gets it does.
fn errors_of_resources(
    workload: &Workload,
    valid: &Result<ValidWorkload, Vec<FieldError>>,
    asked: &Result<Asked, Vec<FieldError>>,
    given: &GivenParams<'_>,
    config: &Config,
) -> Vec<FieldError> {
    let found = valid.as_ref().map_or_else(|_| valid_resources(workload), |valid| valid.resources.clone());
    let asked = asked.clone().unwrap_or_default();
    let provisions = provisions_of(workload, &found, &asked, given, config);
    resources::errors(workload, &found, given, &provisions)
}

/// What of the annotations has no meaning for the kind of work that they name, although the spec is not valid.
fn errors_of_kind(
    asked: &Result<Asked, Vec<FieldError>>,
    annotations: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Vec<FieldError> {
    let Ok(asked) = asked else { return Vec::new() };
    let mut values = asked.values.clone();
    if let Some(kind) = kind_of([&values]) {
        keep_fitting(kind, &mut values, own);
    }
    check_own_kind(annotations, &values)
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

/// Who provides each of these resources, or why nobody does.
fn provisions_of<'a>(
    workload: &Workload,
    resources: &Resources,
    asked: &Asked,
    given: &GivenParams<'_>,
    config: &'a Config,
) -> Provisions<'a> {
    let own_params = |key: &ResourceKey| workload.spec.resources.get(key.as_str())?.params.as_ref();
    let provision = |(key, resource): (&ResourceKey, &ValidResource)| {
        let need = Need {
            type_: &resource.type_,
            class: &resource.class,
            id: resource.id.as_ref(),
            params: own_params(key).or_else(|| given.get(key.as_str()).copied()),
            labels: workload.labels(),
            requirements: &asked.requirements,
            regions: &asked.regions,
        };
        (key.clone(), config.provision(&need))
    };
    resources.iter().map(provision).collect()
}

/// The platform's values with the Workload's on top. What a platform says for every Workload gives way where it does not
/// fit this one: nobody can remove what they did not write.
fn composed(mut platform: OpenObject, asked: &mut OpenObject, own: &BTreeMap<String, String>) -> OpenObject {
    if let Some(kind) = kind_of([&*asked, &platform]) {
        keep_fitting(kind, asked, own);
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

/// Of what is asked for, what the Workload asks for itself, and what else means something for its kind of work.
fn keep_fitting(kind: Kind, asked: &mut OpenObject, own: &BTreeMap<String, String>) {
    let is_own = |value: &str| annotation_of(value).is_some_and(|key| own.contains_key(key));
    asked.0.retain(|value, _| kind.takes(value) || is_own(value));
}
