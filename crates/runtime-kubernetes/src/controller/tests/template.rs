//! What a template changes and adds, through the whole reconcile.

use api_types::{OpenObject, PlanClaim};
use k8s_openapi::api::{
    core::v1::ConfigMap,
    networking::v1::{Ingress, IngressLoadBalancerIngress},
    policy::v1::PodDisruptionBudget,
};
use serde_json::Value;

use super::*;
use crate::extras::ANNOTATION_OBJECTS;

impl Cluster {
    /// With a plan whose template has `values`.
    fn templated(values: &str) -> Self {
        let cluster = Self::new();
        cluster.server.serve::<ConfigMap>();
        cluster.server.serve::<Ingress>();
        cluster.server.serve::<PodDisruptionBudget>();
        cluster.configure(values);
        cluster
    }

    /// What the orchestrator does when the platform's configuration changes.
    fn configure(&self, values: &str) {
        let values: OpenObject = crate::fixtures::parse(values);
        self.server
            .modify("team-a", "hello", |plan: &mut WorkloadPlan| plan.spec.template.values = values.clone());
    }

    async fn run(&self) {
        self.pass().await.unwrap();
        self.roll_out();
        self.pass().await.unwrap();
    }

    fn maps(&self) -> Vec<String> {
        self.server.list::<ConfigMap>().iter().map(ConfigMap::name_any).collect()
    }

    fn record(&self) -> Option<String> {
        let main: Deployment = self.server.get("team-a", "hello")?;
        main.annotations().get(ANNOTATION_OBJECTS).cloned()
    }

    fn endpoints(&self) -> Vec<(String, bool)> {
        let exposure: WorkloadExposure = self.server.get("team-a", "hello").unwrap();
        let exposures = exposure.status.unwrap().exposures.into_iter();
        exposures.map(|exposure| (exposure.url, exposure.ready)).collect()
    }
}

fn with_maps(names: &[&str]) -> String {
    let map = |name: &&str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: '{name}-{{{{ workload.name }}}}'}}}}")
    };
    format!("{{objects: [{}]}}", names.iter().map(map).collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn an_object_is_on_record_before_it_is_made() {
    let cluster = Cluster::templated(&with_maps(&["a", "b"]));
    cluster.pass().await.unwrap();
    assert_eq!(cluster.maps(), ["a-hello", "b-hello"]);
    let writes = cluster.server.writes();
    let main = writes.iter().position(|write| write.is_about("deployments.apps")).unwrap();
    let map = writes.iter().position(|write| write.is_about("configmaps")).unwrap();
    assert!(main < map, "{writes:?}");
    let recorded = &writes[main].body["metadata"]["annotations"][ANNOTATION_OBJECTS];
    assert_eq!(recorded, "v1/ConfigMap/a-hello,v1/ConfigMap/b-hello");
}

#[tokio::test]
async fn what_a_template_adds_costs_a_write_each_and_then_nothing() {
    let cluster = Cluster::templated(&with_maps(&["a", "b"]));
    let runtime = cluster.runtime();
    runtime.reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.server.writes().len(), 4);
    cluster.server.clear_requests();
    runtime.reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.server.requests(), [], "not even a look");
    cluster.roll_out();
    cluster.pass().await.unwrap();
    let action = cluster.pass().await.unwrap();
    assert!(requeue_after(action).is_some_and(|wait| wait >= Duration::from_secs(60)), "drift is looked for");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn what_a_template_drops_goes_and_so_does_its_record() {
    let cluster = Cluster::templated(&with_maps(&["a", "b"]));
    cluster.run().await;
    cluster.configure(&with_maps(&["b"]));
    cluster.pass().await.unwrap();
    assert_eq!(
        (cluster.maps(), cluster.record()),
        (vec!["b-hello".into()], Some("v1/ConfigMap/b-hello".into()))
    );
    cluster.configure("{}");
    cluster.pass().await.unwrap();
    assert_eq!((cluster.maps(), cluster.record()), (vec![], None));
    cluster.server.clear_requests();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.server.requests(), [], "a plan without objects costs nothing");
}

