use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};

use super::*;
use crate::fixtures::parse;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  namespace: team-a
  labels: {app: hello, score.dev/workload: hello}
  ownerReferences: [{apiVersion: score.dev/v1b1, kind: WorkloadPlan, name: hello, uid: u, controller: true}]
spec:
  selector: {matchLabels: {score.dev/workload: hello}}
  template:
    metadata:
      labels: {app: hello, score.dev/workload: hello}
      annotations: {score.dev/outputs-revision: abc}
    spec:
      automountServiceAccountToken: false
      securityContext: {seccompProfile: {type: RuntimeDefault}}
      containers:
        - {name: web, image: 'web:1', securityContext: {allowPrivilegeEscalation: false},
           readinessProbe: {httpGet: {path: /, port: 80}}}
";

fn patched(patch: &str) -> Result<Deployment, Misfit> {
    Patch::read(2, parse(patch))?.apply(&(), parse::<Deployment>(DEPLOYMENT))
}

#[track_caller]
fn pod(patch: &str) -> Value {
    let deployment = patched(patch).unwrap();
    serde_json::to_value(deployment.spec.unwrap().template.spec).unwrap()
}

#[track_caller]
fn assert_refused(patch: &str, why: &str) {
    let misfit = patched(patch).unwrap_err();
    assert_eq!(misfit.part, "patch 2");
    assert!(misfit.why.contains(why), "{patch}: {misfit}");
}

fn of_pod(spec: &str) -> String {
    format!("{{target: {{kind: Deployment}}, merge: {{spec: {{template: {{spec: {spec}}}}}}}}}")
}

#[test]
fn what_a_platform_wants_of_instances_is_set_and_deleted() {
    let spec = pod(&of_pod(
        "{serviceAccountName: special, automountServiceAccountToken: null, nodeSelector: {disk: ssd}, \
          tolerations: [{key: gpu, operator: Exists}], securityContext: {runAsUser: 1000, seccompProfile: null}, \
          containers: [{name: '*', securityContext: {readOnlyRootFilesystem: true}}, {name: proxy, image: 'proxy:1'}]}",
    ));
    assert_eq!(
        spec,
        parse::<Value>(
            "{serviceAccountName: special, nodeSelector: {disk: ssd}, tolerations: [{key: gpu, operator: Exists}], \
              securityContext: {runAsUser: 1000}, containers: [{name: web, image: 'web:1', \
              securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true}, \
              readinessProbe: {httpGet: {path: /, port: 80}}}, {name: proxy, image: 'proxy:1'}]}"
        )
    );
}

#[test]
fn a_field_that_a_kind_requires_need_not_be_repeated() {
    let spec = pod(&of_pod("{containers: [{name: web, readinessProbe: {httpGet: {path: /ready}}}]}"));
    assert_eq!(
        spec["containers"][0]["readinessProbe"]["httpGet"],
        parse::<Value>("{path: /ready, port: 80}")
    );
}

#[test]
fn operations_are_applied_in_order() {
    let spec = pod(
        "{target: {kind: Deployment}, json: [{op: test, path: /spec/template/spec/containers/0/name, value: web}, \
          {op: remove, path: /spec/template/spec/securityContext}, \
          {op: add, path: /spec/template/spec/dnsPolicy, value: None}]}",
    );
    assert_eq!((&spec["securityContext"], spec["dnsPolicy"].as_str()), (&Value::Null, Some("None")));
}

#[test]
fn only_the_objects_that_are_meant_are_changed() {
    let before = parse::<Deployment>(DEPLOYMENT);
    for target in ["{kind: Service}", "{kind: Deployment, name: other}"] {
        let patch = format!("{{target: {target}, merge: {{spec: {{replicas: 3}}}}}}");
        assert_eq!(patched(&patch).unwrap(), before, "{target}");
    }
    let named = "{target: {kind: Deployment, name: hello}, merge: {spec: {replicas: 3}}}";
    assert_eq!(patched(named).unwrap().spec.unwrap().replicas, Some(3));
}

