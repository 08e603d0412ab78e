//! What an instance is made of, whatever makes the instances.

use api_types::metadata::labels;
use k8s_openapi::{
    api::core::v1::{PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sha2::{Digest as _, Sha256};

use super::{ANNOTATION_OUTPUTS, ANNOTATION_TEMPLATE, PodSecurity, pod};
use crate::{
    FIELD_MANAGER,
    validate::{ValidPlan, hex},
    values::Kind,
};

/// Whatever stands here makes every instance roll when it changes, so it holds nothing that changes without need.
pub(super) fn build(plan: &ValidPlan, security: PodSecurity) -> PodTemplateSpec {
    let outputs =
        plan.outputs_revision.iter().map(|revision| (ANNOTATION_OUTPUTS.to_owned(), revision.clone()));
    // Nobody else's may stand where instances are told apart by.
    let ours = |key: &str| matches!(key, ANNOTATION_OUTPUTS | ANNOTATION_TEMPLATE);
    let annotations = plan.annotations.clone().into_iter().filter(|(key, _)| !ours(key)).chain(outputs);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels(&plan.identity.name, FIELD_MANAGER)),
            annotations: Some(annotations.collect()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            // Whoever is nobody to the platform needs no proof of it.
            automount_service_account_token: Some(plan.service_account.is_some()),
            // Named in any case: to take a name back is not enough, since Kubernetes keeps it in a second field.
            service_account_name: Some(plan.service_account.clone().unwrap_or_else(|| "default".into())),
            enable_service_links: Some(false),
            security_context: Some(security_context(security)),
            // Where it runs to its end each attempt is an instance of its own, so that what a failed one printed stays.
            restart_policy: (!plan.work.kind().keeps_running()).then(|| "Never".into()),
            init_containers: some(pod::early(plan, security)),
            containers: pod::last(plan, security),
            volumes: some(pod::all_volumes(plan)),
            ..PodSpec::default()
        }),
    }
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn security_context(security: PodSecurity) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: (security == PodSecurity::Restricted).then_some(true),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

/// Notes in `template` the digest by which its instances are told from those of another. The kind of work is part of
/// it: when it changes, instances of the old kind are none of the new.
pub(super) fn stamp(template: &mut PodTemplateSpec, kind: Kind) {
    // JSON says nothing about fields that are not set, so a newer client library changes no hash. Writing it cannot
    // fail for this type; the other form only keeps the function total.
    let text = serde_json::to_string(template).unwrap_or_else(|_| format!("{template:?}"));
    let hash = hex(&Sha256::digest(format!("{kind} {text}")));
    let annotations = template.metadata.get_or_insert_default().annotations.get_or_insert_default();
    annotations.insert(ANNOTATION_TEMPLATE.to_owned(), hash);
}
