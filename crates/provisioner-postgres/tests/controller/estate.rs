//! Claims in an API server in memory, and a PostgreSQL that they are to have their databases on.

use std::{sync::Arc, time::Duration};

use api_types::{DeprovisionPolicy, ResourceClaim, ResourceClaimStatus};
use controller_kit::{Cache, testing::TestApiServer};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::ResourceExt as _;
use provisioner_kit::{AllowedSecrets, ClaimLoop, ClaimLoopError};
use provisioner_postgres::{Caches, Defaults, Error, Limits, NAME, Parts, PostgresLogin, Provisioner, Retry};
use serde_json::{Value, json};
use tokio_postgres::{Client, Config, NoTls};

use crate::postgres::Postgres;

pub const NAMESPACE: &str = "team";
pub const PLATFORM: &str = "score-system";
pub const ADMIN: &str = "pg-admin";
pub const LIMITS: Limits = Limits { connect: Duration::from_secs(4), work: Duration::from_secs(30) };

/// The API server, and what the platform put into it.
pub struct Estate {
    pub api: TestApiServer,
}

/// One process of the provisioner.
pub struct Process {
    pub provisioner: ClaimLoop<Provisioner>,
    pub claims: Cache<ResourceClaim>,
}

/// A server with a role that may make roles and databases, and no more.
pub async fn server() -> Postgres {
    let server = Postgres::start_with("super", &["max_connections=100".to_owned()]);
    let role = "CREATE ROLE provisioner LOGIN CREATEROLE CREATEDB PASSWORD 'admin'";
    server.run("postgres", &[role]).await;
    server
}

/// The parameters of a class of databases on `server`, unencrypted.
pub fn class(server: &Postgres) -> Value {
    json!({"server": {"host": "127.0.0.1", "port": server.port, "adminSecretRef": {"name": ADMIN},
                      "tls": {"mode": "disable"}}})
}

impl Estate {
    pub fn new() -> Self {
        let estate = Self { api: TestApiServer::new() };
        estate.set_platform_secret(ADMIN, &[("username", "provisioner"), ("password", "admin")]);
        estate
    }

    pub fn set_platform_secret(&self, name: &str, data: &[(&str, &str)]) {
        let mut secret: Secret = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        secret.metadata.namespace = Some(PLATFORM.to_owned());
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), ByteString((*value).into())));
        secret.data = Some(data.collect());
        self.api.insert(secret);
    }

    pub fn set_claim(&self, name: &str, uid: &str, policy: DeprovisionPolicy, parameters: &Value) {
        let mut claim: ResourceClaim =
            serde_yaml_ng::from_str(include_str!("../fixtures/claim.yaml")).unwrap();
        claim.metadata.name = Some(name.to_owned());
        claim.metadata.uid = Some(uid.to_owned());
        claim.spec.class = "shared".to_owned();
        claim.spec.deprovision_policy = policy;
        claim.spec.parameters = serde_json::from_value(parameters.clone()).unwrap();
        self.api.insert(claim);
    }

    pub fn annotate(&self, name: &str, key: &str, value: &str) {
        self.api.modify(NAMESPACE, name, |claim: &mut ResourceClaim| {
            claim.annotations_mut().insert(key.to_owned(), value.to_owned());
        });
    }

    pub fn delete(&self, name: &str) {
        self.api.remove::<ResourceClaim>(NAMESPACE, name);
    }

    /// A process that knows what is there now.
    pub fn process(&self) -> Process {
        let claims = Cache::from_objects(self.api.list());
        let parts = Parts {
            client: self.api.client(),
            claims: claims.clone(),
            caches: Caches {
                volumes: Cache::from_objects([]),
                services: Cache::from_objects([]),
                databases: Cache::from_objects([]),
                pods: Cache::from_objects([]),
            },
            defaults: Defaults {
                image: "registry/postgres:15".to_owned(),
                storage: "1Gi".parse().unwrap(),
                storage_class: None,
                run_as_user: 999,
                cluster_domain: None,
            },
            login: Arc::new(PostgresLogin::new(LIMITS.connect)),
            server_secrets: AllowedSecrets {
                namespace: PLATFORM.to_owned(),
                names: [ADMIN, "none", "right", "wrong", "broken"].map(str::to_owned).into(),
            },
            limits: LIMITS,
        };
        let provisioner = Provisioner::new(parts);
        let provisioner = ClaimLoop::new(NAME, self.api.client(), claims.clone(), provisioner);
        Process { provisioner, claims }
    }

    /// One pass by a new process.
    pub async fn pass(&self, name: &str) -> Retry {
        self.process().pass(name).await.unwrap()
    }

    /// A pass by a new process that leaves the claim Bound.
    pub async fn bind(&self, name: &str) -> ResourceClaimStatus {
        self.pass(name).await;
        let status = self.status(name);
        assert!(status.outputs_available, "{status:?}");
        status
    }

    pub fn claim(&self, name: &str) -> Option<ResourceClaim> {
        self.api.get(NAMESPACE, name)
    }

    pub fn status(&self, name: &str) -> ResourceClaimStatus {
        self.claim(name).unwrap().status.unwrap_or_default()
    }

    pub fn message(&self, name: &str) -> String {
        self.status(name).message.unwrap_or_default()
    }

    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.api.get(NAMESPACE, &secret_name(name))
    }

    pub fn remove_secret(&self, name: &str) {
        self.api.remove::<Secret>(NAMESPACE, &secret_name(name));
    }

    pub fn modify_secret(&self, name: &str, change: impl FnOnce(&mut Secret)) {
        self.api.modify(NAMESPACE, &secret_name(name), change).unwrap();
    }

    pub fn credential(&self, name: &str, key: &str) -> String {
        let data = self.secret(name).unwrap().data.unwrap();
        String::from_utf8(data[key].0.clone()).unwrap()
    }

    /// A login with what was handed out.
    pub async fn log_in(&self, name: &str) -> Result<Client, tokio_postgres::Error> {
        let uri = self.credential(name, "uri");
        log_in(uri.split('?').next().unwrap()).await
    }
}

fn secret_name(claim: &str) -> String {
    format!("{claim}-postgres-secret")
}

/// A login with `uri`.
pub async fn log_in(uri: &str) -> Result<Client, tokio_postgres::Error> {
    let config: Config = uri.parse()?;
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Process {
    pub async fn pass(&self, name: &str) -> Result<Retry, ClaimLoopError<Error>> {
        let claim = self.claims.get(NAMESPACE, name).expect("the claim should be there");
        self.provisioner.reconcile(&claim).await
    }
}
