//! Resources (Score, `resources`).

use std::collections::{BTreeMap, BTreeSet};

use api_types::{OpenObject, Resource};
use serde_json::{Map, Value};

use super::{Errors, JsonTemplate, Params, ValidResource, template};
use crate::names::{ResourceClass, ResourceId, ResourceKey};
use crate::path::FieldPath;
use crate::placeholder::Scope;
use crate::{grammar, order};

const RESOURCES: usize = 32;

/// How many maps and lists of a resource's params or metadata may lie within each other. What is read of a Workload
/// ends at a greater depth, so that nothing is missing from one that is valid.
const LEVELS: usize = 64;

type Resources = BTreeMap<String, Resource>;

/// Checks every resource; gives them with the order that their params demand.
pub(super) fn valid_all(
    resources: &Resources,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> (BTreeMap<ResourceKey, ValidResource>, Vec<ResourceKey>) {
    errors.at_most(RESOURCES, resources.len(), path, "resources");
    let valid =
        errors.entries(resources, path, |resource, path, errors| valid(resource, scope, path, errors));
    check_definitions(resources, path, errors);
    let order = valid_order(resources, path, errors);
    (valid, order.iter().filter_map(|key| key.parse().ok()).collect())
}

/// The resources that are valid, each for itself: what is wrong with the others, or between them, is passed over.
pub(super) fn valid_each(
    resources: &Resources,
    scope: &Scope<'_>,
    path: &FieldPath,
) -> BTreeMap<ResourceKey, ValidResource> {
    let each = resources.iter().filter_map(|(key, resource)| {
        let mut errors = Errors::default();
        let found = valid(resource, scope, &path.key(key), &mut errors);
        Some((key.parse().ok()?, errors.or_valid(found).ok()?))
    });
    each.collect()
}

fn valid(
    resource: &Resource,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<ValidResource> {
    let type_ = errors.keep(resource.type_.parse(), &path.field("type"));
    let class = resource.class.as_ref().map(|class| errors.keep(class.parse(), &path.field("class")));
    let id: Option<Option<ResourceId>> =
        resource.id.as_ref().map(|id| errors.keep(id.parse(), &path.field("id")));
    check_metadata(&resource.metadata, &path.field("metadata"), errors);
    check_depth(&resource.metadata, &path.field("metadata"), errors);
    let path = path.field("params");
    let params = resource.params.as_ref().map(|params| {
        check_depth(params, &path, errors);
        valid_params(&params.0, scope, &path, errors)
    });
    let class = class.unwrap_or_else(|| Some(ResourceClass::default()))?;
    Some(ValidResource {
        type_: type_?,
        class,
        id: id.flatten(),
        metadata: resource.metadata.clone(),
        params,
    })
}

fn check_metadata(metadata: &OpenObject, path: &FieldPath, errors: &mut Errors) {
    let path = path.field("annotations");
    match metadata.0.get("annotations") {
        None => {}
        Some(Value::Object(annotations)) => {
            annotations.iter().for_each(|(key, value)| check_annotation(key, value, &path.key(key), errors));
        }
        Some(_) => errors.add(&path, "must be a map of texts: write one key and text per line"),
    }
}

fn check_depth(object: &OpenObject, path: &FieldPath, errors: &mut Errors) {
    for (key, value) in &object.0 {
        let message = format_args!(
            "nests maps and lists more than {LEVELS} levels deep: nest them less, or write this as a text of JSON"
        );
        errors.require(is_within(LEVELS, value), &path.key(key), message);
    }
}

/// Whether at most so many maps and lists of the value lie within each other.
fn is_within(levels: usize, value: &Value) -> bool {
    let mut children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(list) => Box::new(list.iter()),
        _ => return true,
    };
    levels.checked_sub(1).is_some_and(|levels| children.all(|child| is_within(levels, child)))
}

fn check_annotation(key: &str, value: &Value, path: &FieldPath, errors: &mut Errors) {
    let message = "the key must be 2 to 63 letters, digits and ._-, with an optional prefix such as example.com/: rename it";
    errors.require(grammar::is_annotation_key(key), path, message);
    errors.require(value.is_string(), path, "must be a text: put it in quotes");
}

fn valid_params(
    params: &Map<String, Value>,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Params {
    let entry = |(key, value): (&String, &Value)| {
        Some((key.clone(), valid_value(value, scope, &path.key(key), errors)?))
    };
    params.iter().filter_map(entry).collect()
}

fn valid_value(
    value: &Value,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<JsonTemplate> {
    Some(match value {
        Value::String(text) => JsonTemplate::Text(template::valid(text, scope, path, errors)?),
        Value::Object(map) => JsonTemplate::Object(valid_params(map, scope, path, errors)),
        Value::Array(list) => JsonTemplate::List(valid_list(list, scope, path, errors)),
        scalar => JsonTemplate::Scalar(scalar.clone()),
    })
}

fn valid_list(list: &[Value], scope: &Scope<'_>, path: &FieldPath, errors: &mut Errors) -> Vec<JsonTemplate> {
    let item = |(index, value): (usize, &Value)| {
        let path = path.index(index);
        check_no_secret_reference(value, &path, errors);
        valid_value(value, scope, &path, errors)
    };
    list.iter().enumerate().filter_map(item).collect()
}

/// In resolved params a list of `{secretKeyRef: …}` is what stands for a secret output. Users may not write one
/// themselves: they would be handed any secret of the namespace by whoever reads it on their behalf.
fn check_no_secret_reference(item: &Value, path: &FieldPath, errors: &mut Errors) {
    let message = "secretKeyRef cannot be written here: refer to an output with ${resources.<name>.<output>}";
    errors.require(item.get("secretKeyRef").is_none(), &path.field("secretKeyRef"), message);
}

/// Two declarations with one type, class and id are one resource, so they cannot differ; either may leave things out.
fn check_definitions(resources: &Resources, path: &FieldPath, errors: &mut Errors) {
    check_equal(resources, "params", |resource| resource.params.as_ref(), path, errors);
    check_equal(
        resources,
        "metadata",
        |resource| Some(&resource.metadata).filter(|metadata| !metadata.is_empty()),
        path,
        errors,
    );
}

fn check_equal(
    resources: &Resources,
    field: &str,
    value_of: fn(&Resource) -> Option<&OpenObject>,
    path: &FieldPath,
    errors: &mut Errors,
) {
    let mut first = BTreeMap::new();
    for (key, resource) in resources {
        let (Some(id), Some(value)) = (&resource.id, value_of(resource)) else { continue };
        let (type_, class) = (&resource.type_, resource.class.as_deref().unwrap_or("default"));
        let (first_key, first_value) = *first.entry((type_, class, id)).or_insert((key, value));
        let message = format_args!(
            "differs from that of {first_key}, though both are the resource {type_}.{class}#{id}: make them equal, \
             or change id"
        );
        errors.require(first_value == value, &path.key(key).field(field), message);
    }
}

/// The keys of the resources, each after those that its params need. Declarations of one resource count as one.
fn valid_order<'a>(resources: &'a Resources, path: &FieldPath, errors: &mut Errors) -> Vec<&'a str> {
    let mut declarations: BTreeMap<Identity<'a>, Vec<&'a str>> = BTreeMap::new();
    let identities = resources.iter().map(|(key, resource)| (identity(key, resource), key.as_str()));
    identities.for_each(|(identity, key)| declarations.entry(identity).or_default().push(key));
    let first = |key: &str| -> Option<&'a str> {
        let (key, resource) = resources.get_key_value(key)?;
        declarations.get(&identity(key, resource))?.first().copied()
    };
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, resource) in resources {
        let needed = order::needed_by(resource);
        let needed = needed.iter().filter_map(|key| first(key));
        needs.entry(first(key).unwrap_or(key)).or_default().extend(needed);
    }
    let order = order::needed_first(&needs).map_err(|cycle| {
        format!(
            "a cycle exists involving resource param placeholders ({cycle}): remove one of these placeholders"
        )
    });
    let order = errors.keep(order, path).unwrap_or_default();
    let all = |first: &&'a str| declarations.values().find(|keys| keys.first() == Some(first));
    order.iter().filter_map(all).flatten().copied().collect()
}

/// Type, class and id of a resource that has an id, else its key.
type Identity<'a> = Result<(&'a str, &'a str, &'a str), &'a str>;

fn identity<'a>(key: &'a str, resource: &'a Resource) -> Identity<'a> {
    let class = resource.class.as_deref().unwrap_or("default");
    resource.id.as_deref().map(|id| (resource.type_.as_str(), class, id)).ok_or(key)
}
