//! Who is at work on which claim: one at a time, though one loop is over claims that stay and another over those that go.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use api_types::ResourceClaim;
use kube::ResourceExt as _;

/// Namespace and name, since a later claim of the same name has the same things.
type Key = (String, String);

/// The claims that somebody is at work on.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashSet<Key>>);

/// A claim is somebody's until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
}

impl Turns {
    /// The turn at `claim`, unless somebody else has it.
    pub(crate) fn take(&self, claim: &ResourceClaim) -> Option<Turn<'_>> {
        let key = (claim.namespace().unwrap_or_default(), claim.name_any());
        self.taken().insert(key.clone()).then(|| Turn { turns: self, key })
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, uid: &str) -> ResourceClaim {
        let text = format!(
            "{{metadata: {{namespace: team, name: {name}, uid: {uid}}}, spec: {{workloadRef: {{name: app, uid: w}}, \
             key: db, type: t, class: c, provisioner: p, deprovisionPolicy: Delete}}}}"
        );
        serde_yaml_ng::from_str(&text).unwrap()
    }

    #[test]
    fn a_claim_is_held_until_the_turn_ends_and_others_are_not() {
        let turns = Turns::default();
        let turn = turns.take(&claim("db", "u1"));
        assert!(turn.is_some());
        assert!(turns.take(&claim("db", "u1")).is_none());
        assert!(turns.take(&claim("db", "u2")).is_none(), "a later claim of the name has the same things");
        assert!(turns.take(&claim("other", "u1")).is_some());
        drop(turn);
        assert!(turns.take(&claim("db", "u2")).is_some());
    }
}
