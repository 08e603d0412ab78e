//! What runs before what (Score, `containers.*.before`): `a.before.b` means that `a` runs before `b`, and `ready` what
//! `a` must have reached for `b` to start.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{BeforeReady, Container};

use super::Errors;
use crate::{order, path::FieldPath};

type Containers = BTreeMap<String, Container>;

pub(super) fn check(containers: &Containers, path: &FieldPath, errors: &mut Errors) {
    for (name, container) in containers {
        let path = path.key(name).field("before");
        check_end(name, container, &path, errors);
        for (later, condition) in &container.before {
            let path = path.key(later);
            check_name(name, later, containers, &path, errors);
            let has_probe = container.readiness_probe.is_some() || container.liveness_probe.is_some();
            let message = format_args!(
                "is healthy, but container {name} has no probe that shows it: add a readinessProbe to it"
            );
            errors.require(
                condition.ready != BeforeReady::Healthy || has_probe,
                &path.field("ready"),
                message,
            );
        }
    }
    check_cycle(containers, path, errors);
}

/// What has run to its end answers no probe any more: whoever waits for one thing would wait in vain for the other.
fn check_end(name: &str, container: &Container, path: &FieldPath, errors: &mut Errors) {
    let on = |ready| container.before.iter().filter(move |(_, condition)| condition.ready == ready);
    let Some((ended_before, _)) = on(BeforeReady::Complete).next() else { return };
    for (later, _) in on(BeforeReady::Healthy) {
        let message = format_args!(
            "is healthy, but container {name} runs to its end before {ended_before} starts, and is not healthy then: make \
             both entries complete, or both healthy"
        );
        errors.add(&path.key(later).field("ready"), message);
    }
}

fn check_name(name: &str, later: &str, containers: &Containers, path: &FieldPath, errors: &mut Errors) {
    if name == later {
        errors.add(path, "a container cannot run before itself: remove this entry");
    } else if !containers.contains_key(later) {
        errors.add(
            path,
            format_args!("there is no container {later:?}: correct the name, or remove this entry"),
        );
    }
}

fn check_cycle(containers: &Containers, path: &FieldPath, errors: &mut Errors) {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, container) in containers {
        needs.entry(name).or_default();
        for later in container.before.keys().filter(|&later| later != name) {
            needs.entry(later).or_default().insert(name);
        }
    }
    if let Err(cycle) = order::needed_first(&needs) {
        errors.add(
            path,
            format_args!(
                "containers wait for each other through before ({cycle}): remove one of these entries"
            ),
        );
    }
}
