//! What older versions of Score wrote differently: lists of files and volumes, texts as lists of lines, `read_only`.
//! The maps of today have the path in the container as their key.

use std::collections::BTreeMap;

use crate::node::{Map, Node, Place, Tree};
use crate::problem::Problems;

/// Brings a container up to date.
pub(crate) fn container(container: &mut Map, problems: &mut Problems) {
    by_target(container, "files", file, problems);
    by_target(container, "volumes", volume, problems);
}

/// Turns a list into a map by `target`; what is no list is left alone.
fn by_target(
    container: &mut Map,
    field: &str,
    upgrade: fn(&mut Map, &mut Problems),
    problems: &mut Problems,
) {
    let Some(node) = container.get_mut(field) else { return };
    let Tree::List(list) = &mut node.tree else { return };
    let mut entries = Map::default();
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for mut entry in std::mem::take(list) {
        let Some(target) = taken_target(&mut entry, upgrade, problems) else { continue };
        match seen.get(&target) {
            Some(first) => problems.add(
                &entry.place,
                format_args!(
                    "has the target {target:?} of {} (line {}): change one of them",
                    first.path, first.line
                ),
            ),
            None => {
                seen.insert(target.clone(), entry.place.clone());
                entries.push(target, entry);
            }
        }
    }
    node.tree = Tree::Map(entries);
}

/// Brings an entry up to date, and takes its target out.
fn taken_target(
    entry: &mut Node,
    upgrade: fn(&mut Map, &mut Problems),
    problems: &mut Problems,
) -> Option<String> {
    let place = entry.place.clone();
    let Some(map) = entry.as_map_mut() else {
        problems.add(&place, format_args!("is {}, must be a map: correct it", entry.tree.kind()));
        return None;
    };
    upgrade(map, problems);
    match map.take("target") {
        Some(Node { tree: Tree::Text(target), .. }) => Some(target),
        Some(Node { place, tree }) => {
            problems.add(&place, format_args!("is {}, must be a text: correct it", tree.kind()));
            None
        }
        None => {
            let message = "is missing: write the path in the container";
            problems.add(&place.key("target", place.line), message);
            None
        }
    }
}

fn file(file: &mut Map, problems: &mut Problems) {
    let Some(node) = file.get_mut("content") else { return };
    let Tree::List(lines) = &mut node.tree else { return };
    let lines: Vec<String> =
        std::mem::take(lines).into_iter().filter_map(|node| line(node, problems)).collect();
    node.tree = Tree::Text(lines.join("\n"));
}

/// A line; numbers, true and false stand for their text.
fn line(Node { place, tree }: Node, problems: &mut Problems) -> Option<String> {
    match tree {
        Tree::Text(text) => Some(text),
        Tree::Number(number) => Some(number.to_string()),
        Tree::Bool(value) => Some(value.to_string()),
        tree => {
            problems
                .add(&place, format_args!("is {}, must be a line of text: put it in quotes", tree.kind()));
            None
        }
    }
}

fn volume(volume: &mut Map, problems: &mut Problems) {
    let Some(node) = volume.take("read_only") else { return };
    if volume.get("readOnly").is_some() {
        problems.add(&node.place, "is the older name of readOnly, which is also there: remove it");
    } else {
        volume.push("readOnly", node);
    }
}
