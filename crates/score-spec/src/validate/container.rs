//! Containers (Score, `containers`).

use std::collections::BTreeMap;

use api_types::Container;

use super::{Errors, ValidContainer, compute, mounts, probe, template};
use crate::names::{ContainerName, VariableName};
use crate::path::FieldPath;
use crate::placeholder::{BoundTemplate, Scope};

/// The most entries of a Workload and of a container, as in the schema of the API.
const CONTAINERS: usize = 16;
const WORDS: usize = 256;
const VARIABLES: usize = 256;

pub(super) fn valid_all(
    containers: &BTreeMap<String, Container>,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> BTreeMap<ContainerName, ValidContainer> {
    errors.require(!containers.is_empty(), path, "is empty: add at least one container");
    errors.at_most(CONTAINERS, containers.len(), path, "containers");
    errors.entries(containers, path, |container, path, errors| Some(valid(container, scope, path, errors)))
}

fn valid(container: &Container, scope: &Scope<'_>, path: &FieldPath, errors: &mut Errors) -> ValidContainer {
    check_image(&container.image, &path.field("image"), errors);
    check_words(&container.command, &path.field("command"), errors);
    check_words(&container.args, &path.field("args"), errors);
    let variables = valid_variables(&container.variables, scope, &path.field("variables"), errors);
    let (files, volumes) = mounts::valid(container, scope, path, errors);
    let compute = compute::valid(container.resources.as_ref(), &path.field("resources"), errors);
    for (field, probe) in
        [("livenessProbe", &container.liveness_probe), ("readinessProbe", &container.readiness_probe)]
    {
        probe::check(probe.as_ref(), &path.field(field), errors);
    }
    ValidContainer {
        image: container.image.clone(),
        command: container.command.clone(),
        args: container.args.clone(),
        variables,
        files,
        volumes,
        // Names that are not valid are no containers of the Workload, so `before::check` has refused them.
        before: container
            .before
            .iter()
            .filter_map(|(name, on)| Some((name.parse().ok()?, on.ready)))
            .collect(),
        compute,
        liveness_probe: container.liveness_probe.clone(),
        readiness_probe: container.readiness_probe.clone(),
    }
}

fn check_image(image: &str, path: &FieldPath, errors: &mut Errors) {
    let message = match image {
        "" => "is empty: name an image, such as registry.example.com/app:1.2.3",
        "." => {
            "must name an image: only a tool that builds images can fill in \".\"; build and push the image, then write \
             its name and tag or digest here"
        }
        _ if image.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "holds white space or control characters: write the image's name and tag or digest without them"
        }
        _ if image.len() > 1024 => "is longer than 1024 characters: write a shorter name",
        _ => return,
    };
    errors.add(path, message);
}

/// Checks a command line.
pub(super) fn check_words(words: &[String], path: &FieldPath, errors: &mut Errors) {
    errors.at_most(WORDS, words.len(), path, "entries");
    for (index, word) in words.iter().enumerate() {
        template::check_no_nul(word, &path.index(index), errors);
    }
}

fn valid_variables(
    variables: &BTreeMap<String, String>,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> BTreeMap<VariableName, BoundTemplate> {
    errors.at_most(VARIABLES, variables.len(), path, "variables");
    errors.entries(variables, path, |value, path, errors| {
        template::check_no_nul(value, path, errors);
        template::valid(value, scope, path, errors)
    })
}
