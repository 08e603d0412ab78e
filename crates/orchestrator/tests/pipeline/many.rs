//! Two hundred Workloads run, and the platform changes its mind: only what must change is written.

use std::{collections::BTreeSet, sync::Arc};

use api_types::{PlatformPolicy, ResourceClaim, Workload};
use controller_kit::{Applier, testing::TestApiServer};
use jiff::Timestamp;
use k8s_controller::TraceMetadata;
use kube::ResourceExt as _;
use orchestrator::{
    DEFINITION,
    caches::Caches,
    concerned::{Change, Concerned},
    controller::Orchestrator,
    governance::Governance,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::stage::{NAMESPACE, Stage, caches, fixture, governance};

const COUNT: usize = 200;

const CONFIG: &str = "
apiVersion: score.dev/v1b1
kind: OrchestratorConfig
metadata: {name: many}
spec:
  defaults: {profile: light}
  profiles:
    - name: light
      description: for most
      backends: [{backendId: light, runtimeClass: kubernetes, template: {kind: manifests, values: {replicas: 1}}}]
    - name: heavy
      backends: [{backendId: heavy, runtimeClass: kubernetes, template: {kind: manifests, values: {replicas: 2}}}]
  provisioners:
    - type: postgres
      provisioner: provisioner-postgres
      classes: [{name: default, parameters: {size: s}}]
      deprovisionPolicy: Delete
";

/// Whether the Workload of this number asks for the heavy profile.
fn is_heavy(number: usize) -> bool {
    number.is_multiple_of(4)
}

/// Whether the Workload of this number has a database.
fn has_database(number: usize) -> bool {
    number % 10 == 1
}

/// Whether the Workload of this number says how much memory it needs.
fn says_memory(number: usize) -> bool {
    number.is_multiple_of(5)
}

fn name(number: usize) -> String {
    format!("app-{number:03}")
}

fn workload(number: usize) -> Workload {
    let mut workload: Workload = fixture(if has_database(number) { "db.yaml" } else { "web.yaml" });
    (workload.metadata.name, workload.metadata.uid) = (Some(name(number)), Some(format!("uid-{number}")));
    if is_heavy(number) {
        workload.spec.profile = Some("heavy".into());
    }
    let memory =
        says_memory(number).then(|| json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}));
    workload.spec.containers.get_mut("main").unwrap().resources =
        serde_json::from_value(json!(memory)).unwrap();
    workload
}

/// The names of those Workloads whose number is one of these.
fn those(are: impl Fn(usize) -> bool) -> BTreeSet<String> {
    (0..COUNT).filter(|number| are(*number)).map(name).collect()
}

struct Platform {
    server: TestApiServer,
    stages: Vec<Stage>,
}

/// What was written: of which Workloads the plan, the claim and the status, and how many writes there were.
#[derive(Debug, Default, PartialEq)]
struct Written {
    plans: BTreeSet<String>,
    claims: BTreeSet<String>,
    statuses: BTreeSet<String>,
    all: usize,
}

impl Platform {
    /// Everything runs, and is at rest.
    async fn at_rest() -> Self {
        let server = TestApiServer::new();
        let stages = (0..COUNT).map(|number| Stage::on(server.clone(), workload(number))).collect();
        let platform = Self { server, stages };
        platform.sweep(CONFIG).await;
        for claim in platform.server.list::<ResourceClaim>() {
            platform.stages[0].provisioner_says(&claim.name_any(), fixture("db.bound.yaml"));
        }
        platform.sweep(CONFIG).await;
        platform.come_to_rest(CONFIG).await;
        platform
    }

    /// The runtime brings up every plan.
    async fn come_to_rest(&self, config: &str) {
        for stage in self.stages.iter().filter(|stage| stage.plan().is_some()) {
            stage.runtime_says("True", "Succeeded", None);
        }
        self.sweep(config).await;
        assert_eq!(self.sweep(config).await, Written::default());
    }

    fn governance(&self, config: &str) -> Governance {
        governance(&self.server, Arc::new(config.parse().unwrap()))
    }

    /// One pass over each Workload, also those that nothing has changed for.
    async fn sweep(&self, config: &str) -> Written {
        self.server.clear_requests();
        let applier = Applier::new(self.server.client(), DEFINITION.name);
        let orchestrator = Orchestrator::reading(caches(&self.server), self.governance(config), applier);
        let now = Timestamp::constant(1_767_225_600, 0);
        for workload in self.server.list::<Workload>() {
            orchestrator.reconcile(&workload, now, &TraceMetadata::default()).await.unwrap();
        }
        self.written()
    }

