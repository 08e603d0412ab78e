//! Step 2: from a plan as anyone may have written it to one that can be built. Pure.
//!
//! Everything that is wrong is listed at once, each with the path of the user's own field.

mod files;
mod mounts;
mod order;
mod ports;
mod probes;
mod run;
mod volumes;

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use api_types::{
    PlanContainer, ResourceQuantities, SecretKeyRef, Segment, Template, TemplateKind, Text, WorkloadPlan,
};
use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::OwnerReference};
use kube::Resource;
use score_spec::quantity::{Cpu, Memory, QuantityError};
use sha2::{Digest as _, Sha256};

use self::probes::ValidProbes;
pub use self::{
    files::{FileContent, MAX_FILE, ValidFile},
    order::{Gate, Turn},
    ports::ValidPort,
    probes::{Check, ValidProbe},
    volumes::{Origin, ValidVolume},
};
use crate::{
    template,
    values::{self, Kind, ProbeTimings, Values, Work},
};

/// The longest name of a Workload whose instances Kubernetes tells apart by labels that hold the name and more.
const LONGEST_NAME: usize = 52;

/// Who asks: enough to answer, whatever is wrong with the rest of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The namespace of the plan and of everything made for it.
    pub namespace: String,
    /// The name of the plan, of its Workload and of everything made for it.
    pub name: String,
    /// The plan's uid, by which what was made for it is told from what was made for one before it.
    pub uid: String,
    /// The generation of the plan that is answered.
    pub generation: i64,
    /// The uid of the Workload, which the exposure must name as well.
    pub workload_uid: String,
}

/// A plan that the API server handed out without what it gives every object.
#[derive(Debug, thiserror::Error)]
#[error("the plan carries no {0}, which the API server gives every object")]
pub struct Error(&'static str);

impl Identity {
    /// Who `plan` is.
    ///
    /// # Errors
    /// If metadata that the API server sets is missing.
    pub fn of(plan: &WorkloadPlan) -> Result<Self, Error> {
        let meta = plan.meta();
        Ok(Self {
            namespace: meta.namespace.clone().ok_or(Error("namespace"))?,
            name: meta.name.clone().ok_or(Error("name"))?,
            uid: meta.uid.clone().ok_or(Error("uid"))?,
            generation: meta.generation.ok_or(Error("generation"))?,
            workload_uid: plan.spec.workload_ref.uid.clone(),
        })
    }

    /// Whether `object` goes with the plan.
    pub fn owns<K: Resource>(&self, object: &K) -> bool {
        object.meta().owner_references.iter().flatten().any(|owner| owner.uid == self.uid)
    }

    /// The reference that makes the API server collect an object when the plan goes.
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: WorkloadPlan::api_version(&()).into_owned(),
            kind: WorkloadPlan::kind(&()).into_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            // A Workload that moves begins elsewhere only once nothing of it is left here.
            block_owner_deletion: Some(true),
        }
    }
}

/// A plan that can be built: nothing in it can make building fail.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidPlan {
    /// Who asks.
    pub identity: Identity,
    /// What kind of work the containers do.
    pub work: Work,
    /// In whose name the containers talk to the platform; nobody's if absent.
    pub service_account: Option<String>,
    /// The containers: first those that run before others, in that order, then the rest by name.
    pub containers: Vec<ValidContainer>,
    /// The ports, in the user's order.
    pub ports: Vec<ValidPort>,
    /// Changes whenever an output that the plan was made with does; absent without claims.
    pub outputs_revision: Option<String>,
    /// Changes whenever what runs to its end has to run again.
    pub run: String,
    /// The Workload's annotations for what runs it.
    pub annotations: BTreeMap<String, String>,
    /// The image that joins files of text and secrets; known wherever there is such a file.
    pub joiner: Option<String>,
    /// What the platform changes and adds.
    pub template: template::Template,
    /// Where resources of the Workload make it reachable from outside, by their names.
    pub claim_urls: Vec<(String, String)>,
}

impl ValidPlan {
    /// The plan with the image that joins files of text and secrets.
    ///
    /// # Errors
    /// If there is such a file and no such image.
    pub fn with_joiner(self, image: Option<&str>) -> Result<Self, Vec<String>> {
        let joins = |it: &&ValidContainer| it.files.iter().any(|file| file.joined_secrets().is_some());
        match self.containers.iter().find(joins) {
            Some(container) if image.is_none() => Err(vec![format!(
                "spec.containers.{}.files: a file that holds an output among other text cannot be made here: let it hold \
                 the output alone, use a variable, or ask your platform team (the runtime was started without --image).",
                container.name
            )]),
            _ => Ok(Self { joiner: image.map(str::to_owned), ..self }),
        }
    }
}

