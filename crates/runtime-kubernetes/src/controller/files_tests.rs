//! The ConfigMaps of files: there before the instances, and no longer than they are.

use api_types::PlanFile;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, PodStatus},
};

use api_types::metadata::LABEL_WORKLOAD;

use super::{tests::Cluster, *};
use crate::{build::ANNOTATION_TEMPLATE, messages::NAME_TAKEN};

fn with_file(content: &str) -> Cluster {
    let cluster = Cluster::new();
    cluster.write_file(content);
    cluster
}

impl Cluster {
    fn write_file(&self, content: &str) {
        let file = PlanFile { content: Some(api_types::Text::Plain(content.into())), ..PlanFile::default() };
        self.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| {
            let files = &mut plan.spec.containers.get_mut("web").unwrap().files;
            files.insert("/etc/app.conf".into(), file);
        });
    }

    /// What the files hold, by the names of the objects that hold them.
    fn held(&self) -> Vec<String> {
        let maps = self.server.list::<ConfigMap>().into_iter();
        maps.flat_map(|map| map.data.unwrap_or_default().into_values()).collect()
    }

    /// An instance of the template as it is now.
    fn run_instance(&self, name: &str, phase: &str) {
        let deployment: Deployment = self.server.get("team-a", "hello").unwrap();
        let template = deployment.spec.unwrap().template.metadata.unwrap();
        let mut pod = Pod { metadata: template, ..Pod::default() };
        pod.metadata.name = Some(name.into());
        pod.metadata.namespace = Some("team-a".into());
        pod.status = Some(PodStatus { phase: Some(phase.into()), ..PodStatus::default() });
        assert!(pod.annotations().contains_key(ANNOTATION_TEMPLATE));
        self.server.insert(pod);
    }
}

#[tokio::test]
async fn files_are_there_before_what_mounts_them() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    let writes = cluster.server.writes();
    assert!(writes.len() == 3 && writes[0].is_about("configmaps"), "{writes:?}");
    assert_eq!(cluster.held(), ["one"]);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
    assert_eq!(cluster.server.requests(), [], "quiet means no reads either");
}

#[tokio::test]
async fn what_was_written_is_not_written_again_before_the_watch_has_caught_up() {
    let cluster = with_file("one");
    let runtime = cluster.runtime();
    runtime.reconcile(&cluster.plan()).await.unwrap();
    cluster.server.clear_requests();
    runtime.reconcile(&cluster.plan()).await.unwrap();
    assert_eq!(cluster.server.writes(), []);
}

#[tokio::test]
async fn an_instance_of_the_old_template_that_starts_anew_still_finds_its_files() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    cluster.run_instance("hello-1", "Running");
    cluster.roll_out();
    cluster.pass().await.unwrap();
    cluster.write_file("two");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.held().len(), 2, "the roll-out has only begun");
    cluster.roll_out();
    cluster.run_instance("hello-2", "Running");
    cluster.pass().await.unwrap();
    assert_eq!(cluster.held().len(), 2, "the old instance has not gone");
    cluster.server.remove::<Pod>("team-a", "hello-1");
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.held(), ["two"]);
    assert_eq!(cluster.writes_of_a_pass().await, 0);
}

#[tokio::test]
async fn instances_that_ended_for_good_keep_no_files() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    cluster.run_instance("hello-1", "Failed");
    cluster.write_file("two");
    cluster.pass().await.unwrap();
    cluster.roll_out();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.held(), ["two"]);
}

#[tokio::test]
async fn a_file_that_is_taken_out_of_the_plan_leaves_nothing_behind() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    cluster.server.modify("team-a", "hello", |plan: &mut WorkloadPlan| {
        plan.spec.containers.get_mut("web").unwrap().files.clear();
    });
    cluster.pass().await.unwrap();
    cluster.roll_out();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.held(), Vec::<String>::new());
}

#[tokio::test]
async fn files_of_other_workloads_and_of_nobody_are_left_alone() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    let mut other = cluster.server.list::<ConfigMap>().remove(0);
    other.metadata.name = Some("of-an-earlier-plan".into());
    other.metadata.owner_references.as_mut().unwrap()[0].uid = "earlier".into();
    cluster.server.insert(other.clone());
    other.metadata.name = Some("of-another-workload".into());
    other.labels_mut().insert(LABEL_WORKLOAD.into(), "other".into());
    cluster.server.insert(other);
    cluster.roll_out();
    cluster.pass().await.unwrap();
    assert_eq!(cluster.held().len(), 3);
}

#[tokio::test]
async fn files_that_somebody_removed_are_put_back() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    let name = cluster.server.list::<ConfigMap>()[0].name_any();
    cluster.server.remove::<ConfigMap>("team-a", &name);
    assert_eq!(cluster.writes_of_a_pass().await, 1);
    assert_eq!(cluster.held(), ["one"]);
}

#[tokio::test]
async fn labels_of_files_that_somebody_removed_are_put_back() {
    for label in [LABEL_MANAGED_BY, LABEL_WORKLOAD] {
        let cluster = with_file("one");
        cluster.pass().await.unwrap();
        let name = cluster.server.list::<ConfigMap>()[0].name_any();
        cluster.server.modify("team-a", &name, |map: &mut ConfigMap| {
            map.labels_mut().remove(label);
        });
        cluster.pass().await.unwrap();
        assert_eq!(cluster.writes_of_a_pass().await, 0, "{label}");
        let map: ConfigMap = cluster.server.get("team-a", &name).unwrap();
        assert!(map.labels().contains_key(label));
    }
}

#[tokio::test]
async fn what_has_the_name_of_files_and_is_somebody_elses_is_left_alone_and_told() {
    let cluster = with_file("one");
    cluster.pass().await.unwrap();
    let name = cluster.server.list::<ConfigMap>()[0].name_any();
    cluster.server.remove::<Deployment>("team-a", "hello");
    cluster.server.modify("team-a", &name, |map: &mut ConfigMap| {
        map.metadata.owner_references = None;
        map.metadata.labels = None;
        map.data = Some([("mine".to_owned(), "mine".to_owned())].into());
    });
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said(), Some(("PermissionDenied".into(), NAME_TAKEN.into())));
    assert_eq!(cluster.held(), ["mine"]);
    assert_eq!(cluster.server.get::<Deployment>("team-a", "hello"), None);
}

#[tokio::test]
async fn a_refusal_of_the_files_is_an_answer_and_nothing_runs_without_them() {
    let cluster = with_file("one");
    cluster.server.fail_next(|request| request.is_write() && request.is_about("configmaps"), 403);
    cluster.pass().await.unwrap();
    assert_eq!(cluster.said().unwrap().0, "PermissionDenied");
    assert_eq!(cluster.server.get::<Deployment>("team-a", "hello"), None);
}

#[tokio::test]
async fn wherever_the_process_dies_no_files_are_lost_or_left() {
    let ends = async |writes: usize| {
        let cluster = with_file("one");
        cluster.pass().await.unwrap();
        cluster.roll_out();
        cluster.pass().await.unwrap();
        cluster.write_file("two");
        cluster.dies_and_goes_on(writes).await;
        assert_eq!(cluster.writes_of_a_pass().await, 0, "after {writes} writes");
        cluster.held()
    };
    for writes in 0..5 {
        assert_eq!(ends(writes).await, ["two"], "after {writes} writes");
    }
}
