//! Step 3: the objects that make a plan run. Pure, and equal for equal input, so that nothing rolls without a reason.

mod autoscaler;
mod container;
mod environment;
mod files;
mod join;
mod patched;
mod pod;
mod service;
mod template;
mod volumes;
mod work;

use std::collections::BTreeMap;

use api_types::metadata::{LABEL_MANAGED_BY, LABEL_WORKLOAD, labels};
use k8s_openapi::{
    api::{
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{ConfigMap, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    FIELD_MANAGER,
    main_object::Main,
    template::{Extra, Misfit, Route},
    validate::{Identity, ValidPlan},
};

pub use join::joiner_name;
pub use volumes::claim_templates;

/// Digest of the pod template, by which instances of the current template are told from those of an earlier one.
pub const ANNOTATION_TEMPLATE: &str = "score.dev/template-hash";
/// Digest of the revisions of the outputs that the plan was made with: when one changes, so must the instances.
pub const ANNOTATION_OUTPUTS: &str = "score.dev/outputs-revision";

/// Digest of what a run does, by which it is told whether a plan asks for another one.
pub const ANNOTATION_RUN: &str = "score.dev/run";

/// Says that the values decide how many instances there are, and how many.
pub const ANNOTATION_REPLICAS: &str = "score.dev/replicas";

/// How much of Pod Security every Workload is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum PodSecurity {
    /// No privilege escalation, the default seccomp profile. Images that run as root work.
    #[default]
    Baseline,
    /// As baseline, and not as root, with every capability dropped.
    Restricted,
}

/// What a plan becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// What runs it.
    pub main: Main,
    /// Where it is reached; none where it serves no port.
    pub service: Option<Service>,
    /// What gives each instance a name of its own in the DNS; none where instances have no names.
    pub governing: Option<Service>,
    /// What decides how many instances there are; none where that is not asked for.
    pub autoscaler: Option<HorizontalPodAutoscaler>,
    /// What the files consist of that is not secret. Each holds under its name what it will always hold.
    pub config_maps: Vec<ConfigMap>,
    /// What the platform's template adds.
    pub extras: Vec<Extra>,
    /// Those of [`Self::extras`] that lead from outside to the Workload, the preferred one first.
    pub routes: Vec<Route>,
}

/// The objects for `plan`.
///
/// # Errors
/// If the platform's template does not fit it.
pub fn build(plan: &ValidPlan, security: PodSecurity) -> Result<Resources, Misfit> {
    let rendered = plan.template.render(&plan.identity, &plan.ports)?;
    let own = Resources {
        main: work::build(plan, template::build(plan, security)),
        service: service::build(plan),
        governing: service::governing(plan),
        autoscaler: autoscaler::build(plan),
        config_maps: files::config_maps(plan),
        extras: rendered.extras,
        routes: rendered.routes,
    };
    let mut resources = patched::patch(own, &rendered.patches)?;
    // Last, since the digest is one of all that the instances are made of.
    if let Some(template) = resources.main.template_mut() {
        template::stamp(template, plan.work.kind());
    }
    Ok(resources)
}

/// The name of the Service that gives the instances of a StatefulSet names in the DNS.
pub fn governing_name(identity: &Identity) -> String {
    format!("{}-headless", identity.name)
}

fn metadata(identity: &Identity) -> ObjectMeta {
    ObjectMeta {
        name: Some(identity.name.clone()),
        namespace: Some(identity.namespace.clone()),
        labels: Some(labels(&identity.name, FIELD_MANAGER)),
        owner_references: Some(vec![identity.owner_reference()]),
        ..ObjectMeta::default()
    }
}

/// What selects the instances of a Workload. It can never change for an object that exists, so it holds the least
/// that keeps strangers out.
fn selector(identity: &Identity) -> BTreeMap<String, String> {
    [(LABEL_WORKLOAD, identity.name.as_str()), (LABEL_MANAGED_BY, FIELD_MANAGER)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[cfg(test)]
mod tests;
