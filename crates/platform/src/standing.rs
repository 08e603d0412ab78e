//! Who provides a resource that is there already, whatever its Workload says by now.

use api_types::ResourceClaimSpec;
use score_spec::names::ResourceClass;

use crate::{
    config::{Config, Provisioner},
    decide::{Provided, provided},
    policy::Terms,
    provision::{Provision, other_params},
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
    let is_for_params =
        |candidate: &Provisioner| other_params(candidate, claim.params.as_ref()).next().is_none();
    let (provisioner, (class_name, class)) =
        serving.max_by_key(|(candidate, _)| (is_for_params(candidate), candidate.specificity()))?;
    Some(provided(terms, Provision { provisioner, class_name, class, others: Vec::new() }))
}

fn provides(candidate: &Provisioner, claim: &ResourceClaimSpec) -> bool {
    let is_for_id = candidate.id.as_ref().is_none_or(|id| Some(id.as_str()) == claim.id.as_deref());
    candidate.type_.as_str() == claim.type_ && candidate.name.to_string() == claim.provisioner && is_for_id
}
