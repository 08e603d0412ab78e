//! A stage for a Workload, or for several that stand on it together: an API server in memory, and the hands of everybody
//! else who acts on it.

use std::{path::Path, sync::Arc};

use api_types::{
    PlatformPolicy, ResourceClaim, ResourceClaimStatus, Workload, WorkloadExposure, WorkloadExposureStatus,
    WorkloadPlan, WorkloadStatus,
};
use controller_kit::{Applier, Cache, testing::TestApiServer};
use jiff::{SignedDuration, Timestamp};
use k8s_controller::TraceMetadata;
use k8s_openapi::api::core::v1::Namespace;
use kube::{api::ObjectMeta, core::PartialObjectMetaExt, runtime::controller::Action};
use orchestrator::{
    DEFINITION,
    caches::Caches,
    controller::{Error, Orchestrator},
    governance::Governance,
};
use platform::config::{BUILTIN, Config};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;

pub(crate) const NAMESPACE: &str = "team-a";

pub(crate) fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) struct Stage {
    pub(crate) server: TestApiServer,
    name: String,
    now: Timestamp,
    config: Arc<Config>,
}

impl Stage {
    /// A stage on which the user has applied the Workload of a fixture.
    pub(crate) fn with(fixture_name: &str) -> Self {
        Self::on(TestApiServer::new(), fixture(fixture_name))
    }

    /// A stage on which the Workload of a fixture runs, and the user has just changed a variable of its container `main`.
    pub(crate) async fn changed(fixture_name: &str) -> Self {
        let stage = Self::with(fixture_name);
        stage.pass().await.unwrap();
        stage.runtime_says("True", "Succeeded", None);
        stage.pass().await.unwrap();
        stage.edit(|workload| {
            workload.spec.containers.get_mut("main").unwrap().variables.insert("NEW".into(), "1".into());
        });
        stage
    }

    /// The same stage, on which the user has applied one more Workload, as that Workload sees it.
    pub(crate) fn joined_by(&self, fixture_name: &str) -> Self {
        Self::on(self.server.clone(), fixture(fixture_name))
    }

    /// The stage of `server`, on which the user has applied `workload`.
    pub(crate) fn on(server: TestApiServer, workload: Workload) -> Self {
        let workload: Workload = server.insert(workload);
        if server.get::<Namespace>("", NAMESPACE).is_none() {
            let metadata = ObjectMeta { name: Some(NAMESPACE.into()), ..ObjectMeta::default() };
            server.insert(Namespace { metadata, ..Namespace::default() });
        }
        let (now, config) = (Timestamp::constant(1_767_225_600, 0), Arc::new(BUILTIN.parse().unwrap()));
        Self { server, name: workload.metadata.name.unwrap(), now, config }
    }

    /// The same stage so many seconds after `object` was created.
    pub(crate) fn after(self, object: &ObjectMeta, seconds: i64) -> Self {
        let created = object.creation_timestamp.as_ref().unwrap().0;
        Self { now: created + SignedDuration::from_secs(seconds), ..self }
    }

    /// When it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The same stage so many seconds later.
    pub(crate) fn later(self, seconds: i64) -> Self {
        Self { now: self.now + SignedDuration::from_secs(seconds), ..self }
    }

    /// The same stage with another configuration of the platform.
    pub(crate) fn configured(self, document: &str) -> Self {
        Self { config: Arc::new(document.parse().unwrap()), ..self }
    }

    /// One pass over what is there now, as a process that has just started sees it. Gives the number of its writes.
    pub(crate) async fn pass(&self) -> Result<usize, Error> {
        self.pass_until().await.map(|(writes, _)| writes)
    }

    /// As [`Self::pass`], and when the next one is due if nothing changes.
    pub(crate) async fn pass_until(&self) -> Result<(usize, Action), Error> {
        self.server.clear_requests();
        let applier = Applier::new(self.server.client(), DEFINITION.name);
        let orchestrator = Orchestrator::reading(caches(&self.server), self.governance(), applier);
        let action = orchestrator.reconcile(&self.workload(), self.now, &TraceMetadata::default()).await?;
        Ok((self.server.writes().len(), action))
    }

    /// The platform's part, as it is now.
    pub(crate) fn governance(&self) -> Governance {
        governance(&self.server, self.config.clone())
    }

