//! What the schemas of provisioners say of a Workload's resources.

use std::collections::BTreeMap;

use api_types::{OpenObject, Workload};
use quantity::Quantity;
use score_spec::{
    names::ResourceKey,
    path::FieldPath,
    placeholder::Template,
    validate::{FieldError, ValidWorkload},
};
use serde_json::Value;

use crate::{
    errors::Errors,
    listed,
    params::{self, before_outputs},
    provision::{NotProvided, Provision},
};

type Provisions<'a> = BTreeMap<ResourceKey, Result<Provision<'a>, NotProvided>>;

/// Params that their provisioner does not take, and placeholders for outputs that it does not give.
pub(crate) fn errors(
    workload: &Workload,
    valid: &ValidWorkload,
    provisions: &Provisions<'_>,
) -> Vec<FieldError> {
    let mut found = Vec::new();
    for (key, provision) in provisions {
        let Ok(provision) = provision else { continue };
        let written = workload.spec.resources.get(key.as_str()).and_then(|resource| resource.params.as_ref());
        let params = valid.resources.get(key).and_then(|resource| resource.params.as_ref());
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
