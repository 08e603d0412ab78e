//! The roles for people, as `docs/charts.md` describes them.

use anyhow::{Context as _, ensure};
use e2e::apply::with_object;
use e2e::controllers::NAMESPACE;
use e2e::wait::{PATIENCE, eventually};
use e2e::{Context, Result, with_namespace};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

/// Who may (`true`) or may not do what to which resource of `score.dev`.
const TABLE: [(&str, &str, &str, bool); 22] = [
    ("developer", "create", "workloads", true),
    ("developer", "delete", "workloads", true),
    ("developer", "update", "workloads/status", false),
    ("developer", "get", "resourceclaims", false),
    ("developer", "patch", "resourceclaims", false),
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
    ("operator", "patch", "resourceclaims", true),
    ("operator", "patch", "resourceclaims/status", false),
    ("operator", "update", "resourceclaims", false),
    ("operator", "delete", "resourceclaims", false),
    ("operator", "patch", "workloadplans", false),
    ("operator", "update", "workloadexposures/status", false),
    ("operator", "patch", "platformpolicies/status", false),
];

/// The platform's configuration, a ConfigMap of the namespace of the controllers.
const CONFIG: &str = "orchestrator-config";
/// Who may do what to which ConfigMap of that namespace. To list and to create take no name: who may list sees all of
/// them.
const CONFIG_TABLE: [(&str, &str, &str, bool); 10] = [
    ("developer", "get", CONFIG, false),
    ("operator", "create", "", true),
    ("operator", "update", CONFIG, true),
    ("operator", "patch", CONFIG, true),
    ("operator", "delete", CONFIG, true),
    ("operator", "get", "orchestrator-config-last-good", true),
    ("operator", "patch", "orchestrator-config-last-good", false),
    ("operator", "list", "", false),
    ("operator", "get", "kube-root-ca.crt", false),
    ("operator", "patch", "kube-root-ca.crt", false),
];

/// The user of the tests in this namespace.
fn user(context: &Context, person: &str) -> String {
    format!("{person}-{}", context.namespace)
}

/// Something that is done to a resource of `score.dev` in the namespace.
fn to_score(context: &Context, verb: &str, resource: &str) -> Value {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    json!({
        "namespace": context.namespace, "group": "score.dev", "verb": verb,
        "resource": resource, "subresource": subresource,
    })
}

/// Something that is done to a ConfigMap in the namespace of the controllers.
fn to_config_map(verb: &str, name: &str) -> Value {
    json!({"namespace": NAMESPACE, "verb": verb, "resource": "configmaps", "name": name})
}

/// Whether Kubernetes lets the person do it.
async fn may(context: &Context, person: &str, what: &Value) -> Result<bool> {
    let review = serde_json::from_value(json!({
        "spec": {"user": user(context, person), "resourceAttributes": what},
    }))?;
    let reviews: Api<SubjectAccessReview> = Api::all(context.client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await?;
    Ok(answer.status.context("no answer")?.allowed)
}

fn binding(context: &Context, kind: &str, person: &str, (role_kind, role): (&str, &str)) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role_kind}, name: {role}}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {name}}}]\n",
        name = user(context, person)
    )
}

#[tokio::test]
async fn people_may_do_what_their_roles_are_for_and_nothing_else() -> Result {
    with_namespace("rights", async |context: Context| {
        context.apply(&binding(&context, "RoleBinding", "developer", ("ClusterRole", "edit"))).await?;
        context.apply(&binding(&context, "RoleBinding", "viewer", ("ClusterRole", "view"))).await?;
        // Policies are the cluster's, and the configuration is in the namespace of the controllers. So the operator's
        // bindings do not go with the namespace of the test.
        let everywhere: Api<ClusterRoleBinding> = Api::all(context.client.clone());
        let admin = ("ClusterRole", "score-platform-admin");
        let admin: ClusterRoleBinding =
            serde_yaml_ng::from_str(&binding(&context, "ClusterRoleBinding", "operator", admin))?;
        let beside_controllers: Api<RoleBinding> = Api::namespaced(context.client.clone(), NAMESPACE);
        let config = ("Role", "score-platform-config");
        let config: RoleBinding =
            serde_yaml_ng::from_str(&binding(&context, "RoleBinding", "operator", config))?;
        let test = with_object(&beside_controllers, &config, all_of_the_tables(&context));
        with_object(&everywhere, &admin, test).await
    })
    .await
}

async fn all_of_the_tables(context: &Context) -> Result {
    // The API server's own view of who is bound follows a binding.
    let reading = to_score(context, "get", "workloads");
    for person in ["developer", "viewer", "operator"] {
        eventually("the person may read Workloads", PATIENCE, async || {
            Ok(may(context, person, &reading).await?.then_some(()))
        })
        .await?;
    }
    let reading = to_config_map("get", CONFIG);
    eventually("the operator may read the configuration", PATIENCE, async || {
        Ok(may(context, "operator", &reading).await?.then_some(()))
    })
    .await?;
    for (person, verb, resource, expected) in TABLE {
        let allowed = may(context, person, &to_score(context, verb, resource)).await?;
        ensure!(allowed == expected, "{person} may {verb} {resource}: {allowed}");
    }
    for (person, verb, name, expected) in CONFIG_TABLE {
        let allowed = may(context, person, &to_config_map(verb, name)).await?;
        ensure!(allowed == expected, "{person} may {verb} the ConfigMap {name:?}: {allowed}");
    }
    Ok(())
}
