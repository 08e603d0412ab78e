//! What is to be done about each dependency, and how it is. Pure.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{
    ClaimPhase, ClaimSummary, Output, ResourceClaim, ResourceClaimSpec, Workload, WorkloadRef, metadata,
};
use controller_kit::owner_reference;
use kube::api::ObjectMeta;
use score_spec::{
    names::ResourceKey,
    project::{Resolution, params},
    validate::{ValidResource, ValidWorkload},
};

use crate::{DEFINITION, dereference::World, platform::Platform, status};

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

impl Dependency {
    fn without_claim(summary: ClaimSummary) -> Self {
        Self { claim: None, summary, outputs: None, revision: None }
    }
}

/// Outputs of dependencies that can be used, by key.
pub type Outputs = BTreeMap<ResourceKey, BTreeMap<String, Output>>;

/// All dependencies of a Workload, each after those whose outputs its params need.
pub fn dependencies(
    workload: &Workload,
    valid: &ValidWorkload,
    platform: &Platform,
    world: &World,
) -> BTreeMap<ResourceKey, Dependency> {
    let mut outputs = Outputs::new();
    let mut dependencies = BTreeMap::new();
    for key in &valid.resource_order {
        let Some(resource) = valid.resources.get(key) else { continue };
        let asked = Asked { workload, valid, key, resource };
        let dependency = asked.dependency(platform, world, &outputs);
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
}

impl Asked<'_> {
    fn dependency(&self, platform: &Platform, world: &World, outputs: &Outputs) -> Dependency {
        let name = self.resource.claim_name(&self.valid.name, self.key);
        let live = world.claims.get(&name);
        match self.spec(platform, outputs).and_then(|spec| self.against(live, &spec).map(|()| spec)) {
            Ok(spec) => self.claimed(name, spec, live),
            Err(summary) => Dependency::without_claim(summary),
        }
    }

    fn spec(&self, platform: &Platform, outputs: &Outputs) -> Result<ResourceClaimSpec, ClaimSummary> {
        let key = self.key.as_str();
        let (type_, class) = (self.resource.type_.to_string(), self.resource.class.to_string());
        let entry = platform
            .provisioner(&type_, &class)
            .map_err(|message| status::failed(key, format!("{message}.")))?;
        let params = match params(self.key, self.resource, outputs) {
            Resolution::Resolved(params) => params,
            Resolution::Unresolved(missing) => {
                let missing = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                return Err(status::waiting(
                    key,
                    format!("its params wait for another dependency: {missing}."),
                ));
            }
        };
        Ok(ResourceClaimSpec {
            workload_ref: WorkloadRef { name: self.valid.name.to_string(), uid: self.valid.uid.clone() },
            key: key.to_owned(),
            type_,
            class,
            id: self.resource.id.as_ref().map(ToString::to_string),
            params,
            provisioner: entry.name.clone(),
            parameters: entry.parameters.clone(),
            deprovision_policy: entry.deprovision_policy,
        })
    }

    /// Whether `spec` may be applied where `live` stands.
    fn against(
        &self,
        live: Option<&Arc<ResourceClaim>>,
        spec: &ResourceClaimSpec,
    ) -> Result<(), ClaimSummary> {
        let (key, Some(live)) = (self.key.as_str(), live) else { return Ok(()) };
        let (owner, wanted) = (&live.spec.workload_ref, &spec.workload_ref);
        if owner.name != wanted.name || live.spec.key != spec.key {
            let message = format!(
                "its name collides with that of dependency `{}` of Workload `{}`: give one of them another key.",
                live.spec.key, owner.name
            );
            return Err(status::failed(key, message));
        }
        if owner.uid != wanted.uid || live.metadata.deletion_timestamp.is_some() {
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

    fn claimed(
        &self,
        name: String,
        spec: ResourceClaimSpec,
        live: Option<&Arc<ResourceClaim>>,
    ) -> Dependency {
        let key = self.key.as_str();
        // An answer to other params than those of now does not count.
        let answered = live.filter(|live| live.spec == spec);
        let summary = match answered {
            Some(live) => status::summary_of(key, live),
            None => status::waiting(key, format!("waiting for `{}`, which provides it.", spec.provisioner)),
        };
        let usable = summary.phase == ClaimPhase::Bound && summary.outputs_available;
        let answer = answered.and_then(|live| live.status.as_ref()).filter(|_| usable);
        let (outputs, revision) =
            answer.map(|status| (status.outputs.clone(), status.outputs_revision.clone())).unzip();
        let metadata = ObjectMeta {
            name: Some(name),
            namespace: Some(self.valid.namespace.clone()),
            labels: Some(metadata::labels(self.valid.name.as_str(), DEFINITION.name)),
            owner_references: Some(vec![owner_reference(self.workload)]),
            ..ObjectMeta::default()
        };
        let claim = Some(ResourceClaim { metadata, spec, status: None });
        Dependency { claim, summary, outputs, revision: revision.flatten() }
    }
}
