//! Who defines what of a resource that Workloads share.

use std::sync::Arc;

use api_types::Workload;

use super::{Declaration, Shared, metadata_of, params_of};

/// The oldest declarations by Workloads that can define the resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Definers {
    /// The oldest that gives params.
    pub(super) params: Option<Declared>,
    /// The oldest that gives metadata.
    pub(super) metadata: Option<Declared>,
    /// The oldest of all.
    pub(super) first: Option<Declared>,
}

/// A declaration, by the name under which its Workload declares the resource.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    workload: Arc<Workload>,
    key: String,
}

impl Declared {
    pub(super) fn declaration(&self) -> Option<Declaration<'_>> {
        let (key, resource) = self.workload.spec.resources.get_key_value(&self.key)?;
        Some(Declaration { workload: &self.workload, key, resource })
    }
}

impl Definers {
    /// Those among the users of `shared`.
    ///
    /// A Workload that may not run as it is defines nothing, so that it stands in nobody's way. But what it defined while
    /// it might stays as it is until it may again: others run with it.
    pub(super) fn among(shared: &Shared, may_run: impl Fn(&Workload) -> bool) -> Self {
        let defined = shared.claim.as_ref().map(|claim| claim.spec.workload_ref.uid.as_str());
        let has_defined = |user: &Workload| defined.is_some() && defined == user.metadata.uid.as_deref();
        let mut found = Self::default();
        for user in &shared.users {
            let mine = found.still_open(shared, user);
            // Most give nothing that is not given yet, and then nobody has to be asked.
            if mine.gives_any() && (has_defined(user) || may_run(user)) {
                found = Self {
                    params: found.params.or(mine.params),
                    metadata: found.metadata.or(mine.metadata),
                    first: found.first.or(mine.first),
                };
            }
        }
        found
    }

    /// What `user` declares of what nobody older does.
    fn still_open(&self, shared: &Shared, user: &Arc<Workload>) -> Self {
        let first = |is_wanted: bool, gives: fn(&Declaration<'_>) -> bool| {
            let mut declared = shared.declarations_of(user).filter(|_| is_wanted);
            let found = declared.find(gives)?;
            Some(Declared { workload: user.clone(), key: found.key.to_owned() })
        };
        Self {
            params: first(self.params.is_none(), |declared| params_of(declared.resource).is_some()),
            metadata: first(self.metadata.is_none(), |declared| metadata_of(declared.resource).is_some()),
            first: first(self.first.is_none(), |_| true),
        }
    }

    fn gives_any(&self) -> bool {
        self.params.is_some() || self.metadata.is_some() || self.first.is_some()
    }
}
