//! An API server in memory, a provisioner before it, and somebody who plays Kubernetes behind it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use api_types::{DeprovisionPolicy, ResourceClaim, ResourceClaimStatus, metadata::LABEL_MANAGED_BY};
use async_trait::async_trait;
use controller_kit::{Cache, testing::TestApiServer};
use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetStatus},
        core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Resource, ResourceExt as _};
use provisioner_kit::{AllowedSecrets, ClaimLoop, ClaimLoopError};
use provisioner_postgres::{
    Attempt, Caches, Credentials, Defaults, Error, Limits, Login, NAME, Parts, Provisioner, Retry,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub const NAMESPACE: &str = "team";
pub const CLAIM: &str = "shop-store";
pub const SECRET: &str = "shop-store-postgres-secret";
pub const VOLUME: &str = "shop-store-postgres-data";
pub const DATABASE: &str = "shop-store-postgres";

/// Answers every login alike, and counts.
pub struct Scripted {
    pub answer: Attempt,
    pub version: Option<u32>,
    pub count: AtomicUsize,
}

#[async_trait]
impl Login for Scripted {
    async fn attempt(&self, _: &Credentials) -> Attempt {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.answer
    }

    async fn version(&self, _: &Credentials) -> Option<u32> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.version
    }
}

pub struct World {
    pub server: TestApiServer,
    pub login: Arc<Scripted>,
    provisioner: ClaimLoop<Provisioner>,
    claims: Cache<ResourceClaim>,
}

impl World {
    /// A world with the claim of the fixture.
    pub fn new(policy: DeprovisionPolicy) -> Self {
        let server = TestApiServer::new();
        let mut claim: ResourceClaim =
            serde_yaml_ng::from_str(include_str!("../fixtures/claim.yaml")).unwrap();
        claim.spec.deprovision_policy = policy;
        server.insert(claim);
        Self::with(server, Attempt::Accepted, None)
    }

    fn with(server: TestApiServer, answer: Attempt, version: Option<u32>) -> Self {
        let login = Arc::new(Scripted { answer, version, count: AtomicUsize::new(0) });
        let (provisioner, claims) = provisioner(&server, login.clone());
        Self { server, login, provisioner, claims }
    }

    /// The same world with a new process, whose caches hold what is there now.
    pub fn restart(self) -> Self {
        let (answer, version) = (self.login.answer, self.login.version);
        Self::with(self.server, answer, version)
    }

    /// The same world with a new process, whose logins come to this.
    pub fn restart_with(self, answer: Attempt) -> Self {
        Self::with(self.server, answer, None)
    }

    /// The same world with a new process, which PostgreSQL tells that it is of this version.
    pub fn restart_telling(self, version: u32) -> Self {
        Self::with(self.server, Attempt::Accepted, Some(version))
    }

    pub fn provisioner(&self) -> &Provisioner {
        self.provisioner.provisioner()
    }

    /// One reconcile, of the newest claim that the process knows.
    pub async fn pass(&self) -> Result<Retry, ClaimLoopError<Error>> {
        let claim = self.claims.get(NAMESPACE, CLAIM).expect("the claim should be there");
        self.provisioner.reconcile(&claim).await
    }

    /// One reconcile by a new process that sees all that is there, and the claim as it is then.
    pub async fn fresh_pass(self) -> (Self, ResourceClaimStatus) {
        let world = self.restart();
        world.pass().await.unwrap();
        let status = world.status();
        (world, status)
    }

    /// Starts one process after another, while Kubernetes does its part, until the claim is Bound. Passes may fail.
    pub async fn until_bound(mut self) -> Self {
        for _ in 0..5 {
            self = self.restart();
            if self.pass().await.is_ok() && self.status().outputs_available {
                return self;
            }
            self.set_serving(true);
        }
        panic!("not bound: {:?}", self.status());
    }

