//! Reading a policy.

use std::{fmt::Display, str::FromStr};

use api_types::{ContainerResources, NamespaceSelector, PlatformPolicySpec, ResourceQuantities};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::Selector;
use score_spec::{
    path::FieldPath,
    validate::{Compute, FieldError, Quantities},
};

use super::{ImagePrefix, Rules};
use crate::{
    annotations::{self, SERVICE_ACCOUNT},
    errors::Errors,
    names::is_annotation_key,
};

/// The namespaces that a policy matches, and what it says; it matches all if nobody can tell which.
pub(super) fn rules(spec: &PlatformPolicySpec) -> (Selector, Result<Rules, Vec<FieldError>>) {
    let (mut errors, path) = (Errors::default(), FieldPath::root("spec"));
    let selector = spec.namespace_selector.as_ref().map_or_else(
        || Some(Selector::default()),
        |selector| errors.keep(namespaces(selector).try_into(), &path.field("namespaceSelector")),
    );
    let mut rules = Rules {
        images: spec
            .allowed_images
            .as_ref()
            .map(|list| list.iter().map(|text| ImagePrefix::new(text)).collect()),
        service_accounts: spec.allowed_service_accounts.clone(),
        resources: spec.allowed_resources.as_ref().map(|list| {
            list.iter().map(|allowed| (allowed.type_.clone(), allowed.classes.clone())).collect()
        }),
        ..Rules::default()
    };
    if let Some(limits) = &spec.limits {
        let path = path.field("limits");
        rules.cpu = parsed(limits.cpu.as_ref(), &path.field("cpu"), &mut errors);
        rules.memory = parsed(limits.memory.as_ref(), &path.field("memory"), &mut errors);
        rules.containers = limits.containers.and_then(|most| usize::try_from(most).ok());
    }
    if let Some(defaults) = &spec.defaults {
        let path = path.field("defaults");
        rules.profile.clone_from(&defaults.profile);
        rules.deprovision_policy = defaults.deprovision_policy;
        rules.annotations.clone_from(&defaults.annotations);
        check_annotations(&rules, &path.field("annotations"), &mut errors);
        if let Some(containers) = &defaults.containers {
            rules.compute = compute(containers, &path.field("containers"), &mut errors);
        }
    }
    (selector.unwrap_or_default(), errors.or_value(Some(rules)))
}

fn namespaces(selector: &NamespaceSelector) -> LabelSelector {
    let requirement = |requirement: &api_types::NamespaceRequirement| LabelSelectorRequirement {
        key: requirement.key.clone(),
        operator: format!("{:?}", requirement.operator),
        values: (!requirement.values.is_empty()).then(|| requirement.values.clone()),
    };
    LabelSelector {
        match_labels: Some(selector.match_labels.clone()),
        match_expressions: Some(selector.match_expressions.iter().map(requirement).collect()),
    }
}

fn parsed<T: FromStr<Err: Display>>(
    text: Option<&String>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<T> {
    errors.keep(text?.parse(), path)
}

/// Annotations that no Workload could have are nobody's default. Which containers there are is not known yet.
fn check_annotations(rules: &Rules, path: &FieldPath, errors: &mut Errors) {
    let values: std::collections::BTreeMap<_, _> = rules
        .annotations
        .iter()
        .filter(|(key, _)| *key != annotations::PROBES)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if let Err(found) = annotations::read(&values, &std::collections::BTreeMap::new()) {
        for error in found {
            errors.add(path, error);
        }
    }
    for key in rules.annotations.keys().filter(|key| !is_annotation_key(key)) {
        let message = "no annotation can have this key: use 1 to 63 letters, digits and -_. that begin and end with a \
                       letter or digit, with an optional prefix such as example.com/";
        errors.add(&path.key(key), message);
    }
    if rules.annotations.contains_key(annotations::PROFILE) {
        errors.add(path, "holds score.dev/profile: set defaults.profile instead");
    }
    check_service_account(rules, path, errors);
}

/// Whether another policy allows the identity that this one gives is not known here; that this one does not, is.
fn check_service_account(rules: &Rules, path: &FieldPath, errors: &mut Errors) {
    let (given, allowed) = (rules.annotations.get(SERVICE_ACCOUNT), rules.service_accounts.as_ref());
    if given.zip(allowed).is_some_and(|(given, allowed)| !allowed.contains(given)) {
        let message = "allowedServiceAccounts of this policy does not hold it, so no Workload could run with it: add \
                       it there, or remove it here";
        errors.add(&path.key(SERVICE_ACCOUNT), message);
    }
}

fn compute(container: &ContainerResources, path: &FieldPath, errors: &mut Errors) -> Compute {
    let mut quantities = |given: Option<&ResourceQuantities>, path: &FieldPath| Quantities {
        cpu: given.and_then(|given| parsed(given.cpu.as_ref(), &path.field("cpu"), errors)),
        memory: given.and_then(|given| parsed(given.memory.as_ref(), &path.field("memory"), errors)),
    };
    let requests = quantities(container.requests.as_ref(), &path.field("requests"));
    let limits = quantities(container.limits.as_ref(), &path.field("limits"));
    let above = |request: Option<u64>, limit: Option<u64>| {
        request.zip(limit).is_some_and(|(request, limit)| request > limit)
    };
    let cpu = above(requests.cpu.map(|cpu| cpu.millicores()), limits.cpu.map(|cpu| cpu.millicores()));
    let memory =
        above(requests.memory.map(|memory| memory.bytes()), limits.memory.map(|memory| memory.bytes()));
    for (name, above) in [("cpu", cpu), ("memory", memory)] {
        if above {
            errors
                .add(&path.field("requests").field(name), "is above the default limit: correct one of them");
        }
    }
    Compute { requests, limits }
}