#[test]
fn labels_and_annotations_are_added() {
    let deployment = patched(
        "{target: {kind: Deployment}, merge: {metadata: {labels: {team: a}}, \
          spec: {template: {metadata: {annotations: {example.com/scrape: 'true'}}}}}}",
    )
    .unwrap();
    assert_eq!(deployment.metadata.labels.unwrap()["team"], "a");
    assert_eq!(deployment.spec.unwrap().template.metadata.unwrap().annotations.unwrap().len(), 2);
}

#[test]
fn a_patch_that_does_not_apply_is_refused() {
    let json = |operations: &str| format!("{{target: {{kind: Deployment}}, json: {operations}}}");
    assert_refused(&json("[{op: remove, path: /spec/nothing}]"), "/spec/nothing");
    assert_refused(
        &json("[{op: test, path: /spec/template/spec/containers/0/name, value: api}]"),
        "did not match",
    );
    assert_refused(&of_pod("{containers: [{image: x}]}"), "/spec/template/spec/containers: every item needs");
}

#[test]
fn a_field_that_the_kind_does_not_have_is_refused() {
    assert_refused(&of_pod("{securtyContext: {}}"), "/spec/template/spec/securtyContext is no field");
    assert_refused(
        &of_pod("{containers: [{name: web, imagePullPolcy: Always}]}"),
        "/containers/0/imagePullPolcy",
    );
    assert_refused(&of_pod("{hostNetwork: 'yes'}"), "invalid type");
}

#[test]
fn another_object_is_refused() {
    let merge = |patch: &str| format!("{{target: {{kind: Deployment}}, merge: {patch}}}");
    for (patch, why) in [
        ("{metadata: {name: other}}", "/metadata/name"),
        ("{metadata: {namespace: kube-system}}", "/metadata/namespace"),
        ("{metadata: {ownerReferences: null}}", "/metadata/ownerReferences"),
        ("{kind: StatefulSet}", "/kind"),
        ("{spec: {selector: {matchLabels: {a: b}}}}", "/spec/selector"),
        ("{metadata: {labels: {app: other}}}", "the label app in /metadata/labels"),
        ("{spec: {template: {metadata: {labels: null}}}}", "the label app in /spec/template/metadata/labels"),
        (
            "{spec: {template: {metadata: {annotations: {score.dev/outputs-revision: x}}}}}",
            "score.dev annotations",
        ),
        ("{metadata: {annotations: {score.dev/objects: x}}}", "score.dev annotations"),
        ("{status: {replicas: 1}}", "/status"),
    ] {
        assert_refused(&merge(patch), why);
    }
}

#[test]
fn what_is_no_patch_is_refused() {
    assert_refused("{target: {kind: Deployment}}", "either merge or json");
    assert_refused("{target: {kind: Deployment}, merge: {}, json: []}", "either merge or json");
    assert_refused("{target: {kind: Deployment}, merge: 7}", "merge must be an object");
    assert_refused("{target: {}, merge: {}}", "missing field `kind`");
    assert_refused("{target: {kind: Deployment}, strategic: {}}", "unknown field `strategic`");
    assert_refused("{target: {kind: Deployment}, json: [{op: replace}]}", "missing field");
}

#[test]
fn an_address_keeps_what_it_selects() {
    let service: Service = parse(
        "{apiVersion: v1, kind: Service, metadata: {name: hello}, spec: {selector: {a: b}, ports: [{port: 80}]}}",
    );
    let patch = |merge: &str| {
        let patch = format!("{{target: {{kind: Service}}, merge: {merge}}}");
        Patch::read(1, parse(&patch)).unwrap().apply(&(), service.clone())
    };
    assert!(patch("{spec: {selector: {c: d}}}").is_err());
    let ports = patch("{spec: {ports: [{port: 80, nodePort: 30080}]}}").unwrap().spec.unwrap().ports.unwrap();
    assert_eq!((ports.len(), ports[0].node_port), (1, Some(30080)));
}

#[test]
fn a_kind_without_a_type_here_is_patched_too() {
    let gvk = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let route: DynamicObject = parse(
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: hello}, spec: {hostnames: [a]}}",
    );
    let patch =
        Patch::read(1, parse("{target: {kind: HTTPRoute}, merge: {spec: {hostnames: [b]}}}")).unwrap();
    let route = patch.apply(&ApiResource::from_gvk(&gvk), route).unwrap();
    assert_eq!(route.data["spec"]["hostnames"][0], "b");
}