#[tokio::test]
async fn what_a_template_adds_rolls_nothing() {
    let cluster = Cluster::templated("{}");
    cluster.run().await;
    let instances = |cluster: &Cluster| {
        let main: Deployment = cluster.server.get("team-a", "hello").unwrap();
        main.spec.unwrap().template
    };
    let before = instances(&cluster);
    cluster.configure(&with_maps(&["a"]));
    cluster.pass().await.unwrap();
    assert_eq!(instances(&cluster), before);
}

#[tokio::test]
async fn wherever_the_process_dies_a_changed_template_leaves_nothing_behind() {
    for writes in 0..6 {
        let cluster = Cluster::templated(&with_maps(&["a", "b"]));
        cluster.run().await;
        cluster.configure(&with_maps(&["b", "c"]));
        cluster.server.fail_after(writes);
        // What becomes of these passes does not matter: they die.
        let _ = cluster.pass().await;
        cluster.configure(&with_maps(&["c", "d"]));
        let _ = cluster.pass().await;
        cluster.server.heal();
        cluster.pass().await.unwrap();
        assert_eq!(cluster.maps(), ["c-hello", "d-hello"], "after {writes} writes");
        assert_eq!(cluster.record().as_deref(), Some("v1/ConfigMap/c-hello,v1/ConfigMap/d-hello"));
        cluster.roll_out();
        cluster.pass().await.unwrap();
        assert_eq!(cluster.writes_of_a_pass().await, 0, "after {writes} writes");
    }
}

#[tokio::test]
async fn the_record_outlives_a_change_of_the_kind_of_work() {
    let cluster = Cluster::templated(&with_maps(&["a", "b"]));
    cluster.run().await;
    let stateful = with_maps(&["b"]).replace("{objects", "{kind: StatefulSet, objects");
    cluster.configure(&stateful);
    cluster.pass().await.unwrap();
    assert_eq!(cluster.maps(), ["b-hello"]);
}

