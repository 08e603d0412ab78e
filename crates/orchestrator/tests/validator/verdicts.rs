//! The verdicts of the validator are those of the controller: on every Workload of every folder with fixtures and examples,
//! on every platform that is there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use api_types::{ClaimPhase, PlatformPolicy, Workload, WorkloadStatus};
use controller_kit::{Applier, Cache, testing::TestApiServer};
use jiff::Timestamp;
use k8s_controller::TraceMetadata;
use k8s_openapi::api::core::v1::Namespace;
use kube::{CustomResourceExt as _, api::ObjectMeta, core::PartialObjectMetaExt as _};
use orchestrator::{
    DEFINITION,
    caches::Caches,
    controller::Orchestrator,
    governance::Governance,
    validator::{Found, admission::Admission, check},
};
use platform::{config::BUILTIN, document};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{cases, path};

/// What the platform team has set up, and the labels of the namespace.
pub(crate) struct Platform {
    name: String,
    config: Option<Found>,
    policies: Vec<Found>,
    labels: BTreeMap<String, String>,
}

impl Platform {
    pub(crate) fn builtin() -> Self {
        Self { name: "built-in".to_owned(), config: None, policies: Vec::new(), labels: BTreeMap::new() }
    }

    /// The platform of a file with a configuration and one with policies, in a namespace of this `env`.
    fn of(config: &Path, policy: &Path, env: &str) -> Self {
        Self {
            name: format!("{} in {env}", config.display()),
            config: Some(found(config)),
            policies: vec![found(policy)],
            labels: [("env".to_owned(), env.to_owned())].into(),
        }
    }

    /// A platform that offers every resource type of the examples, and allows some of them.
    fn with_resource_types(policy: Option<&Value>) -> Self {
        let mut config: Value = serde_yaml_ng::from_str(BUILTIN).unwrap();
        let types = files(&docs("examples/resource-types"));
        let types = types.iter().flat_map(|file| serde_yaml_ng::from_str::<Vec<Value>>(&text(file)).unwrap());
        config["spec"]["provisioners"] = types.collect();
        let policy = policy.map(|spec| {
            let head = json!({"apiVersion": "score.dev/v1b1", "kind": "PlatformPolicy", "metadata": {"name": "types"}});
            let mut policy = head;
            policy["spec"] = spec.clone();
            Found::new("policy.yaml", policy.to_string())
        });
        Self {
            name: format!(
                "all resource types, {} policy",
                if policy.is_some() { "with a" } else { "without" }
            ),
            config: Some(Found::new("config.yaml", config.to_string())),
            policies: policy.into_iter().collect(),
            labels: BTreeMap::new(),
        }
    }

    /// Every platform that there is.
    fn all() -> Vec<Self> {
        let example = |file: &str| docs("examples/platform").join(file);
        let fixture = |file: &str| PathBuf::from(path(file));
        let examples = Self::of(&example("config.yaml"), &example("policy.yaml"), "prod");
        let types = Self::with_resource_types;
        let some_types = json!({"allowedResources": [{"type": "redis"}]});
        let mut all = vec![Self::builtin(), examples, types(None), types(Some(&some_types))];
        for env in ["prod", "staging"] {
            let mut own = Self::of(&fixture("config.yaml"), &fixture("policy.yaml"), env);
            // What is wrong with the configuration of the fixtures is told by another test.
            if text(&fixture("config.yaml")).parse::<platform::config::Config>().is_err() {
                own.config = None;
            }
            all.push(own);
        }
        all
    }

    /// What the validator says of each of them, each in a namespace of its own.
    fn told_by_validator(&self, workloads: &[&Value]) -> Vec<String> {
        let file = |(number, workload): (usize, &&Value)| {
            let mut workload = Value::clone(workload);
            workload["metadata"]["namespace"] = format!("n{number}").into();
            Found::new(format!("{number}.yaml"), workload.to_string())
        };
        let files: Vec<_> = workloads.iter().enumerate().map(file).collect();
        let report =
            check(self.config.as_ref(), &self.policies, &files, &[], self.labels.clone()).to_string();
        let errors_in = |file: &Found| {
            let lines = report.lines().filter(|line| line.starts_with(&format!("{}:", file.name)));
            let errors = lines.filter_map(|line| Some(line.split_once(": error: ")?.1.to_owned()));
            errors.collect::<Vec<_>>().join("; ")
        };
        files.iter().map(errors_in).collect()
    }

    /// The policies that the API server takes.
    fn policies(&self) -> Vec<PlatformPolicy> {
        let rules = Admission::of(&PlatformPolicy::crd()).unwrap();
        let documents = self.policies.iter().flat_map(|file| file.documents.as_ref().unwrap());
        let taken = documents.filter(|document| rules.errors(&document.value).is_empty());
        taken.map(|document| serde_json::from_value(document.value.clone()).unwrap()).collect()
    }

    fn governance(&self) -> Governance {
        let config = self.config.as_ref().map_or(BUILTIN, |config| &config.text);
        let namespace = ObjectMeta {
            name: Some("default".into()),
            labels: Some(self.labels.clone()),
            ..ObjectMeta::default()
        };
        Governance::new(
            watch::channel(Some(Arc::new(config.parse().unwrap()))).1,
            Cache::from_objects(self.policies()),
            Cache::from_objects([namespace.into_response_partial::<Namespace>()]),
        )
    }

