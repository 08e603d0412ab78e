//! Edits that a user makes to a Workload.

use api_types::Workload;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, rngs::StdRng};

use crate::texts;

/// The same Workload with all of the spec of `other`, or a part of it that refers to nothing else.
pub(crate) fn edited(workload: &Workload, mut other: Workload, rng: &mut StdRng) -> Workload {
    let mut edited = workload.clone();
    match rng.random_range(0..6) {
        0 => {
            edited.spec = other.spec;
            edited.metadata.annotations = other.metadata.annotations;
        }
        1 => edited.spec.service = other.spec.service,
        2 => {
            if let Some((_, taken)) = other.spec.containers.pop_first() {
                for container in edited.spec.containers.values_mut() {
                    container.resources.clone_from(&taken.resources);
                    container.args.clone_from(&taken.args);
                }
            }
        }
        3 => {
            for container in edited.spec.containers.values_mut() {
                container.variables.insert("EDITED".to_owned(), texts::without_placeholders(rng));
            }
        }
        4 => {
            for container in edited.spec.containers.values_mut() {
                container.variables.pop_first();
                container.files.pop_first();
            }
        }
        _ => remove_a_container(&mut edited, rng),
    }
    edited
}

fn remove_a_container(workload: &mut Workload, rng: &mut StdRng) {
    let containers = &mut workload.spec.containers;
    let names: Vec<String> = containers.keys().cloned().collect();
    let Some(name) = names.choose(rng).filter(|_| names.len() > 1) else { return };
    containers.remove(name);
    for container in containers.values_mut() {
        container.before.remove(name);
    }
}
