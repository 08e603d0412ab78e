//! What is to be done about each dependency, and how it is. Pure.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{
    ClaimPhase, ClaimSummary, OpenObject, Output, ResourceClaim, ResourceClaimSpec, Workload, WorkloadRef,
    metadata::{self, ANNOTATION_RELEASE, LABEL_PROTECTED, LABEL_USERS},
};
use controller_kit::owner_reference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{ResourceExt as _, api::ObjectMeta};
use platform::{
    config::Provisioner,
    decide::{Decision, Provided},
    provision::{NotProvided, Provision},
    values::merged,
};
use score_spec::{
    names::ResourceKey,
    project::{Resolution, params},
    validate::{ValidResource, ValidWorkload},
};

use crate::{
    DEFINITION,
    dereference::World,
    sharing::{Declaration, Shared},
    status,
};

/// One dependency: the claim that should be there, or why there should be none, and its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// The claim to apply; none where it cannot be made as things stand.
    pub claim: Option<ResourceClaim>,
    /// Its state, for the Workload's status.
    pub summary: ClaimSummary,
    /// Its outputs, once they can be used.
    pub outputs: Option<BTreeMap<String, Output>>,
    /// Changes with the outputs.
    pub revision: Option<String>,
}

/// Outputs of dependencies that can be used, by key.
pub type Outputs = BTreeMap<ResourceKey, BTreeMap<String, Output>>;

/// All dependencies of a Workload, each after those whose outputs its params need.
pub fn dependencies(
    workload: &Workload,
    decision: &Decision<'_>,
    world: &World,
) -> BTreeMap<ResourceKey, Dependency> {
    let valid = &decision.workload;
    let mut outputs = Outputs::new();
    let mut dependencies = BTreeMap::new();
    for key in &valid.resource_order {
        let Some(resource) = valid.resources.get(key) else { continue };
        let asked = Asked { workload, valid, key, resource, provided: decision.resources.get(key) };
        let dependency = asked.dependency(world, &outputs);
        outputs.extend(dependency.outputs.clone().map(|found| (key.clone(), found)));
        dependencies.insert(key.clone(), dependency);
    }
    dependencies
}

/// A resource that a Workload asks for.
struct Asked<'a> {
    workload: &'a Workload,
    valid: &'a ValidWorkload,
    key: &'a ResourceKey,
    resource: &'a ValidResource,
    provided: Option<&'a Result<Provided<'a>, NotProvided>>,
}

