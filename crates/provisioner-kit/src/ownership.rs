//! Whose an object is. Nothing that is not this claim's is ever taken over.

use api_types::{DeprovisionPolicy, metadata};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{claim::Claim, marks::Marks};

/// The claim, by name, that an object was made for.
pub const ANNOTATION_CLAIM: &str = "score.dev/claim";
/// The claim, by uid, that an object belongs to now.
pub const ANNOTATION_CLAIM_UID: &str = "score.dev/claim-uid";
/// What becomes of an object when its claim is deleted. It is read when a later claim has the same name.
pub const ANNOTATION_POLICY: &str = "score.dev/deprovision-policy";
/// Whether the claim that an object was made for is still there: [`IN_USE`], or what [`left_state`] says of its policy.
pub const LABEL_STATE: &str = "score.dev/claim-state";
/// The type of the resource that an object is a part of.
pub const LABEL_TYPE: &str = "score.dev/type";
/// The class of the resource that an object is a part of.
pub const LABEL_CLASS: &str = "score.dev/class";
/// [`LABEL_STATE`] of an object whose claim is there.
pub const IN_USE: &str = "in-use";

/// [`LABEL_STATE`] of an object that outlives its claim, once that is gone; none by a policy that leaves nothing behind.
pub fn left_state(policy: &str) -> Option<&'static str> {
    match policy {
        "Retain" => Some("retained"),
        "Orphan" => Some("orphaned"),
        _ => None,
    }
}

/// How an object that has a name which a claim needs stands to that claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It is this claim's.
    Ours,
    /// An earlier claim of the same name and resource retained it, so it is this claim's to have.
    Adoptable,
    /// It is on its way out: wait.
    Leaving,
    /// An earlier claim of the same name and resource left it behind for good: whoever wants it must say so.
    Orphaned,
    /// It is somebody else's; by whom, in words for users.
    Foreign(String),
}

/// How the object with `meta` stands to `claim`, whose objects `manager` makes.
pub fn standing(meta: Option<&ObjectMeta>, claim: &Claim, manager: &str) -> Standing {
    let Some(meta) = meta else { return Standing::Absent };
    if label(meta, metadata::LABEL_MANAGED_BY) != Some(manager)
        || annotation(meta, ANNOTATION_CLAIM) != Some(claim.name.as_str())
    {
        return Standing::Foreign(owner_in_words(meta, manager));
    }
    if meta.deletion_timestamp.is_some() {
        return Standing::Leaving;
    }
    if annotation(meta, ANNOTATION_CLAIM_UID) == Some(claim.uid.as_str()) {
        return Standing::Ours;
    }
    match annotation(meta, ANNOTATION_POLICY) {
        Some("Delete") => Standing::Leaving,
        _ if !is_same_resource(meta, claim, manager) => Standing::Foreign(left_in_words(meta)),
        Some("Retain") => Standing::Adoptable,
        _ => Standing::Orphaned,
    }
}

/// Whether the object with `meta`, which an earlier claim of the name has left, is a part of what `claim` is for. The name
/// does not tell: key `web-db` of the workload `shop` and key `db` of `shop-web` give one, and so do another type or class
/// under the same key. An id stands in the name, and is the same for every workload.
fn is_same_resource(meta: &ObjectMeta, claim: &Claim, manager: &str) -> bool {
    let marks = Marks::of(claim, manager);
    let own = claim.id.is_none().then_some(metadata::LABEL_WORKLOAD);
    let mut keys = [LABEL_TYPE, LABEL_CLASS].into_iter().chain(own);
    keys.all(|key| label(meta, key) == marks.labels.get(key).map(String::as_str))
}

fn left_in_words(meta: &ObjectMeta) -> String {
    let of = |key| label(meta, key).unwrap_or("unknown");
    format!(
        "what a resource of type `{}` and class `{}` of the workload `{}` has left, which only the same resource takes up \
         again",
        of(LABEL_TYPE),
        of(LABEL_CLASS),
        of(metadata::LABEL_WORKLOAD)
    )
}

fn owner_in_words(meta: &ObjectMeta, manager: &str) -> String {
    let managed = label(meta, metadata::LABEL_MANAGED_BY) == Some(manager);
    if let Some(claim) = annotation(meta, ANNOTATION_CLAIM).filter(|_| managed) {
        return format!("the dependency `{claim}`");
    }
    if let Some(workload) = label(meta, metadata::LABEL_WORKLOAD) {
        return format!("the workload `{workload}`");
    }
    match label(meta, metadata::LABEL_MANAGED_BY) {
        Some(manager) => format!("something that `{manager}` manages"),
        None => "something that was not made by Score".to_owned(),
    }
}

/// The name of `policy` as it stands in [`ANNOTATION_POLICY`].
pub fn policy_name(policy: DeprovisionPolicy) -> &'static str {
    match policy {
        DeprovisionPolicy::Delete => "Delete",
        DeprovisionPolicy::Retain => "Retain",
        DeprovisionPolicy::Orphan => "Orphan",
    }
}

/// What the object with `meta` is to say once its claim is gone; none if it goes with it.
pub(crate) fn state_without_claim(meta: &ObjectMeta) -> Option<&'static str> {
    left_state(annotation(meta, ANNOTATION_POLICY)?)
}

/// The claim that an object was made for, if it carries the mark.
pub fn claim_of(meta: &ObjectMeta) -> Option<&str> {
    annotation(meta, ANNOTATION_CLAIM)
}

pub(crate) fn label<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(key).map(String::as_str)
}

