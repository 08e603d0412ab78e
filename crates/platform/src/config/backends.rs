//! Reading profiles and their backends.

use std::{cmp::Reverse, collections::BTreeSet, fmt::Display, str::FromStr};

use api_types::OpenObject;
use semver::Version;

use super::{Backend, Constraints, Profile, selector};
use crate::{
    errors::Errors,
    names::ProfileName,
    reader::{Fields, Node},
};

/// A profile and its name.
pub(super) fn profile(node: &Node<'_>, errors: &mut Errors) -> Option<(ProfileName, Profile)> {
    node.fields(errors, |fields, errors| {
        let name = fields.required("name", errors).and_then(|name| name.parse(errors));
        let description = text(fields.optional("description"), errors);
        let backends = fields.required("backends", errors)?;
        let list = backends.list(errors, backend);
        if backends.value.as_array().is_some_and(Vec::is_empty) {
            errors.add(&backends.path, "is empty: add at least one backend, or remove the profile");
        }
        Some((name?, Profile { description, backends: preferred_first(list) }))
    })
}

/// The order in which backends are preferred; names are unique, so there is only one.
fn preferred_first(mut backends: Vec<Backend>) -> Vec<Backend> {
    backends.sort_by(|one, other| {
        let rank = |backend: &Backend| Reverse((backend.priority, backend.version.clone()));
        rank(one).cmp(&rank(other)).then_with(|| one.id.cmp(&other.id))
    });
    backends
}

fn backend(node: &Node<'_>, errors: &mut Errors) -> Option<Backend> {
    node.fields(errors, |fields, errors| {
        let id = fields.required("backendId", errors).and_then(|id| id.parse(errors));
        let runtime_class = fields.required("runtimeClass", errors).and_then(|class| class.parse(errors));
        let values = fields.required("template", errors).and_then(|template| values(&template, errors));
        let priority = fields.optional("priority").map(|priority| priority.integer(errors));
        let version = fields.optional("version").map(|node| version(&node, errors));
        let constraints = fields.optional("constraints").map(|node| constraints(&node, errors));
        Some(Backend {
            id: id?,
            runtime_class: runtime_class?,
            values: values?,
            priority: priority.map_or(Some(0), |priority| priority)?,
            version: version.map_or(Some(None), |version| version.map(Some))?,
            constraints: constraints.map_or(Some(Constraints::default()), |constraints| constraints)?,
        })
    })
}

fn version(node: &Node<'_>, errors: &mut Errors) -> Option<Version> {
    let message = |error| format!("must be a semantic version such as 1.2.3: {error}");
    let text = node.text(errors)?;
    errors.keep(Version::parse(text).map_err(message), &node.path)
}

fn values(template: &Node<'_>, errors: &mut Errors) -> Option<OpenObject> {
    template.fields(errors, |fields, errors| {
        let kind = fields.required("kind", errors);
        let text = kind.as_ref().and_then(|kind| kind.text(errors));
        if let (Some(kind), Some(text)) = (&kind, text)
            && let Some(refusal) = refused_kind(text)
        {
            errors.add(&kind.path, refusal);
        }
        if let Some(reference) = fields.optional("ref") {
            let message = "is not supported: nothing is fetched while a Workload is rolled out; remove it, and write \
                           what the template adds as `patches` and `objects` in template.values";
            errors.add(&reference.path, message);
        }
        fields.optional("values").map_or(Some(OpenObject::default()), |values| values.object(errors))
    })
}

fn refused_kind(kind: &str) -> Option<&'static str> {
    match kind {
        "manifests" => None,
        "helm" | "kustomize" => Some(
            "is not supported: a chart or a kustomization could ask for any right and bring a rollout of its own; use \
             `manifests` with `patches` and `objects` in template.values, or write a runtime that renders it",
        ),
        _ => Some("must be `manifests`: correct it"),
    }
}

fn constraints(node: &Node<'_>, errors: &mut Errors) -> Option<Constraints> {
    node.fields(errors, |fields, errors| {
        let selectors = fields.optional("selectors").map(|node| node.list(errors, selector::read));
        let features = names(fields.optional("features"), errors);
        let regions = names(fields.optional("regions"), errors);
        let mut constraints = Constraints {
            selectors: selectors.unwrap_or_default(),
            features,
            regions,
            ..Constraints::default()
        };
        if let Some(resources) = fields.optional("resources") {
            resources.fields(errors, |fields, errors| {
                let mut range =
                    |name| fields.optional(name).and_then(|range: Node<'_>| range.parse_scalar(errors));
                constraints.cpu = range("cpu");
                constraints.memory = range("memory");
                constraints.storage = range("storage");
                Some(())
            });
        }
        Some(constraints)
    })
}

/// A list of names, none of which may stand in it twice.
pub(super) fn names<T>(node: Option<Node<'_>>, errors: &mut Errors) -> BTreeSet<T>
where
    T: FromStr<Err: Display> + Ord + Display + Clone,
{
    let Some(node) = node else { return BTreeSet::new() };
    let names = node.list(errors, |name, errors| Some((name.path.clone(), name.parse::<T>(errors)?)));
    errors.unique(names.iter().cloned());
    names.into_iter().map(|(_, name)| name).collect()
}

/// A text for people.
pub(super) fn text(node: Option<Node<'_>>, errors: &mut Errors) -> Option<String> {
    node?.text(errors).map(str::to_owned)
}

/// What `fields` are asked for beside their own.
pub(super) fn selectors(fields: &mut Fields<'_>, errors: &mut Errors) -> Vec<kube::core::Selector> {
    fields.optional("selectors").map(|node| node.list(errors, selector::read)).unwrap_or_default()
}
