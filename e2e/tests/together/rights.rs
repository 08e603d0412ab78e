//! The roles for people, as `docs/charts.md` describes them.

use anyhow::{Context as _, ensure};
use e2e::apply::with_object;
use e2e::wait::{PATIENCE, eventually};
use e2e::{Context, Result, with_namespace};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, PostParams};
use serde_json::json;

/// Who may (`true`) or may not do what to which resource of `score.dev`.
const TABLE: [(&str, &str, &str, bool); 17] = [
    ("developer", "create", "workloads", true),
    ("developer", "delete", "workloads", true),
    ("developer", "update", "workloads/status", false),
    ("developer", "get", "resourceclaims", false),
    ("developer", "get", "workloadplans", false),
    ("developer", "list", "workloadexposures", false),
    ("developer", "create", "platformpolicies", false),
    ("viewer", "watch", "workloads", true),
    ("viewer", "patch", "workloads", false),
    ("viewer", "get", "resourceclaims", false),
    ("operator", "patch", "workloads", true),
    ("operator", "create", "platformpolicies", true),
    ("operator", "list", "resourceclaims", true),
    ("operator", "get", "workloadplans", true),
    ("operator", "delete", "resourceclaims", false),
    ("operator", "update", "workloadexposures/status", false),
    ("operator", "patch", "platformpolicies/status", false),
];

/// The user of the tests in this namespace.
fn user(context: &Context, person: &str) -> String {
    format!("{person}-{}", context.namespace)
}

/// Whether Kubernetes lets the person do it in the namespace.
async fn may(context: &Context, (person, verb, resource): (&str, &str, &str)) -> Result<bool> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = serde_json::from_value(json!({
        "spec": {"user": user(context, person), "resourceAttributes": {
            "namespace": context.namespace, "group": "score.dev", "verb": verb,
            "resource": resource, "subresource": subresource,
        }},
    }))?;
    let reviews: Api<SubjectAccessReview> = Api::all(context.client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await?;
    Ok(answer.status.context("no answer")?.allowed)
}

fn binding(context: &Context, kind: &str, person: &str, role: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {name}}}]\n",
        name = user(context, person)
    )
}

#[tokio::test]
async fn people_may_do_what_their_roles_are_for_and_nothing_else() -> Result {
    with_namespace("rights", async |context: Context| {
        context.apply(&binding(&context, "RoleBinding", "developer", "edit")).await?;
        context.apply(&binding(&context, "RoleBinding", "viewer", "view")).await?;
        // Policies are the cluster's, so the operator's binding is as well, and does not go with the namespace.
        let everywhere: Api<ClusterRoleBinding> = Api::all(context.client.clone());
        let operator: ClusterRoleBinding = serde_yaml_ng::from_str(&binding(
            &context,
            "ClusterRoleBinding",
            "operator",
            "score-platform-admin",
        ))?;
        with_object(&everywhere, &operator, all_of_the_table(&context)).await
    })
    .await
}

async fn all_of_the_table(context: &Context) -> Result {
    for person in ["developer", "viewer", "operator"] {
        // The API server's own view of who is bound follows a binding.
        eventually("the person may read Workloads", PATIENCE, async || {
            Ok(may(context, (person, "get", "workloads")).await?.then_some(()))
        })
        .await?;
    }
    for (person, verb, resource, expected) in TABLE {
        let allowed = may(context, (person, verb, resource)).await?;
        ensure!(allowed == expected, "{person} may {verb} {resource}: {allowed}");
    }
    Ok(())
}
