//! Who provides a resource that is there already, whatever its Workload says by now.

use api_types::ResourceClaimSpec;
use score_spec::names::ResourceClass;

use crate::{
    config::{Config, Provisioner},
    decide::{Provided, deprovision_policy},
    policy::Terms,
    provision::Provision,
};

/// How the resource of a claim stands with the platform now; none where its provisioner does not serve it any more.
pub fn standing<'a>(
    claim: &ResourceClaimSpec,
    config: &'a Config,
    terms: &Terms<'_>,
) -> Option<Provided<'a>> {
    let class: ResourceClass = claim.class.parse().ok()?;
    let candidates = config.provisioners.iter().filter(|candidate| provides(candidate, claim));
    let serving = candidates.filter_map(|candidate| Some((candidate, candidate.serves(&class)?)));
    let (provisioner, (class_name, class)) =
        serving.max_by_key(|(candidate, _)| (is_for_params(candidate, claim), candidate.specificity()))?;
    let provision = Provision { provisioner, class_name, class, others: Vec::new() };
    Some(Provided { deprovision_policy: deprovision_policy(terms, &provision), provision })
}

fn provides(candidate: &Provisioner, claim: &ResourceClaimSpec) -> bool {
    let is_for_id = candidate.id.as_ref().is_none_or(|id| Some(id.as_str()) == claim.id.as_deref());
    candidate.type_.as_str() == claim.type_ && candidate.name.to_string() == claim.provisioner && is_for_id
}

fn is_for_params(candidate: &Provisioner, claim: &ResourceClaimSpec) -> bool {
    let given = |key: &String| claim.params.as_ref().and_then(|params| params.0.get(key));
    candidate.params.0.iter().all(|(key, value)| given(key) == Some(value))
}