    /// What Kubernetes reports of the database.
    pub fn set_serving(&self, serving: bool) {
        self.server.modify(NAMESPACE, DATABASE, |database: &mut StatefulSet| {
            database.status = Some(StatefulSetStatus {
                replicas: 1,
                observed_generation: database.metadata.generation,
                ready_replicas: serving.then_some(1),
                current_revision: Some("r1".to_owned()),
                update_revision: Some("r1".to_owned()),
                ..StatefulSetStatus::default()
            });
        });
    }

    pub fn claim(&self) -> ResourceClaim {
        self.server.get(NAMESPACE, CLAIM).unwrap()
    }

    pub fn status(&self) -> ResourceClaimStatus {
        self.claim().status.unwrap_or_default()
    }

    pub fn message(&self) -> String {
        self.status().message.unwrap_or_default()
    }

    pub fn secret(&self) -> Option<Secret> {
        self.server.get(NAMESPACE, SECRET)
    }

    pub fn password(&self) -> Vec<u8> {
        self.secret().unwrap().data.unwrap()["password"].0.clone()
    }

    /// `plural` of every write since the requests were last cleared.
    pub fn written(&self) -> Vec<String> {
        self.server.written()
    }

    /// The claim is deleted and made again: another uid, the same name.
    pub fn recreate_claim(&self, policy: DeprovisionPolicy) {
        let mut claim = self.claim();
        self.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
        claim.metadata.uid = Some("second-uid".to_owned());
        claim.status = None;
        claim.spec.deprovision_policy = policy;
        self.server.insert(claim);
    }

    /// Another policy in the spec of the same claim.
    pub fn set_policy(&self, policy: DeprovisionPolicy) {
        self.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
            claim.spec.deprovision_policy = policy;
        });
    }

    /// Other parameters in the class of the same claim.
    pub fn set_parameters(&self, parameters: &Value) {
        self.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
            claim.spec.parameters = serde_json::from_value(parameters.clone()).unwrap();
        });
    }

    /// How many of secret, volume, service and database are owned by the claim with `uid`.
    pub fn owned_by(&self, uid: &str) -> usize {
        let owners = [
            owners::<Secret>(&self.server, SECRET),
            owners::<PersistentVolumeClaim>(&self.server, VOLUME),
            owners::<Service>(&self.server, DATABASE),
            owners::<StatefulSet>(&self.server, DATABASE),
        ];
        owners.iter().filter(|owners| owners.iter().any(|owner| owner.uid == uid)).count()
    }
}

fn owners<K>(server: &TestApiServer, name: &str) -> Vec<OwnerReference>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    server.get::<K>(NAMESPACE, name).map(|object| object.owner_references().to_vec()).unwrap_or_default()
}

fn provisioner(
    server: &TestApiServer,
    login: Arc<dyn Login>,
) -> (ClaimLoop<Provisioner>, Cache<ResourceClaim>) {
    let claims = Cache::from_objects(server.list());
    let parts = Parts {
        client: server.client(),
        claims: claims.clone(),
        caches: Caches {
            volumes: labelled::<PersistentVolumeClaim>(server),
            services: labelled::<Service>(server),
            databases: labelled::<StatefulSet>(server),
            pods: labelled::<Pod>(server),
        },
        defaults: Defaults {
            image: "registry/postgres:15".to_owned(),
            storage: "1Gi".parse().unwrap(),
            storage_class: None,
            run_as_user: 999,
            cluster_domain: None,
        },
        login,
        server_secrets: AllowedSecrets::default(),
        limits: Limits { connect: Duration::from_secs(4), work: Duration::from_secs(30) },
    };
    (ClaimLoop::new(NAME, server.client(), claims.clone(), Provisioner::new(parts)), claims)
}

/// What a watch with the provisioner's label selector would show.
fn labelled<K>(server: &TestApiServer) -> Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + 'static,
{
    let objects = server.list::<K>().into_iter();
    Cache::from_objects(
        objects.filter(|object| object.labels().get(LABEL_MANAGED_BY).map(String::as_str) == Some(NAME)),
    )
}
