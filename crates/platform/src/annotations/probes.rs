//! `score.dev/probes`: timing and thresholds of the probes that a Workload has.

use std::collections::BTreeMap;

use api_types::Container;
use score_spec::path::FieldPath;
use serde_json::Value;

use super::fields;
use crate::{
    document,
    errors::Errors,
    listed,
    reader::{Fields, Node},
};

/// `{<container>: {liveness|readiness|startup: {…}}}`.
pub(super) fn read(
    text: &str,
    containers: &BTreeMap<String, Container>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<Value> {
    fields::map(text, path, errors, |node, errors| {
        let by_container = node.object(errors)?;
        for (name, probes) in &by_container.0 {
            let node = Node { value: probes, path: node.path.key(name) };
            match containers.get(name) {
                Some(container) => drop(node.fields(errors, |fields, errors| {
                    of_container(container, fields, errors);
                    Some(())
                })),
                None => {
                    let known = listed(containers.keys());
                    errors.add(&node.path, format_args!("names no container: use one of {known}"));
                }
            }
        }
        Some(Value::Object(by_container.0))
    })
}

/// `text` without what is about containers and probes that are not there: of a default, what fits counts. None if that is
/// nothing; what is no map at all stays, to be told.
pub(super) fn fitting(text: &str, containers: &BTreeMap<String, Container>) -> Option<String> {
    let mut documents = document::parse_all(text).unwrap_or_default();
    let Some(Value::Object(by_container)) = documents.first_mut().map(|document| &mut document.value) else {
        return Some(text.to_owned());
    };
    by_container.retain(|name, probes| {
        let Some(container) = containers.get(name) else { return false };
        let Value::Object(probes) = probes else { return true };
        probes.retain(|probe, _| has(container, probe).unwrap_or(true));
        !probes.is_empty()
    });
    (!by_container.is_empty()).then(|| Value::Object(by_container.clone()).to_string())
}

/// Whether the container has what a probe of this name is about; none if there is no such name.
fn has(container: &Container, probe: &str) -> Option<bool> {
    let (liveness, readiness) = (container.liveness_probe.is_some(), container.readiness_probe.is_some());
    match probe {
        "liveness" => Some(liveness),
        "readiness" => Some(readiness),
        "startup" => Some(liveness || readiness),
        _ => None,
    }
}

fn of_container(container: &Container, fields: &mut Fields<'_>, errors: &mut Errors) {
    let probes = [
        ("liveness", "the container has no livenessProbe: add one, or remove this"),
        ("readiness", "the container has no readinessProbe: add one, or remove this"),
        (
            "startup",
            "the container has neither a livenessProbe nor a readinessProbe: add one, or remove this",
        ),
    ];
    for (name, message) in probes {
        let Some(node) = fields.optional(name) else { continue };
        if has(container, name) == Some(false) {
            errors.add(&node.path, message);
        }
        node.fields(errors, |fields, errors| {
            timing(name, fields, errors);
            Some(())
        });
    }
}

fn timing(probe: &str, fields: &mut Fields<'_>, errors: &mut Errors) {
    let numbers = [
        ("initialDelaySeconds", 0, i64::from(i32::MAX)),
        ("periodSeconds", 1, i64::from(i32::MAX)),
        ("timeoutSeconds", 1, i64::from(i32::MAX)),
        // Only readiness can come back after it was lost.
        ("successThreshold", 1, if probe == "readiness" { i64::from(i32::MAX) } else { 1 }),
        ("failureThreshold", 1, i64::from(i32::MAX)),
    ];
    for (name, least, most) in numbers {
        let Some(node) = fields.optional(name) else { continue };
        if node.integer(errors).is_some_and(|number| !(least..=most).contains(&number)) {
            let bound = if most == 1 { "1".to_owned() } else { format!("at least {least}") };
            errors.add(&node.path, format_args!("must be {bound}: correct it"));
        }
    }
}
