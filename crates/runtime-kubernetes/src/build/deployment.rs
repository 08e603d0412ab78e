//! The Deployment.

use api_types::metadata::labels;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use sha2::{Digest as _, Sha256};

use super::{ANNOTATION_OUTPUTS, ANNOTATION_TEMPLATE, PodSecurity, metadata, pod, selector};
use crate::{
    FIELD_MANAGER,
    validate::{ValidPlan, hex},
};

/// The number of instances is left to the API server's default and to whoever scales, so it is not set.
pub(super) fn build(plan: &ValidPlan, security: PodSecurity) -> Deployment {
    Deployment {
        metadata: metadata(&plan.identity),
        spec: Some(DeploymentSpec {
            selector: LabelSelector {
                match_labels: Some(selector(&plan.identity)),
                ..LabelSelector::default()
            },
            template: with_hash(template(plan, security)),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// Whatever stands here makes every instance roll when it changes, so it holds nothing that changes without need.
fn template(plan: &ValidPlan, security: PodSecurity) -> PodTemplateSpec {
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
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(security_context(security)),
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

fn with_hash(mut template: PodTemplateSpec) -> PodTemplateSpec {
    // JSON says nothing about fields that are not set, so a newer client library changes no hash. Writing it cannot
    // fail for this type; the other form only keeps the function total.
    let text = serde_json::to_string(&template).unwrap_or_else(|_| format!("{template:?}"));
    let hash = hex(&Sha256::digest(text));
    let annotations = template.metadata.get_or_insert_default().annotations.get_or_insert_default();
    annotations.insert(ANNOTATION_TEMPLATE.to_owned(), hash);
    template
}
