//! `score.dev/probes`: timing and thresholds of the probes that a Workload has.

use std::collections::BTreeMap;

use api_types::Container;
use score_spec::path::FieldPath;
use serde_json::Value;

use super::fields;
use crate::{
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

fn of_container(container: &Container, fields: &mut Fields<'_>, errors: &mut Errors) {
    let (liveness, readiness) = (container.liveness_probe.is_some(), container.readiness_probe.is_some());
    let probes = [
        ("liveness", liveness, "the container has no livenessProbe: add one, or remove this"),
        ("readiness", readiness, "the container has no readinessProbe: add one, or remove this"),
        (
            "startup",
            liveness || readiness,
            "the container has no probe to start up by: add one, or remove this",
        ),
    ];
    for (name, is_there, message) in probes {
        let Some(node) = fields.optional(name) else { continue };
        if !is_there {
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
