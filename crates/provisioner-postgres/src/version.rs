//! Whether the image that the class names may be put on data that is there.
//!
//! No other major version of PostgreSQL reads it. So it matters which one has run on the data, and not which one was
//! to: an image that never ran can be corrected at any time.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;
use provisioner_kit::{Claim, Standing, standing};

use crate::{NAME, dereference::Found, health::serves, settings::major_version};

/// On a database: the major version of PostgreSQL that its data is of. It is there only where the image does not say
/// it, and once another claim has adopted the database.
pub const ANNOTATION_VERSION: &str = "score.dev/postgres-version";

/// What is to be done with an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The image that stays in its place, if any does.
    pub kept: Option<String>,
    /// The version of the data, where it has to be written down.
    pub version: Option<u32>,
    /// Whether PostgreSQL has to be asked which version it is, before anything else can be said.
    pub asks: bool,
    /// For users: why the image stays.
    pub note: Option<String>,
}

/// Whether `image` may be put on what was `found` for `claim`.
pub fn judge(claim: &Claim, found: &Found, image: &str) -> Verdict {
    let Some(database) = found.database.as_deref() else { return Verdict::default() };
    let Some(live) = image_of(database) else { return Verdict::default() };
    let known = written_down(database).or(found.version);
    let is_adopted = standing(Some(&database.metadata), claim, NAME) == Standing::Adoptable;
    let has_run = known.is_some() || found.was_bound || is_adopted || serves(database);
    if !has_run {
        return Verdict::default();
    }
    let (from, to) = (known.or_else(|| major_version(live)), major_version(image));
    // Whoever adopts it has not been Bound yet, and an image that does not say it comes in the place of one that does.
    let version = known.or_else(|| from.filter(|_| is_adopted || to.is_none()));
    let verdict = Verdict { version, ..Verdict::default() };
    let kept =
        |asks, note| Verdict { kept: Some(live.to_owned()), asks, note: Some(note), ..verdict.clone() };
    match (from, to) {
        (Some(from), Some(to)) if from != to => kept(
            false,
            format!(
                "it stays on PostgreSQL {from}: version {to} cannot read its data without a dump and restore"
            ),
        ),
        (None, Some(to)) => kept(
            true,
            format!(
                "it stays on the image `{live}` until PostgreSQL runs and can be asked for its version: version {to} \
                 may not be able to read its data"
            ),
        ),
        _ => verdict,
    }
}

fn image_of(database: &StatefulSet) -> Option<&str> {
    let pod = database.spec.as_ref()?.template.spec.as_ref()?;
    pod.containers.first()?.image.as_deref()
}

fn written_down(database: &StatefulSet) -> Option<u32> {
    database.annotations().get(ANNOTATION_VERSION)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::test_support::{assert_is_for_users, claim};

    /// A database of the claim with `uid`, with `image` and more of its metadata and status.
    fn found(uid: &str, image: &str, annotation: &str, status: &str) -> Found {
        let text = format!(
            "metadata:\n  name: shop-store-postgres\n  namespace: team\n  generation: 1\n  \
               labels: {{app.kubernetes.io/managed-by: {NAME}, score.dev/workload: shop, score.dev/type: postgres, \
               score.dev/class: default}}\n  \
               annotations: {{score.dev/claim: shop-store, score.dev/claim-uid: {uid}, \
               score.dev/deprovision-policy: Retain{annotation}}}\n\
             spec: {{selector: {{}}, template: {{spec: {{containers: [{{name: postgres, image: '{image}'}}]}}}}}}\n\
             status: {status}"
        );
        let database: StatefulSet = serde_yaml_ng::from_str(&text).unwrap();
        Found { database: Some(Arc::new(database)), ..Found::default() }
    }

    const DOWN: &str = "{replicas: 0}";
    const UP: &str =
        "{replicas: 1, readyReplicas: 1, observedGeneration: 1, currentRevision: r, updateRevision: r}";
    const WRITTEN: &str = ", score.dev/postgres-version: '15'";

    fn own(image: &str) -> Found {
        found("claim-uid", image, "", DOWN)
    }

    fn bound(image: &str) -> Found {
        Found { was_bound: true, ..own(image) }
    }

    fn stays(found: &Found, image: &str) -> bool {
        let Verdict { kept, note, .. } = judge(&claim(), found, image);
        note.iter().for_each(|note| assert_is_for_users(note));
        assert_eq!(kept.is_some(), note.is_some(), "who keeps an image says so");
        kept.is_some()
    }

    #[test]
    fn an_image_that_never_ran_can_be_corrected() {
        assert_eq!(judge(&claim(), &own("r/postgres:99"), "r/postgres:16"), Verdict::default());
        assert_eq!(judge(&claim(), &own("r/postgres:dev"), "r/postgres:16"), Verdict::default());
        assert_eq!(judge(&claim(), &Found::default(), "r/postgres:16"), Verdict::default());
    }

    #[test]
    fn an_image_that_has_run_is_not_replaced_by_another_major_version() {
        let running = found("claim-uid", "r/postgres:15", "", UP);
        let adopted = found("earlier-uid", "r/postgres:15", "", DOWN);
        for found in [bound("r/postgres:15.4"), running, adopted.clone()] {
            assert!(stays(&found, "r/postgres:16"));
            assert!(!stays(&found, "r/postgres:15.5"));
        }
        assert_eq!(judge(&claim(), &adopted, "r/postgres:16").version, Some(15), "it has not been Bound yet");
    }

    #[test]
    fn an_image_that_does_not_say_its_version_stays_until_postgresql_has_said_it() {
        let unknown = bound("r/postgres:dev");
        assert!(stays(&unknown, "r/postgres:17") && judge(&claim(), &unknown, "r/postgres:17").asks);
        assert!(!stays(&unknown, "r/postgres:next"), "nobody can say");
        let told = Found { version: Some(15), ..unknown };
        assert!(stays(&told, "r/postgres:17") && !stays(&told, "r/postgres:15"));
        let Verdict { version, asks, .. } = judge(&claim(), &told, "r/postgres:17");
        assert_eq!((version, asks), (Some(15), false), "it is written down and not asked again");
    }

    #[test]
    fn what_is_written_down_holds_whatever_the_image_says() {
        let version = |found: &Found, image| judge(&claim(), found, image).version;
        assert_eq!(version(&bound("r/postgres:15"), "r/postgres:15.5"), None, "the image says it");
        assert_eq!(version(&bound("r/postgres:15"), "r/postgres:dev"), Some(15));
        let written = found("claim-uid", "r/postgres:dev", WRITTEN, DOWN);
        assert!(stays(&written, "r/postgres:17") && !stays(&written, "r/postgres:15"));
        assert_eq!(version(&written, "r/postgres:17"), Some(15));
        assert_eq!(version(&written, "r/postgres:next"), Some(15));
    }
}
