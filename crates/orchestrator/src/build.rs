//! Step 3: what should be there. Pure, and cannot fail: what stands in the way is part of the result.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api_types::{
    ClaimSummary, DeprovisionPolicy, OpenObject, Output, PlanClaim, Reason, ResourceClaim, Template,
    TemplateKind, Workload, WorkloadExposure, WorkloadExposureSpec, WorkloadPlan, WorkloadPlanSpec,
    WorkloadRef, metadata,
};
use controller_kit::owner_reference;
use kube::{ResourceExt, api::ObjectMeta};
use platform::{
    config::Backend,
    decide::{Decision, Refusal},
    select::Selection,
    values::merged,
};
use score_spec::{
    names::ResourceKey,
    project::{Containers, Resolution, Unresolved, containers},
    validate::{FieldError, ValidResource, ValidWorkload},
};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    DEFINITION,
    claims::{Dependency, Outputs, dependencies, is_orphan},
    dereference::World,
    governance::Platform,
    lasting::{kept_by, not_asked},
    sharing,
    status::{self, Verdict},
};

/// The types of resource that make a Workload reachable from outside.
const REACHING: [&str; 2] = ["dns", "route"];

/// What should be there for a Workload.
#[derive(Clone, Debug)]
pub struct Built {
    /// Whether the spec is valid.
    pub inputs: Verdict,
    /// Each dependency, by key.
    pub dependencies: BTreeMap<ResourceKey, Dependency>,
    /// The state of each dependency; of those known so far while the spec is not valid.
    pub summaries: Vec<ClaimSummary>,
    /// The plan, or why the last one stays as it is.
    pub projection: Projection,
    /// Claims that are not asked anew: shared ones that this Workload defines and that others use, while its own spec is
    /// not valid, and those of which the platform says something else now than what is to become of them at the end.
    pub kept: Vec<ResourceClaim>,
    /// Claims that nothing uses any more.
    pub obsolete: Vec<Arc<ResourceClaim>>,
}

impl Built {
    /// The claims to apply.
    pub fn claims(&self) -> impl Iterator<Item = &ResourceClaim> {
        self.dependencies.values().filter_map(|dependency| dependency.claim.as_ref()).chain(&self.kept)
    }
}

/// The plan, or why the last one stays as it is.
#[derive(Clone, Debug)]
pub enum Projection {
    /// Everything resolved.
    Emitted(Box<Emitted>),
    /// Everything resolved, for another runtime than the one that was asked before: what it was asked goes first.
    Moving(Withdrawn),
    /// The plan of this very generation stands, and outputs that it was made with are away for now.
    Stands,
    /// Something stands in the way: the reason, and what to tell the user.
    Withheld(Reason, String),
}

/// What a runtime is asked.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// The question.
    pub plan: WorkloadPlan,
    /// Where the answer goes.
    pub exposure: WorkloadExposure,
}

/// What a runtime is not asked any more. With the plan goes all that was made for it.
#[derive(Clone, Debug)]
pub struct Withdrawn {
    /// The question.
    pub plan: Option<Arc<WorkloadPlan>>,
    /// Where its answer went.
    pub exposure: Option<Arc<WorkloadExposure>>,
}

/// What should be there for `workload`.
pub fn build(
    workload: &Workload,
    valid: Result<ValidWorkload, Vec<FieldError>>,
    platform: &Platform,
    world: &World,
) -> Built {
    let given = sharing::defined_for(workload, &world.shared);
    let mut built = match platform.decide(workload, valid, &given) {
        Ok(decision) => build_allowed(workload, &decision, world),
        Err(refusal) => Built {
            inputs: refused(&refusal),
            dependencies: BTreeMap::new(),
            summaries: known_so_far(workload, world),
            projection: Projection::Stands,
            kept: kept_by(workload, platform, world),
            obsolete: Vec::new(),
        },
    };
    let asked = built.claims().map(ResourceExt::name_any).collect();
    built.kept.extend(not_asked(workload, &asked, platform, world));
    built.obsolete.retain(|claim| knows_its_end(claim, &built.kept));
    built
}

/// Whether the provisioner of a claim knows what is to become of the resource, so that the claim may go.
fn knows_its_end(claim: &ResourceClaim, kept: &[ResourceClaim]) -> bool {
    let observed = claim.status.as_ref().and_then(|status| status.observed_generation);
    let is_told = claim.spec.deprovision_policy == DeprovisionPolicy::Delete
        || claim.status.is_none()
        || observed == claim.metadata.generation;
    is_told && !kept.iter().any(|kept| kept.metadata.name == claim.metadata.name)
}

fn refused(refusal: &Refusal) -> Verdict {
    match refusal {
        Refusal::Spec(errors) => Verdict::No(Reason::SpecInvalid, in_words(errors)),
        Refusal::Policy(violations) => Verdict::No(Reason::PolicyViolation, in_words(violations)),
    }
}

