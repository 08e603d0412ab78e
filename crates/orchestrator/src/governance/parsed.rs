//! Policies are parsed once for each change of them, not once for each Workload that they are asked about.

use std::sync::{Arc, Mutex, PoisonError};

use api_types::PlatformPolicy;
use platform::policy::Policies;

/// The policies as they were parsed last. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed(Arc<Mutex<Option<Last>>>);

#[derive(Debug)]
struct Last {
    from: Vec<Arc<PlatformPolicy>>,
    policies: Arc<Policies>,
}

impl Parsed {
    /// The policies in `objects`, parsed unless these say what those did that were parsed last.
    pub(super) fn of(&self, objects: Vec<Arc<PlatformPolicy>>) -> Arc<Policies> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_mut().filter(|last| same(&last.from, &objects)) {
            // Those whose status alone has changed are compared the quick way from now on.
            last.from = objects;
            return last.policies.clone();
        }
        let policies = Arc::new(Policies::new(objects.iter().map(Arc::as_ref)));
        *last = Some(Last { from: objects, policies: policies.clone() });
        policies
    }
}

fn same(one: &[Arc<PlatformPolicy>], other: &[Arc<PlatformPolicy>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
}

fn says_the_same(one: &Arc<PlatformPolicy>, other: &Arc<PlatformPolicy>) -> bool {
    Arc::ptr_eq(one, other) || (one.metadata.name == other.metadata.name && one.spec == other.spec)
}

#[cfg(test)]
mod tests {
    use api_types::{PlatformPolicySpec, PlatformPolicyStatus};

    use super::*;

    fn policy(name: &str, priority: i32) -> Arc<PlatformPolicy> {
        Arc::new(PlatformPolicy::new(name, PlatformPolicySpec { priority, ..PlatformPolicySpec::default() }))
    }

    fn with_status(policy: &PlatformPolicy) -> Arc<PlatformPolicy> {
        Arc::new(PlatformPolicy { status: Some(PlatformPolicyStatus::default()), ..policy.clone() })
    }

    #[test]
    fn policies_that_did_not_change_are_not_parsed_again_whatever_their_status() {
        let (parsed, one, other) = (Parsed::default(), policy("one", 1), policy("other", 2));
        let first = parsed.of(vec![one.clone(), other.clone()]);
        assert!(Arc::ptr_eq(&first, &parsed.of(vec![one.clone(), other.clone()])));
        assert!(Arc::ptr_eq(&first, &parsed.clone().of(vec![with_status(&one), other])));
    }

    #[test]
    fn a_policy_that_comes_changes_or_goes_is_seen_at_once() {
        let (parsed, one) = (Parsed::default(), policy("one", 1));
        for objects in [
            vec![one.clone()],
            vec![one.clone(), policy("other", 2)],
            vec![one.clone(), policy("other", 3)],
            vec![one.clone(), policy("another", 3)],
            vec![one],
            Vec::new(),
        ] {
            let expected = Policies::new(objects.iter().map(Arc::as_ref));
            assert_eq!(*parsed.of(objects), expected);
        }
    }
}