pub(crate) fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "manager";

    fn meta(yaml: &str) -> ObjectMeta {
        serde_yaml_ng::from_str(yaml).unwrap()
    }

    fn claim(name: &str, uid: &str) -> Claim {
        claim_for(name, uid, "workloadRef: {name: app, uid: w}, key: db, type: t, class: c")
    }

    fn claim_for(name: &str, uid: &str, resource: &str) -> Claim {
        let claim = format!(
            "{{metadata: {{namespace: team, name: {name}, uid: {uid}}}, spec: {{{resource}, provisioner: p, \
             deprovisionPolicy: Delete}}}}"
        );
        let claim: api_types::ResourceClaim = serde_yaml_ng::from_str(&claim).unwrap();
        Claim::try_from(&claim).unwrap()
    }

    fn stands(meta: Option<&ObjectMeta>, name: &str, uid: &str) -> Standing {
        standing(meta, &claim(name, uid), NAME)
    }

    fn made_for(claim: &str, uid: &str, policy: &str) -> ObjectMeta {
        meta(&format!(
            "labels: {{app.kubernetes.io/managed-by: {NAME}, score.dev/workload: app, score.dev/type: t, score.dev/class: c}}\n\
             annotations: {{score.dev/claim: {claim}, score.dev/claim-uid: {uid}, score.dev/deprovision-policy: {policy}}}"
        ))
    }

    #[test]
    fn an_object_of_the_claim_is_its_own_whatever_the_policy() {
        for policy in ["Delete", "Retain", "Orphan"] {
            assert_eq!(stands(Some(&made_for("app-db", "u1", policy)), "app-db", "u1"), Standing::Ours);
        }
    }

    #[test]
    fn what_an_earlier_claim_of_the_name_left_is_judged_by_its_policy() {
        let of = |policy: &str| stands(Some(&made_for("app-db", "old", policy)), "app-db", "new");
        assert_eq!(of("Retain"), Standing::Adoptable);
        assert_eq!(of("Delete"), Standing::Leaving);
        assert_eq!(of("Orphan"), Standing::Orphaned);
        assert_eq!(of("Something"), Standing::Orphaned);
    }

    #[test]
    fn what_another_resource_of_the_same_name_left_is_foreign_and_says_of_what_it_is() {
        let of = |resource: &str, policy: &str| {
            standing(
                Some(&made_for("shop-web-db", "old", policy)),
                &claim_for("shop-web-db", "new", resource),
                NAME,
            )
        };
        for resource in [
            "workloadRef: {name: shop-web, uid: w}, key: db, type: t, class: c",
            "workloadRef: {name: app, uid: w}, key: web-db, type: other, class: c",
            "workloadRef: {name: app, uid: w}, key: web-db, type: t, class: other",
            "workloadRef: {name: app, uid: w}, key: web-db, id: x, type: t, class: other",
        ] {
            for policy in ["Retain", "Orphan"] {
                let Standing::Foreign(words) = of(resource, policy) else { panic!("{resource}, {policy}") };
                assert!(words.contains("type `t` and class `c` of the workload `app`"), "{words}");
            }
            assert_eq!(of(resource, "Delete"), Standing::Leaving, "it is waited for until it is gone");
        }
        let shared = "workloadRef: {name: second, uid: w}, key: db, id: x, type: t, class: c";
        assert_eq!(of(shared, "Retain"), Standing::Adoptable, "it was no workload's own");
    }

    #[test]
    fn what_a_claim_has_is_its_own_whatever_becomes_of_its_class() {
        let changed =
            claim_for("app-db", "u1", "workloadRef: {name: app, uid: w}, key: db, type: t, class: other");
        assert_eq!(standing(Some(&made_for("app-db", "u1", "Retain")), &changed, NAME), Standing::Ours);
    }

    #[test]
    fn what_carries_every_mark_of_a_claim_is_adopted_by_its_successor() {
        for resource in [
            "workloadRef: {name: app, uid: w}, key: db, type: t, class: c",
            "workloadRef: {name: app, uid: w}, key: db, id: x, type: t, class: c",
            "workloadRef: {name: app, uid: w}, key: db, type: t, class: -no-label",
        ] {
            let mut left = Marks::of(&claim_for("app-db", "u1", resource), NAME).metadata("team", "db");
            left.annotations
                .get_or_insert_default()
                .insert(ANNOTATION_POLICY.to_owned(), "Retain".to_owned());
            let later = claim_for("app-db", "u2", resource);
            assert_eq!(standing(Some(&left), &later, NAME), Standing::Adoptable, "{resource}");
        }
    }

    #[test]
    fn an_object_that_is_being_deleted_is_leaving_even_if_it_is_ours() {
        let mut leaving = made_for("app-db", "u1", "Retain");
        leaving.deletion_timestamp = meta("deletionTimestamp: 2026-01-01T00:00:00Z").deletion_timestamp;
        assert_eq!(stands(Some(&leaving), "app-db", "u1"), Standing::Leaving);
    }

    #[test]
    fn the_owner_of_a_foreign_object_is_told_in_words_for_users() {
        let words = |meta: &ObjectMeta| match stands(Some(meta), "app-db", "u1") {
            Standing::Foreign(words) => words,
            other => panic!("{other:?}"),
        };
        assert_eq!(words(&made_for("other-db", "u1", "Delete")), "the dependency `other-db`");
        assert_eq!(words(&meta("labels: {score.dev/workload: web}")), "the workload `web`");
        assert_eq!(
            words(&meta("labels: {app.kubernetes.io/managed-by: Helm}")),
            "something that `Helm` manages"
        );
        assert_eq!(words(&meta("name: x")), "something that was not made by Score");
    }

    #[test]
    fn nothing_is_absent() {
        assert_eq!(stands(None, "app-db", "u1"), Standing::Absent);
    }
}