    /// The platform team applies a policy.
    pub(crate) fn policy(&self, name: &str, spec: &serde_json::Value) {
        let policy = json!({"apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": name}, "spec": spec});
        self.server.insert::<PlatformPolicy>(serde_json::from_value(policy).unwrap());
    }

    pub(crate) fn workload(&self) -> Workload {
        self.server.get(NAMESPACE, &self.name).unwrap()
    }

    pub(crate) fn status(&self) -> WorkloadStatus {
        self.workload().status.unwrap()
    }

    /// `status/reason` of a condition.
    pub(crate) fn condition(&self, type_: &str) -> String {
        let status = self.status();
        let condition = conditions::find(&status.conditions, type_).unwrap();
        assert_eq!(condition.observed_generation, self.workload().metadata.generation);
        format!("{}/{}", condition.status, condition.reason)
    }

    pub(crate) fn message(&self, type_: &str) -> String {
        conditions::find(&self.status().conditions, type_).unwrap().message.clone()
    }

    pub(crate) fn plan(&self) -> Option<WorkloadPlan> {
        self.server.get(NAMESPACE, &self.name)
    }

    pub(crate) fn exposure(&self) -> Option<WorkloadExposure> {
        self.server.get(NAMESPACE, &self.name)
    }

    pub(crate) fn claim(&self, name: &str) -> Option<ResourceClaim> {
        self.server.get(NAMESPACE, name)
    }

    /// The user edits the spec.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Workload)) {
        self.server.modify(NAMESPACE, &self.name, change);
    }

    /// The user deletes the Workload and creates it again, before anything that it caused is collected.
    pub(crate) fn recreate(&self, uid: &str) {
        let mut again = self.workload();
        (again.metadata.uid, again.status) = (Some(uid.into()), None);
        self.server.remove::<Workload>(NAMESPACE, &self.name);
        self.server.insert(again);
    }

    /// The provisioner answers for the claim's generation of now.
    pub(crate) fn provisioner_says(&self, claim: &str, mut status: ResourceClaimStatus) {
        self.server.modify(NAMESPACE, claim, |claim: &mut ResourceClaim| {
            status.observed_generation = claim.metadata.generation;
            claim.status = Some(status);
        });
    }

    /// The runtime answers to the plan's generation of now, or to `generation`.
    pub(crate) fn runtime_says(&self, condition: &str, reason: &str, generation: Option<i64>) {
        let generation = generation.or(self.plan().unwrap().metadata.generation).unwrap();
        let status: WorkloadExposureStatus = serde_json::from_value(json!({
            "observedPlanGeneration": generation,
            "conditions": [{
                "type": "RuntimeReady", "status": condition, "reason": reason, "message": "what to do",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
            "exposures": [
                {"name": "admin", "url": "http://admin.example.com", "scope": "Public", "ready": false},
                {"name": "http", "url": "http://shop.team-a.svc", "scope": "Cluster", "ready": true},
            ],
        }))
        .unwrap();
        self.server
            .modify(NAMESPACE, &self.name, |exposure: &mut WorkloadExposure| exposure.status = Some(status));
    }
}

/// The platform's part, as it is now on `server`.
pub(crate) fn governance(server: &TestApiServer, config: Arc<Config>) -> Governance {
    let namespaces = server.list::<Namespace>().into_iter().map(|namespace| namespace.metadata);
    Governance::new(
        watch::channel(Some(config)).1,
        Cache::from_objects(server.list()),
        Cache::from_objects(namespaces.map(PartialObjectMetaExt::into_response_partial)),
    )
}

/// What the orchestrator knows of `server`, as a process that has just started does.
pub(crate) fn caches(server: &TestApiServer) -> Caches {
    Caches::new(
        Cache::from_objects(server.list()),
        Cache::from_objects(server.list()),
        Cache::from_objects(server.list()),
        Cache::from_objects(server.list()),
    )
}

/// Passes of all these in turn, until none writes anything. Gives the number of writes.
pub(crate) async fn settle(stages: &[&Stage]) -> usize {
    let mut writes = 0;
    for _ in 0..10 {
        let before = writes;
        for stage in stages {
            writes += stage.pass().await.unwrap();
        }
        if writes == before {
            return writes;
        }
    }
    panic!("they never come to rest");
}

/// Everything that is there, without what counts the writes that led to it.
pub(crate) fn outcome(server: &TestApiServer) -> serde_json::Value {
    let mut outcome = json!([
        server.list::<ResourceClaim>(),
        server.list::<WorkloadPlan>(),
        server.list::<WorkloadExposure>(),
        server.list::<Workload>(),
    ]);
    for object in outcome.as_array_mut().unwrap().iter_mut().flat_map(|list| list.as_array_mut().unwrap()) {
        for field in ["resourceVersion", "uid", "creationTimestamp", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(field);
        }
        for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition.as_object_mut().unwrap().remove("lastTransitionTime");
        }
    }
    outcome
}