fn in_words(errors: &[impl ToString]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What is there of an invalid Workload goes on, so it is still told.
fn known_so_far(workload: &Workload, world: &World) -> Vec<ClaimSummary> {
    let mine: Vec<_> = world.claims_of(workload.metadata.uid.as_deref()).collect();
    let own =
        mine.iter().filter(|claim| claim.spec.id.is_none()).map(|claim| (claim.spec.key.as_str(), claim));
    let shared = workload.spec.resources.iter().filter_map(|(key, resource)| {
        let name = sharing::claim_of(resource)?;
        Some((key.as_str(), mine.iter().find(|claim| claim.metadata.name.as_ref() == Some(&name))?))
    });
    let by_key: BTreeMap<_, _> = own.chain(shared).collect();
    by_key.into_iter().map(|(key, claim)| status::summary_of(key, claim, world.now)).collect()
}

fn build_allowed(workload: &Workload, decision: &Decision<'_>, world: &World) -> Built {
    let valid = &decision.workload;
    let dependencies = dependencies(workload, decision, world);
    let projection = match &decision.selection {
        Selection::Chosen(choice) => project(workload, decision, choice.backend, &dependencies, world),
        Selection::Nothing(nothing) => Projection::Withheld(Reason::RuntimeSelecting, nothing.to_string()),
    };
    Built {
        inputs: Verdict::Yes,
        summaries: dependencies.values().map(|dependency| dependency.summary.clone()).collect(),
        kept: Vec::new(),
        obsolete: obsolete(workload, valid, world),
        projection,
        dependencies,
    }
}

fn project(
    workload: &Workload,
    decision: &Decision<'_>,
    backend: &Backend,
    dependencies: &BTreeMap<ResourceKey, Dependency>,
    world: &World,
) -> Projection {
    let valid = &decision.workload;
    if let Some(message) = predecessor(valid, world) {
        return Projection::Withheld(Reason::RuntimeSelecting, message);
    }
    let outputs: Outputs = dependencies
        .iter()
        .filter_map(|(key, dependency)| Some((key.clone(), dependency.outputs.clone()?)))
        .collect();
    let missing: Vec<_> = dependencies.keys().filter(|key| !outputs.contains_key(*key)).collect();
    match containers(valid, &outputs) {
        Resolution::Resolved(containers) if missing.is_empty() => {
            if let Some(withdrawn) = asked_of_another(backend, world) {
                return Projection::Moving(withdrawn);
            }
            let plan = plan(workload, decision, backend, dependencies, containers);
            let exposure = exposure(workload, valid, backend);
            Projection::Emitted(Box::new(Emitted { plan, exposure }))
        }
        _ if !missing.is_empty() && is_current(valid, world) => Projection::Stands,
        Resolution::Resolved(_) => Projection::Withheld(Reason::ProjectionError, unresolved(&[], &missing)),
        Resolution::Unresolved(references) => {
            Projection::Withheld(Reason::ProjectionError, unresolved(&references, &missing))
        }
    }
}

/// Whether the plan of this very generation of this very Workload has been made.
fn is_current(valid: &ValidWorkload, world: &World) -> bool {
    world.plan.as_ref().is_some_and(|plan| {
        plan.spec.workload_ref.uid == valid.uid && plan.spec.observed_workload_generation == valid.generation
    })
}

/// What was asked of another runtime than that of `backend`. That one does not see what becomes of a plan that is not its
/// own any more, so nobody would remove what it has made.
fn asked_of_another(backend: &Backend, world: &World) -> Option<Withdrawn> {
    let other = |class: &str| class != backend.runtime_class.as_str();
    let plan = world.plan.clone().filter(|plan| other(&plan.spec.runtime_class));
    let exposure = world.exposure.clone().filter(|exposure| other(&exposure.spec.runtime_class));
    (plan.is_some() || exposure.is_some()).then_some(Withdrawn { plan, exposure })
}

/// What an earlier Workload of this name left is collected by the API server; writing into it would bring it back.
fn predecessor(valid: &ValidWorkload, world: &World) -> Option<String> {
    let plan = world.plan.as_ref().map(|plan| (&plan.metadata, &plan.spec.workload_ref));
    let exposure = world.exposure.as_ref().map(|exposure| (&exposure.metadata, &exposure.spec.workload_ref));
    let leaving = [plan, exposure].into_iter().flatten().any(|(metadata, workload)| {
        let is_anothers = workload.uid != valid.uid && !is_orphan(metadata);
        is_anothers || metadata.deletion_timestamp.is_some()
    });
    leaving.then(|| "Waiting until what ran before under this name is gone.".to_owned())
}

fn unresolved(references: &[Unresolved], missing: &[&ResourceKey]) -> String {
    let unused = missing.iter().filter(|key| !references.iter().any(|found| found.cause.resource == ***key));
    let causes = references.iter().map(ToString::to_string);
    let causes = causes.chain(unused.map(|key| format!("spec.resources.{key}: has no outputs yet")));
    format!("One or more required outputs are not resolved. {}.", causes.collect::<Vec<_>>().join("; "))
}

fn plan(
    workload: &Workload,
    decision: &Decision<'_>,
    backend: &Backend,
    dependencies: &BTreeMap<ResourceKey, Dependency>,
    containers: Containers,
) -> WorkloadPlan {
    let valid = &decision.workload;
    let claims = dependencies.iter().filter_map(|(key, dependency)| {
        let resource = valid.resources.get(key)?;
        Some(PlanClaim {
            key: key.to_string(),
            type_: resource.type_.to_string(),
            class: resource.class.to_string(),
            outputs_revision: dependency.revision.clone(),
            url: public_url(resource, dependency),
        })
    });
    let spec = WorkloadPlanSpec {
        workload_ref: workload_ref(valid),
        observed_workload_generation: valid.generation,
        runtime_class: backend.runtime_class.to_string(),
        backend_id: backend.id.to_string(),
        template: template(decision, dependencies),
        annotations: decision.annotations.clone(),
        containers,
        service: valid.service(),
        claims: claims.collect(),
    };
    WorkloadPlan { metadata: object_meta(workload, valid), spec }
}

/// What the platform and the Workload say, with the outputs of claims on top. A secret output stays a reference.
fn template(decision: &Decision<'_>, dependencies: &BTreeMap<ResourceKey, Dependency>) -> Template {
    let outputs = dependencies.iter().map(|(key, dependency)| {
        let outputs = dependency.outputs.iter().flatten();
        let values = outputs.filter_map(|(name, output)| Some((name.clone(), value_of(output)?)));
        (key.to_string(), Value::Object(values.collect()))
    });
    let claims: Map<String, Value> = outputs.collect();
    let claims = (!claims.is_empty()).then(|| ("claims".to_owned(), Value::Object(claims)));
    let values = merged(decision.values.clone(), OpenObject(claims.into_iter().collect()));
    Template { kind: TemplateKind::Manifests, ref_: None, values }
}

fn value_of(output: &Output) -> Option<Value> {
    match &output.secret_key_ref {
        Some(reference) => Some(json!({"secretKeyRef": reference})),
        None => output.value.clone(),
    }
}

/// Where a dependency makes the Workload reachable from outside, if it is one that does.
fn public_url(resource: &ValidResource, dependency: &Dependency) -> Option<String> {
    let output =
        dependency.outputs.as_ref().filter(|_| REACHING.contains(&resource.type_.as_str()))?.get("url")?;
    let url = output.value.as_ref().filter(|_| output.secret_key_ref.is_none())?.as_str()?;
    let parsed = Url::parse(url).ok()?;
    (matches!(parsed.scheme(), "http" | "https") && parsed.has_host()).then(|| url.to_owned())
}

fn exposure(workload: &Workload, valid: &ValidWorkload, backend: &Backend) -> WorkloadExposure {
    let spec = WorkloadExposureSpec {
        workload_ref: workload_ref(valid),
        runtime_class: backend.runtime_class.to_string(),
    };
    WorkloadExposure { metadata: object_meta(workload, valid), spec, status: None }
}

fn workload_ref(valid: &ValidWorkload) -> WorkloadRef {
    WorkloadRef { name: valid.name.to_string(), uid: valid.uid.clone() }
}

fn object_meta(workload: &Workload, valid: &ValidWorkload) -> ObjectMeta {
    ObjectMeta {
        name: Some(valid.name.to_string()),
        namespace: Some(valid.namespace.clone()),
        labels: Some(metadata::labels(valid.name.as_str(), DEFINITION.name)),
        owner_references: Some(vec![owner_reference(workload)]),
        ..ObjectMeta::default()
    }
}

/// Claims of resources that the spec no longer has, once the plan without them has rolled out: until then something
/// that runs may still use them.
fn obsolete(workload: &Workload, valid: &ValidWorkload, world: &World) -> Vec<Arc<ResourceClaim>> {
    if world.has_rolled_out(workload) { unused(valid, world) } else { Vec::new() }
}

/// Claims of the Workload whose resources its spec no longer has. One that is shared goes with the last who used it.
pub fn unused(valid: &ValidWorkload, world: &World) -> Vec<Arc<ResourceClaim>> {
    let wanted: BTreeSet<String> =
        valid.resources.iter().map(|(key, resource)| resource.claim_name(&valid.name, key)).collect();
    let is_wanted =
        |claim: &ResourceClaim| claim.metadata.name.as_ref().is_some_and(|name| wanted.contains(name));
    let unused = world.claims_of(Some(&valid.uid)).filter(|claim| {
        claim.metadata.deletion_timestamp.is_none() && !is_wanted(claim) && !is_used_by_others(claim, world)
    });
    unused.cloned().collect()
}

fn is_used_by_others(claim: &ResourceClaim, world: &World) -> bool {
    let shared = claim.metadata.name.as_ref().and_then(|name| world.shared.get(name));
    shared.is_some_and(|shared| !(shared.users.is_empty() && shared.former.is_empty()))
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