#[tokio::test]
async fn a_patch_changes_what_runs() {
    let cluster = Cluster::templated(
        "{patches: [{target: {kind: Deployment}, merge: {spec: {template: {spec: {nodeSelector: {disk: ssd}}}}}}]}",
    );
    cluster.run().await;
    let main: Deployment = cluster.server.get("team-a", "hello").unwrap();
    assert_eq!(main.spec.unwrap().template.spec.unwrap().node_selector.unwrap()["disk"], "ssd");
    assert_eq!(cluster.said().unwrap().0, "Succeeded");
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn a_template_that_does_not_fit_is_told_and_what_runs_goes_on() {
    let own_place = "{objects: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: hello}}]}";
    for (values, part) in [
        ("{patches: [{target: {kind: Deployment}, json: [{op: remove, path: /spec/x}]}]}", "patch 1"),
        ("{patches: [{target: {kind: Job}, merge: {}}]}", "patch 1 (`no patch is for a Deployment"),
        ("{patches: [{target: {kind: Pod}, merge: {}}]}", "patch 1 (`the runtime makes no Pod"),
        ("{objects: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]}", "object 1"),
        (
            "{objects: [{apiVersion: batch/v1, kind: Job, metadata: {name: a}}]}",
            "object 1 (`batch/v1/Job is not among",
        ),
        (own_place, "object 1 (`apps/v1/Deployment/hello is made already"),
        (
            "{gateway: {parentRefs: [{name: g}], domain: g.example}}",
            "gateway (`the cluster has no gateway.networking.k8s.io/v1/HTTPRoute",
        ),
    ] {
        let cluster = Cluster::templated("{}");
        cluster.run().await;
        let before: Deployment = cluster.server.get("team-a", "hello").unwrap();
        cluster.configure(values);
        assert_eq!(cluster.writes_of_a_pass().await, 1, "{values}: the answer");
        let (reason, message) = cluster.said().unwrap();
        assert_eq!(reason, "ProjectionError", "{message}");
        assert!(message.contains(&format!("ask your platform team to correct {part}")), "{message}");
        assert_eq!(cluster.server.get::<Deployment>("team-a", "hello"), Some(before));
        assert_eq!(cluster.writes_of_a_pass().await, 0, "{values}");
    }
}

#[tokio::test]
async fn a_foreign_object_in_the_place_of_one_is_left_alone_and_told() {
    let cluster = Cluster::templated(&with_maps(&["a"]));
    let theirs: ConfigMap =
        cluster.server.insert(crate::fixtures::parse("{metadata: {name: a-hello, namespace: team-a}}"));
    assert_eq!(cluster.writes_of_a_pass().await, 1, "the answer alone");
    let (reason, message) = cluster.said().unwrap();
    assert_eq!(reason, "PermissionDenied");
    assert!(message.contains("`v1/ConfigMap/a-hello`"), "{message}");
    assert_eq!(cluster.server.get::<ConfigMap>("team-a", "a-hello"), Some(theirs));
}

#[tokio::test]
async fn nothing_is_created_over_what_somebody_made_a_moment_ago() {
    let cluster = Cluster::templated(&with_maps(&["a"]));
    cluster.pass().await.unwrap();
    for write in cluster.server.writes().iter().filter(|write| !write.is_about("workloadexposures.score.dev"))
    {
        assert_ne!(write.body["metadata"]["resourceVersion"], Value::Null, "{write:?}");
    }
}

#[tokio::test]
async fn a_host_is_the_endpoint_as_soon_as_somebody_answers_there() {
    let cluster = Cluster::templated("{ingress: {domain: apps.example.com, tlsSecretName: wildcard}}");
    let internal = ("http://hello.team-a.svc.cluster.local".to_owned(), true);
    let host = "https://hello.team-a.apps.example.com".to_owned();
    cluster.run().await;
    assert_eq!(cluster.endpoints(), [(host.clone(), false), internal.clone()]);
    let said = |text: &str| Some(("Succeeded".to_owned(), text.to_owned()));
    assert_eq!(cluster.said(), said(crate::messages::NO_WAY_IN), "it is closed for long");
    cluster.server.modify("team-a", "hello", |ingress: &mut Ingress| {
        let address = IngressLoadBalancerIngress { ip: Some("192.0.2.1".into()), ..Default::default() };
        let status = ingress.status.get_or_insert_default();
        status.load_balancer.get_or_insert_default().ingress = Some(vec![address]);
    });
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.endpoints(), [(host, true), internal]);
    assert_eq!(cluster.said(), said(crate::messages::RUNNING));
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn a_host_that_nobody_serves_yet_is_looked_at_soon() {
    let cluster = Cluster::templated("{ingress: {domain: apps.example.com}}");
    cluster.run().await;
    let action = cluster.pass().await.unwrap();
    assert!(requeue_after(action).is_some_and(|wait| wait <= Duration::from_secs(10)));
}

#[tokio::test]
async fn an_address_of_its_own_and_the_url_of_a_resource_come_first() {
    let cluster = Cluster::templated("{service: {type: LoadBalancer, annotations: {a: b}}}");
    cluster.run().await;
    let service = cluster.server.modify("team-a", "hello", |service: &mut Service| {
        service.status =
            Some(crate::fixtures::parse("{loadBalancer: {ingress: [{hostname: lb.example.com}]}}"));
    });
    assert_eq!(service.unwrap().annotations()["a"], "b");
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| {
        plan.spec.claims = vec![PlanClaim {
            key: "route".into(),
            type_: "route".into(),
            class: "default".into(),
            outputs_revision: None,
            url: Some("https://shop.example.com".into()),
        }];
    });
    cluster.pass().await.unwrap();
    cluster.roll_out();
    cluster.pass().await.unwrap();
    let urls: Vec<_> = cluster.endpoints().into_iter().map(|(url, _)| url).collect();
    assert_eq!(
        urls,
        ["https://shop.example.com", "http://lb.example.com", "http://hello.team-a.svc.cluster.local"]
    );
}

#[tokio::test]
async fn an_object_that_others_change_is_put_right() {
    let cluster = Cluster::templated(
        "{objects: [{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: hello}, spec: {maxUnavailable: 1}}]}",
    );
    cluster.run().await;
    cluster.server.modify("team-a", "hello", |budget: &mut PodDisruptionBudget| budget.spec = None);
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}
