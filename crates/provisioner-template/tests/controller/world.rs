//! An API server in memory, a provisioner before it, and somebody who plays Kubernetes behind it.

use std::collections::BTreeSet;

use api_types::{DeprovisionPolicy, ResourceClaim, ResourceClaimStatus, Workload};
use controller_kit::{Cache, testing::TestApiServer};
use k8s_openapi::api::{
    apps::v1::{StatefulSet, StatefulSetStatus},
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service},
};
use kube::{Resource, ResourceExt as _};
use provisioner_kit::{AllowedSecrets, ClaimLoop, ClaimLoopError};
use provisioner_template::{Apis, Error, Helm, NAME, Parts, Provisioner, Retry};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub const NAMESPACE: &str = "team";
pub const CLAIM: &str = "shop-cache";
pub const RECORD: &str = "shop-cache-generated";
/// Where the platform's Secrets lie.
pub const PLATFORM: &str = "score-system";

/// The kinds that the platform allows.
const KINDS: [&str; 8] = [
    "v1/Secret",
    "v1/Service",
    "v1/ConfigMap",
    "v1/PersistentVolumeClaim",
    "apps/v1/StatefulSet",
    "autoscaling/v1/HorizontalPodAutoscaler",
    "autoscaling/v2/HorizontalPodAutoscaler",
    "example.com/v1/Nothing",
];

/// These of the platform's Secrets.
pub fn allowed<const N: usize>(names: [&str; N]) -> AllowedSecrets {
    AllowedSecrets { namespace: PLATFORM.to_owned(), names: names.map(str::to_owned).into() }
}

pub struct World {
    pub server: TestApiServer,
    provisioner: ClaimLoop<Provisioner>,
    claims: Cache<ResourceClaim>,
    apis: Apis,
    helm: Helm,
}

impl World {
    /// A world with the claim of the fixture.
    pub fn new() -> Self {
        Self::of(|_| ())
    }

    /// A world with the claim of the fixture, changed.
    pub fn of(change: impl FnOnce(&mut ResourceClaim)) -> Self {
        Self::at(None, change)
    }

    /// The same, where declarations may use the API at `origin`.
    pub fn at(origin: Option<String>, change: impl FnOnce(&mut ResourceClaim)) -> Self {
        let origins = origin.iter().map(|origin| origin.parse().unwrap()).collect();
        let apis = Apis { origins, secrets: allowed(["buckets-api", "api-ca"]) };
        let helm = Helm {
            binary: "/helm".into(),
            folder: "/nowhere".into(),
            origins: BTreeSet::new(),
            secrets: AllowedSecrets::default(),
        };
        Self::with(served(change), apis, helm)
    }

    /// The same, where declarations may name charts.
    pub fn with_charts(helm: Helm, change: impl FnOnce(&mut ResourceClaim)) -> Self {
        Self::with(served(change), Apis::default(), helm)
    }

    /// A world with a claim of this declaration.
    pub fn declaring(declaration: &str) -> Self {
        Self::of(|claim| declare(claim, declaration))
    }

    fn with(server: TestApiServer, apis: Apis, helm: Helm) -> Self {
        let claims = Cache::from_objects(server.list());
        let provisioner = Provisioner::new(Parts {
            client: server.client(),
            claims: claims.clone(),
            allowed_kinds: KINDS.iter().map(|kind| kind.parse().unwrap()).collect(),
            apis: apis.clone(),
            helm: helm.clone(),
        });
        let provisioner = ClaimLoop::new(NAME, server.client(), claims.clone(), provisioner);
        Self { server, provisioner, claims, apis, helm }
    }

    /// The same world with a new process, whose caches hold what is there now.
    pub fn restart(self) -> Self {
        Self::with(self.server, self.apis, self.helm)
    }

    /// The same world with a new process, where declarations may use the API at `origin` as well.
    pub fn allowing(mut self, origin: &str) -> Self {
        self.apis.origins.insert(origin.parse().unwrap());
        self.restart()
    }

