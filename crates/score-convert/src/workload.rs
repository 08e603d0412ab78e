//! The parts of a Score document, each where a Workload has it.

use crate::node::{Map, Node, Place, Tree};
use crate::problem::Problems;
use crate::schema::unknown;

/// The version of Score that is understood.
const API_VERSION: &str = "score.dev/v1b1";
const FIELDS: [&str; 5] = ["apiVersion", "metadata", "service", "containers", "resources"];

/// A Score document, taken apart.
#[derive(Debug)]
pub(crate) struct Parts {
    /// `metadata.name`.
    pub(crate) name: String,
    /// `metadata.annotations`; empty where there are none.
    pub(crate) annotations: Map,
    /// The spec of the Workload.
    pub(crate) spec: Node,
}

/// Takes a document apart.
pub(crate) fn parts(document: Node, problems: &mut Problems) -> Option<Parts> {
    let place = document.place;
    let Tree::Map(mut document) = document.tree else {
        problems.add(&place, "is not a Score document: it must be a map");
        return None;
    };
    check_version(&mut document, &place, problems);
    let (name, annotations, metadata) = metadata(&mut document, &place, problems);
    let mut spec = Map::default();
    if let Some(metadata) = metadata {
        spec.push("metadata", metadata);
    }
    for field in ["containers", "resources"] {
        if let Some(node) = document.take(field) {
            spec.push(field, node);
        }
    }
    if let Some(service) = document.take("service") {
        spec.push("service", with_listed_ports(service, problems));
    }
    for (_, node) in &document.0 {
        problems.add(&node.place, unknown(FIELDS));
    }
    Some(Parts { name: name?, annotations, spec: Node::map(&place, spec) })
}

fn check_version(document: &mut Map, place: &Place, problems: &mut Problems) {
    match document.take("apiVersion") {
        Some(node) if node.as_text() == Some(API_VERSION) => {}
        Some(node) => problems.add(&node.place, format_args!("must be {API_VERSION}: correct it")),
        None => problems.add(
            &place.key("apiVersion", place.line),
            format_args!("is missing: a Score document begins with apiVersion: {API_VERSION}"),
        ),
    }
}

/// Name and annotations belong to the object, all other keys to its spec.
fn metadata(
    document: &mut Map,
    place: &Place,
    problems: &mut Problems,
) -> (Option<String>, Map, Option<Node>) {
    let Some(node) = document.take("metadata") else {
        problems.add(&place.key("metadata", place.line), "is missing: add it, with a name");
        return (None, Map::default(), None);
    };
    let Some(mut metadata) = expect_map(node.tree, &node.place, problems) else {
        return (None, Map::default(), None);
    };
    let name = match metadata.take("name") {
        Some(Node { tree: Tree::Text(name), .. }) => Some(name),
        Some(Node { place, tree }) => {
            problems.add(&place, format_args!("is {}, must be a text: correct it", tree.kind()));
            None
        }
        None => {
            problems.add(&node.place.key("name", node.place.line), "is missing: add it");
            None
        }
    };
    let annotations = metadata.take("annotations").map(|node| annotations(node, problems));
    let rest = (!metadata.0.is_empty()).then(|| Node::map(&node.place, metadata));
    (name, annotations.unwrap_or_default(), rest)
}

fn annotations(node: Node, problems: &mut Problems) -> Map {
    let annotations = expect_map(node.tree, &node.place, problems).unwrap_or_default();
    for (_, node) in annotations.0.iter().filter(|(_, node)| node.as_text().is_none()) {
        problems.add(&node.place, format_args!("is {}, must be a text: put it in quotes", node.tree.kind()));
    }
    annotations
}

/// Score has the ports by name; a Workload has a list, in which they keep their order.
fn with_listed_ports(mut service: Node, problems: &mut Problems) -> Node {
    let Some(ports) = service.as_map_mut().and_then(|service| service.get_mut("ports")) else {
        return service;
    };
    let tree = std::mem::replace(&mut ports.tree, Tree::List(Vec::new()));
    let named = expect_map(tree, &ports.place, problems).unwrap_or_default().0.into_iter();
    let listed = named.map(|(name, mut port)| {
        let place = port.place.clone();
        if let Some(fields) = port.as_map_mut() {
            if let Some(own) = fields.take("name") {
                problems.add(&own.place, unknown(["port", "protocol", "targetPort"]));
            }
            fields.push("name", Node::text(&place, name));
        }
        port
    });
    ports.tree = Tree::List(listed.collect());
    service
}

fn expect_map(tree: Tree, place: &Place, problems: &mut Problems) -> Option<Map> {
    match tree {
        Tree::Map(map) => Some(map),
        tree => {
            problems.add(place, format_args!("is {}, must be a map: correct it", tree.kind()));
            None
        }
    }
}
