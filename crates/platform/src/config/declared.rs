//! Resource types that are declared in the configuration itself, for the provisioner that serves them: what is wrong with
//! a declaration is told when it is loaded, not when the first Workload needs it.

use std::collections::{BTreeMap, BTreeSet};

use resource_template::Declaration;
use score_spec::{names::ResourceClass, path::FieldPath};

use super::Class;
use crate::{errors::Errors, schema::Schema};

/// The provisioner that serves declared types, under the name that it has if nobody gives it another.
pub(super) const PROVISIONER: &str = "provisioner-template";

/// Records what is wrong with the declarations of `classes`, which stand at `path` and should give the `outputs`.
pub(super) fn check(
    path: &FieldPath,
    classes: &BTreeMap<ResourceClass, Class>,
    outputs: Option<&Schema>,
    errors: &mut Errors,
) {
    let mut told = BTreeSet::new();
    for (name, class) in classes {
        for problem in problems(class, outputs) {
            // What all classes have in common is told once.
            if told.insert(problem.clone()) {
                errors.add(path, format_args!("the declaration of class `{name}` is wrong: {problem}"));
            }
        }
    }
}

fn problems(class: &Class, outputs: Option<&Schema>) -> Vec<String> {
    let declaration = match Declaration::read(&class.parameters.0) {
        Ok(declaration) => declaration,
        Err(problems) => return problems.iter().map(ToString::to_string).collect(),
    };
    let Some(listed) = outputs.and_then(Schema::properties) else { return Vec::new() };
    let listed: BTreeSet<_> = listed.into_iter().collect();
    let given: BTreeSet<_> = declaration.output_names().collect();
    let missing = listed.difference(&given).map(|name| {
        format!("outputs.{name}: is missing, but the schema `outputs` lists it: add it, or remove it there")
    });
    let unlisted = given.difference(&listed).map(|name| {
        format!("outputs.{name}: no Workload could use it: add it to the properties of the schema `outputs`")
    });
    missing.chain(unlisted).collect()
}