impl Asked<'_> {
    fn dependency(&self, world: &World, outputs: &Outputs) -> Dependency {
        let name = self.resource.claim_name(&self.valid.name, self.key);
        let live = world.claims.get(&name).map(Arc::as_ref);
        let Some(shared) = self.resource.id.as_ref().and_then(|_| world.shared.get(&name)) else {
            return match self.spec(outputs, live).and_then(|spec| self.against(live, &spec).map(|()| spec)) {
                Ok(spec) => self.claimed(self.protected(self.own_claim(name, spec), live), live, world),
                Err(summary) => Dependency::without_claim(summary),
            };
        };
        match shared.definition() {
            Some(definition) if self.defines(&definition) => self.defined(shared, world, outputs),
            definition => {
                // What cannot be provided at all cannot be for whoever defines it either.
                let hopeless =
                    self.spec(outputs, live).err().filter(|found| found.phase == ClaimPhase::Failed);
                hopeless.map_or_else(|| self.used(shared, definition, world), Dependency::without_claim)
            }
        }
    }

    fn defines(&self, definition: &Declaration<'_>) -> bool {
        definition.workload.name_any() == self.valid.name.as_str() && definition.key == self.key.as_str()
    }

    /// A shared resource that this declaration defines.
    fn defined(&self, shared: &Shared, world: &World, outputs: &Outputs) -> Dependency {
        let live = shared.claim.as_deref();
        let spec = self
            .spec(outputs, live)
            .map(|spec| ResourceClaimSpec { metadata: shared.metadata(), ..spec })
            .and_then(|spec| self.against(live, &spec).map(|()| spec));
        match spec {
            Ok(spec) => {
                let claim = shared_claim(shared, &self.valid.namespace, spec);
                self.claimed(self.protected(claim, live), live, world)
            }
            // Others may use it as it is, so it is kept for them.
            Err(summary) => Dependency { claim: kept(shared), ..Dependency::without_claim(summary) },
        }
    }

    /// A shared resource that another declaration defines.
    fn used(&self, shared: &Shared, definition: Option<Declaration<'_>>, world: &World) -> Dependency {
        let key = self.key.as_str();
        let in_the_way = shared.claim.as_ref().filter(|live| !self.is_same(live));
        if let Some(live) = in_the_way {
            return Dependency::without_claim(collides(key, live));
        }
        // Whoever does not own it could lose it at any time.
        let held = shared.claim.as_deref().filter(|_| shared.is_held_by(self.workload));
        match held.filter(|live| live.metadata.deletion_timestamp.is_none()) {
            Some(live) => Dependency::answered(None, status::summary_of(key, live, world.now), Some(live)),
            None => Dependency::without_claim(status::waiting(key, awaiting(definition))),
        }
    }

    /// Whether a claim is for the resource that is shared, and not for one of another Workload with that name.
    fn is_same(&self, claim: &ResourceClaim) -> bool {
        let (spec, resource) = (&claim.spec, self.resource);
        spec.id.as_deref() == resource.id.as_ref().map(|id| id.as_str())
            && spec.type_ == resource.type_.as_str()
            && spec.class == resource.class.as_str()
    }

    fn spec(
        &self,
        outputs: &Outputs,
        live: Option<&ResourceClaim>,
    ) -> Result<ResourceClaimSpec, ClaimSummary> {
        let key = self.key.as_str();
        let (type_, class) = (self.resource.type_.to_string(), self.resource.class.to_string());
        let provided = match self.provided {
            Some(Ok(provided)) => provided,
            Some(Err(nobody)) => return Err(status::failed(key, format!("{nobody}."))),
            // There is a decision for every resource.
            None => {
                return Err(status::waiting(key, "the platform has not decided about it yet.".to_owned()));
            }
        };
        let Provision { provisioner, class: found, .. } = &provided.provision;
        let params = self.params(provisioner, outputs)?;
        Ok(ResourceClaimSpec {
            workload_ref: WorkloadRef { name: self.valid.name.to_string(), uid: self.valid.uid.clone() },
            key: key.to_owned(),
            type_,
            class,
            id: self.resource.id.as_ref().map(ToString::to_string),
            metadata: self.resource.metadata.clone(),
            params: with_defaults(&provisioner.default_params, params),
            service: self.valid.service(),
            provisioner: provisioner.name.to_string(),
            parameters: Some(found.parameters.clone()).filter(|parameters| !parameters.is_empty()),
            deprovision_policy: provided.policy(live.is_some_and(is_released)),
        })
    }

    /// The params with every placeholder resolved, and judged again: what outputs bring, nobody has seen before.
    fn params(
        &self,
        provisioner: &Provisioner,
        outputs: &Outputs,
    ) -> Result<Option<OpenObject>, ClaimSummary> {
        let key = self.key.as_str();
        let params = match params(self.key, self.resource, outputs) {
            Resolution::Resolved(params) => params,
            Resolution::Unresolved(missing) => {
                let message = format!("its params wait for another dependency: {}.", joined(&missing));
                return Err(status::waiting(key, message));
            }
        };
        let written = self.workload.spec.resources.get(key).and_then(|resource| resource.params.as_ref());
        let errors = platform::params::errors(provisioner, self.key, written, params.clone());
        if !errors.is_empty() {
            let message =
                format!("its params, with outputs put in, are not what it takes: {}.", joined(&errors));
            return Err(status::failed(key, message));
        }
        Ok(params)
    }

    /// Whether `spec` may be applied where `live` stands.
    fn against(&self, live: Option<&ResourceClaim>, spec: &ResourceClaimSpec) -> Result<(), ClaimSummary> {
        let (key, Some(live)) = (self.key.as_str(), live) else { return Ok(()) };
        let (owner, wanted) = (&live.spec.workload_ref, &spec.workload_ref);
        let is_shared = spec.id.is_some() && self.is_same(live);
        if !is_shared && (owner.name != wanted.name || live.spec.key != spec.key || live.spec.id != spec.id) {
            return Err(collides(key, live));
        }
        if (!is_shared && owner.uid != wanted.uid) || live.metadata.deletion_timestamp.is_some() {
            let message = "waiting until what it replaces, which has the same name, is gone.".to_owned();
            return Err(status::waiting(key, message));
        }
        let identity =
            |spec: &ResourceClaimSpec| (spec.type_.clone(), spec.class.clone(), spec.provisioner.clone());
        if identity(&live.spec) != identity(spec) {
            let message = format!(
                "it was provided as `{}` ({}) and cannot become `{}` ({}), which would lose its data: use another \
                 key for the new one, and this one goes once nothing uses it.",
                live.spec.type_, live.spec.class, spec.type_, spec.class
            );
            return Err(status::failed(key, message));
        }
        Ok(())
    }

    fn own_claim(&self, name: String, spec: ResourceClaimSpec) -> ResourceClaim {
        claim(name, self.valid.namespace.clone(), spec, vec![owner_reference(self.workload)])
    }

    /// The claim, which says so if it is kept for the platform's sake alone.
    fn protected(&self, mut claim: ResourceClaim, live: Option<&ResourceClaim>) -> ResourceClaim {
        let is_protected = matches!(self.provided, Some(Ok(provided)) if provided.is_protected());
        if is_protected && !live.is_some_and(is_released) {
            claim.labels_mut().insert(LABEL_PROTECTED.to_owned(), "true".to_owned());
        }
        claim
    }

    fn claimed(&self, claim: ResourceClaim, live: Option<&ResourceClaim>, world: &World) -> Dependency {
        let key = self.key.as_str();
        // An answer to other params than those of now does not count.
        let answered = live.filter(|live| live.spec == claim.spec);
        let summary = match answered {
            Some(live) if claim.labels().contains_key(LABEL_PROTECTED) => {
                with_protection(status::summary_of(key, live, world.now))
            }
            Some(live) => status::summary_of(key, live, world.now),
            None => {
                status::waiting(key, format!("waiting for `{}`, which provides it.", claim.spec.provisioner))
            }
        };
        Dependency::answered(Some(claim), summary, answered)
    }
}

