//! Reading provisioners, and telling those apart that match one resource.

use std::collections::BTreeMap;

use api_types::{DeprovisionPolicy, OpenObject};
use score_spec::{names::ResourceClass, path::FieldPath};

use super::{Class, Provisioner, backends, declared};
use crate::{
    errors::Errors,
    listed,
    names::ProvisionerName,
    reader::{Fields, Node},
    schema::Schema,
    values::merged,
};

/// A provisioner.
pub(super) fn provisioner(node: &Node<'_>, errors: &mut Errors) -> Option<Provisioner> {
    node.fields(errors, |fields, errors| {
        let type_ = fields.required("type", errors).and_then(|type_| type_.parse(errors));
        let name = fields.required("provisioner", errors).and_then(|name| name.parse(errors));
        let selector = selector(fields.optional("selector"), errors);
        let config = fields.optional("config").and_then(|config| config.object(errors));
        let (class, id, params) = selector?;
        let classes = classes(fields, class.as_ref(), &config.unwrap_or_default(), errors);
        let (default_class, default_params) = defaults(fields.optional("defaults"), &classes, errors);
        let deprovision_policy =
            fields.optional("deprovisionPolicy").and_then(|policy| deprovision_policy(&policy, errors));
        let mut schema =
            |name| fields.optional(name).and_then(|schema: Node<'_>| Schema::read(&schema, errors));
        let (params_schema, outputs_schema) = (schema("params"), schema("outputs"));
        let name: Option<ProvisionerName> = name;
        if name.as_ref().is_some_and(|name| name.as_str() == declared::PROVISIONER) {
            declared::check(&node.path, &classes, outputs_schema.as_ref(), errors);
        }
        Some(Provisioner {
            type_: type_?,
            name: name?,
            class,
            id,
            params,
            classes,
            default_class,
            default_params,
            deprovision_policy,
            params_schema,
            outputs_schema,
        })
    })
}

type Selected = (Option<ResourceClass>, Option<score_spec::names::ResourceId>, OpenObject);

fn selector(node: Option<Node<'_>>, errors: &mut Errors) -> Option<Selected> {
    let Some(node) = node else { return Some(Selected::default()) };
    node.fields(errors, |fields, errors| {
        let class = fields.optional("class").and_then(|class| class.parse(errors));
        let id = fields.optional("id").and_then(|id| id.parse(errors));
        let params = fields.optional("params").and_then(|params| params.object(errors));
        Some((class, id, params.unwrap_or_default()))
    })
}

fn deprovision_policy(node: &Node<'_>, errors: &mut Errors) -> Option<DeprovisionPolicy> {
    match node.text(errors)? {
        "Delete" => Some(DeprovisionPolicy::Delete),
        "Retain" => Some(DeprovisionPolicy::Retain),
        "Orphan" => Some(DeprovisionPolicy::Orphan),
        _ => {
            errors.add(&node.path, "must be one of `Delete`, `Retain`, `Orphan`: correct it");
            None
        }
    }
}

/// The classes that are listed; without a list the one that the selector names, or `default`.
fn classes(
    fields: &mut Fields<'_>,
    selected: Option<&ResourceClass>,
    config: &OpenObject,
    errors: &mut Errors,
) -> BTreeMap<ResourceClass, Class> {
    let Some(node) = fields.optional("classes") else {
        let class = Class { parameters: config.clone(), ..Class::default() };
        return [(selected.cloned().unwrap_or_default(), class)].into();
    };
    let classes = node.list(errors, |node, errors| Some((node.path.clone(), class(node, config, errors)?)));
    errors.unique(classes.iter().map(|(path, (name, _))| (path.field("name"), name.clone())));
    if node.value.as_array().is_some_and(Vec::is_empty) {
        errors.add(&node.path, "is empty: add a class, or remove `classes` to serve the class `default`");
    }
    let classes: BTreeMap<_, _> = classes.into_iter().map(|(_, class)| class).collect();
    if let Some(selected) = selected
        && !classes.contains_key(selected)
    {
        let message = format!(
            "names no class `{selected}`, which selector.class selects: add it, or correct one of them"
        );
        errors.add(&node.path, message);
    }
    match selected {
        // The others could never be asked for.
        Some(selected) => classes.into_iter().filter(|(name, _)| name == selected).collect(),
        None => classes,
    }
}

fn class(node: &Node<'_>, config: &OpenObject, errors: &mut Errors) -> Option<(ResourceClass, Class)> {
    node.fields(errors, |fields, errors| {
        let name = fields.required("name", errors).and_then(|name| name.parse(errors));
        let description = backends::text(fields.optional("description"), errors);
        let parameters = fields.optional("parameters").and_then(|parameters| parameters.object(errors));
        let parameters = merged(config.clone(), parameters.unwrap_or_default());
        let protect = fields.optional("protect").and_then(|protect| protect.boolean(errors));
        let is_protected = protect.unwrap_or_default();
        let mut class = Class { description, parameters, is_protected, ..Class::default() };
        if let Some(constraints) = fields.optional("constraints") {
            constraints.fields(errors, |fields, errors| {
                class.selectors = backends::selectors(fields, errors);
                class.features = backends::names(fields.optional("features"), errors);
                class.regions = backends::names(fields.optional("regions"), errors);
                Some(())
            });
        }
        Some((name?, class))
    })
}

fn defaults(
    node: Option<Node<'_>>,
    classes: &BTreeMap<ResourceClass, Class>,
    errors: &mut Errors,
) -> (Option<ResourceClass>, OpenObject) {
    let read = node.and_then(|node| {
        node.fields(errors, |fields, errors| {
            let class = fields.optional("class");
            let name: Option<ResourceClass> = class.as_ref().and_then(|class| class.parse(errors));
            if let (Some(class), Some(name)) = (&class, &name)
                && !classes.is_empty()
                && !classes.contains_key(name)
            {
                let message = format!("names no class that is served: use one of {}", listed(classes.keys()));
                errors.add(&class.path, message);
            }
            let params = fields.optional("params").and_then(|params| params.object(errors));
            Some((name, params.unwrap_or_default()))
        })
    });
    read.unwrap_or_default()
}

/// Records each pair of provisioners that match some resource equally well: nobody could say which provides it.
pub(super) fn refuse_ties(provisioners: &[(FieldPath, Provisioner)], errors: &mut Errors) {
    for (index, (path, one)) in provisioners.iter().enumerate() {
        let earlier = provisioners[..index].iter();
        for (other_path, other) in earlier.filter(|(_, other)| one.ties_with(other)) {
            let message = format!(
                "matches resources of type `{}` exactly as well as {other_path}: tell them apart by selector.class, \
                 selector.id, selector.params or their classes",
                other.type_
            );
            errors.add(path, message);
        }
    }
}

impl Provisioner {
    /// How closely its selector describes a resource: an id says more than params, and these more than a class.
    pub(crate) fn specificity(&self) -> (bool, usize, bool) {
        (self.id.is_some(), self.params.0.len(), self.class.is_some())
    }

    /// Whether it serves resources of a class; `default` stands for the one that it takes by default.
    pub(crate) fn serves(&self, class: &ResourceClass) -> Option<(&ResourceClass, &Class)> {
        let by_default = || self.default_class.as_ref().filter(|_| *class == ResourceClass::default());
        self.classes.get_key_value(class).or_else(|| self.classes.get_key_value(by_default()?))
    }

    /// Whether some resource is matched by both, and by none of them more closely.
    fn ties_with(&self, other: &Self) -> bool {
        let unset = ResourceClass::default();
        let mut asked = self.classes.keys().chain(other.classes.keys()).chain([&unset]);
        let both_serve = asked.any(|class| self.serves(class).is_some() && other.serves(class).is_some());
        let ids = self.id.as_ref().zip(other.id.as_ref()).is_none_or(|(one, other)| one == other);
        let params =
            self.params.0.iter().all(|(key, value)| other.params.0.get(key).is_none_or(|v| v == value));
        self.type_ == other.type_ && self.specificity() == other.specificity() && both_serve && ids && params
    }
}
