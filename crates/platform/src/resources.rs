//! What the schemas of provisioners say of a Workload's resources.

use std::collections::BTreeMap;

use api_types::{OpenObject, Resource, Workload};
use quantity::Quantity;
use score_spec::{
    identity::ResourceUid,
    names::ResourceKey,
    path::FieldPath,
    placeholder::Template,
    validate::{FieldError, ValidResource},
};
use serde_json::Value;

use crate::{
    decide::GivenParams,
    errors::Errors,
    listed,
    params::{self, before_outputs},
    provision::{NotProvided, Provision},
};

/// The resources of a Workload that are valid.
pub(crate) type Resources = BTreeMap<ResourceKey, ValidResource>;
/// Who provides each of them, or why nobody does.
pub(crate) type Provisions<'a> = BTreeMap<ResourceKey, Result<Provision<'a>, NotProvided>>;

/// The params of those resources of a Workload whose own declaration gives none: those that another declaration of this
/// Workload gives, or else those of others.
pub(crate) fn given_params<'a>(workload: &'a Workload, by_others: &GivenParams<'a>) -> GivenParams<'a> {
    let resources = &workload.spec.resources;
    let with_params = resources
        .values()
        .filter_map(|resource| Some((ResourceUid::of_shared(resource)?, resource.params.as_ref()?)));
    let by_itself: BTreeMap<ResourceUid, &OpenObject> = with_params.collect();
    let given = |(key, resource): (&'a String, &Resource)| {
        let uid = ResourceUid::of_shared(resource).filter(|_| resource.params.is_none())?;
        let params = by_itself.get(&uid).or_else(|| by_others.get(key.as_str()))?;
        Some((key.as_str(), *params))
    };
    resources.iter().filter_map(given).collect()
}

/// Params that their provisioner does not take, and placeholders for outputs that it does not give. Params that another
/// declaration gives are judged there.
pub(crate) fn errors(
    workload: &Workload,
    resources: &Resources,
    given: &GivenParams<'_>,
    provisions: &Provisions<'_>,
) -> Vec<FieldError> {
    let mut found = Vec::new();
    for (key, provision) in provisions.iter().filter(|(key, _)| !given.contains_key(key.as_str())) {
        let Ok(provision) = provision else { continue };
        let written = workload.spec.resources.get(key.as_str()).and_then(|resource| resource.params.as_ref());
        let params = resources.get(key).and_then(|resource| resource.params.as_ref());
        found.extend(params::errors(provision.provisioner, key, written, params.map(before_outputs)));
    }
    found.extend(unknown_outputs(workload, provisions));
    found
}

fn unknown_outputs(workload: &Workload, provisions: &Provisions<'_>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    for (path, text) in expanded_texts(workload) {
        for reference in Template::parse(text).references() {
            let [root, key, output, ..] = reference.keys.as_slice() else { continue };
            let Some(Ok(provision)) = provisions.get(key.as_str()).filter(|_| root == "resources") else {
                continue;
            };
            let schema = provision.provisioner.outputs_schema.as_ref();
            let Some(outputs) = schema.and_then(|schema| schema.properties()) else { continue };
            if !outputs.contains(&output.as_str()) {
                let outputs = listed(outputs.iter());
                errors.add(
                    &path,
                    format_args!("resource '{key}' has no output '{output}': use one of {outputs}"),
                );
            }
        }
    }
    errors.into_vec()
}

/// Every text of a Workload in which placeholders are expanded, with its path.
fn expanded_texts(workload: &Workload) -> Vec<(FieldPath, &str)> {
    let (spec, mut texts) = (FieldPath::root("spec"), Vec::new());
    for (name, container) in &workload.spec.containers {
        let path = spec.field("containers").key(name);
        let variables = container.variables.iter();
        texts.extend(variables.map(|(name, text)| (path.field("variables").key(name), text.as_str())));
        for (target, file) in &container.files {
            let content = file.content.as_deref().filter(|_| file.no_expand != Some(true));
            texts.extend(content.map(|text| (path.field("files").key(target).field("content"), text)));
        }
    }
    for (key, resource) in &workload.spec.resources {
        let path = spec.field("resources").key(key).field("params");
        for (name, value) in resource.params.iter().flat_map(|params| &params.0) {
            collect(value, path.key(name), &mut texts);
        }
    }
    texts
}

fn collect<'a>(value: &'a Value, path: FieldPath, texts: &mut Vec<(FieldPath, &'a str)>) {
    match value {
        Value::String(text) => texts.push((path, text)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, item)| collect(item, path.index(index), texts));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(value, path.key(key), texts)),
        _ => {}
    }
}

/// The storage that a Workload's resources ask for in sum: their param `storage`, where it is a quantity.
pub(crate) fn storage(workload: &Workload) -> Quantity {
    let storage = |params: &OpenObject| match params.0.get("storage")? {
        Value::String(text) => text.parse::<Quantity>().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    };
    workload.spec.resources.values().filter_map(|resource| storage(resource.params.as_ref()?)).sum()
}