/// A container that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidContainer {
    /// The user's name for it.
    pub name: String,
    /// The image.
    pub image: String,
    /// The entrypoint, empty for the image's own.
    pub command: Vec<String>,
    /// The arguments, empty for the image's own.
    pub args: Vec<String>,
    /// The environment.
    pub variables: BTreeMap<String, Value>,
    /// The most that it may use, in the form that the API server stores.
    pub limits: BTreeMap<String, Quantity>,
    /// What it is sure to get, in the form that the API server stores.
    pub requests: BTreeMap<String, Quantity>,
    /// When to restart it.
    pub liveness: Option<ValidProbe>,
    /// When to send requests to it.
    pub readiness: Option<ValidProbe>,
    /// What must pass once before the other two are looked at.
    pub startup: Option<ValidProbe>,
    /// Its files, by path.
    pub files: Vec<ValidFile>,
    /// Its volumes, by path.
    pub volumes: Vec<ValidVolume>,
    /// When it runs.
    pub turn: Turn,
}

/// The value of a variable, by what it takes to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text without a secret.
    Plain(String),
    /// Exactly one secret.
    Secret(SecretKeyRef),
    /// Text and secrets, to be joined in order.
    Joined(Vec<Segment>),
}

/// The plan, ready to be built.
///
/// # Errors
/// Everything that this runtime cannot do, one sentence each, beginning with the field path.
pub fn validate(identity: Identity, plan: &WorkloadPlan) -> Result<ValidPlan, Vec<String>> {
    let mut problems = template_problems(&plan.spec.template);
    let values = Values::read(&plan.spec.template.values, &mut problems);
    let template = template::Template::read(&values, &identity, plan, &mut problems);
    problems.extend(too_long_a_name(&identity, values.work.kind()));
    if plan.spec.containers.is_empty() {
        problems.push("spec.containers: there is no container to run: add one.".into());
    }
    let mut containers = valid_containers(plan, &values.probes, &mut problems);
    order::sort(&mut containers, &plan.spec.containers, &mut problems);
    volumes::check_stateful(&containers, values.work.kind() == Kind::StatefulSet, &mut problems);
    let ports = plan.spec.service.as_ref().map(|service| ports::valid(&service.ports)).unwrap_or_default();
    let outputs_revision = outputs_revision(plan);
    let run = run::digest(&plan.spec);
    let claim_urls = claim_urls(plan);
    let Values { work, service_account, .. } = values;
    if problems.is_empty() {
        let annotations = plan.spec.annotations.clone();
        Ok(ValidPlan {
            identity,
            work,
            service_account,
            containers,
            ports,
            outputs_revision,
            run,
            annotations,
            joiner: None,
            template,
            claim_urls,
        })
    } else {
        Err(problems)
    }
}

fn template_problems(template: &Template) -> Vec<String> {
    let own = template.kind == TemplateKind::Manifests && template.ref_.is_none();
    if own {
        return Vec::new();
    }
    vec![
        "The platform's profile asks for a template, which this runtime cannot use: choose another spec.profile, or ask \
         your platform team to configure the backend without a template."
            .into(),
    ]
}

fn too_long_a_name(identity: &Identity, kind: Kind) -> Option<String> {
    let bounded = matches!(kind, Kind::StatefulSet | Kind::CronJob) && identity.name.len() > LONGEST_NAME;
    bounded.then(|| {
        format!(
            "metadata.name: may have at most {LONGEST_NAME} characters for the kind `{kind}`: give the workload a \
             shorter name."
        )
    })
}

fn valid_containers(
    plan: &WorkloadPlan,
    timings: &BTreeMap<String, ProbeTimings>,
    problems: &mut Vec<String>,
) -> Vec<ValidContainer> {
    for name in timings.keys().filter(|name| !plan.spec.containers.contains_key(*name)) {
        problems.push(values::problem(
            &format!("probes.{name}"),
            "is not the name of a container of the workload",
        ));
    }
    let containers = plan.spec.containers.iter();
    containers
        .map(|(name, container)| {
            let timings = timings.get(name).copied().unwrap_or_default();
            valid_container(name, container, timings, problems)
        })
        .collect()
}

