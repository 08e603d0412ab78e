//! Since when each plan has been under way. Lost when the process ends, which only starts a period of grace again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::validate::Identity;

/// Plans that are gone are forgotten after this long, or twice as long; whoever still waits then was told long ago.
const FORGET: Duration = Duration::from_secs(3600);

/// Since when, by the uid and generation of the plan.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    since: HashMap<(String, i64), Instant>,
    /// When it was last looked for plans that are gone.
    swept: Option<Instant>,
}

impl Clock {
    /// How long the plan has been under way at `now`: zero the first time.
    pub fn waited(&self, identity: &Identity, now: Instant) -> Duration {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.sweep(now);
        let start = known.since.entry(key(identity)).or_insert(now);
        now.duration_since(*start)
    }

    /// The plan is no longer under way.
    pub fn stop(&self, identity: &Identity) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since.remove(&key(identity));
    }
}

impl Known {
    /// Looks through all plans only as often as there can be one to forget.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= FORGET) {
            self.since.retain(|_, start| now.duration_since(*start) < FORGET);
            self.swept = Some(now);
        }
    }
}

fn key(identity: &Identity) -> (String, i64) {
    (identity.uid.clone(), identity.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(generation: i64) -> Identity {
        let text = || String::from("x");
        Identity { namespace: text(), name: text(), uid: text(), generation, workload_uid: text() }
    }

    #[test]
    fn waiting_begins_with_the_first_question_and_anew_with_each_generation() {
        let (clock, start) = (Clock::default(), Instant::now());
        let later = start + Duration::from_secs(7);
        assert_eq!(clock.waited(&identity(1), start), Duration::ZERO);
        assert_eq!(clock.waited(&identity(1), later), Duration::from_secs(7));
        assert_eq!(clock.waited(&identity(2), later), Duration::ZERO);
    }

    #[test]
    fn waiting_begins_again_after_it_was_stopped() {
        let (clock, start) = (Clock::default(), Instant::now());
        clock.waited(&identity(1), start);
        clock.stop(&identity(1));
        assert_eq!(clock.waited(&identity(1), start + Duration::from_secs(7)), Duration::ZERO);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let (clock, start) = (Clock::default(), Instant::now());
        clock.waited(&identity(1), start);
        clock.waited(&identity(2), start + FORGET / 2);
        assert_eq!(clock.0.lock().unwrap().since.len(), 2);
        clock.waited(&identity(3), start + FORGET);
        assert_eq!(clock.0.lock().unwrap().since.len(), 2);
        clock.waited(&identity(3), start + 2 * FORGET);
        assert_eq!(clock.0.lock().unwrap().since.len(), 1);
    }
}
