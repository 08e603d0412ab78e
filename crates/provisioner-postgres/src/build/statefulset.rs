//! The StatefulSet that runs PostgreSQL: at most one pod at any time.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec},
        core::v1::{
            Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, ExecAction, KeyToPath,
            PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
            ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity as Amount,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};
use provisioner_kit::ANNOTATION_CLAIM;

use super::{pod_labels, service::PORT_NAME};
use crate::{
    credentials::{DATABASE, KEY_PASSWORD, PORT, USERNAME},
    settings::{Compute, Settings},
    validate::Database,
    version::ANNOTATION_VERSION,
};

/// Where the volume is mounted. It is no path of any image's own, so that no image takes it for an older layout.
const DATA: &str = "/data";
/// The data folder. A subfolder, since the root of a volume may hold `lost+found` or have the wrong mode.
const PGDATA: &str = "/data/pgdata";
const CREDENTIALS: &str = "/run/score/credentials";
/// What PostgreSQL writes to outside its data: name, path and size of memory volumes.
const SCRATCH: [(&str, &str, &str); 3] =
    [("tmp", "/tmp", "16Mi"), ("run", "/var/run/postgresql", "1Mi"), ("shm", "/dev/shm", "128Mi")];
/// Recovery after a crash may take long, and to kill it would begin it again.
const STARTUP_SECONDS: i32 = 3600;

pub(super) fn build(database: &Database) -> StatefulSet {
    let names = &database.names;
    let mut metadata = database.marks.metadata(&names.namespace, &names.base);
    if let Some(version) = database.version {
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION_VERSION.to_owned(), version.to_string());
    }
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(names.base.clone()),
            // A pod that never becomes ready (a wrong image) must not keep its own correction from being rolled out.
            pod_management_policy: Some("Parallel".to_owned()),
            selector: LabelSelector { match_labels: Some(pod_labels(names)), ..LabelSelector::default() },
            template: PodTemplateSpec { metadata: Some(pod_metadata(database)), spec: Some(pod(database)) },
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

fn pod_metadata(database: &Database) -> ObjectMeta {
    ObjectMeta {
        labels: Some(pod_labels(&database.names)),
        annotations: Some(BTreeMap::from([(ANNOTATION_CLAIM.to_owned(), database.claim.name.clone())])),
        ..ObjectMeta::default()
    }
}

fn pod(database: &Database) -> PodSpec {
    PodSpec {
        containers: vec![container(&database.settings)],
        volumes: Some(volumes(database)),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(database.run_as_user),
            run_as_group: Some(database.run_as_user),
            fs_group: Some(database.run_as_user),
            // Else every start would walk through all files, and open the data folder to the group.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        service_account_name: database.settings.service_account.clone(),
        // Its former name, which would keep what is not wanted any more.
        service_account: database.settings.service_account.clone(),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(60),
        ..PodSpec::default()
    }
}

/// There is no liveness probe: PostgreSQL that is too busy to answer is not helped by a kill.
fn container(settings: &Settings) -> Container {
    Container {
        name: "postgres".to_owned(),
        image: Some(settings.image.clone()),
        env: Some(environment()),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: i32::from(PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        volume_mounts: Some(mounts()),
        startup_probe: Some(Probe {
            period_seconds: Some(1),
            failure_threshold: Some(STARTUP_SECONDS),
            ..accepts_connections()
        }),
        readiness_probe: Some(Probe {
            period_seconds: Some(5),
            failure_threshold: Some(3),
            ..accepts_connections()
        }),
        resources: Some(resources(settings)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// The variables of docker.io/library/postgres, which other images follow.
fn environment() -> Vec<EnvVar> {
    [
        ("POSTGRES_USER", USERNAME.to_owned()),
        ("POSTGRES_DB", DATABASE.to_owned()),
        ("POSTGRES_PASSWORD_FILE", format!("{CREDENTIALS}/{KEY_PASSWORD}")),
        ("PGDATA", PGDATA.to_owned()),
    ]
    .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), value_from: None })
    .into()
}

/// Over TCP: while an image sets up a new data folder, it listens on the local socket only.
fn accepts_connections() -> Probe {
    let command =
        ["pg_isready", "-q", "-h", "127.0.0.1", "-p", &PORT.to_string(), "-U", USERNAME, "-d", DATABASE]
            .map(str::to_owned);
    Probe {
        exec: Some(ExecAction { command: Some(command.into()) }),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn resources(settings: &Settings) -> ResourceRequirements {
    ResourceRequirements {
        requests: amounts(&settings.requests),
        limits: amounts(&settings.limits),
        ..ResourceRequirements::default()
    }
}

fn amounts(compute: &Compute) -> Option<BTreeMap<String, Amount>> {
    let amounts = [("cpu", &compute.cpu), ("memory", &compute.memory)];
    let amounts: BTreeMap<_, _> = amounts
        .into_iter()
        .filter_map(|(name, quantity)| Some((name.to_owned(), Amount(quantity.as_ref()?.to_string()))))
        .collect();
    (!amounts.is_empty()).then_some(amounts)
}

fn mounts() -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    let credentials = VolumeMount { read_only: Some(true), ..mount("credentials", CREDENTIALS) };
    let scratch = SCRATCH.map(|(name, path, _)| mount(name, path));
    [mount("data", DATA), credentials].into_iter().chain(scratch).collect()
}

fn volumes(database: &Database) -> Vec<Volume> {
    let data = Volume {
        name: "data".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: database.names.volume.clone(),
            read_only: None,
        }),
        ..Volume::default()
    };
    let scratch = SCRATCH.map(|(name, _, size)| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: Some(Amount(size.to_owned())),
        }),
        ..Volume::default()
    });
    [data, credentials(database)].into_iter().chain(scratch).collect()
}

/// The password as a file: an environment can be read by every process of the container.
fn credentials(database: &Database) -> Volume {
    let password = KeyToPath { key: KEY_PASSWORD.to_owned(), path: KEY_PASSWORD.to_owned(), mode: None };
    Volume {
        name: "credentials".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(database.names.secret.clone()),
            items: Some(vec![password]),
            default_mode: Some(0o440),
            optional: None,
        }),
        ..Volume::default()
    }
}
