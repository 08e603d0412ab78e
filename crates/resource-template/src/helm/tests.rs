//! What is made of a chart, once Helm has filled it in.

use api_types::ResourceClaim;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use super::*;

const ABOUT: &str =
    "{apiVersion: v2, name: cache, version: 1.2.3, appVersion: '7.2', home: https://example.com}";
const OBJECTS: &str = r"---
# Source: cache/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {name: shop-cache, labels: {app.kubernetes.io/managed-by: Helm}}
stringData: {config: maxmemory 1}
data: {more: c2VjcmV0}
---
# Source: cache/templates/empty.yaml
---
apiVersion: v1
kind: Service
metadata:
  name: shop-cache
  annotations:
spec:
  clusterIP: null
  ports: [{port: 6379}]
---
apiVersion: v1
kind: Service
metadata: {name: shop-cache-headless, namespace: team}
spec: {ports: [{port: 6379}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop-cache}
spec: {template: {spec: {volumes: [{name: a, secret: {secretName: shop-cache, defaultMode: 0400}}]}}}
";

fn declaration(text: &str) -> Declaration {
    let Value::Object(parameters) = serde_yaml_ng::from_str(text).unwrap() else { panic!("no map: {text}") };
    Declaration::read(&parameters).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn inputs(declaration: &Declaration) -> Inputs {
    let claim: ResourceClaim = serde_json::from_value(json!({
        "metadata": {"namespace": "team", "name": "shop-cache", "uid": "u"},
        "spec": {
            "workloadRef": {"name": "shop", "uid": "w"}, "key": "cache", "type": "cache", "class": "default",
            "provisioner": "p", "deprovisionPolicy": "Delete",
            "params": {
                "size": 3, "evil": "{{ 1 }}", "password": [{"secretKeyRef": {"name": "other", "key": "pw"}}],
            },
        },
    }))
    .unwrap();
    declaration.inputs(&claim).unwrap()
}

fn with_values(values: &str) -> Declaration {
    declaration(&format!("helm: {{chart: oci://charts.example.com/cache, version: 1.2.3, values: {values}}}"))
}

fn given(values: &str) -> Result<Value, Misfit> {
    let declaration = with_values(values);
    let inputs = inputs(&declaration);
    declaration.helm().unwrap().inputs(&inputs).map(|given| given.values)
}

fn made(declaration: &Declaration, text: &str) -> Result<Rendered, Misfit> {
    let inputs = inputs(declaration);
    let chart = declaration.helm().unwrap();
    let given = chart.inputs(&inputs)?;
    chart.objects(&given, text, ABOUT, &inputs, declaration.render(&inputs)?)
}

fn refusal(text: &str) -> String {
    made(&with_values("{}"), text).unwrap_err().to_string()
}

#[test]
fn values_are_filled_in_as_manifests_are() {
    let values = "{size: '{{ params.size }}', text: 'a {{ params.evil }}', none: '{{ none }}', name: '{{ claim.shortName }}'}";
    assert_eq!(given(values).unwrap(), json!({"size": 3, "text": "a {{ 1 }}", "name": "shop-cache"}));
    // A reference is no secret: it says where one stands.
    let reference = "{env: {valueFrom: '{{ params.password }}'}}";
    assert_eq!(
        given(reference).unwrap(),
        json!({"env": {"valueFrom": {"secretKeyRef": {"name": "other", "key": "pw"}}}})
    );
}

#[test]
fn no_secret_is_given_to_a_chart() {
    for values in [
        r#"{auth: {password: "{{ generated('password') }}"}}"#,
        r#"{uri: ["redis://:{{ generated('password') }}@host"]}"#,
        "{uri: 'redis://:{{ params.password }}@host'}",
        r#"{auth: "{{ generated('password') ~ 'x' }}"}"#,
    ] {
        let error = given(values).unwrap_err().to_string();
        assert!(
            error.starts_with("helm.values: values.") && error.contains("stringData of a Secret"),
            "{error}"
        );
    }
    let error = given(&format!("{{a: {}}}", "x".repeat(MOST_BYTES))).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn every_object_of_a_chart_has_an_id_and_stands_as_helm_reads_it() {
    let rendered = made(&with_values("{}"), OBJECTS).unwrap();
    let ids: Vec<_> = rendered.manifests.iter().map(|manifest| manifest.id.as_str()).collect();
    assert_eq!(ids, ["secret", "service", "service_headless", "statefulset", "helm.release"]);
    let [secret, service, _, set, _] = rendered.manifests.as_slice() else { panic!("{rendered:?}") };
    assert_eq!(json!(secret.secret["config"]), json!([{"text": "maxmemory 1"}]));
    assert_eq!(json!(service.fields), json!({"spec": {"ports": [{"port": 6379}]}}));
    let volume = &set.fields["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(volume["secret"]["defaultMode"], 0o400, "a number with a leading zero is octal");
}

#[test]
fn the_record_shows_the_release_and_no_secret() {
    let rendered = made(&with_values("{size: 3}"), OBJECTS).unwrap();
    let record = rendered.manifests.last().unwrap();
    assert_eq!(record.place.to_string(), "v1/Secret/sh.helm.release.v1.shop-cache.v1");
    assert_eq!((record.labels["owner"].as_str(), record.labels["name"].as_str()), ("helm", "shop-cache"));
    let content = record.fields["data"]["release"].as_str().unwrap();
    let content = BASE64_STANDARD.decode(BASE64_STANDARD.decode(content).unwrap()).unwrap();
    let release: Value = serde_json::from_slice(&content).unwrap();
    assert_eq!((&release["name"], &release["namespace"]), (&json!("shop-cache"), &json!("team")));
    assert_eq!((&release["config"], &release["apply_method"]), (&json!({"size": 3}), &json!("ssa")));
    assert_eq!(
        release["chart"]["metadata"],
        json!({"apiVersion": "v2", "name": "cache", "version": "1.2.3", "appVersion": "7.2"})
    );
    let manifest = release["manifest"].as_str().unwrap();
    assert_eq!(manifest.matches("---\n").count(), 4);
    assert!(
        manifest.contains("StatefulSet") && !manifest.contains("c2VjcmV0") && !manifest.contains("maxmemory")
    );
}

#[test]
fn manifests_may_stand_beside_a_chart() {
    let text = r#"
helm: {chart: oci://charts.example.com/cache, version: 1.2.3, values: {secretName: "{{ claim.shortName }}-auth"}}
manifests:
  - apiVersion: v1
    kind: Secret
    metadata: {name: "{{ claim.shortName }}-auth", annotations: {score.dev/id: auth}}
    stringData: {password: "{{ generated('password') }}"}
"#;
    let rendered = made(&declaration(text), OBJECTS).unwrap();
    assert_eq!((rendered.manifests.len(), rendered.manifests[0].id.as_str()), (6, "auth"));
    assert_eq!(rendered.generated(), [("password".to_owned(), 32)].into());
    let same_id = text.replace("score.dev/id: auth", "score.dev/id: secret");
    assert!(made(&declaration(&same_id), OBJECTS).unwrap_err().message.contains("`secret` is also the id"));
    let same_name = text.replace("-auth\", ann", "\", ann");
    assert!(made(&declaration(&same_name), OBJECTS).unwrap_err().message.contains("is declared twice"));
}

#[test]
fn what_no_manifest_may_be_no_object_of_a_chart_is() {
    let object =
        |kind: &str, metadata: &str| format!("{{apiVersion: {kind}, metadata: {{name: it, {metadata}}}}}");
    for (text, words) in [
        (
            object("v1, kind: ConfigMap", "annotations: {helm.sh/hook: post-install}"),
            "helm: ConfigMap/it: it is a hook",
        ),
        (object("v1, kind: ConfigMap", "annotations: {helm.sh/resource-policy: keep}"), "deprovisionPolicy"),
        (object("v1, kind: ConfigMap", "namespace: other"), "metadata.namespace"),
        (object("v1, kind: ConfigMap", "ownerReferences: []"), "metadata.ownerReferences cannot be set"),
        (object("v1, kind: ConfigMap", "labels: {score.dev/workload: x}"), "cannot be set"),
        (object("v1, kind: ConfigMap", "labels: {version: 1.0}"), "put values in quotes"),
        (object("rbac.authorization.k8s.io/v1, kind: Role", ""), "may not grant rights"),
        (object("apiextensions.k8s.io/v1, kind: CustomResourceDefinition", ""), "may not change the API"),
        ("{kind: ConfigMap, metadata: {name: it}}".to_owned(), "it needs apiVersion"),
        ("{apiVersion: v1, kind: ConfigMap}".to_owned(), "it needs metadata.name"),
        (
            "{apiVersion: v1, kind: Secret, metadata: {name: shop-cache-generated}}".to_owned(),
            "is kept for generated",
        ),
        ("a text".to_owned(), "not an object"),
        ("a: [".to_owned(), "not YAML"),
        (
            format!("{0}\n---\n{0}", object("v1, kind: ConfigMap", "")),
            "is the second that expressions would call `configmap_it`",
        ),
        (
            format!(
                "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: it}}, data: {{a: {}}}}}",
                "x".repeat(300_000)
            ),
            "too large",
        ),
    ] {
        let error = refusal(&text);
        assert!(error.starts_with("helm") && error.contains(words), "{error}");
    }
}

/// What is wrong with a declaration of a chart, with one field more or another one.
fn problems(field: &str) -> Vec<Problem> {
    let mut chart = json!({"chart": "oci://charts.example.com/cache", "version": "1.2.3"});
    let Value::Object(field) = serde_yaml_ng::from_str(&format!("{{{field}}}")).unwrap() else {
        panic!("{field}")
    };
    chart.as_object_mut().unwrap().extend(field);
    crate::check(json!({"helm": chart}).as_object().unwrap())
}

#[test]
fn a_chart_is_one_version_from_one_place() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for field in [
        "plainHttp: false",
        "chart: oci://charts.example.com:5000/a/b_c.d-e",
        "chart: cache, repository: https://charts.example.com/stable",
        "chart: cache, repository: http://charts.example.com, plainHttp: true",
        "version: v1.2.3-rc.1+build.5",
        &format!("digest: '{digest}'"),
        "secretRef: {name: registry}, caSecretRef: {name: registry-ca}",
    ] {
        assert_eq!(problems(field), [], "{field}");
    }
    let declaration = declaration("helm: {chart: 'oci://Charts.example.com:443/a', version: 1.2.3}");
    let chart = declaration.helm().unwrap();
    assert_eq!(
        (chart.origin().to_string(), chart.reference()),
        ("oci://charts.example.com".into(), "oci://charts.example.com/a")
    );
}

#[test]
fn a_chart_that_is_not_pinned_or_leads_elsewhere_is_refused_with_the_place() {
    for (field, path, words) in [
        ("chart: redis", "helm.chart", "oci://"),
        ("chart: oci://charts.example.com", "helm.chart", "oci://"),
        ("chart: 'https://charts.example.com/a.tgz'", "helm.chart", "oci://"),
        ("chart: 'oci://charts.example.com/a:1.2.3'", "helm.chart", "`version`"),
        ("chart: 'oci://charts.example.com/../a'", "helm.chart", "path of a chart"),
        ("chart: 'oci://charts.example.com/a?b'", "helm.chart", "path of a chart"),
        ("chart: 'oci://user:pw@charts.example.com/a'", "helm.chart", "not a place for charts"),
        ("chart: 'oci://{{ params.host }}/a'", "helm.chart", "template"),
        (
            "chart: --post-renderer=x, repository: 'https://charts.example.com'",
            "helm.chart",
            "name of a chart",
        ),
        ("chart: ../a, repository: 'https://charts.example.com'", "helm.chart", "name of a chart"),
        ("chart: a, repository: 'http://charts.example.com'", "helm.repository", "plainHttp"),
        ("chart: a, repository: 'file:///etc'", "helm.repository", "https://"),
        ("chart: a, repository: 'oci://charts.example.com/a'", "helm.repository", "`chart` alone"),
        ("chart: a, repository: 'https://pw@charts.example.com'", "helm.repository", "credentials"),
        (
            "chart: a, repository: 'https://charts.example.com/?a=b'",
            "helm.repository",
            "more than host and path",
        ),
        ("version: null", "helm.version", "one version"),
        ("version: 1.2", "helm.version", "one version"),
        ("version: '^1.2'", "helm.version", "not one version"),
        ("version: '>=1.2.3'", "helm.version", "not one version"),
        ("version: latest", "helm.version", "not one version"),
        ("digest: 'sha256:abc'", "helm.digest", "sha256sum"),
        (
            "chart: a, repository: 'https://charts.example.com', secretRef: {name: a}",
            "helm.secretRef",
            "registry",
        ),
        ("secretRef: {name: a, key: b}", "helm.secretRef", "no key"),
        ("secretRef: {name: ../a}", "helm.secretRef", "not a name"),
        ("caSecretRef: {name: a, key: a/b}", "helm.caSecretRef.key", "key"),
        ("values: {a: ['{{ x']}", "helm.values", "syntax error"),
        ("values: 7", "helm", "invalid type"),
        ("hooks: true", "helm", "unknown field"),
    ] {
        let problems = problems(field);
        let found = problems.iter().any(|problem| problem.path == path && problem.message.contains(words));
        assert!(found, "{field}: {problems:?}");
    }
    let both =
        json!({"helm": {"chart": "oci://charts.example.com/cache", "version": "1.2.3"}, "externalApi": {}});
    let problems = crate::check(both.as_object().unwrap());
    assert!(problems.iter().any(|problem| problem.message.contains("cannot be combined")), "{problems:?}");
}
