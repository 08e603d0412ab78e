//! Counting writes by who made them and to what.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::Write;

/// Whose writes are told apart, by the names of their users.
pub(crate) struct Users {
    /// This program.
    pub(crate) client: String,
    /// The controllers by user, with the name under which they are reported.
    pub(crate) controllers: BTreeMap<String, String>,
}

/// How many writes there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// By anybody, by resource.
    pub(crate) all: BTreeMap<String, u64>,
    /// By this program, by resource.
    pub(crate) client: BTreeMap<String, u64>,
    /// By each controller, by resource.
    pub(crate) controllers: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Tally {
    /// Adds those of `writes` that were made in `namespace`.
    pub(crate) fn add_in(&mut self, namespace: &str, writes: &[Write], users: &Users) {
        for write in writes.iter().filter(|write| write.namespace == namespace) {
            self.add(write, users);
        }
    }

    /// Adds `write`.
    pub(crate) fn add(&mut self, write: &Write, users: &Users) {
        count(&mut self.all, &write.resource);
        if write.user == users.client {
            count(&mut self.client, &write.resource);
        } else if let Some(name) = users.controllers.get(&write.user) {
            count(self.controllers.entry(name.clone()).or_default(), &write.resource);
        }
    }

    /// Adds what `other` counted.
    pub(crate) fn add_all(&mut self, other: &Self) {
        add(&mut self.all, &other.all);
        add(&mut self.client, &other.client);
        for (name, counts) in &other.controllers {
            add(self.controllers.entry(name.clone()).or_default(), counts);
        }
    }

    /// The writes of all writers.
    pub(crate) fn total(&self) -> u64 {
        self.all.values().sum()
    }

    /// The writes of the controllers.
    pub(crate) fn by_controllers(&self) -> u64 {
        self.controllers.values().flat_map(BTreeMap::values).sum()
    }

    /// The writes of this program and of the controllers: all but Kubernetes' own.
    pub(crate) fn ours(&self) -> u64 {
        self.client.values().sum::<u64>() + self.by_controllers()
    }

    /// The writes of this program and of the controllers to `resource`.
    pub(crate) fn ours_to(&self, resource: &str) -> u64 {
        let of = |counts: &BTreeMap<String, u64>| counts.get(resource).copied().unwrap_or_default();
        of(&self.client) + self.controllers.values().map(of).sum::<u64>()
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (resource, count) in more {
        *counts.entry(resource.clone()).or_default() += count;
    }
}

fn count(counts: &mut BTreeMap<String, u64>, resource: &str) {
    *counts.entry(resource.to_owned()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(user: &str, namespace: &str, resource: &str) -> Write {
        Write { user: user.into(), namespace: namespace.into(), resource: resource.into(), name: "x".into() }
    }

    fn tally(writes: &[Write]) -> Tally {
        let controllers = BTreeMap::from([("sa:orchestrator".to_owned(), "orchestrator".to_owned())]);
        let mut tally = Tally::default();
        tally.add_in("n", writes, &Users { client: "sa:bench".into(), controllers });
        tally
    }

    #[test]
    fn ours_are_the_client_s_and_the_controllers_writes() {
        let tally = tally(&[
            write("sa:bench", "n", "workloads"),
            write("sa:orchestrator", "n", "workloads/status"),
            write("sa:orchestrator", "n", "workloads/status"),
            write("system:kube-scheduler", "n", "pods/binding"),
        ]);
        assert_eq!((tally.total(), tally.ours(), tally.by_controllers()), (4, 3, 2));
        assert_eq!(tally.ours_to("workloads/status"), 2);
        assert_eq!(tally.ours_to("pods/binding"), 0);
    }

    #[test]
    fn two_tallies_make_one() {
        let mut both = tally(&[write("sa:bench", "n", "workloads")]);
        both.add_all(&tally(&[
            write("sa:bench", "n", "workloads"),
            write("sa:orchestrator", "n", "events"),
            write("someone", "n", "pods"),
        ]));
        assert_eq!((both.total(), both.ours(), both.by_controllers()), (4, 3, 1));
    }

    #[test]
    fn writes_elsewhere_do_not_count() {
        assert_eq!(tally(&[write("sa:orchestrator", "other", "events")]), Tally::default());
    }
}
