//! Which objects of a round are on their way and which are ready.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Its creation, which began at that time, was accepted.
    Created(String, Instant),
    /// It was seen to run; may come before `Created` and more than once.
    Running(String),
    /// Nothing is left to be written for it, since that time.
    Ready(String, Instant),
}

/// The objects of a round.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    objects: HashMap<String, Object>,
    latencies: Vec<Duration>,
    first: Option<Instant>,
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct Object {
    began: Option<Instant>,
    running: bool,
    finishing: bool,
}

/// How long a round and each of its objects took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    /// From the beginning of its creation until it was ready, for each object.
    pub(crate) latencies: Vec<Duration>,
    /// From the beginning of the first creation until the last object was ready.
    pub(crate) elapsed: Duration,
}

impl Tracker {
    /// Takes note; returns the object if it is now both created and running, which it is told only once.
    pub(crate) fn observe(&mut self, event: Event) -> Option<String> {
        let name = match event {
            Event::Created(name, began) => {
                self.objects.entry(name.clone()).or_default().began = Some(began);
                name
            }
            Event::Running(name) => {
                self.objects.entry(name.clone()).or_default().running = true;
                name
            }
            Event::Ready(name, at) => {
                self.complete(&name, at);
                return None;
            }
        };
        self.begin_finishing(name)
    }

    fn begin_finishing(&mut self, name: String) -> Option<String> {
        let object = self.objects.get_mut(&name)?;
        let due = object.began.is_some() && object.running && !object.finishing;
        object.finishing |= due;
        due.then_some(name)
    }

    fn complete(&mut self, name: &str, at: Instant) {
        let Some(began) = self.objects.get(name).and_then(|object| object.began) else { return };
        self.latencies.push(at - began);
        self.first = self.first.map_or(Some(began), |first| Some(first.min(began)));
        self.last = self.last.max(Some(at));
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.latencies.len()
    }

    /// The result, when all are ready.
    pub(crate) fn times(self) -> Times {
        let elapsed = self.first.zip(self.last).map(|(first, last)| last - first);
        Times { latencies: self.latencies, elapsed: elapsed.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> String {
        "a".to_owned()
    }

    #[test]
    fn an_object_is_finished_once_it_is_created_and_runs_in_either_order() {
        let now = Instant::now();
        let mut tracker = Tracker::default();
        assert_eq!(tracker.observe(Event::Running(name())), None);
        assert_eq!(tracker.observe(Event::Created(name(), now)), Some(name()));
        assert_eq!(tracker.observe(Event::Running(name())), None, "only once");
        assert_eq!(tracker.ready(), 0);
    }

    #[test]
    fn a_round_lasts_from_the_first_creation_to_the_last_that_is_ready() {
        let start = Instant::now();
        let mut tracker = Tracker::default();
        tracker.observe(Event::Created(name(), start));
        tracker.observe(Event::Created("b".to_owned(), start + Duration::from_secs(2)));
        tracker.observe(Event::Ready("b".to_owned(), start + Duration::from_secs(9)));
        tracker.observe(Event::Ready(name(), start + Duration::from_secs(5)));
        let times = tracker.times();
        assert_eq!(times.elapsed, Duration::from_secs(9));
        assert_eq!(times.latencies, [Duration::from_secs(7), Duration::from_secs(5)]);
    }

    #[test]
    fn what_this_round_did_not_create_does_not_count() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.observe(Event::Running("left over".to_owned())), None);
        tracker.observe(Event::Ready("left over".to_owned(), Instant::now()));
        assert_eq!(tracker.ready(), 0);
    }
}