impl Dependency {
    fn without_claim(summary: ClaimSummary) -> Self {
        Self { claim: None, summary, outputs: None, revision: None }
    }

    /// With the outputs of `answered`, if they can be used.
    fn answered(
        claim: Option<ResourceClaim>,
        summary: ClaimSummary,
        answered: Option<&ResourceClaim>,
    ) -> Self {
        let usable = summary.phase == ClaimPhase::Bound && summary.outputs_available;
        let answer = answered.and_then(|live| live.status.as_ref()).filter(|_| usable);
        let (outputs, revision) =
            answer.map(|status| (status.outputs.clone(), status.outputs_revision.clone())).unzip();
        Self { claim, summary, outputs, revision: revision.flatten() }
    }
}

/// Whether the platform lets the policy of a protected claim take its course.
fn is_released(claim: &ResourceClaim) -> bool {
    claim.annotations().get(ANNOTATION_RELEASE).is_some_and(|value| value == "true")
}

/// Told before it matters: when the Workload is gone, there is no status to tell it in.
fn with_protection(summary: ClaimSummary) -> ClaimSummary {
    const PROTECTED: &str = "it is protected: what it holds is kept when nothing uses it any more, and only your platform \
                             team can have it deleted";
    if summary.phase != ClaimPhase::Bound {
        return summary;
    }
    let message = match summary.message.as_deref().filter(|message| !message.is_empty()) {
        Some(message) => format!("{}; {PROTECTED}", message.trim_end_matches('.')),
        None => PROTECTED.to_owned(),
    };
    ClaimSummary { message: Some(message), ..summary }
}

fn joined(list: &[impl ToString]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What the Workload sets lies on top of what the platform sets for those who do not.
fn with_defaults(defaults: &OpenObject, params: Option<OpenObject>) -> Option<OpenObject> {
    if defaults.is_empty() { params } else { Some(merged(defaults.clone(), params.unwrap_or_default())) }
}

fn awaiting(definition: Option<Declaration<'_>>) -> String {
    match definition {
        Some(Declaration { workload, key, .. }) => {
            format!("waiting for Workload `{}`, whose dependency `{key}` it is too.", workload.name_any())
        }
        None => "waiting until its new version is known.".to_owned(),
    }
}

fn collides(key: &str, live: &ResourceClaim) -> ClaimSummary {
    let message = format!(
        "its name collides with that of dependency `{}` of Workload `{}`: give one of them another key.",
        live.spec.key, live.spec.workload_ref.name
    );
    status::failed(key, message)
}

/// The claims that stay as they are while `workload`, which defines them, is not valid: only who owns them may change.
pub fn kept_by(workload: &Workload, world: &World) -> Vec<ResourceClaim> {
    let mine = |shared: &&Shared| {
        shared.definition().is_some_and(|definition| definition.workload.name_any() == workload.name_any())
    };
    world.shared.values().filter(mine).filter_map(kept).collect()
}

/// The claim as it is, for those who own it now.
fn kept(shared: &Shared) -> Option<ResourceClaim> {
    let live = shared.claim.as_ref()?;
    let is_shared = live.spec.id.is_some() && live.metadata.deletion_timestamp.is_none();
    let mut claim = shared_claim(shared, &live.namespace().unwrap_or_default(), live.spec.clone());
    let protected = live.labels().get_key_value(LABEL_PROTECTED);
    claim.labels_mut().extend(protected.map(|(key, value)| (key.clone(), value.clone())));
    is_shared.then_some(claim)
}

fn shared_claim(shared: &Shared, namespace: &str, spec: ResourceClaimSpec) -> ResourceClaim {
    claim(shared.name.clone(), namespace.to_owned(), spec, shared.owner_references())
}

fn claim(
    name: String,
    namespace: String,
    spec: ResourceClaimSpec,
    owners: Vec<OwnerReference>,
) -> ResourceClaim {
    let users = (LABEL_USERS.to_owned(), owners.len().to_string());
    let labels = metadata::labels(&spec.workload_ref.name, DEFINITION.name);
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: Some(namespace),
        labels: Some(labels.into_iter().chain([users]).collect()),
        owner_references: Some(owners),
        ..ObjectMeta::default()
    };
    ResourceClaim { metadata, spec, status: None }
}
