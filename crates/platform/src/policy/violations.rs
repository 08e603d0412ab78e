//! What of a Workload breaks a policy.

use std::collections::BTreeMap;

use score_spec::{
    path::FieldPath,
    validate::{FieldError, ValidContainer, ValidWorkload},
};

use super::{Rules, Terms};
use crate::{
    annotations::{self, Asked, SERVICE_ACCOUNT},
    errors::Errors,
    listed,
};

/// A field of a Workload that breaks a policy, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{error} (policy `{policy}`)")]
pub struct Violation {
    /// The name of the policy.
    pub policy: String,
    /// The field, and what to do.
    pub error: FieldError,
}

impl Terms<'_> {
    /// Everything of a Workload (with defaults in place) that breaks a policy, by policy and field. Its `own`
    /// annotations are those without defaults.
    pub fn violations(
        &self,
        workload: &ValidWorkload,
        asked: &Asked,
        own: &BTreeMap<String, String>,
    ) -> Vec<Violation> {
        let each = self.0.iter().flat_map(|policy| {
            let mut errors = Errors::default();
            match &policy.rules {
                Ok(rules) => rules.check(workload, &mut errors),
                Err(_) => errors.add(
                    &FieldPath::root("metadata").field("namespace"),
                    "the policy of the platform for this namespace is not valid: ask your platform team to correct it",
                ),
            }
            errors.into_vec().into_iter().map(|error| Violation { policy: policy.name.clone(), error })
        });
        each.chain(self.service_account(asked, own)).collect()
    }

    /// An identity must be in the list of some policy, and in every list that there is.
    fn service_account(&self, asked: &Asked, own: &BTreeMap<String, String>) -> Vec<Violation> {
        let Some(name) = asked.service_account.as_ref() else { return Vec::new() };
        let violation = |policy: &str, message: String| Violation {
            policy: policy.to_owned(),
            error: FieldError { path: annotations::path(SERVICE_ACCOUNT).to_string(), message },
        };
        let lists: Vec<_> = self
            .rules()
            .filter_map(|(policy, rules)| Some((policy, rules.service_accounts.as_ref()?)))
            .collect();
        if let Some(giver) = self.giver_of_service_account().filter(|_| !own.contains_key(SERVICE_ACCOUNT)) {
            let is_allowed = !lists.is_empty() && lists.iter().all(|(_, list)| list.contains(name));
            let message = "is set by the defaults of this policy, and the policies for this namespace do not allow it: \
                           ask your platform team to correct them";
            return if is_allowed { Vec::new() } else { vec![violation(giver, message.to_owned())] };
        }
        if lists.is_empty() {
            let message = "no policy of the platform allows Workloads of this namespace to choose an identity: remove \
                           it, or ask your platform team";
            return vec![violation(self.names().next().unwrap_or("none"), message.to_owned())];
        }
        let against = lists.into_iter().filter(|(_, list)| !list.contains(name));
        against.map(|(policy, list)| violation(policy, only(list, "remove it"))).collect()
    }

    /// The policy whose defaults give an identity to Workloads that ask for none.
    fn giver_of_service_account(&self) -> Option<&str> {
        let mut giving = self.rules().filter(|(_, rules)| rules.annotations.contains_key(SERVICE_ACCOUNT));
        giving.next().map(|(policy, _)| policy)
    }
}

fn only(list: &[impl std::fmt::Display], otherwise: &str) -> String {
    if list.is_empty() {
        return format!("is not allowed: {otherwise}");
    }
    format!("is not allowed: use one of {}, or {otherwise}", listed(list.iter()))
}

impl Rules {
    fn check(&self, workload: &ValidWorkload, errors: &mut Errors) {
        let containers = FieldPath::root("spec").field("containers");
        let count = workload.containers.len();
        if let Some(most) = self.containers.filter(|most| count > *most) {
            errors.add(
                &containers,
                format_args!("has {count} containers, at most {most} are allowed: remove some"),
            );
        }
        for (name, container) in &workload.containers {
            self.check_container(container, &containers.key(name.as_str()), errors);
        }
        self.check_resources(workload, errors);
    }

    fn check_container(&self, container: &ValidContainer, path: &FieldPath, errors: &mut Errors) {
        if let Some(prefixes) = &self.images
            && !prefixes.iter().any(|prefix| prefix.allows(&container.image))
        {
            let prefixes = prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            errors.add(
                &path.field("image"),
                format_args!("is not from an allowed registry or repository: use an image from {prefixes}"),
            );
        }
        let limits = container.compute.limits;
        let path = path.field("resources").field("limits");
        let cpu = limits.cpu.map(|cpu| (cpu.millicores(), cpu.to_string()));
        at_most(self.cpu.map(|most| (most.millicores(), most.to_string())), cpu, &path.field("cpu"), errors);
        let memory = limits.memory.map(|memory| (memory.bytes(), memory.to_string()));
        let most = self.memory.map(|most| (most.bytes(), most.to_string()));
        at_most(most, memory, &path.field("memory"), errors);
    }

    fn check_resources(&self, workload: &ValidWorkload, errors: &mut Errors) {
        let Some(allowed) = &self.resources else { return };
        let path = FieldPath::root("spec").field("resources");
        for (key, resource) in &workload.resources {
            let path = path.key(key.as_str());
            match allowed.get(resource.type_.as_str()) {
                None => {
                    let types: Vec<_> = allowed.keys().collect();
                    errors.add(&path.field("type"), only(&types, "remove the resource"));
                }
                Some(Some(classes)) if !classes.iter().any(|class| class == resource.class.as_str()) => {
                    errors.add(&path.field("class"), only(classes, "remove the resource"));
                }
                Some(_) => {}
            }
        }
    }
}

/// What has no limit may use more than any.
fn at_most(most: Option<(u64, String)>, limit: Option<(u64, String)>, path: &FieldPath, errors: &mut Errors) {
    let Some((most, text)) = most else { return };
    match limit {
        None => errors.add(path, format_args!("is missing, and must be at most {text}: set it")),
        Some((limit, own)) if limit > most => {
            errors.add(path, format_args!("is {own}, and must be at most {text}: lower it"));
        }
        Some(_) => {}
    }
}