    /// One reconcile, of the newest claim that the process knows.
    pub async fn pass(&self) -> Result<Retry, ClaimLoopError<Error>> {
        let claim = self.claims.get(NAMESPACE, CLAIM).expect("the claim should be there");
        self.provisioner.reconcile(&claim).await
    }

    /// One reconcile by a new process, after the claim was changed.
    pub async fn changed(self, change: impl FnOnce(&mut ResourceClaim)) -> Self {
        self.server.modify(NAMESPACE, CLAIM, change);
        let world = self.restart();
        world.pass().await.unwrap();
        world
    }

    /// Starts one process after another, while Kubernetes does its part, until the claim is Bound as it
    /// is now. Passes may fail.
    pub async fn until_bound(mut self) -> Self {
        for _ in 0..6 {
            self = self.restart();
            let is_current = || self.status().observed_generation == self.claim().metadata.generation;
            if self.pass().await.is_ok() && self.status().outputs_available && is_current() {
                return self;
            }
            self.set_ready();
        }
        panic!("not bound: {:?}", self.status());
    }

    /// What Kubernetes reports once the StatefulSet runs.
    pub fn set_ready(&self) {
        self.server.modify(NAMESPACE, CLAIM, |set: &mut StatefulSet| {
            set.status = Some(StatefulSetStatus {
                ready_replicas: Some(1),
                replicas: 1,
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

    pub fn get<K: Resource<DynamicType = ()> + DeserializeOwned>(&self, name: &str) -> Option<K> {
        self.server.get(NAMESPACE, name)
    }

    /// A value of a Secret, as text.
    pub fn secret(&self, name: &str, key: &str) -> Option<String> {
        let secret: Secret = self.get(name)?;
        let value = secret.data?.remove(key)?;
        Some(String::from_utf8(value.0).unwrap())
    }

    /// Verb and plural of every write since the requests were last cleared.
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

    /// How many of record, secret, service and statefulset are owned by the claim with `uid`.
    pub fn owned_by(&self, uid: &str) -> usize {
        let owners = [
            owners::<Secret>(self, RECORD),
            owners::<Secret>(self, CLAIM),
            owners::<Service>(self, CLAIM),
            owners::<StatefulSet>(self, CLAIM),
        ];
        owners.iter().filter(|owners| owners.iter().any(|owner| owner == uid)).count()
    }
}

/// An API server with the claim of the fixture, changed.
fn served(change: impl FnOnce(&mut ResourceClaim)) -> TestApiServer {
    let server = TestApiServer::new();
    server.serve::<Secret>();
    server.serve::<Service>();
    server.serve::<ConfigMap>();
    server.serve::<PersistentVolumeClaim>();
    server.serve::<StatefulSet>();
    server.serve::<Workload>();
    let mut claim: ResourceClaim = serde_yaml_ng::from_str(include_str!("../fixtures/claim.yaml")).unwrap();
    change(&mut claim);
    server.insert(claim);
    server
}

fn owners<K: Resource<DynamicType = ()> + DeserializeOwned>(world: &World, name: &str) -> Vec<String> {
    let object: Option<K> = world.get(name);
    object
        .map(|object| object.owner_references().iter().map(|owner| owner.uid.clone()).collect())
        .unwrap_or_default()
}

/// Puts another declaration into the claim.
pub fn declare(claim: &mut ResourceClaim, declaration: &str) {
    let Value::Object(parameters) = serde_yaml_ng::from_str(declaration).unwrap() else { panic!("no map") };
    claim.spec.parameters = Some(api_types::OpenObject(parameters));
}

/// Changes a field of the declaration in the claim.
pub fn edit(claim: &mut ResourceClaim, pointer: &str, value: Value) {
    let mut parameters = Value::Object(claim.spec.parameters.take().unwrap().0);
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match parameters.pointer_mut(parent).unwrap() {
        Value::Object(parent) => drop(parent.insert(field.to_owned(), value)),
        Value::Array(items) if value.is_null() => drop(items.remove(field.parse().unwrap())),
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    let Value::Object(parameters) = parameters else { panic!("no map") };
    claim.spec.parameters = Some(api_types::OpenObject(parameters));
}
