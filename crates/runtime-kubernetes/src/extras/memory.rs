//! What was found in order, and for how long that is believed. Lost when the process ends, which only means to look
//! again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Inventory, Live};
use crate::{
    template::{Extra, is_route, open},
    validate::Identity,
};

/// How long objects are left alone that are in order. Each plan is given up to twice as long, so that not all are
/// looked at at once.
const CALM: Duration = Duration::from_secs(300);

/// The same if one of them is a way in from outside that is open: users are told that it leads to the Workload.
const LEADING: Duration = Duration::from_secs(30);

/// The same at first while a way in from outside is not open yet; twice as long each time, since it may never be.
const EAGER: Duration = Duration::from_secs(5);

/// What was found in order, by the uid of the plan.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    wanted: Vec<Extra>,
    recorded: Inventory,
    live: Vec<Live>,
    until: Instant,
    /// How long they are believed, if a way in is not open yet.
    waiting: Option<Duration>,
}

impl Memory {
    /// The objects as they were, if it is not long ago that they were those wanted and nothing besides is on record.
    pub fn recall(
        &self,
        identity: &Identity,
        wanted: &[Extra],
        recorded: &Inventory,
        now: Instant,
    ) -> Option<Vec<Live>> {
        if wanted.is_empty() && recorded.0.is_empty() {
            return Some(Vec::new());
        }
        let entries = self.lock();
        let entry = entries.get(&identity.uid)?;
        let same = entry.wanted == wanted && entry.recorded == *recorded;
        (same && now < entry.until).then(|| entry.live.clone())
    }

    /// Remembers that the objects are in order.
    pub fn keep(
        &self,
        identity: &Identity,
        wanted: &[Extra],
        recorded: &Inventory,
        live: Vec<Live>,
        now: Instant,
    ) {
        let mut entries = self.lock();
        // What nobody has asked for in all that time belongs to plans that are gone.
        entries.retain(|_, entry| now < entry.until + 2 * CALM);
        if wanted.is_empty() && recorded.0.is_empty() {
            entries.remove(&identity.uid);
            return;
        }
        let routes = || live.iter().filter(|(place, _)| is_route(&place.kind));
        let shut = routes().any(|(_, object)| !open(object));
        let calm = if routes().next().is_some() { LEADING } else { CALM };
        let before = entries.get(&identity.uid).filter(|entry| entry.wanted == wanted);
        let waiting = shut.then(|| match before.and_then(|entry| entry.waiting) {
            Some(waited) => CALM.min(waited * 2),
            None => EAGER,
        });
        let until = now + waiting.unwrap_or(calm).mul_f64(rand::random_range(1.0..2.0));
        let entry = Entry { wanted: wanted.to_vec(), recorded: recorded.clone(), live, until, waiting };
        entries.insert(identity.uid.clone(), entry);
    }

    /// How long what is known of the plan's objects is believed.
    pub fn again(&self, identity: &Identity, now: Instant) -> Option<Duration> {
        Some(self.lock().get(&identity.uid)?.until.saturating_duration_since(now))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{PLAN, parse, plan};

    struct World {
        memory: Memory,
        identity: Identity,
        wanted: Vec<Extra>,
        recorded: Inventory,
        start: Instant,
    }

    impl World {
        fn new() -> Self {
            let identity = Identity::of(&plan(&format!("{PLAN}  containers: {{}}\n"))).unwrap();
            let manifest =
                parse("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: hello}, spec: {}}");
            let extra = Extra::read("ingress".into(), &identity, manifest).unwrap();
            let recorded = Inventory([extra.place.clone()].into());
            let memory = Memory::default();
            Self { memory, identity, wanted: vec![extra], recorded, start: Instant::now() }
        }

        fn keep(&self, status: &str, now: Instant) {
            let live = vec![(self.wanted[0].place.clone(), parse(status))];
            self.memory.keep(&self.identity, &self.wanted, &self.recorded, live, now);
        }

        fn knows(&self, now: Instant) -> bool {
            self.memory.recall(&self.identity, &self.wanted, &self.recorded, now).is_some()
        }
    }

    const OPEN: &str = "{status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}";

    #[test]
    fn what_was_in_order_is_believed_for_a_while() {
        let world = World::new();
        assert!(!world.knows(world.start));
        world.keep(OPEN, world.start);
        assert!(world.knows(world.start + LEADING / 2));
        assert!(!world.knows(world.start + 2 * LEADING));
        let mut world = World::new();
        world.wanted[0].place = "v1/ConfigMap/hello".parse().unwrap();
        world.keep("{}", world.start);
        assert!(world.knows(world.start + CALM / 2));
        assert!(!world.knows(world.start + 2 * CALM));
    }

    #[test]
    fn what_is_wanted_or_on_record_otherwise_is_not_believed() {
        let mut world = World::new();
        world.keep(OPEN, world.start);
        world.recorded.0.insert("v1/ConfigMap/old".parse().unwrap());
        assert!(!world.knows(world.start));
        let mut world = World::new();
        world.keep(OPEN, world.start);
        world.wanted[0].object.data["spec"]["ingressClassName"] = "other".into();
        assert!(!world.knows(world.start));
    }

    #[test]
    fn a_way_in_that_is_not_open_is_looked_at_soon_and_ever_more_rarely() {
        let world = World::new();
        let mut waits = Vec::new();
        for _ in 0..10 {
            world.keep("{}", world.start);
            waits.push(world.memory.again(&world.identity, world.start).unwrap());
        }
        assert!(waits[0] < 2 * EAGER && waits[1] >= 2 * EAGER, "{waits:?}");
        assert!(waits[9] >= CALM && waits[9] < 2 * CALM, "{waits:?}");
    }

    #[test]
    fn nothing_is_always_in_order() {
        let World { memory, identity, start, .. } = World::new();
        assert_eq!(memory.recall(&identity, &[], &Inventory::default(), start), Some(Vec::new()));
        assert_eq!(memory.again(&identity, start), None);
    }

    #[test]
    fn plans_that_are_gone_are_forgotten() {
        let world = World::new();
        world.keep(OPEN, world.start);
        let other = Identity { uid: "other".into(), ..world.identity.clone() };
        world.memory.keep(&other, &[], &Inventory::default(), Vec::new(), world.start + 5 * CALM);
        assert_eq!(world.memory.again(&world.identity, world.start), None);
    }
}
