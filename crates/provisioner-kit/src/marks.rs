//! What every object that is made for a claim carries: labels, whose it is, and its owner.

use std::collections::BTreeMap;

use api_types::{DeprovisionPolicy, GROUP, metadata};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Map, Value, json};

use crate::{
    claim::Claim,
    ownership::{
        ANNOTATION_CLAIM, ANNOTATION_CLAIM_UID, ANNOTATION_POLICY, IN_USE, LABEL_CLASS, LABEL_STATE,
        LABEL_TYPE, policy_name,
    },
};

/// Labels, annotations and owner of everything that is made for one claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Marks {
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The claim, if the API server is to collect the object with it.
    pub owner: Option<OwnerReference>,
}

impl Marks {
    /// The marks of `claim`, whose objects `manager` makes.
    pub fn of(claim: &Claim, manager: &str) -> Self {
        let annotations = [
            (ANNOTATION_CLAIM, claim.name.as_str()),
            (ANNOTATION_CLAIM_UID, claim.uid.as_str()),
            (ANNOTATION_POLICY, policy_name(claim.policy)),
        ];
        let what = [(LABEL_TYPE, claim.type_.as_str()), (LABEL_CLASS, &claim.class), (LABEL_STATE, IN_USE)];
        let what = what.into_iter().filter(|(_, value)| is_label_value(value));
        let what = what.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            labels: metadata::labels(&claim.workload, manager).into_iter().chain(what).collect(),
            annotations: annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            owner: (claim.policy == DeprovisionPolicy::Delete).then(|| claim.owner.clone()),
        }
    }

    /// The metadata of a new object.
    pub fn metadata(&self, namespace: &str, name: &str) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            labels: Some(self.labels.clone()),
            annotations: Some(self.annotations.clone()),
            owner_references: self.owner.clone().map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    /// The `metadata` of a merge patch that puts the marks on `live`, and none if it has them.
    pub fn missing_on(&self, live: &ObjectMeta) -> Option<Map<String, Value>> {
        let mut patch = Map::new();
        let labels = missing(&self.labels, live.labels.as_ref());
        let annotations = missing(&self.annotations, live.annotations.as_ref());
        let owners = self.owners(live);
        if !labels.is_empty() {
            patch.insert("labels".to_owned(), json!(labels));
        }
        if !annotations.is_empty() {
            patch.insert("annotations".to_owned(), json!(annotations));
        }
        if owners != live.owner_references.clone().unwrap_or_default() {
            patch.insert("ownerReferences".to_owned(), json!(owners));
        }
        (!patch.is_empty()).then_some(patch)
    }

    /// The owners that `live` should have: those that are no claims, as they are, and the claim.
    fn owners(&self, live: &ObjectMeta) -> Vec<OwnerReference> {
        let live = live.owner_references.clone().unwrap_or_default();
        let ours = |owner: &OwnerReference| {
            owner.kind == "ResourceClaim" && owner.api_version.split('/').next() == Some(GROUP)
        };
        match &self.owner {
            Some(owner) if live.contains(owner) && live.iter().filter(|owner| ours(owner)).count() == 1 => {
                live
            }
            _ => live.into_iter().filter(|owner| !ours(owner)).chain(self.owner.clone()).collect(),
        }
    }
}

/// Whether Kubernetes takes `text` as the value of a label. Types and classes of Score are such values; a claim that
/// nobody validated may hold others.
fn is_label_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(plain) && end(text.chars().next()) && end(text.chars().next_back())
}

fn missing<'a>(
    wanted: &'a BTreeMap<String, String>,
    live: Option<&BTreeMap<String, String>>,
) -> BTreeMap<&'a String, &'a String> {
    wanted.iter().filter(|(key, value)| live.and_then(|live| live.get(*key)) != Some(value)).collect()
}

/// A merge patch with `metadata` that holds only for the very object and version that was read.
pub fn guarded(mut metadata: Map<String, Value>, live: &ObjectMeta) -> Map<String, Value> {
    metadata.insert("uid".to_owned(), json!(live.uid));
    metadata.insert("resourceVersion".to_owned(), json!(live.resource_version));
    Map::from_iter([("metadata".to_owned(), Value::Object(metadata))])
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;

    use super::*;

    fn marks(policy: &str) -> Marks {
        let claim = format!(
            "{{metadata: {{namespace: team, name: shop-store, uid: claim-uid}}, spec: {{workloadRef: {{name: shop, uid: w}}, \
             key: store, type: cache, class: -c, provisioner: p, deprovisionPolicy: {policy}}}}}"
        );
        let claim: ResourceClaim = serde_yaml_ng::from_str(&claim).unwrap();
        Marks::of(&Claim::try_from(&claim).unwrap(), "manager")
    }

    #[test]
    fn only_what_goes_with_the_claim_is_owned_by_it() {
        assert_eq!(marks("Delete").owner.map(|owner| owner.uid).as_deref(), Some("claim-uid"));
        assert_eq!(marks("Retain").owner, None);
        assert_eq!(marks("Orphan").owner, None);
    }

    #[test]
    fn the_labels_say_of_what_an_object_is_a_part_and_that_it_is_in_use() {
        let labels = marks("Retain").labels;
        let of = |key: &str| labels.get(key).map(String::as_str);
        assert_eq!(of("score.dev/type"), Some("cache"));
        assert_eq!(of("score.dev/claim-state"), Some("in-use"));
        assert_eq!(of("score.dev/class"), None, "a claim that nobody validated may hold what is no label");
    }

    #[test]
    fn an_object_with_its_marks_misses_nothing() {
        for policy in ["Delete", "Retain", "Orphan"] {
            let marks = marks(policy);
            assert_eq!(marks.missing_on(&marks.metadata("ns", "name")), None);
        }
    }

    #[test]
    fn a_change_of_policy_gives_and_takes_the_owner_and_leaves_strangers_alone() {
        let stranger: OwnerReference =
            serde_yaml_ng::from_str("{apiVersion: v1, kind: ConfigMap, name: c, uid: x}").unwrap();
        let mut live = marks("Delete").metadata("ns", "name");
        live.owner_references.get_or_insert_default().push(stranger.clone());

        let patch = marks("Retain").missing_on(&live).unwrap();
        assert_eq!(patch["ownerReferences"], json!([stranger]));
        assert_eq!(patch["annotations"], json!({"score.dev/deprovision-policy": "Retain"}));
        assert!(!patch.contains_key("labels"));

        live.owner_references = Some(vec![stranger]);
        assert_eq!(
            marks("Delete").missing_on(&live).unwrap()["ownerReferences"].as_array().unwrap().len(),
            2
        );
    }

    #[test]
    fn an_earlier_claim_of_the_name_is_no_longer_the_owner() {
        let mut live = marks("Delete").metadata("ns", "name");
        for owner in live.owner_references.iter_mut().flatten() {
            owner.uid = "old".to_owned();
        }
        let patch = marks("Delete").missing_on(&live).unwrap();
        assert_eq!(patch["ownerReferences"].as_array().unwrap().len(), 1);
        assert_eq!(patch["ownerReferences"][0]["uid"], "claim-uid");
    }

    #[test]
    fn labels_that_others_added_are_not_touched() {
        let marks = marks("Delete");
        let mut live = marks.metadata("ns", "name");
        live.labels.get_or_insert_default().insert("team".to_owned(), "blue".to_owned());
        assert_eq!(marks.missing_on(&live), None);
    }
}
