//! The record of a release, as Helm keeps it: a Secret in which `helm list`, `helm get` and `helm status` find it.
//!
//! It is written and owned like every other object of the claim, after them, and no secret is in it. There is one, and
//! it is always revision 1: what was before stands in the history of the platform's configuration.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use object_template::{ObjectKind, ObjectKindError, Place};
use serde_json::{Map, Value, json};

use super::ChartInputs;
use crate::manifest::Manifest;

/// What of Chart.yaml stands in the record: what Helm and the tools that look for old charts show.
const ABOUT: [&str; 6] = ["apiVersion", "appVersion", "description", "name", "type", "version"];
/// No expression can name it.
const ID: &str = "helm.release";

/// The record of the release of `given`, a chart with `about` in its Chart.yaml, of which `objects` were made.
///
/// # Errors
/// If Chart.yaml cannot be read, or there cannot be a Secret of the release's name.
pub(super) fn record(given: &ChartInputs, about: &str, objects: &[Manifest]) -> Result<Manifest, String> {
    let about: Value =
        serde_saphyr::from_str(about).map_err(|error| format!("its Chart.yaml is not YAML: {error}"))?;
    let kind: ObjectKind = "v1/Secret".parse().map_err(|error: ObjectKindError| error.to_string())?;
    let name = format!("sh.helm.release.v1.{}.v1", given.release).parse()?;
    // Helm takes the record also if it is not compressed.
    let content = BASE64_STANDARD.encode(content(given, &about, objects).to_string());
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let labels = [
        label("name", &given.release),
        label("owner", "helm"),
        label("status", "deployed"),
        label("version", "1"),
    ];
    let data = json!({"release": BASE64_STANDARD.encode(content)});
    let fields = [("type".to_owned(), "helm.sh/release.v1".into()), ("data".to_owned(), data)];
    Ok(Manifest {
        id: ID.to_owned(),
        place: Place { kind, name },
        labels: labels.into(),
        annotations: BTreeMap::new(),
        fields: Map::from_iter(fields),
        secret: BTreeMap::new(),
    })
}

fn content(given: &ChartInputs, about: &Value, objects: &[Manifest]) -> Value {
    let known = ABOUT.into_iter().filter_map(|key| Some((key.to_owned(), about.get(key)?.clone())));
    let manifest: String = objects.iter().map(|object| format!("---\n{}\n", shown(object, given))).collect();
    json!({
        "name": given.release,
        "namespace": given.namespace,
        "version": 1,
        "info": {"status": "deployed", "description": "Managed by Score for a ResourceClaim; do not change it by hand"},
        "chart": {"metadata": Map::from_iter(known)},
        "config": given.values,
        "manifest": manifest,
        // So Helm uses it, too, and is told by the API server that the objects have another manager.
        "apply_method": "ssa",
    })
}

/// An object as the record shows it; of a Secret not what it holds.
fn shown(object: &Manifest, given: &ChartInputs) -> Value {
    let mut shown = object.fields.clone();
    if object.place.kind.is_secret() {
        shown.remove("data");
    }
    shown.insert("apiVersion".to_owned(), object.place.kind.api_version().into());
    shown.insert("kind".to_owned(), object.place.kind.kind().into());
    let metadata = json!({
        "name": object.place.name.as_str(),
        "namespace": given.namespace,
        "labels": object.labels,
        "annotations": object.annotations,
    });
    shown.insert("metadata".to_owned(), metadata);
    Value::Object(shown)
}
