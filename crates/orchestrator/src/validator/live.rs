//! What a new version of a Workload does to the resources that are there.

use api_types::{DeprovisionPolicy, ResourceClaim, Workload, metadata::LABEL_PROTECTED};
use kube::ResourceExt as _;
use platform::decide::Decision;
use serde_json::Value;

use super::{Found, Report};
use crate::{build::unused, claims::dependencies, dereference::World};

/// The claims in files as kubectl prints them: one by one, or as the items of a list.
pub(super) fn read(files: &[Found], report: &mut Report) -> Vec<ResourceClaim> {
    let mut claims = Vec::new();
    for file in files {
        let documents = match &file.documents {
            Ok(documents) => documents,
            Err(error) => {
                report.error(&file.name, error.line, &error.message);
                continue;
            }
        };
        for document in documents {
            let items = document.value["items"].as_array().map(Vec::as_slice);
            for object in items.unwrap_or(std::slice::from_ref(&document.value)) {
                match claim(object) {
                    Ok(claim) => claims.push(claim),
                    Err(message) => report.error(&file.name, document.lines.of(""), message),
                }
            }
        }
    }
    claims
}

fn claim(object: &Value) -> Result<ResourceClaim, String> {
    if object["apiVersion"] != "score.dev/v1b1" || object["kind"] != "ResourceClaim" {
        return Err("holds an object that is not a ResourceClaim of score.dev/v1b1: give what \
                    `kubectl get resourceclaim.score.dev --output yaml` prints"
            .to_owned());
    }
    serde_json::from_value(object.clone()).map_err(|error| format!("not a valid ResourceClaim: {error}"))
}

/// The uid of the Workload that is there under the name of this one, if it has claims.
pub(super) fn uid_of(workload: &Workload, claims: &[ResourceClaim]) -> Option<String> {
    let is_its = |claim: &&ResourceClaim| {
        claim.metadata.namespace == workload.metadata.namespace
            && Some(&claim.spec.workload_ref.name) == workload.metadata.name.as_ref()
    };
    claims.iter().find(is_its).map(|claim| claim.spec.workload_ref.uid.clone())
}

/// What becomes of each resource, a line each.
pub(super) fn preview(workload: &Workload, decision: &Decision<'_>, world: &World) -> Vec<String> {
    let valid = &decision.workload;
    let needed = dependencies(workload, decision, world).into_iter().map(|(key, dependency)| {
        let name = valid.resources.get(&key).map(|resource| resource.claim_name(&valid.name, &key));
        let live = name.and_then(|name| world.claims.get(&name));
        let what = match (&dependency.claim, live) {
            (Some(_), None) => "will be created".to_owned(),
            (Some(claim), Some(live)) => change(live, claim),
            (None, Some(_)) if dependency.outputs.is_some() => {
                "stays, another Workload defines it".to_owned()
            }
            (None, _) => dependency.summary.message.unwrap_or_default(),
        };
        format!("resource `{key}`: {what}")
    });
    needed.chain(unused(valid, world).iter().map(|claim| end(claim))).collect()
}

fn change(live: &ResourceClaim, wanted: &ResourceClaim) -> String {
    let fields = |claim: &ResourceClaim| match serde_json::to_value(&claim.spec) {
        Ok(Value::Object(fields)) => fields,
        _ => Default::default(),
    };
    let (before, after) = (fields(live), fields(wanted));
    let mut differing: Vec<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
    differing.retain(|field| before.get(*field) != after.get(*field));
    differing.sort_unstable();
    differing.dedup();
    if differing.is_empty() {
        "stays as it is".to_owned()
    } else {
        format!("changes: {}", differing.join(", "))
    }
}

fn end(claim: &ResourceClaim) -> String {
    let end = match claim.spec.deprovision_policy {
        DeprovisionPolicy::Delete => "will be deleted with its data",
        DeprovisionPolicy::Retain if claim.labels().contains_key(LABEL_PROTECTED) => {
            "is protected, so it will be released, and kept until it is asked for again under this key: to have it \
             deleted instead, your platform team sets the annotation score.dev/release=true on its claim first"
        }
        DeprovisionPolicy::Retain => "will be released, and kept until it is asked for again under this key",
        DeprovisionPolicy::Orphan => "will be orphaned: it stays, and nothing manages it any more",
    };
    format!("resource `{}`: {end}, once this version runs", claim.spec.key)
}
