//! Which kinds the server says it has.

use kube::Resource;
use serde_json::{Value, json};

use super::answer::Answer;

/// A kind, as discovery names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Kind {
    group: String,
    version: String,
    plural: String,
    kind: String,
}

impl Kind {
    pub(super) fn of<K: Resource<DynamicType = ()>>() -> Self {
        Self {
            group: K::group(&()).into_owned(),
            version: K::version(&()).into_owned(),
            plural: K::plural(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
        }
    }
}

/// The answer to a path beside the resources.
pub(super) fn answer(kinds: &[Kind], path: &str) -> Answer {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["apis"] => Answer::ok(&groups(kinds)),
        ["apis", group, version] => resources(kinds, group, version),
        ["api", version] => resources(kinds, "", version),
        ["version"] => Answer::ok(&json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0"})),
        _ => Answer::not_found(path),
    }
}

fn groups(kinds: &[Kind]) -> Value {
    let mut groups: Vec<Value> = Vec::new();
    for Kind { group, version, .. } in kinds {
        let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
        let group = json!({"name": group, "versions": [version], "preferredVersion": version});
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    json!({"apiVersion": "v1", "kind": "APIGroupList", "groups": groups})
}

fn resources(kinds: &[Kind], group: &str, version: &str) -> Answer {
    let here = kinds.iter().filter(|kind| kind.group == group && kind.version == version);
    let resource = |kind: &Kind| json!({"name": kind.plural, "singularName": "", "kind": kind.kind, "namespaced": true, "verbs": ["list", "watch"]});
    let resources: Vec<_> = here.map(resource).collect();
    if resources.is_empty() {
        return Answer::not_found(group);
    }
    let version = format!("{group}/{version}").trim_start_matches('/').to_owned();
    Answer::ok(
        &json!({"apiVersion": "v1", "kind": "APIResourceList", "groupVersion": version, "resources": resources}),
    )
}