    /// What the controller says in the status.
    pub(crate) async fn told_by_controller(&self, workload: &Value) -> String {
        told_under(&self.governance(), workload).await
    }
}

async fn told_under(governance: &Governance, workload: &Value) -> String {
    let server = TestApiServer::new();
    let mut workload: Workload = serde_json::from_value(workload.clone()).unwrap();
    let metadata = &mut workload.metadata;
    (metadata.namespace, metadata.uid, metadata.generation) =
        (Some("default".into()), Some("u".into()), Some(1));
    let workload: Workload = server.insert(workload);
    let caches = Caches::new(
        Cache::from_objects(server.list()),
        Cache::from_objects([]),
        Cache::from_objects([]),
        Cache::from_objects([]),
    );
    let applier = Applier::new(server.client(), DEFINITION.name);
    let orchestrator = Orchestrator::reading(caches, governance.clone(), applier);
    orchestrator.reconcile(&workload, Timestamp::UNIX_EPOCH, &TraceMetadata::default()).await.unwrap();
    let name = workload.metadata.name.unwrap();
    in_words(&server.get::<Workload>("default", &name).unwrap().status.unwrap())
}

/// Everything that stands in the Workload's way and that waiting does not mend.
fn in_words(status: &WorkloadStatus) -> String {
    let message = |type_| {
        let found = conditions::find(&status.conditions, type_).unwrap();
        (found.status == "False").then(|| (found.reason.clone(), found.message.clone()))
    };
    if let Some((_, message)) = message("InputsValid") {
        return message;
    }
    let selecting = message("RuntimeReady").filter(|(reason, _)| reason == "RuntimeSelecting");
    let failed = status.claims.iter().filter(|claim| claim.phase == ClaimPhase::Failed);
    let failed = failed.map(|claim| {
        let message = claim.message.as_deref().unwrap_or_default();
        format!("spec.resources.{}: {}", claim.key, message.strip_suffix('.').unwrap_or(message))
    });
    selecting.map(|(_, message)| message).into_iter().chain(failed).collect::<Vec<_>>().join("; ")
}

fn docs(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(below)
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

fn found(file: &Path) -> Found {
    Found::new(file.display().to_string(), text(file))
}

/// Every YAML file in a folder and those below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .flat_map(|entry| match entry.is_dir() {
            true => files(&entry),
            false => vec![entry],
        })
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// The Workloads of every folder that has any.
fn in_files() -> Vec<Value> {
    let own = |folder: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let folders = [docs("examples"), own("tests/fixtures"), own("tests/validator/fixtures")];
    let documents = folders.iter().flat_map(|folder| files(folder));
    let documents = documents.flat_map(|file| document::parse_all(&text(&file)).unwrap_or_default());
    documents.map(|document| document.value).filter(|value| value["kind"] == "Workload").collect()
}

/// For each resource type that is shipped, a Workload that uses it, one that uses an output that it may not have, and one
/// with params that it may not take.
fn of_resource_types() -> Vec<Value> {
    let files = files(&docs("examples/resource-types"));
    let all = files.iter().flat_map(|file| serde_yaml_ng::from_str::<Vec<Value>>(&text(file)).unwrap());
    all.flat_map(|type_| {
        let type_ = type_["type"].as_str().unwrap().to_owned();
        let workload = |variables: Value, params: Value| {
            let mut resource = json!({"type": type_});
            if !params.is_null() {
                resource["params"] = params;
            }
            json!({
                "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "typed"},
                "spec": {
                    "containers": {"main": {"image": "registry.example.com/web:1", "variables": variables}},
                    "resources": {"it": resource},
                },
            })
        };
        [
            workload(json!({}), Value::Null),
            workload(json!({"X": "${resources.it.no-such-output}"}), Value::Null),
            workload(json!({}), json!({"no-such-param": {"deep": [1]}})),
        ]
    })
    .collect()
}

#[tokio::test]
async fn the_validator_says_what_the_controller_says_of_every_workload_on_every_platform() {
    let rules = Admission::of(&Workload::crd()).unwrap();
    let cases = cases();
    let of_cases = cases.iter().map(|case| case.workload());
    let all: Vec<Value> = in_files().into_iter().chain(of_resource_types()).chain(of_cases).collect();
    // What the API server refuses no controller sees.
    let workloads: Vec<&Value> = all.iter().filter(|workload| rules.errors(workload).is_empty()).collect();
    assert!(in_files().len() >= 15 && of_resource_types().len() >= 30, "{} in files", in_files().len());
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for platform in Platform::all() {
        let governance = platform.governance();
        for (workload, validator) in workloads.iter().zip(platform.told_by_validator(&workloads)) {
            let controller = told_under(&governance, workload).await;
            refused += usize::from(!controller.is_empty());
            if validator != controller {
                let name = &workload["metadata"]["name"];
                wrong.push(format!("{name} on {}: {validator:?}, and not {controller:?}", platform.name));
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
