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
    lasting::kept,
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
                let hopeless = self.hopeless(definition, outputs, live);
                hopeless.map_or_else(|| self.used(shared, definition, world), Dependency::without_claim)
            }
        }
    }

    /// Why a shared resource that another declaration defines cannot be provided at all: then it cannot be for that one
    /// either. Params that are left out here are judged there.
    fn hopeless(
        &self,
        definition: Option<Declaration<'_>>,
        outputs: &Outputs,
        live: Option<&ResourceClaim>,
    ) -> Option<ClaimSummary> {
        let gives_params = definition.is_some_and(|definition| definition.resource.params.is_some());
        let found = match gives_params && self.resource.params.is_none() {
            true => self.provider().map(drop),
            false => self.spec(outputs, live).map(drop),
        };
        found.err().filter(|found| found.phase == ClaimPhase::Failed)
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
            Some(live) => {
                self.judged(Dependency::answered(None, status::summary_of(key, live, world.now), Some(live)))
            }
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
        let provided = self.provider()?;
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

    /// Who provides the resource, and as what.
    fn provider(&self) -> Result<&Provided<'_>, ClaimSummary> {
        let key = self.key.as_str();
        match self.provided {
            Some(Ok(provided)) => Ok(provided),
            Some(Err(nobody)) => Err(status::failed(key, format!("{nobody}."))),
            // There is a decision for every resource.
            None => Err(status::waiting(key, "the platform has not decided about it yet.".to_owned())),
        }
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
            let message = format!(
                "its params, once placeholders are resolved, do not match what the resource type accepts: {}.",
                joined(&errors)
            );
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
        let is_anothers = !is_shared && owner.uid != wanted.uid && !is_orphan(&live.metadata);
        if is_anothers || live.metadata.deletion_timestamp.is_some() {
            let message = "waiting until what it replaces, which has the same name, is gone.".to_owned();
            return Err(status::waiting(key, message));
        }
        let identity =
            |spec: &ResourceClaimSpec| (spec.type_.clone(), spec.class.clone(), spec.provisioner.clone());
        if identity(&live.spec) != identity(spec) {
            return Err(status::failed(key, cannot_become(&live.spec, spec)));
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
        self.judged(Dependency::answered(Some(claim), summary, answered))
    }

    /// The dependency, which has failed if its outputs are not what the platform declares for its type.
    fn judged(&self, dependency: Dependency) -> Dependency {
        let (Some(Ok(provided)), Some(outputs)) = (self.provided, &dependency.outputs) else {
            return dependency;
        };
        let errors = platform::params::errors_of_outputs(provided.provision.provisioner, outputs);
        if errors.is_empty() {
            return dependency;
        }
        let message = format!(
            "what it gives is not what the platform declares for `{}`, so ask your platform team: {}.",
            self.resource.type_,
            joined(&errors)
        );
        let summary = status::failed(self.key.as_str(), message);
        Dependency { summary, outputs: None, revision: None, ..dependency }
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

/// Whether somebody deleted the owner and left this behind on purpose, as `kubectl delete --cascade=orphan` does. It is the
/// next owner's then: nobody will collect it.
pub fn is_orphan(metadata: &ObjectMeta) -> bool {
    metadata.owner_references.as_ref().is_none_or(Vec::is_empty)
}

/// Whether the platform lets the policy of a protected claim take its course.
pub(crate) fn is_released(claim: &ResourceClaim) -> bool {
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
            format!(
                "waiting for Workload `{}`, which defines it as its dependency `{key}`.",
                workload.name_any()
            )
        }
        None => "waiting until its new version is known.".to_owned(),
    }
}

/// Why a claim does not become what is wanted now, and what to do.
fn cannot_become(live: &ResourceClaimSpec, wanted: &ResourceClaimSpec) -> String {
    if (&live.type_, &live.class) != (&wanted.type_, &wanted.class) {
        return format!(
            "it was provided as `{}` ({}) and cannot become `{}` ({}), which would lose its data: use another key for \
             the new one, and this one goes once nothing uses it.",
            live.type_, live.class, wanted.type_, wanted.class
        );
    }
    let (former, name) = (&live.provisioner, if wanted.id.is_some() { "id" } else { "key" });
    format!(
        "it was provided by `{former}`, and `{}` cannot take it over without losing its data: if you have changed its \
         params, change them back, else ask your platform team to have `{former}` provide it again. A new one under \
         another {name} starts empty.",
        wanted.provisioner
    )
}

fn collides(key: &str, live: &ResourceClaim) -> ClaimSummary {
    let message = format!(
        "its name collides with that of dependency `{}` of Workload `{}`: give one of them another key.",
        live.spec.key, live.spec.workload_ref.name
    );
    status::failed(key, message)
}

pub(crate) fn shared_claim(shared: &Shared, namespace: &str, spec: ResourceClaimSpec) -> ResourceClaim {
    claim(shared.name.clone(), namespace.to_owned(), spec, shared.owner_references())
}

pub(crate) fn claim(
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