fn valid_container(
    name: &str,
    container: &PlanContainer,
    timings: ProbeTimings,
    problems: &mut Vec<String>,
) -> ValidContainer {
    let path = format!("spec.containers.{name}");
    check_variable_names(&path, container, problems);
    let resources = container.resources.as_ref();
    let limits = quantities(
        &format!("{path}.resources.limits"),
        resources.and_then(|resources| resources.limits.as_ref()),
        problems,
    );
    let requests = quantities(
        &format!("{path}.resources.requests"),
        resources.and_then(|resources| resources.requests.as_ref()),
        problems,
    );
    let probes = probes::valid(name, container, timings, problems);
    let turn = order::turn(&path, container, &probes, timings.startup.unwrap_or_default(), problems);
    let files = files::valid(&path, container, problems);
    let volumes = volumes::valid(&path, container, problems);
    mounts::check(&path, &files, &volumes, problems);
    let ValidProbes { liveness, readiness, startup } = probes;
    ValidContainer {
        name: name.to_owned(),
        image: container.image.clone(),
        command: container.command.clone(),
        args: container.args.clone(),
        variables: container.variables.iter().map(|(name, text)| (name.clone(), value(text))).collect(),
        limits,
        requests,
        liveness,
        readiness,
        startup,
        files,
        volumes,
        turn,
    }
}

/// Kubernetes takes printable ASCII in the names of variables, and nothing else; Score takes anything but `=`.
fn check_variable_names(path: &str, container: &PlanContainer, problems: &mut Vec<String>) {
    let printable = |name: &str| !name.is_empty() && name.chars().all(|c| matches!(c, ' '..='~') && c != '=');
    for name in container.variables.keys().filter(|name| !printable(name)) {
        problems.push(format!(
            "{path}.variables: the name `{}` cannot be used here: use printable ASCII characters other than =.",
            name.escape_debug()
        ));
    }
}

fn value(text: &Text) -> Value {
    let segments = match text {
        Text::Plain(text) => return Value::Plain(text.clone()),
        Text::Segments(segments) => segments,
    };
    let said = |segment: &&Segment| !matches!(segment, Segment::Value(text) if text.is_empty());
    let segments: Vec<_> = segments.iter().filter(said).cloned().collect();
    match segments.as_slice() {
        [Segment::SecretKeyRef(reference)] => Value::Secret(reference.clone()),
        _ => plain(&segments).map_or(Value::Joined(segments), Value::Plain),
    }
}

/// The text, if no segment is a secret.
fn plain(segments: &[Segment]) -> Option<String> {
    let text = |segment: &Segment| match segment {
        Segment::Value(text) => Some(text.clone()),
        Segment::SecretKeyRef(_) => None,
    };
    segments.iter().map(text).collect()
}

fn quantities(
    path: &str,
    given: Option<&ResourceQuantities>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, Quantity> {
    let Some(given) = given else { return BTreeMap::new() };
    let canonical = [
        ("cpu", given.cpu.as_deref().map(canonical::<Cpu>)),
        ("memory", given.memory.as_deref().map(canonical::<Memory>)),
    ];
    let mut quantities = BTreeMap::new();
    for (resource, result) in canonical {
        match result {
            Some(Ok(quantity)) => drop(quantities.insert(resource.to_owned(), quantity)),
            Some(Err(error)) => problems.push(format!("{path}.{resource}: {error}.")),
            None => {}
        }
    }
    quantities
}

/// The quantity as the API server stores it, so that what is applied is what comes back.
fn canonical<T: FromStr<Err = QuantityError> + Display>(text: &str) -> Result<Quantity, QuantityError> {
    text.parse::<T>().map(|quantity| Quantity(quantity.to_string()))
}

fn claim_urls(plan: &WorkloadPlan) -> Vec<(String, String)> {
    let urls = plan.spec.claims.iter().filter_map(|claim| Some((claim.key.clone(), claim.url.clone()?)));
    urls.collect()
}

fn outputs_revision(plan: &WorkloadPlan) -> Option<String> {
    if plan.spec.claims.is_empty() {
        return None;
    }
    let mut claims: Vec<_> =
        plan.spec.claims.iter().map(|claim| (&claim.key, &claim.outputs_revision)).collect();
    claims.sort();
    let mut digest = Sha256::new();
    for (key, revision) in claims {
        // Neither a key nor a revision can hold a NUL, so no two lists of claims read the same.
        digest.update(format!("{key}\0{}\0", revision.as_deref().unwrap_or_default()));
    }
    Some(hex(&digest.finalize()))
}

/// The first 16 digits of a digest: enough to tell apart what one Workload can be.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