    fn written(&self) -> Written {
        let writes = self.server.writes();
        let named = |resource: &str, place: usize| {
            let about = writes.iter().filter(|write| write.is_about(resource));
            about.filter_map(|write| write.path.rsplit('/').nth(place).map(str::to_owned)).collect()
        };
        Written {
            plans: named("workloadplans.score.dev", 0),
            claims: named("resourceclaims.score.dev", 0),
            // Below it, `status`.
            statuses: named("workloads.score.dev", 1),
            all: writes.len(),
        }
    }

    /// The Workloads that are looked at when the configuration goes from one to the other.
    fn concerned(&self, before: &str, after: &str) -> BTreeSet<String> {
        let config = |text: &str| Some(Arc::new(text.parse().unwrap()));
        let (sender, receiver) = watch::channel(config(before));
        let mut governance = self.governance(before);
        governance.config = receiver;
        let Caches { workloads, claims, .. } = caches(&self.server);
        let mut concerned = Concerned::new(governance, workloads, claims);
        concerned.by(&Change::Everywhere);
        sender.send_replace(config(after));
        concerned.by(&Change::Everywhere).into_iter().map(|found| found.name).collect()
    }

    fn policy(&self, spec: &Value) {
        self.stages[0].policy("policy", spec);
    }
}

/// A plan of each of `names`, and their status, and nothing else.
fn rolled(names: BTreeSet<String>) -> Written {
    Written { all: 2 * names.len(), statuses: names.clone(), plans: names, claims: BTreeSet::new() }
}

#[tokio::test]
async fn another_backend_rolls_those_that_run_on_it_and_nobody_else() {
    let platform = Platform::at_rest().await;
    let after = CONFIG.replace("replicas: 2", "replicas: 3");
    assert_eq!(platform.concerned(CONFIG, &after), those(is_heavy));
    assert_eq!(platform.sweep(&after).await, rolled(those(is_heavy)));
    platform.come_to_rest(&after).await;
}

#[tokio::test]
async fn a_configuration_that_says_the_same_in_other_words_writes_nothing() {
    let platform = Platform::at_rest().await;
    let after = CONFIG.replace("{name: many}", "{name: other, version: '2'}").replace("for most", "for all");
    assert_eq!(platform.concerned(CONFIG, &after), BTreeSet::new());
    assert_eq!(platform.sweep(&after).await, Written::default());
}

#[tokio::test]
async fn another_class_changes_the_claims_of_those_who_use_it_and_no_plan() {
    let platform = Platform::at_rest().await;
    let after = CONFIG.replace("size: s", "size: m");
    assert_eq!(platform.concerned(CONFIG, &after), those(has_database));
    let written = platform.sweep(&after).await;
    let claims = those(has_database).iter().map(|name| format!("{name}-db")).collect();
    let all = 2 * those(has_database).len();
    assert_eq!(written, Written { claims, statuses: those(has_database), plans: BTreeSet::new(), all });
}

#[tokio::test]
async fn a_policy_that_fills_something_in_rolls_those_who_left_it_out() {
    let platform = Platform::at_rest().await;
    let memory = json!({"limits": {"memory": "128Mi"}, "requests": {"memory": "128Mi"}});
    platform.policy(&json!({"defaults": {"containers": memory}}));
    let silent = || those(|number| !says_memory(number));
    assert_eq!(platform.sweep(CONFIG).await, rolled(silent()));
    platform.come_to_rest(CONFIG).await;
    platform.server.remove::<PlatformPolicy>("", "policy");
    assert_eq!(platform.sweep(CONFIG).await, rolled(silent()));
}

#[tokio::test]
async fn a_policy_that_forbids_something_is_told_to_those_who_do_it_and_rolls_nobody() {
    let platform = Platform::at_rest().await;
    platform.policy(&json!({"allowedResources": []}));
    let told = those(has_database);
    let expected = Written { all: told.len(), statuses: told.clone(), ..Written::default() };
    assert_eq!(platform.sweep(CONFIG).await, expected);
    assert_eq!(platform.sweep(CONFIG).await, Written::default());
    platform.server.remove::<PlatformPolicy>("", "policy");
    assert_eq!(
        platform.sweep(CONFIG).await,
        Written { all: told.len(), statuses: told, ..Written::default() }
    );
}

#[tokio::test]
async fn a_policy_that_everybody_keeps_writes_nothing() {
    let platform = Platform::at_rest().await;
    platform.policy(&json!({"allowedImages": ["registry.example.com"], "limits": {"containers": 4}}));
    assert_eq!(platform.sweep(CONFIG).await, Written::default());
    assert!(
        platform
            .server
            .list::<ResourceClaim>()
            .iter()
            .all(|claim| claim.namespace().as_deref() == Some(NAMESPACE))
    );
}
